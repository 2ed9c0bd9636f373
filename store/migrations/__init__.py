"""The Alembic environment: one lineage for both engines, found by module path."""
