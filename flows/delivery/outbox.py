"""Mails as files: one `.eml` for each reader, written whole and once, by the ledger's word."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from flows.delivery.ledger import Result, State
from flows.errors import StorageError

if TYPE_CHECKING:
    from collections import Counter
    from pathlib import Path
    from threading import Event

    from flows.delivery.compose import Prepared
    from flows.delivery.ledger import Claim, Ledger

_LEASE_SECONDS: Final = 60
_CLAIMED_AT_ONCE: Final = 100


class Outbox:
    """A folder of `.eml` files, each named by its Message-ID."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def deliver(
        self, ledger: Ledger, prepared: Prepared, *, holder: str, stop: Event
    ) -> Counter[State]:
        """Write the mails that are open in the ledger; return how many rows are in which state.

        A file stands before the ledger knows of it: a crash in between leaves a claim that the next
        run takes again, finds the file and settles. So no mail of an outbox is ever `unknown`.

        Args:
            ledger: Where the issue and its recipients are enrolled.
            prepared: The issue's mail.
            holder: Who writes, for operators who look at the ledger.
            stop: Once set, the rows that are claimed are finished and no others taken.

        Raises:
            StorageError: a file can't be written; the next run goes on where this one stopped.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            while not stop.is_set():
                claims = ledger.claim(
                    prepared.issue_id, holder, lease_seconds=_LEASE_SECONDS, limit=_CLAIMED_AT_ONCE
                )
                if not claims:
                    break
                self._write_all(ledger, prepared, claims)
        except OSError as error:
            raise StorageError(
                f"the outbox {self.folder} can't be written: {error.strerror}",
                remedy="See to its rights and free space, then publish the same message again.",
                path=str(self.folder),
            ) from error
        return ledger.counts(prepared.issue_id)

    def _write_all(self, ledger: Ledger, prepared: Prepared, claims: list[Claim]) -> None:
        """Write the mails of `claims` that are still wanted, and settle them in two commits."""
        written: list[Claim] = []
        try:
            for claim in claims:
                if ledger.suppressed(claim.recipient.email) is None:
                    self._write(prepared, claim)
                written.append(claim)
        finally:
            unsent = [claim for claim in claims if claim not in written]
            ledger.settle([Result(claim, State.PENDING) for claim in unsent])
            begun = ledger.begin(written)
            ledger.settle(
                [Result(claim, State.ACCEPTED, "written to the outbox") for claim in begun]
            )

    def _write(self, prepared: Prepared, claim: Claim) -> None:
        """Write one mail whole or not at all; one that is there stays as it is."""
        name = prepared.message_id(claim.recipient).partition("@")[0]
        path = self.folder / f"{name}.eml"
        temporary = self.folder / f".{name}.{os.getpid()}"
        try:
            temporary.write_bytes(prepared.mail_to(claim.recipient))
            # link() leaves a file that exists alone; rename() would replace it.
            os.link(temporary, path)
        except FileExistsError:
            pass
        finally:
            temporary.unlink(missing_ok=True)
