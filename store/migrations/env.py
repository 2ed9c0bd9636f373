"""Alembic's entry: runs on the connection `store.migrate` hands over, never on one of its own."""

from alembic import context

from store.schema import metadata

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=metadata,
    render_as_batch=True,
    compare_type=True,
    user_module_prefix="store.columns.",
)
with context.begin_transaction():
    context.run_migrations()
