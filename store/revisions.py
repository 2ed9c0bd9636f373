"""The schema's lineage, oldest first, known without loading Alembic (0.4 s of imports at every start).

A test holds this list equal to the files in `store/migrations/versions`.
"""

from store.errors import SchemaMissing, SchemaNewer

LINEAGE = ("0001", "0002")
HEAD = LINEAGE[-1]


def require_head(revision: str | None) -> None:
    """Refuse a database whose schema is not the one this code was written for.

    Args:
        revision: what the database says it has; None when it has no schema at all.

    Raises:
        SchemaMissing: nothing there, or something older.
        SchemaNewer: a revision this code has never heard of.
    """
    if revision is None:
        raise SchemaMissing("the database has no schema yet: run `hum db upgrade`")
    if revision not in LINEAGE:
        raise SchemaNewer(
            f"the database has schema {revision}, which is newer than this version's {HEAD}: "
            "run the newer version, or restore the copy made before the upgrade"
        )
    if revision != HEAD:
        raise SchemaMissing(
            f"the database has schema {revision} and this version needs {HEAD}: run `hum db upgrade`"
        )
