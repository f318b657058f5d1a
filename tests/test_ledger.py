"""The ledger's contract: SQLite and DynamoDB keep the same promises."""

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from flows.delivery.ledger import Entry, Recipient, Result, State, open_ledger
from flows.errors import SettingsError
from ledger_examples import LEASE, Clock, an_entry, emails, ledger_at, new_tables, people, results

pytest_plugins = ("dynamodb_standin",)

ISSUE = "issue-1"


@pytest.fixture(params=["sqlite", "dynamodb"])
def address(request, tmp_path):
    """Name an empty ledger of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'ledger.db'}"
    request.getfixturevalue("dynamodb")
    return new_tables()


@pytest.fixture
def clock():
    """Stop the time."""
    return Clock()


@pytest.fixture
def ledger(address, clock):
    """Open an empty ledger of each kind."""
    return ledger_at(address, clock)


def _claim(ledger, limit=10, holder="host-1", lease=LEASE):
    return ledger.claim(ISSUE, holder, lease_seconds=lease, limit=limit)


def test_enrolls_once(ledger):
    """An issue is entered once, with all its recipients; a second time changes nothing."""
    assert ledger.entry(ISSUE) is None
    assert ledger.enroll(an_entry(), people(3))
    assert not ledger.enroll(an_entry(), [*people(3), Recipient("late@mail.example", "Late")])
    assert ledger.entry(ISSUE) == Entry(
        ISSUE, "issues/issue-1", "wind_solar", "DE_LU", "key-issue-1", 2
    )
    assert ledger.counts(ISSUE) == {State.PENDING: 3}


def test_who_got_an_issue_is_known_by_name(ledger):
    """Only recipients whose mail was accepted got it: not the refused, the deferred or the open."""
    ledger.enroll(an_entry(), people(5))
    ledger.enroll(an_entry("issue-2"), people(2))
    claims = ledger.begin(_claim(ledger, limit=4))
    states = [State.ACCEPTED, State.REJECTED, State.DEFERRED, State.ACCEPTED]
    by_email = sorted(claims, key=lambda claim: claim.recipient.email)
    ledger.settle([Result(claim, state, "") for claim, state in zip(by_email, states, strict=True)])
    got_it = sorted(ledger.accepted(ISSUE), key=lambda who: who.email)
    assert got_it == [by_email[0].recipient, by_email[3].recipient]
    assert all(who.name.startswith("Ada") for who in got_it)
    assert list(ledger.accepted("issue-2")) == list(ledger.accepted("unknown")) == []


def test_an_issue_without_recipients_is_finished(ledger):
    """An issue that nobody gets is entered and has nothing to send."""
    assert ledger.enroll(an_entry(), [])
    assert not ledger.enroll(an_entry(), [])
    assert ledger.counts(ISSUE) == Counter()
    assert _claim(ledger) == []
    assert list(ledger.unfinished()) == []


def test_an_unknown_issue_has_nothing(ledger):
    """Asked about an issue that was never enrolled, every method has nothing to say."""
    assert _claim(ledger) == []
    assert ledger.counts(ISSUE) == Counter()
    assert ledger.next_due(ISSUE) is None
    assert ledger.release_unknown(ISSUE) == 0


def test_one_row_an_address(ledger):
    """Two spellings of one address in different case are one recipient."""
    ledger.enroll(
        an_entry(), [Recipient("Ada@mail.example", "A"), Recipient("ada@MAIL.example", "B")]
    )
    assert ledger.counts(ISSUE) == {State.PENDING: 1}
    assert emails(_claim(ledger)) == ["ada@mail.example"]


def test_enrolls_more_than_a_transaction_holds(ledger):
    """A hundred recipients and more, read one by one, get their rows, and each can be claimed."""
    assert ledger.enroll(an_entry(), (person for person in people(120)))
    assert ledger.counts(ISSUE) == {State.PENDING: 120}
    assert emails(_claim(ledger, 1000)) == [person.email for person in people(120)]


def test_claims_give_each_row_to_one_holder(ledger):
    """Claims hand out each row once, with name and attempt, and never more than was asked for."""
    ledger.enroll(an_entry(), people(5))
    first, second = _claim(ledger, 3), _claim(ledger, 3, holder="host-2")
    assert (len(first), len(second)) == (3, 2)
    assert {claim.recipient for claim in first + second} == set(people(5))
    assert {claim.attempt for claim in first + second} == {1}
    assert all(claim.token.startswith("host-1 ") for claim in first)
    assert _claim(ledger) == []


def test_a_whole_send(ledger, clock):
    """Begun and settled rows end as what became of them, and the issue is then finished."""
    ledger.enroll(an_entry(), people(3))
    assert [entry.issue_id for entry in ledger.unfinished()] == [ISSUE]
    taken, refused, lost = _claim(ledger)
    assert ledger.begin([taken, refused]) == [taken, refused]
    outcomes = [Result(taken, State.ACCEPTED, "250"), Result(refused, State.REJECTED, "550")]
    assert ledger.begin([lost], outcomes) == [lost]
    assert ledger.counts(ISSUE) == {State.ACCEPTED: 1, State.REJECTED: 1, State.SENDING: 1}
    ledger.settle([Result(lost, State.UNKNOWN, "the connection broke")])
    assert ledger.counts(ISSUE) == {State.ACCEPTED: 1, State.REJECTED: 1, State.UNKNOWN: 1}
    clock.now += 10 * LEASE
    assert _claim(ledger) == []
    assert list(ledger.unfinished()) == []
    assert ledger.next_due(ISSUE) is None


def test_an_expired_claim_goes_to_another_holder(ledger, clock):
    """A lease that ran out frees its row; the first holder is refused and its news ignored."""
    ledger.enroll(an_entry(), people(1))
    [stale] = _claim(ledger)
    clock.now += LEASE
    [claim] = _claim(ledger, holder="host-2")
    assert (claim.token != stale.token, claim.attempt) == (True, 1)
    assert ledger.begin([stale]) == []
    assert ledger.begin([claim]) == [claim]
    ledger.settle(results([stale], State.REJECTED))
    assert ledger.counts(ISSUE) == {State.SENDING: 1}


def test_a_late_holder_is_refused_though_nobody_took_over(ledger, clock):
    """Who wakes up after its lease may not send, even if the row is still under its token."""
    ledger.enroll(an_entry(), people(1))
    claims = _claim(ledger)
    clock.now += LEASE
    assert ledger.begin(claims) == []
    assert ledger.counts(ISSUE) == {State.CLAIMED: 1}


def test_a_claim_begins_once(ledger):
    """A claim that has begun is refused the second time, also within one call."""
    ledger.enroll(an_entry(), people(1))
    [claim] = _claim(ledger)
    assert ledger.begin([claim, claim]) == [claim]
    assert ledger.begin([claim]) == []


def test_beginning_renews_the_lease(ledger, clock):
    """From `begin` on, the lease lasts as long as it was claimed for, however late it began."""
    ledger.enroll(an_entry(), people(1))
    claims = _claim(ledger, lease=100)
    assert ledger.next_due(ISSUE) == clock.now + 100
    clock.now += 99
    ledger.begin(claims)
    assert ledger.next_due(ISSUE) == clock.now + 100


def test_a_lease_that_ends_while_sending_leaves_an_unknown_row(ledger, clock):
    """A row that was being sent when its lease ran out is held: no claim takes it again."""
    ledger.enroll(an_entry(), people(2))
    ledger.begin(_claim(ledger, 1))
    clock.now += LEASE
    assert len(_claim(ledger)) == 1
    assert ledger.counts(ISSUE) == {State.UNKNOWN: 1, State.CLAIMED: 1}


@pytest.mark.parametrize("state", [State.ACCEPTED, State.REJECTED, State.DEFERRED, State.PENDING])
def test_late_news_settles_an_unknown_row(ledger, clock, state):
    """A sender that comes back after its lease still says what became of its mail."""
    ledger.enroll(an_entry(), people(1))
    begun = ledger.begin(_claim(ledger))
    clock.now += LEASE
    _claim(ledger)
    ledger.settle(results(begun, state))
    assert ledger.counts(ISSUE) == {state: 1}


def test_unknown_rows_are_sent_again_by_an_operators_word_only(ledger, clock):
    """Released rows are pending, as further tries; the earlier holder has lost them."""
    ledger.enroll(an_entry(), people(3))
    begun = ledger.begin(_claim(ledger))
    ledger.settle(results(begun[:1], State.UNKNOWN))
    clock.now += LEASE
    assert ledger.release_unknown(ISSUE) == 3
    assert ledger.release_unknown(ISSUE) == 0
    ledger.settle(results(begun, State.ACCEPTED))
    assert ledger.counts(ISSUE) == {State.PENDING: 3}
    assert [entry.issue_id for entry in ledger.unfinished()] == [ISSUE]
    assert [claim.attempt for claim in _claim(ledger)] == [2, 2, 2]


def test_issues_with_unknown_rows_are_known(ledger, clock):
    """An operator finds every issue that holds unknown rows, in the order of enrolment."""
    for issue_id in ("issue-3", "issue-1", "issue-2"):
        ledger.enroll(an_entry(issue_id), people(2))
        clock.now += 1
    assert list(ledger.held()) == []
    claims = [
        ledger.claim(issue_id, "host-1", lease_seconds=LEASE, limit=1)
        for issue_id in ("issue-3", "issue-1", "issue-2")
    ]
    ledger.settle(results(claims[1], State.UNKNOWN))
    ledger.begin(claims[0])
    assert list(ledger.held()) == [an_entry("issue-1")]
    clock.now += LEASE
    assert list(ledger.held()) == [an_entry("issue-3"), an_entry("issue-1")]
    assert ledger.counts("issue-3") == {State.UNKNOWN: 1, State.PENDING: 1}
    assert ledger.counts("issue-2") == {State.CLAIMED: 1, State.PENDING: 1}


def test_a_holder_that_is_gone_loses_its_leases_at_once(ledger):
    """Its claims go to others, what it was sending is unknown; no other lease ends with them."""
    ledger.enroll(an_entry(), people(6))
    ledger.enroll(an_entry("issue-2"), people(1))
    gone = _claim(ledger, limit=3, holder="run 1")
    [sending] = ledger.begin(gone[:1])
    others = _claim(ledger, limit=2, holder="run 10")
    elsewhere = ledger.claim("issue-2", "run 1", lease_seconds=LEASE, limit=1)
    assert ledger.expire(ISSUE, "run 1") == 3
    assert ledger.expire(ISSUE, "run 1") == 0
    assert ledger.begin(gone[1:]) == []
    assert ledger.begin(others) == others
    assert ledger.begin(elsewhere) == elsewhere
    taken = _claim(ledger, holder="run 2")
    assert sending.recipient.email not in emails(taken)
    assert set(emails(gone[1:])) < set(emails(taken))
    assert ledger.counts(ISSUE) == {State.UNKNOWN: 1, State.SENDING: 2, State.CLAIMED: 3}


def test_a_holder_that_lives_after_all_may_tell_what_became_of_its_mail(ledger):
    """A lease that was ended by mistake costs nothing: the mail that was sent is told late."""
    ledger.enroll(an_entry(), people(1))
    begun = ledger.begin(_claim(ledger))
    ledger.expire(ISSUE, "host-1")
    assert _claim(ledger) == []
    ledger.settle(results(begun, State.ACCEPTED))
    assert ledger.counts(ISSUE) == {State.ACCEPTED: 1}


def test_deferred_rows_wait_for_their_time(ledger, clock):
    """A deferred row is claimed again when it is due, not before, as the next attempt."""
    ledger.enroll(an_entry(), people(2))
    first, second = ledger.begin(_claim(ledger))
    soon, later = clock.now + 30.25, clock.now + 40
    ledger.settle(
        [*results([first], State.DEFERRED, later), *results([second], State.DEFERRED, soon)]
    )
    assert _claim(ledger) == []
    assert list(ledger.unfinished()) == [an_entry()]
    assert ledger.next_due(ISSUE) == soon
    clock.now = soon
    [claim] = _claim(ledger)
    assert (claim.recipient, claim.attempt) == (second.recipient, 2)
    assert ledger.begin([claim]) == [claim]


def test_a_deferred_row_without_a_time_is_due_at_once(ledger):
    """Deferred until no given time means that the next claim may take it."""
    ledger.enroll(an_entry(), people(1))
    ledger.settle(results(_claim(ledger), State.DEFERRED))
    assert [claim.attempt for claim in _claim(ledger)] == [2]


def test_what_was_not_tried_does_not_count(ledger, clock):
    """A claim given back unsent, before or after `begin`, or lost unsent is the same attempt."""
    ledger.enroll(an_entry(), people(1))
    ledger.settle(results(_claim(ledger), State.PENDING))
    ledger.settle(results(ledger.begin(_claim(ledger)), State.PENDING))
    _claim(ledger)
    clock.now += LEASE
    assert [claim.attempt for claim in _claim(ledger)] == [1]


def test_pending_rows_are_due_at_once(ledger):
    """While a row is pending, there is something to claim now."""
    ledger.enroll(an_entry(), people(2))
    _claim(ledger, 1)
    assert ledger.next_due(ISSUE) == 0


@pytest.mark.parametrize("state", [State.ACCEPTED, State.REJECTED])
def test_final_rows_never_change(ledger, clock, state):
    """No later result, claim, release or suppression moves a row that is final."""
    ledger.enroll(an_entry(), people(1))
    begun = ledger.begin(_claim(ledger))
    ledger.settle(results(begun, state))
    clock.now += 10 * LEASE
    for later in (State.DEFERRED, State.PENDING, State.UNKNOWN, State.REJECTED, State.ACCEPTED):
        ledger.settle(results(begun, later))
    ledger.suppress(people(1)[0].email, "unsubscribed")
    assert ledger.release_unknown(ISSUE) == 0
    assert _claim(ledger) == []
    assert ledger.counts(ISSUE) == {state: 1}


def test_suppressed_addresses_enter_as_suppressed(ledger):
    """Who unsubscribed before gets no row that can be sent, however the address is spelled."""
    assert ledger.suppress("Reader00001@Mail.example", "unsubscribed")
    assert not ledger.suppress("reader00001@mail.example", "bounced")
    assert ledger.suppressed("READER00001@mail.example") == "unsubscribed"
    assert ledger.suppressed("reader00002@mail.example") is None
    ledger.enroll(an_entry(), people(3))
    assert ledger.counts(ISSUE) == {State.PENDING: 2, State.SUPPRESSED: 1}
    assert emails(_claim(ledger)) == ["reader00000@mail.example", "reader00002@mail.example"]


def test_suppression_in_the_middle_of_a_send(ledger, clock):
    """Rows that wait or are claimed go no further; what is on its way still gets its result."""
    ledger.enroll(an_entry(), people(4))
    claims = sorted(_claim(ledger), key=lambda claim: claim.recipient.email)
    claimed, sending, deferred, pending = claims
    begun = ledger.begin([sending])
    ledger.settle([*results([deferred], State.DEFERRED), *results([pending], State.PENDING)])
    for person in people(4):
        ledger.suppress(person.email, "unsubscribed")
    assert ledger.counts(ISSUE) == {State.SUPPRESSED: 3, State.SENDING: 1}
    assert ledger.begin([claimed]) == []
    ledger.settle(results(begun, State.ACCEPTED))
    clock.now += LEASE
    assert _claim(ledger) == []
    assert ledger.counts(ISSUE) == {State.SUPPRESSED: 3, State.ACCEPTED: 1}


def test_suppression_reaches_every_open_issue(ledger):
    """An address that unsubscribes loses its rows in all issues at once."""
    for issue_id in (ISSUE, "issue-2"):
        ledger.enroll(an_entry(issue_id), people(1))
    ledger.suppress(people(1)[0].email, "unsubscribed")
    assert ledger.counts(ISSUE) == ledger.counts("issue-2") == {State.SUPPRESSED: 1}
    assert list(ledger.unfinished()) == []


@pytest.mark.parametrize("state", [State.DEFERRED, State.PENDING])
def test_a_suppressed_row_does_not_open_again(ledger, state):
    """A mail that was on its way when its address unsubscribed is not tried again."""
    ledger.enroll(an_entry(), people(1))
    begun = ledger.begin(_claim(ledger))
    ledger.suppress(people(1)[0].email, "unsubscribed")
    ledger.settle(results(begun, state))
    assert ledger.counts(ISSUE) == {State.SUPPRESSED: 1}


def test_a_released_row_of_a_suppressed_address_is_suppressed(ledger):
    """An operator's word does not outweigh the reader's."""
    ledger.enroll(an_entry(), people(2))
    ledger.settle(results(ledger.begin(_claim(ledger)), State.UNKNOWN))
    ledger.suppress(people(2)[0].email, "unsubscribed")
    assert ledger.release_unknown(ISSUE) == 2
    assert ledger.counts(ISSUE) == {State.SUPPRESSED: 1, State.PENDING: 1}


def test_unfinished_issues_come_in_the_order_of_enrolment(ledger, clock):
    """The oldest issue is finished first; one with nothing open is left out."""
    for issue_id in ("issue-3", "issue-1", "issue-2"):
        ledger.enroll(an_entry(issue_id), people(1))
        clock.now += 1
    ledger.settle(results(ledger.begin(_claim(ledger)), State.ACCEPTED))
    assert list(ledger.unfinished()) == [an_entry("issue-3"), an_entry("issue-2")]


def test_a_hundred_begin_and_end_in_one_call(ledger):
    """No number of claims and results is too large for one call."""
    ledger.enroll(an_entry(), people(110))
    claims = _claim(ledger, 110)
    assert ledger.begin(claims) == claims
    ledger.settle(results(claims, State.DEFERRED))
    assert ledger.counts(ISSUE) == {State.DEFERRED: 110}


def test_one_address_in_two_issues_can_begin_at_once(ledger):
    """Claims of two issues for the same reader go in one call."""
    claims = []
    for issue_id in (ISSUE, "issue-2"):
        ledger.enroll(an_entry(issue_id), people(1))
        claims += ledger.claim(issue_id, "host-1", lease_seconds=LEASE, limit=1)
    assert ledger.begin(claims) == claims


def test_threads_share_a_ledger(ledger):
    """Four connections with one ledger begin every row once, and all their results arrive."""
    ledger.enroll(an_entry(), people(40))
    begun = []
    lock = threading.Lock()

    def connection():
        outcomes = []
        while claims := _claim(ledger, 3):
            for claim in claims:
                going = ledger.begin([claim], outcomes)
                outcomes = results(going, State.ACCEPTED)
                with lock:
                    begun.extend(going)
        ledger.settle(outcomes)

    with ThreadPoolExecutor(4) as pool:
        for future in [pool.submit(connection) for _ in range(4)]:
            future.result()
    assert emails(begun) == [person.email for person in people(40)]
    assert ledger.counts(ISSUE) == {State.ACCEPTED: 40}


def test_two_ledgers_share_what_they_wrote(address, clock):
    """What one process wrote, another sees at once."""
    one, other = ledger_at(address, clock), ledger_at(address, clock)
    one.enroll(an_entry(), people(2))
    claims = one.claim(ISSUE, "one", lease_seconds=LEASE, limit=2)
    other.suppress(claims[0].recipient.email, "unsubscribed")
    assert one.begin(claims) == claims[1:]
    assert other.counts(ISSUE) == {State.SUPPRESSED: 1, State.SENDING: 1}


def test_ledgers_have_addresses(address, tmp_path, monkeypatch):
    """A ledger opens by its address, a relative file from the current folder."""
    ledger = open_ledger(address)
    assert ledger.enroll(an_entry(), people(1))
    assert len(_claim(ledger)) == 1
    monkeypatch.chdir(tmp_path)
    open_ledger("sqlite:///some/ledger.db")
    assert (tmp_path / "some" / "ledger.db").is_file()


@pytest.mark.parametrize(
    "address",
    ["", "ledger.db", "sqlite://ledger.db", "sqlite:///", "dynamodb://", "dynamodb://a/b"],
)
def test_other_addresses_are_refused(address):
    """What is no ledger's address is a setting to correct, and says what to write."""
    with pytest.raises(SettingsError, match=r"Write sqlite:///"):
        open_ledger(address)
