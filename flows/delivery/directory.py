"""The directory's contract: who subscribed, beside the ledger that knows who gets nothing any more.

A subscriber's state is not written here: it is what the ledger's suppressions say of the address.
So an address that unsubscribed or bounced gets nothing, whoever enters it again and however often.

`SqliteDirectory` and `DynamoDirectory` keep the same promises; one test-suite runs against both.
Both may be shared by any number of threads and processes. An address is the same in any case of its
letters.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from flows.delivery.ledger_address import locate

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from flows.delivery.subscribers import Subscriber


class Directory(Protocol):
    """What delivery and the operator's commands ask of the subscribers.

    What is read comes in the order of the addresses, a page at a time, however many there are: who
    is there from the first page to the last is yielded once. All methods may raise StorageError
    (retryable): the directory can't be reached or written just now.
    """

    def add(self, subscribers: Iterable[Subscriber]) -> tuple[Subscriber, ...]:
        """Enter subscribers, and return those that were new; one that is there stays as it is.

        Of two with one address the first is entered. It is durable when this returns.
        """

    def remove(self, email: str) -> bool:
        """Forget the subscriber; False where there is none. The ledger's word on them stays."""

    def find(self, email: str) -> Subscriber | None:
        """Return the subscriber with this address, or None."""

    def subscribers(self) -> Iterator[Subscriber]:
        """Yield every subscriber, whatever their state."""

    def matching(self, newsletter: str, zone_code: str) -> Iterator[Subscriber]:
        """Yield the active subscribers who get an issue of `newsletter` for `zone_code`."""

    def suppressions(self, emails: Iterable[str]) -> Mapping[str, str]:
        """Return the reasons why nothing goes to those of `emails` to which nothing goes.

        Its keys are in lower case; an address need not be a subscriber's.
        """


def open_directory(address: str) -> Directory:
    """Open the directory beside the ledger at `address`, which `ledger_address.locate` explains.

    Raises:
        SettingsError: the address has another form, or names a file that is no ledger.
        StorageError: the directory can't be opened just now.
    """
    place = locate(address)
    if isinstance(place, Path):
        # Each brings its database's client, which the other does not need.
        from flows.delivery.directory_sqlite import SqliteDirectory  # noqa: PLC0415 — see above

        return SqliteDirectory(place)
    from flows.delivery.directory_dynamodb import DynamoDirectory  # noqa: PLC0415 — see above

    return DynamoDirectory(place)
