"""What DynamoDB adds to the contract: cut-off enrolments, conflicts, throttling, limits."""

import itertools
import json
from collections import Counter

import pytest
from botocore.awsrequest import AWSResponse

from flows.delivery import dynamodb, ledger_dynamodb_tables
from flows.delivery.ledger import State
from flows.delivery.ledger_dynamodb import DynamoLedger, create_tables
from flows.errors import SettingsError, StorageError
from ledger_examples import LEASE, Clock, an_entry, emails, ledger_at, new_tables, people, results

pytest_plugins = ("dynamodb_standin",)
pytestmark = pytest.mark.usefixtures("dynamodb")

ISSUE = "issue-1"


class Crash(BaseException):
    """The process ends here; nothing after it is written."""


@pytest.fixture
def address():
    """Name an empty ledger."""
    return new_tables()


@pytest.fixture
def ledger(address):
    """Open an empty ledger."""
    return ledger_at(address, Clock())


@pytest.fixture(autouse=True)
def short_waits(monkeypatch):
    """Shorten the waits between attempts."""
    monkeypatch.setattr(dynamodb, "_FIRST_WAIT_SECONDS", 0.001)
    monkeypatch.setattr(dynamodb, "_LONGEST_WAIT_SECONDS", 0.01)
    monkeypatch.setattr(dynamodb, "_PATIENCE_SECONDS", 0.2)


def _claim(ledger, limit=10):
    return ledger.claim(ISSUE, "host", lease_seconds=LEASE, limit=limit)


def _before(ledger, operation, answer):
    """Call `answer` before each request of `operation`; what it returns is the response."""
    events = ledger._dynamo._client.meta.events
    events.register(f"before-send.dynamodb.{operation}", lambda **_: answer())


def _response(status, **body):
    """Return an answer of DynamoDB's."""
    response = AWSResponse("http://localhost", status, {}, None)
    response._content = json.dumps(body).encode()
    return response


def _canceled(*codes):
    return _response(
        400,
        __type="com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
        Message="canceled",
        CancellationReasons=[{"Code": code} for code in codes],
    )


@pytest.mark.parametrize(("written", "rows"), [(1, 0), (2, 99), (3, 120)])
def test_an_enrolment_that_was_cut_off_is_finished_by_the_next(address, ledger, written, rows):
    """Until the last recipient is in nothing can be claimed; the next enrolment ends it, once."""
    crashing = ledger_at(address, Clock())
    requests = itertools.count()

    def crash():
        if next(requests) == written:
            raise Crash

    _before(crashing, "TransactWriteItems", crash)
    with pytest.raises(Crash):
        crashing.enroll(an_entry(), people(120))
    assert ledger.counts(ISSUE).total() == rows
    assert ledger.entry(ISSUE) is None
    assert _claim(ledger) == []
    assert list(ledger.unfinished()) == [an_entry()]
    ledger.suppress(people(1)[0].email, "unsubscribed")
    assert ledger.enroll(an_entry(), people(120))
    assert not ledger.enroll(an_entry(), people(120))
    assert ledger.counts(ISSUE) == {State.PENDING: 119, State.SUPPRESSED: 1}
    assert len(_claim(ledger)) == 10


def test_every_cut_leaves_an_issue_that_can_be_finished(address):
    """Whichever request of a send is the last one, the next sender ends it with no second mail."""
    clock = Clock()
    crashing, ledger = ledger_at(address, clock), ledger_at(address, clock)
    left = 0

    def crash():
        nonlocal left
        left -= 1
        if left < 0:
            raise Crash

    _before(crashing, "*", crash)
    crashed, cut = True, 0
    while crashed:
        issue_id, accepted, left = f"issue-{cut}", [], cut
        try:
            _send(crashing, issue_id, accepted)
        except Crash:
            clock.now += LEASE
            _send(ledger, issue_id, accepted)
        else:
            crashed = False
        counts = ledger.counts(issue_id)
        assert counts[State.ACCEPTED] + counts[State.UNKNOWN] == len(people(2))
        assert counts[State.UNKNOWN] <= crashed
        assert counts[State.ACCEPTED] <= len(accepted) == len(set(accepted))
        cut += 1
    assert cut > 15


def _send(ledger, issue_id, accepted):
    """Send an issue to two readers as a connection does; `accepted` is what the server took."""
    ledger.enroll(an_entry(issue_id), people(2))
    outcomes = []
    for claim in ledger.claim(issue_id, "host", lease_seconds=LEASE, limit=9):
        begun = ledger.begin([claim], outcomes)
        accepted += emails(begun)
        outcomes = results(begun, State.ACCEPTED)
    ledger.settle(outcomes)


def test_enrolments_at_once_are_one(address, ledger):
    """Where two enrol an issue side by side it gets no recipient after it can be sent."""
    other = ledger_at(address, Clock())
    overtaken = itertools.count()

    def overtake():
        if next(overtaken) == 1:
            assert other.enroll(an_entry(), people(3))

    _before(ledger, "TransactWriteItems", overtake)
    assert not ledger.enroll(an_entry(), people(250))
    assert ledger.counts(ISSUE) == {State.PENDING: 3}


def test_conflicts_are_waited_out(ledger):
    """A transaction that met another one is tried again; what it was to write is written once."""
    ledger.enroll(an_entry(), people(2))
    claims = _claim(ledger)
    answers = iter((_canceled("TransactionConflict", "None", "None", "ThrottlingError"), None))
    _before(ledger, "TransactWriteItems", lambda: next(answers))
    assert ledger.begin(claims) == claims


def test_conflicts_without_end_are_an_error(ledger):
    """A conflict that does not pass ends in an error to retry later, not in a wait for ever."""
    ledger.enroll(an_entry(), people(1))
    claims = _claim(ledger)
    _before(ledger, "TransactWriteItems", lambda: _canceled("TransactionConflict", "None"))
    with pytest.raises(StorageError, match="TransactionConflict"):
        ledger.begin(claims)


def test_a_transaction_that_can_never_pass_is_an_error_at_once(ledger):
    """A reason that no wait removes is told, not waited out."""
    _before(ledger, "TransactWriteItems", lambda: _canceled("ItemCollectionSizeLimitExceeded"))
    with pytest.raises(StorageError, match="ItemCollectionSizeLimitExceeded"):
        ledger.suppress("ada@mail.example", "unsubscribed")


def test_throttled_requests_are_tried_again(ledger):
    """A throttled request is sent again, under the same token, so that it counts once."""
    ledger.enroll(an_entry(), people(1))
    claims = _claim(ledger)
    throttled = _response(
        400, __type="com.amazonaws.dynamodb.v20120810#ThrottlingException", message="slow down"
    )
    answers, tokens = iter((throttled, None)), []
    events = ledger._dynamo._client.meta.events
    events.register(
        "before-send.dynamodb.TransactWriteItems",
        lambda request, **_: (
            tokens.append(json.loads(request.body)["ClientRequestToken"]) or next(answers)
        ),
    )
    assert ledger.begin(claims) == claims
    assert len(tokens) == 2
    assert len(set(tokens)) == 1


def test_unread_keys_are_read_again(ledger):
    """Where DynamoDB reads a part of the addresses only, the rest is asked for again."""
    for person in people(2):
        ledger.suppress(person.email, "unsubscribed")
    table = ledger._suppressions
    keys = [{"email": {"S": person.email}} for person in people(2)]
    part = _response(
        200,
        Responses={table: [{"email": {"S": people(2)[0].email}}]},
        UnprocessedKeys={table: {"Keys": keys[1:], "ConsistentRead": True}},
    )
    answers = iter((part, None))
    _before(ledger, "BatchGetItem", lambda: next(answers))
    ledger.enroll(an_entry(), people(3))
    assert ledger.counts(ISSUE) == {State.SUPPRESSED: 2, State.PENDING: 1}


def test_a_begin_whose_answer_was_lost_may_be_given_back(ledger):
    """After an error in `begin` that was written all the same, the claims can be settled unsent."""
    ledger.enroll(an_entry(), people(1))
    claims = _claim(ledger)
    ledger.begin(claims)
    ledger.settle(results(claims, State.PENDING))
    assert [claim.attempt for claim in _claim(ledger)] == [1]


def test_a_claim_reads_what_it_takes(ledger):
    """A claim of ten out of a hundred reads ten rows, not the issue."""
    ledger.enroll(an_entry(), people(120))
    read = []
    events = ledger._dynamo._client.meta.events
    events.register(
        "after-call.dynamodb.Query", lambda parsed, **_: read.append(parsed["ScannedCount"])
    )
    assert len(_claim(ledger)) == 10
    assert sum(read) <= 10


def test_what_comes_in_pages_is_read_to_the_end(ledger):
    """An issue that is more than one answer holds is counted whole."""
    ledger.enroll(an_entry(), people(60))
    events = ledger._dynamo._client.meta.events
    events.register(
        "provide-client-params.dynamodb.Query", lambda params, **_: {**params, "Limit": 3}
    )
    assert ledger.counts(ISSUE) == {State.PENDING: 60}


def test_rows_are_spread_over_the_shards(ledger):
    """An issue's rows lie in all partitions, each about as full as the others."""
    ledger.enroll(an_entry(), people(200))
    scan = ledger._dynamo._client.scan(TableName=ledger._deliveries)
    sizes = Counter(row["shard"]["S"] for row in scan["Items"])
    assert len(sizes) == ledger_dynamodb_tables.SHARDS
    assert min(sizes.values()) > 12


def test_finished_issues_leave_the_list_of_open_ones(ledger):
    """Looking for work takes an issue off the list once every row is final, and not before."""
    ledger.enroll(an_entry(), people(2))
    begun = ledger.begin(_claim(ledger))
    ledger.settle([*results(begun[:1], State.ACCEPTED), *results(begun[1:], State.UNKNOWN)])
    assert list(ledger.unfinished()) == []
    assert len(list(ledger._open_issues())) == 1
    ledger.settle(results(begun[1:], State.ACCEPTED))
    assert list(ledger.unfinished()) == []
    assert list(ledger._open_issues()) == []


def test_a_suppression_that_was_cut_off_is_finished_by_the_next(address, ledger):
    """Between the address and its rows a crash lets nothing go, and the next click ends it."""
    ledger.enroll(an_entry(), people(1))
    email = people(1)[0].email
    crashing = ledger_at(address, Clock())

    def crash():
        raise Crash

    _before(crashing, "Query", crash)
    with pytest.raises(Crash):
        crashing.suppress(email, "unsubscribed")
    claims = _claim(ledger)
    assert ledger.begin(claims) == []
    assert ledger.counts(ISSUE) == {State.SUPPRESSED: 1}
    ledger.enroll(an_entry("issue-2"), people(1))
    assert not ledger.suppress(email, "unsubscribed")
    assert ledger.counts("issue-2") == {State.SUPPRESSED: 1}


def test_tables_are_created_once(address):
    """Creating tables that are there changes nothing."""
    prefix = address.removeprefix("dynamodb://")
    DynamoLedger(prefix).enroll(an_entry(), people(1))
    create_tables(prefix)
    assert DynamoLedger(prefix).counts(ISSUE) == {State.PENDING: 1}


def test_missing_tables_say_what_to_do():
    """A ledger whose tables are not there names the setting, whatever is asked of it first."""
    with pytest.raises(StorageError, match="Create its tables") as caught:
        DynamoLedger("missing").enroll(an_entry(), people(1))
    assert caught.value.retryable


def test_no_region_is_a_setting(monkeypatch):
    """Without a region there is nothing to try again: the error names the variable."""
    monkeypatch.delenv("AWS_REGION")
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")
    with pytest.raises(SettingsError, match="AWS_REGION"):
        DynamoLedger("prefix")


def test_an_unreachable_dynamodb_is_an_error_to_retry(monkeypatch):
    """Where nobody answers the error says so, in one line."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", "http://127.0.0.1:9")
    monkeypatch.setattr(dynamodb, "_CONFIG", dynamodb.Config(retries={"total_max_attempts": 1}))
    with pytest.raises(StorageError, match="network"):
        DynamoLedger("prefix").suppressed("ada@mail.example")
