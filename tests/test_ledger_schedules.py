"""Any schedule of senders, waits and clicks: both ledgers answer as a model of them does."""

from __future__ import annotations

import itertools
import random
from collections import Counter
from dataclasses import dataclass

import pytest

from flows.delivery.ledger import SETTLED, Claim, Ledger, Recipient, Result, State
from ledger_examples import Clock, an_entry, ledger_at, new_tables

pytest_plugins = ("dynamodb_standin",)

EMAILS = tuple(f"reader{number}@mail.example" for number in range(20))
OUTCOMES = (State.ACCEPTED, State.REJECTED, State.UNKNOWN, State.DEFERRED, State.PENDING)
OPEN = {State.PENDING, State.CLAIMED, State.DEFERRED}
HOLDERS = ("host-1", "host-10")
HELD = {State.CLAIMED, State.SENDING, State.UNKNOWN}


@dataclass
class Row:
    """A row of the model; `due` is when it may be claimed, or its lease ends."""

    email: str
    state: State
    due: float = 0
    lease: float = 0
    attempt: int = 0
    token: str = ""
    begun: int = 0


class Schedule:
    """Drives a ledger and the model side by side, at random; every answer must be the model's."""

    def __init__(self, ledger: Ledger, clock: Clock, seed: int) -> None:
        self.ledger = ledger
        self.clock = clock
        self.random = random.Random(seed)  # noqa: S311 — a schedule, no secret
        self.rows: dict[str, dict[str, Row]] = {}
        self.barred: set[str] = set()
        # All that were ever made: some holders have lost theirs and do not know.
        self.claims: list[Claim] = []
        self.reached: Counter[str] = Counter()

    def play(self, steps: int) -> None:
        """Take so many steps, then look at every issue."""
        moves = (self.enroll, self.claim, self.begin, self.settle, self.wait)
        rare = (self.suppress, self.release, self.look, self.expire)
        for _ in range(steps):
            self.random.choices((*moves, *rare), (4, 6, 6, 4, 4, 1, 2, 1, 1))[0]()
        for issue in self.rows:
            self.look(issue)

    def enroll(self) -> None:
        """Enrol a new issue, or one that is there."""
        number = self.random.randint(max(0, len(self.rows) - 1), len(self.rows))
        issue, is_new = f"issue-{number}", number == len(self.rows)
        emails = self.random.sample(EMAILS, self.random.randint(0, 6))
        people = [Recipient(email, "Ada") for email in emails]
        assert self.ledger.enroll(an_entry(issue), people) == is_new
        if is_new:
            self.rows[issue] = {
                email: Row(email, State.SUPPRESSED if email in self.barred else State.PENDING)
                for email in emails
            }

    def claim(self) -> None:
        """Claim rows: any of those that are free, as many as there are."""
        issue, limit = self.an_issue(), self.random.randint(1, 5)
        lease = self.random.choice((10.0, 60.0))
        rows = self.rows.get(issue, {})
        free = {
            email for email, row in rows.items() if row.state in OPEN and row.due <= self.clock.now
        }
        holder = self.random.choice(HOLDERS)
        claims = self.ledger.claim(issue, holder, lease_seconds=lease, limit=limit)
        taken = {claim.recipient.email for claim in claims}
        assert taken <= free
        assert len(claims) == len(taken) == min(limit, len(free))
        for claim in claims:
            row = rows[claim.recipient.email]
            assert claim.attempt == row.attempt + 1
            assert claim.token not in {earlier.token for earlier in self.claims}
            self.reached["taken over"] += row.state is State.CLAIMED
            row.state, row.due, row.lease = State.CLAIMED, self.clock.now + lease, lease
            row.token, row.begun = claim.token, 0
        self.claims += claims

    def begin(self) -> None:
        """Begin claims, live ones and stale ones, and bring results with them."""
        claims, results = self.some_claims(), self.some_results()
        begun = self.ledger.begin(claims, results)
        self.expect_settled(results)
        assert begun == [claim for claim in claims if self.expect_begun(claim)]

    def settle(self) -> None:
        """Settle claims, live ones and stale ones."""
        results = self.some_results()
        self.ledger.settle(results)
        self.expect_settled(results)

    def wait(self) -> None:
        """Let time pass; leases run out."""
        self.clock.now += self.random.choice((1, 5, 10, 51))
        for row in self.all_rows():
            if row.state is State.SENDING and row.due <= self.clock.now:
                row.state = State.UNKNOWN
                row.attempt += 1

    def suppress(self) -> None:
        """Unsubscribe a reader, perhaps again."""
        under_way = [row.email for row in self.all_rows() if row.state not in SETTLED]
        email = self.random.choice([*EMAILS[:2], *under_way])
        assert self.ledger.suppress(email, "unsubscribed") == (email not in self.barred)
        self.barred.add(email)
        for rows in self.rows.values():
            if email in rows and rows[email].state in OPEN:
                self.reached[f"suppressed while {rows[email].state}"] += 1
                rows[email].state = State.SUPPRESSED

    def release(self) -> None:
        """Release what is unknown."""
        issue = self.an_issue()
        rows = self.rows.get(issue, {})
        held = {email: row for email, row in rows.items() if row.state is State.UNKNOWN}
        assert self.ledger.release_unknown(issue) == len(held)
        for email, row in held.items():
            self.reached["released"] += 1
            row.state = State.SUPPRESSED if email in self.barred else State.PENDING
            row.due = 0

    def expire(self) -> None:
        """Learn that a holder is gone."""
        issue, holder = self.an_issue(), self.random.choice(HOLDERS)
        leased = [
            row
            for row in self.rows.get(issue, {}).values()
            if row.state in {State.CLAIMED, State.SENDING}
            and row.due > self.clock.now
            and row.token.startswith(f"{holder} ")
        ]
        assert self.ledger.expire(issue, holder) == len(leased)
        for row in leased:
            self.reached[f"expired while {row.state}"] += 1
            row.due = self.clock.now
            if row.state is State.SENDING:
                row.state = State.UNKNOWN
                row.attempt += 1

    def look(self, issue: str | None = None) -> None:
        """Sums, and whether something is left to do, are the model's."""
        issue = issue or self.an_issue()
        rows = self.rows.get(issue, {}).values()
        expected, counts = Counter(row.state for row in rows), self.ledger.counts(issue)
        # The next claim that looks so far sees a lease that ran out.
        overdue = expected[State.UNKNOWN] - counts[State.UNKNOWN]
        assert 0 <= overdue <= counts[State.SENDING]
        counts[State.SENDING] -= overdue
        counts[State.UNKNOWN] += overdue
        assert +counts == +expected
        if not overdue:
            dues = [row.due for row in rows if row.state not in SETTLED]
            assert self.ledger.next_due(issue) == min(dues, default=None)
            is_open = issue in {entry.issue_id for entry in self.ledger.unfinished()}
            assert is_open == bool(dues)
        assert (self.ledger.entry(issue) is None) == (issue not in self.rows)
        holds = bool(expected[State.UNKNOWN])
        assert (issue in {entry.issue_id for entry in self.ledger.held()}) == holds

    def all_rows(self) -> list[Row]:
        """Return the rows of all issues."""
        return [row for rows in self.rows.values() for row in rows.values()]

    def an_issue(self) -> str:
        """Draw an issue: mostly a late one, at times one that is not there yet."""
        return f"issue-{self.random.randint(max(0, len(self.rows) - 2), len(self.rows))}"

    def some_claims(self) -> list[Claim]:
        """Draw claims, mostly such as still hold their row."""
        holding = [claim for claim in self.claims if self.holds(claim)]
        claims = self.random.choice((self.claims, holding, holding))
        return self.random.choices(claims, k=self.random.randint(1, 3)) if claims else []

    def holds(self, claim: Claim) -> bool:
        """Return whether the claim's row is still under its token."""
        row = self.rows[claim.issue_id][claim.recipient.email]
        return row.token == claim.token and row.state in HELD

    def some_results(self) -> list[Result]:
        """Draw what senders report, of any claim that was ever made."""
        return [
            Result(
                claim,
                self.random.choice(OUTCOMES),
                retry_at=self.random.choice((None, self.clock.now + 20)),
            )
            for claim in self.some_claims()
        ]

    def expect_begun(self, claim: Claim) -> bool:
        """Begin a claim in the model; return whether it may go."""
        row = self.rows[claim.issue_id][claim.recipient.email]
        if row.state is not State.CLAIMED or row.token != claim.token:
            self.reached["refused"] += 1
            return False
        if row.due <= self.clock.now:
            self.reached["refused for its lease alone"] += 1
            return False
        row.state, row.due = State.SENDING, self.clock.now + row.lease
        row.begun += 1
        assert row.begun == 1
        return True

    def expect_settled(self, results: list[Result]) -> None:
        """Settle results in the model."""
        for result in results:
            row = self.rows[result.claim.issue_id][result.claim.recipient.email]
            if not self.holds(result.claim):
                self.reached["news too late"] += 1
                continue
            self.reached["late news"] += row.state is State.UNKNOWN
            row.attempt = result.claim.attempt - (result.state is State.PENDING)
            row.state, row.due = result.state, 0
            if row.state is State.DEFERRED:
                row.due = self.clock.now if result.retry_at is None else result.retry_at
            if row.state in OPEN and result.claim.recipient.email in self.barred:
                self.reached["not opened again"] += 1
                row.state = State.SUPPRESSED


REACHED = {
    "expired while claimed",
    "expired while sending",
    "late news",
    "news too late",
    "not opened again",
    "refused",
    "refused for its lease alone",
    "released",
    "suppressed while claimed",
    "suppressed while deferred",
    "suppressed while pending",
    "taken over",
}


def _play(new_address, schedules, steps):
    """Play so many schedules on ledgers of their own; return what they met, and how often."""
    reached: Counter[str] = Counter()
    for seed in range(schedules):
        random.seed(seed)  # the order in which a ledger visits its shards
        clock = Clock()
        schedule = Schedule(ledger_at(new_address(), clock), clock, seed)
        schedule.play(steps)
        reached += schedule.reached
    return reached


def test_sqlite_keeps_the_contract_in_any_schedule(tmp_path):
    """Whatever senders, waits, clicks and operators do, SQLite's answers are the model's."""
    names = itertools.count()
    reached = _play(lambda: f"sqlite:///{tmp_path / f'{next(names)}.db'}", 100, 200)
    assert set(reached) == REACHED


@pytest.mark.usefixtures("dynamodb")
def test_dynamodb_keeps_the_contract_in_any_schedule():
    """Whatever senders, waits, clicks and operators do, DynamoDB's answers are the model's."""
    assert _play(new_tables, 2, 120)
