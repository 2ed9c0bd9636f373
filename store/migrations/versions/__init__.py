"""One module per schema revision; `store.revisions` lists them in order."""
