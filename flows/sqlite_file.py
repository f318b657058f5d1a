"""SQLite files of ours: opened with a write-ahead log and full sync, told from other programs'.

What is committed is on the disk. A kind of file says what it holds and what its errors ask for.
"""

from __future__ import annotations

import sqlite3
import time
import weakref
from contextlib import contextmanager
from dataclasses import dataclass
from threading import RLock
from typing import TYPE_CHECKING, Any, Final

from flows.errors import SettingsError, StorageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

_LARGEST_IDLE_LOG_BYTES: Final = 64 << 20
_PRIMARY_CODE: Final = 0xFF
_PAUSE_SECONDS: Final = 0.01


@dataclass(frozen=True)
class SqliteFile:
    """A kind of file: its schema, and the words and remedies of its errors.

    `application_id` is four letters that `file` and `sqlite3` show: another program's database is
    never taken for one of ours. `remedies` are by SQLite's primary result code.
    """

    name: str
    setting: str
    application_id: int
    version: int
    schema: Sequence[str]
    busy_seconds: float
    remedies: Mapping[int, str]
    other_remedy: str
    folder_remedy: str
    foreign_remedy: str
    newer_remedy: str

    def open(self, path: Path) -> sqlite3.Connection:
        """Return a connection to the file at `path`, made with its folder if need be.

        Raises:
            SettingsError: the file is another program's, or a newer version's.
            StorageError: the file can't be opened or made.
        """
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            database = sqlite3.connect(
                path, timeout=self.busy_seconds, isolation_level=None, check_same_thread=False
            )
        except OSError as error:
            raise StorageError(
                f"the {self.name}'s folder {path.parent} can't be made: {error.strerror}",
                remedy=self.folder_remedy,
                path=str(path),
            ) from error
        except sqlite3.Error as error:
            raise self.unavailable(path, error) from error
        try:
            self._prepare(path, database)
        except sqlite3.Error as error:
            database.close()
            raise self.unavailable(path, error) from error
        except BaseException:
            database.close()
            raise
        return database

    def unavailable(self, path: Path, error: sqlite3.Error) -> StorageError:
        """Return what SQLite's `error` about the file at `path` means, and what to do about it."""
        return StorageError(
            f"the {self.name} {path} can't be used: {error}",
            remedy=self.remedies.get(_code(error), self.other_remedy),
            path=str(path),
        )

    def _prepare(self, path: Path, database: sqlite3.Connection) -> None:
        self._refuse_others(path, database)
        self._log_ahead(database)
        database.execute("PRAGMA synchronous = FULL")
        database.execute(f"PRAGMA journal_size_limit = {_LARGEST_IDLE_LOG_BYTES}")
        if _version(database) == self.version:
            return
        database.execute("BEGIN IMMEDIATE")
        # Another process may have made the schema while this one waited for its turn.
        if _version(database) != self.version:
            for statement in self.schema:
                database.execute(statement)
            database.execute(f"PRAGMA application_id = {self.application_id}")
            database.execute(f"PRAGMA user_version = {self.version}")
        database.execute("COMMIT")

    def _log_ahead(self, database: sqlite3.Connection) -> None:
        """Have a write-ahead log, when other processes that want one first let this one."""
        until = time.monotonic() + self.busy_seconds
        while True:
            try:
                database.execute("PRAGMA journal_mode = WAL")
            except sqlite3.OperationalError as error:
                # Two that change a new file's mode would wait for each other, so SQLite does not
                # wait at all: https://www.sqlite.org/c3ref/busy_handler.html
                if _code(error) != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                    raise
                time.sleep(_PAUSE_SECONDS)
            else:
                return

    def _refuse_others(self, path: Path, database: sqlite3.Connection) -> None:
        # One statement: between two, another process could make the schema.
        [(tables, application, version)] = database.execute(
            "SELECT (SELECT count(*) FROM sqlite_schema), application_id, user_version"
            " FROM pragma_application_id, pragma_user_version"
        )
        if tables and application != self.application_id:
            raise SettingsError(
                f"{path} is a database of another program",
                remedy=self.foreign_remedy,
                setting=self.setting,
            )
        if version > self.version:
            raise SettingsError(
                f"the {self.name} {path} was written by a newer version of Gridletter",
                remedy=self.newer_remedy,
                setting=self.setting,
            )


class SharedConnection:
    """A connection to the file at `path`, used by one thread after the other.

    Every method raises StorageError where SQLite fails.

    Raises:
        SettingsError: the file is another program's, or a newer version's.
        StorageError: the file can't be opened or made.
    """

    def __init__(self, kind: SqliteFile, path: Path) -> None:
        self.path = path.absolute()
        self._kind = kind
        self._database = kind.open(self.path)
        self.close = weakref.finalize(self, self._database.close)
        # Reentrant: what a transaction writes may be made by reading through this connection.
        self._lock = RLock()

    def execute(
        self,
        statement: str,
        values: Any = (),  # noqa: ANN401 — a sequence or a mapping, as sqlite3 takes them
    ) -> list[tuple[Any, ...]]:
        """Return the rows that `statement` gives; what it writes is committed."""
        with self.reading() as database:
            return database.execute(statement, values).fetchall()

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Read what is committed."""
        with self._lock:
            try:
                yield self._database
            except sqlite3.Error as error:
                raise self._kind.unavailable(self.path, error) from error

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Commit what is written inside, or nothing of it."""
        with self._lock:
            try:
                self._database.execute("BEGIN IMMEDIATE")
                yield self._database
                self._database.execute("COMMIT")
            except sqlite3.Error as error:
                raise self._kind.unavailable(self.path, error) from error
            finally:
                if self._database.in_transaction:
                    self._database.execute("ROLLBACK")


def _code(error: sqlite3.Error) -> int:
    """Return SQLite's primary result code."""
    # Errors of the sqlite3 module itself (a closed connection, say) have none.
    code: int = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
    return code & _PRIMARY_CODE


def _version(database: sqlite3.Connection) -> int:
    [(version,)] = database.execute("PRAGMA user_version").fetchall()
    return int(version)
