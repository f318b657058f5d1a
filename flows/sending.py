"""The flow's last step: an issue's mails go out, as its ledger says, by a server or as files."""

from __future__ import annotations

import math
import os
import socket
import time
from dataclasses import dataclass
from threading import Event
from typing import TYPE_CHECKING, Final, cast

from prefect.artifacts import create_progress_artifact, update_progress_artifact
from prefect_email import EmailServerCredentials

from flows import metrics, shards
from flows.delivery import send
from flows.delivery.compose import prepare
from flows.delivery.directory import open_directory
from flows.delivery.ledger import SETTLED, Entry, Recipient, State, open_ledger
from flows.delivery.outbox import Outbox
from flows.delivery.policy import Policy
from flows.delivery.smtp import SmtpServer, dial, parse_smtp_url
from flows.delivery.unsubscribe import Links
from flows.progress import on_progress

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterator
    from uuid import UUID

    from flows.archive import Archive
    from flows.delivery.compose import Prepared
    from flows.delivery.directory import Directory
    from flows.delivery.ledger import Ledger
    from flows.issue import Issue
    from flows.settings import Settings
    from flows.shards import Shards

# From here on an operator wants to see how far a send has come.
LONG_SEND: Final = 500
_SECONDS_BETWEEN_REPORTS: Final = 2.0
_SECONDS_BETWEEN_LOOKS: Final = 2.0


@dataclass(frozen=True)
class Post:
    """What sending needs: who reads, what was sent, by which server; `stop` ends it politely.

    `server` is None where none is set: mails then become files in the outbox.
    """

    archive: Archive
    directory: Directory
    ledger: Ledger
    server: SmtpServer | None
    settings: Settings
    stop: Event

    @classmethod
    def open(cls, archive: Archive, settings: Settings) -> Post:
        """Open what `settings` name.

        Raises:
            SettingsError: an address or a block is missing or malformed.
            StorageError: the ledger can't be opened just now.
        """
        return cls(
            archive=archive,
            directory=open_directory(settings.ledger_address),
            ledger=open_ledger(settings.ledger_address),
            server=mail_server(settings),
            settings=settings,
            stop=Event(),
        )

    def send(self, issue: Issue) -> Counter[State]:
        """Send what is open of the issue's mails; return how many recipients are in which state.

        All recipients are in the ledger before the first mail; who subscribes later gets the next
        issue. Called again, by any number of runs, it goes on where the mails stand.

        Raises:
            DeliveryError: the server takes nothing from us as things are set.
            MailServerUnavailable: it can't be reached, or most mails fail.
            StorageError: ledger, archive or outbox can't be used just now.
        """
        self.ledger.enroll(
            Entry(
                issue_id=issue.delivery_id,
                path=issue.path,
                newsletter=issue.newsletter,
                zone=issue.zone.code,
                document_key=issue.document_key,
                revision=issue.revision,
            ),
            self._recipients(issue),
        )
        before = self.ledger.counts(issue.delivery_id)
        if self.ledger.next_due(issue.delivery_id) is None:
            return before
        helpers = shards.start(issue.path, self._shards(before) - 1)
        try:
            counts = self._share(issue, helpers)
        finally:
            helpers.dismiss()
        metrics.count_mails(before, counts)
        return counts

    def send_shard(self, issue: Issue, holder: str, runs: int) -> Counter[State]:
        """Send a part of the issue's mails, as one of `runs` flow runs; return all by state.

        Args:
            issue: The issue, whose recipients are in the ledger.
            holder: The name of this shard there.
            runs: How many flow runs share what the mail server's provider allows.

        Raises:
            DeliveryError: the server takes nothing from us as things are set.
            MailServerUnavailable: it can't be reached, or most mails fail.
            StorageError: ledger or archive can't be used just now.
        """
        return self._send(issue, holder, self._policy(runs))

    def _share(self, issue: Issue, helpers: Shards) -> Counter[State]:
        """Send until nothing is open, or due too late; see to what lost shards leave behind."""
        holder = f"{socket.gethostname()} {os.getpid()}"
        while True:
            policy = self._policy(1 + helpers.count)
            counts = self._send(issue, holder, policy)
            if not helpers.count:
                return counts
            if not self._is_due_again(issue.delivery_id, helpers, policy):
                return self.ledger.counts(issue.delivery_id)

    def _is_due_again(self, issue_id: str, helpers: Shards, policy: Policy) -> bool:
        """Wait for the shards; return whether there is something left that this run may send.

        Whatever they claimed is due again when a lease ends: that bounds the wait, whether the API
        tells of their end or not.
        """
        while (due := self.ledger.next_due(issue_id)) is not None and not self.stop.is_set():
            now = time.time()
            if due <= now:
                return True
            if due - now > policy.lease_seconds:
                return False
            for lost in helpers.lost():
                self.ledger.expire(issue_id, lost)
            self.stop.wait(min(due - now, _SECONDS_BETWEEN_LOOKS))
        return False

    def _shards(self, counts: Counter[State]) -> int:
        """Return how many flow runs the send is worth."""
        options = self.settings
        if self.server is None or not options.is_in_the_cloud:
            return 1
        unsent = sum(counts[state] for state in State if state not in SETTLED)
        return min(math.ceil(unsent / options.mails_per_shard), options.mail_shards)

    def _recipients(self, issue: Issue) -> Iterator[Recipient]:
        """Yield who gets the issue; of a correction, those of them who got what it corrects."""
        got_it = None
        if issue.corrects is not None:
            got_it = {who.email for who in self.ledger.accepted(issue.issue_id)}
        for reader in self.directory.matching(issue.newsletter, issue.zone.code):
            if got_it is None or reader.email.lower() in got_it:
                yield Recipient(reader.email, reader.name)

    def _send(self, issue: Issue, holder: str, policy: Policy) -> Counter[State]:
        prepared = self._prepare(issue)
        if self.server is None:
            outbox = Outbox(self.settings.outbox_folder)
            return outbox.deliver(self.ledger, prepared, holder=holder, stop=self.stop)
        server = self.server
        return send.deliver(
            self.ledger,
            prepared,
            lambda: dial(server, timeout_seconds=policy.command_seconds),
            holder=holder,
            policy=policy,
            stop=self.stop,
            progress=_Reporter(f"{issue.newsletter} {issue.zone.code}"),
        )

    def accepted(self, issue_id: str) -> int:
        """Return how many mails of the issue were accepted so far."""
        if self.ledger.entry(issue_id) is None:
            return 0
        return self.ledger.counts(issue_id)[State.ACCEPTED]

    def _prepare(self, issue: Issue) -> Prepared:
        html, text, charts = self.archive.mail(issue)
        links = None
        if self.settings.unsubscribe_url is not None:
            links = Links(self.settings.unsubscribe_key_list, self.settings.unsubscribe_url)
        return prepare(
            issue,
            html,
            text,
            charts,
            sender=self.settings.sender,
            unsubscribe_url=None if links is None else links.of(issue.newsletter),
        )

    def _policy(self, runs: int) -> Policy:
        """Return how to send as one of so many flow runs at once."""
        allowed = self.settings.mails_per_second
        return Policy(
            connections=self.settings.mail_connections,
            mails_per_second=None if allowed is None else allowed / runs,
        )


def mail_server(settings: Settings) -> SmtpServer | None:
    """Return the mail server of the prefect-email block, else of the address in the settings.

    Raises:
        SettingsError: the address is malformed, or a password would cross the network in plain.
        ValueError: there is no block of that name (Prefect's own words).
    """
    if settings.email_block is not None:
        block = cast("EmailServerCredentials", EmailServerCredentials.load(settings.email_block))
        return SmtpServer.of(block)
    if settings.smtp_url is not None:
        return parse_smtp_url(settings.smtp_url.get_secret_value())
    return None


def summary(counts: Counter[State]) -> str | None:
    """Return what an operator should know of a send, or None where every mail was accepted."""
    others = sorted((state, count) for state, count in counts.items() if count)
    said = [f"{count} {state}" for state, count in others if state is not State.ACCEPTED]
    if not said:
        return None
    open_ = any(counts[state] for state in State if state not in SETTLED)
    hint = "; `gridletter resume` goes on" if open_ else ""
    held = "; `gridletter resume --unknown resend` sends those" if counts[State.UNKNOWN] else ""
    return f"mails: {', '.join(said)}{hint}{held}"


class _Reporter:
    """Tells the command and Prefect how far a long send has come, every few seconds."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._command = on_progress.get()
        self._artifact: UUID | None = None
        self._due = 0.0

    def __call__(self, done: int, total: int) -> None:
        """Report `done` of `total` settled mails."""
        now = time.monotonic()
        if total < LONG_SEND or (now < self._due and done < total):
            return
        self._due = now + _SECONDS_BETWEEN_REPORTS
        if self._command is not None:
            self._command(self._name, done, total)
        percent = 100 * done / total
        if self._artifact is None:
            description = f"{self._name}: {total} mails"
            self._artifact = cast(
                "UUID", create_progress_artifact(progress=percent, description=description)
            )
        else:
            update_progress_artifact(artifact_id=self._artifact, progress=percent)
