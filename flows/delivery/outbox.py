"""Mails as files: one `.eml` for each reader, written once, of an issue that is then closed."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from flows.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from flows.delivery.compose import Prepared
    from flows.delivery.ledger import Recipient


class Outbox:
    """A folder of `.eml` files; `closed/` names the issues whose mails are all written."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def is_closed(self, issue_id: str) -> bool:
        """Return whether every mail of the issue was written."""
        return (self.folder / "closed" / issue_id).exists()

    def write(self, prepared: Prepared, recipients: Iterable[Recipient]) -> int:
        """Write the mails that are not there yet, close the issue; return how many were written.

        A closed issue gets no mail: who subscribes later does not get what went out before.

        Raises:
            StorageError: a file can't be written; the next run goes on where this one stopped.
        """
        if self.is_closed(prepared.issue_id):
            return 0
        try:
            (self.folder / "closed").mkdir(parents=True, exist_ok=True)
            written = sum(self._write(prepared, recipient) for recipient in recipients)
            (self.folder / "closed" / prepared.issue_id).touch()
        except OSError as error:
            raise StorageError(
                f"the outbox {self.folder} can't be written: {error.strerror}",
                remedy="See to its rights and free space, then publish the same message again.",
                path=str(self.folder),
            ) from error
        return written

    def _write(self, prepared: Prepared, recipient: Recipient) -> bool:
        """Write one mail whole or not at all, named by its Message-ID."""
        name = prepared.message_id(recipient).partition("@")[0]
        path = self.folder / f"{name}.eml"
        if path.exists():
            return False
        temporary = self.folder / f".{name}.{os.getpid()}"
        try:
            temporary.write_bytes(prepared.mail_to(recipient))
            # link() fails where the file exists; rename() would replace it.
            os.link(temporary, path)
        except FileExistsError:
            return False
        finally:
            temporary.unlink(missing_ok=True)
        return True
