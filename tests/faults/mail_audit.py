"""What must hold after any crash: the ledger's rows against the mails that the server has."""

from __future__ import annotations

import sqlite3
from collections import Counter
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flows.delivery.ledger import SETTLED, State
from flows.delivery.ledger_dynamodb_rows import shards

if TYPE_CHECKING:
    from mail_sender import Sender
    from mail_server import MailServer


@dataclass(frozen=True)
class Found:
    """The rows' states and the number of mails, both by recipient."""

    states: dict[str, State]
    mails: Counter[str]

    @property
    def counts(self) -> Counter[State]:
        """How many rows are in which state."""
        return Counter(self.states.values())

    @property
    def duplicates(self) -> int:
        """How many mails are one too many."""
        return self.mails.total() - len(self.mails)

    @property
    def taken_unknown(self) -> set[str]:
        """Whose mails the server has, while the ledger does not know."""
        return {email for email in self.mails if self.states[email] is State.UNKNOWN}


def audit(sender: Sender, server: MailServer) -> Found:
    """Compare the two after a send: each recipient's row is settled, each accepted mail is there.

    Whether a mail is there that should not be, and how often, is left to the caller.
    """
    issue_id = sender.prepared.issue_id
    mails = [mail for mail in server.mails() if mail[1].startswith(f"<{issue_id}.")]
    # A Message-ID is as good as an address: one for each, the same at each attempt.
    assert len(set(mails)) == len(dict(mails)) == len({identifier for _, identifier in mails})
    found = Found(_rows(sender), Counter(email for email, _ in mails))
    assert found.mails.keys() <= found.states.keys()
    assert len(found.states) == found.counts.total() == sender.recipients
    assert found.counts == sender.ledger().counts(issue_id)
    assert set(found.counts) <= SETTLED
    for email, state in found.states.items():
        if state is State.ACCEPTED:
            assert found.mails[email], f"{email} is accepted, and the server never had it"
    return found


def audit_held(sender: Sender, server: MailServer) -> Found:
    """Compare while the unknown ones are held: nobody has two mails, or one that is denied."""
    found = audit(sender, server)
    assert not found.duplicates
    for email in found.mails:
        assert found.states[email] in {State.ACCEPTED, State.UNKNOWN}
    return found


def _rows(sender: Sender) -> dict[str, State]:
    issue_id = sender.prepared.issue_id
    if sender.address.startswith("sqlite:///"):
        with closing(sqlite3.connect(sender.address.removeprefix("sqlite:///"))) as database:
            query = "SELECT email, state FROM delivery WHERE issue_id = ?"
            rows = database.execute(query, (issue_id,)).fetchall()
    else:
        ledger = sender.ledger()
        rows = [
            (row["email"], row["state"])
            for shard in shards(issue_id)
            for row in ledger._dynamo.query(
                ledger._deliveries, "#shard = :shard", {"shard": shard}, ConsistentRead=True
            )
        ]
    return {email: State(state) for email, state in rows}
