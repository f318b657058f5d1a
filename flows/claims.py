"""Messages too large for a flow run's parameter: they wait in a store, and travel by address.

An object's name has the digest of what it holds, by which its flow run is recognized, and the id
of its message, so that two equal messages never share an object.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Final

from flows.archive.store import open_store

if TYPE_CHECKING:
    from collections.abc import Callable

    from flows.archive.store import Store
    from flows.settings import Settings

# Prefect refuses parameters above 512 KB of JSON, and an automation then starts nothing.
LARGEST_INLINE_BYTES: Final = 400_000
_SUFFIX: Final = ".msg"


class Claims:
    """The store of large messages."""

    def __init__(self, options: Settings) -> None:
        self._address = options.claims_address
        self._url = options.claims_url
        self._store: Store | None = None

    def parameter(self, message_id: str, digest: str, body: str) -> str:
        """Return the message as it travels: itself, or the address where it now waits.

        Raises:
            StorageError: it can't be written just now.
        """
        if len(json.dumps(body)) <= LARGEST_INLINE_BYTES:
            return body
        name = f"{digest}-{message_id}{_SUFFIX}"
        self._opened().put(name, body.encode())
        return f"{self._url}/{name}"

    def digest(self, parameter: str) -> str:
        """Return the digest of the message that travels as `parameter`."""
        name = self._name(parameter)
        if name is None:
            return hashlib.sha256(parameter.encode()).hexdigest()
        return name.partition("-")[0]

    def remove(self, parameter: str) -> None:
        """Remove the message that waits under the address, if `parameter` is one.

        Raises:
            StorageError: it can't be removed just now.
        """
        name = self._name(parameter)
        if name is not None:
            self._opened().delete([name])

    def remove_unless(self, is_wanted: Callable[[str], bool]) -> int:
        """Remove every message of whose digest `is_wanted` says no; return how many."""
        store = self._opened()
        names = [name for name in store.list("") if name.endswith(_SUFFIX)]
        unwanted = [name for name in names if not is_wanted(name.partition("-")[0])]
        store.delete(unwanted)
        return len(unwanted)

    def _name(self, parameter: str) -> str | None:
        address = parameter.strip()
        if not address.startswith(f"{self._url}/") or not address.endswith(_SUFFIX):
            return None
        return address.removeprefix(f"{self._url}/")

    def _opened(self) -> Store:
        if self._store is None:
            self._store = open_store(self._address)
        return self._store
