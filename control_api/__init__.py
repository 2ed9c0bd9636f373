"""REST, server-sent events, the OpenAPI document, sign-in and roles.

Start at `application.add_control_api`. An operation is one row of `table.OPERATIONS` and one typed handler in
`operations/`, tied together by the decorator in `operation`; routes and the document follow from the two.
"""
