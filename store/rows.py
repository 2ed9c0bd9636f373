"""The few statement shapes that every query module repeats."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from sqlalchemy import Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection

T = TypeVar("T")


def make(cls: type[T], row: Row[*tuple[Any, ...]]) -> T:
    """Build a dataclass whose fields carry the columns' names."""
    return cls(**row._mapping)


def make_or_none(cls: type[T], row: Row[*tuple[Any, ...]] | None) -> T | None:
    """Like `make`; None stays None."""
    return None if row is None else make(cls, row)


async def insert_unless_present(
    conn: AsyncConnection, table: Table, values: Mapping[str, Any], unique: Sequence[str]
) -> bool:
    """Insert a row unless one with the same `unique` columns exists; return whether it was inserted."""
    insert = postgresql.insert if conn.dialect.name == "postgresql" else sqlite.insert
    statement = insert(table).values(values).on_conflict_do_nothing(index_elements=list(unique))
    return (await conn.execute(statement)).rowcount == 1


async def insert_or_update(
    conn: AsyncConnection,
    table: Table,
    values: Mapping[str, Any],
    unique: Sequence[str],
    update: Sequence[str],
) -> None:
    """Insert a row; when one with the same `unique` columns exists, set its `update` columns instead."""
    insert = postgresql.insert if conn.dialect.name == "postgresql" else sqlite.insert
    statement = insert(table).values(values)
    await conn.execute(
        statement.on_conflict_do_update(
            index_elements=list(unique), set_={name: statement.excluded[name] for name in update}
        )
    )
