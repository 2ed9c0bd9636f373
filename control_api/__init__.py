"""The control API: REST, SSE, OpenAPI, sign-in and roles over the store."""
