"""What can go wrong in the store, as one small tree; library errors never leave this room."""


class StoreError(Exception):
    """The root: something about the database went wrong. The text is fit for an operator's eyes."""


class DatabaseLocked(StoreError):
    """Another process or transaction holds what this one needs; trying again later may work."""


class DatabaseFull(StoreError):
    """There is no room left on the disk (or in the quota) the database lives on."""


class DatabaseUnavailable(StoreError):
    """The database server cannot be reached, or closed the connection."""


class SchemaMissing(StoreError):
    """The database has no schema yet, or an older one than this code needs: run `hum db upgrade`."""


class SchemaNewer(StoreError):
    """The database was written by a newer version of this software: this one must not touch it."""


class Conflict(StoreError):
    """The change contradicts what is stored: a unique value is taken, or a version has moved on."""


class NotFound(StoreError):
    """The org has no such row. Another org's row is "not found" as well."""


class LogClosed(StoreError):
    """The event log was closed (or its writer cancelled): it takes no more events."""
