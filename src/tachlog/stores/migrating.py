"""What follows when an archive of an earlier version is opened: sums made anew, and told."""

from __future__ import annotations

from tachlog.stores import schema
from tachlog.stores.database import Database


def brought_forward(database: Database, version: int) -> None:
    """Fill the sums that newer tables hold, in the transaction that made these, and tell of it."""
    import logging

    from tachlog.stores.rebuilding import differing_sums

    differing_sums(database, writes=True)
    told = "%s: the archive was of version %d and is of version %d now; nothing was lost"
    logging.getLogger(__name__).warning(told, database.path, version, schema.VERSION)
