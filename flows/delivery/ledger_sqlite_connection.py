"""One connection to the SQLite ledger's file for all threads of a process."""

from __future__ import annotations

import sqlite3
import weakref
from contextlib import contextmanager
from threading import RLock
from typing import TYPE_CHECKING, Any

from flows.delivery.ledger_sqlite_file import open_database, unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class SharedConnection:
    """A connection to the file at `path`, used by one thread after the other.

    Every method raises StorageError where SQLite fails.

    Raises:
        SettingsError: the file is another program's, or a newer version's.
        StorageError: the file can't be opened or made.
    """

    def __init__(self, path: Path) -> None:
        self._path = path.absolute()
        self._database = open_database(self._path)
        weakref.finalize(self, self._database.close)
        # Reentrant: what a transaction writes may be made by reading through this connection.
        self._lock = RLock()

    def execute(
        self,
        statement: str,
        values: Any = (),  # noqa: ANN401 — a sequence or a mapping, as sqlite3 takes them
    ) -> list[tuple[Any, ...]]:
        """Return the rows that `statement` gives; what it writes is committed."""
        try:
            with self._lock:
                return self._database.execute(statement, values).fetchall()
        except sqlite3.Error as error:
            raise unavailable(self._path, error) from error

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Commit what is written inside, or nothing of it."""
        with self._lock:
            try:
                self._database.execute("BEGIN IMMEDIATE")
                yield self._database
                self._database.execute("COMMIT")
            except sqlite3.Error as error:
                raise unavailable(self._path, error) from error
            finally:
                if self._database.in_transaction:
                    self._database.execute("ROLLBACK")
