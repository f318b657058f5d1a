"""When the next mail may go: rate, pauses, breaker, by a clock of the test's own."""

from threading import Event

import pytest

from flows.delivery.pace import ENOUGH, WINDOW, Pace
from flows.delivery.policy import Policy
from flows.errors import MailServerUnavailable

POLICY = Policy(first_pause_seconds=1, longest_pause_seconds=60, most_failures=3)


class Clock:
    """A clock that goes on when somebody waits, as the event that ends every wait."""

    def __init__(self):
        self.now = 100.0
        self.waits = []

    def __call__(self):
        return self.now

    def is_set(self):
        return False

    def wait(self, seconds):
        self.waits.append(seconds)
        self.now += seconds


@pytest.fixture
def clock():
    """A clock at 100 seconds."""
    return Clock()


def _pace(clock, policy=POLICY):
    return Pace(policy, clock, clock)


def test_mails_go_evenly(clock):
    """At 4 a second each mail waits a quarter second for the one before, and none catches up."""
    pace = _pace(clock, Policy(mails_per_second=4))
    assert all(pace.go(within=10) for _ in range(5))
    assert clock.waits == [0.25] * 4
    clock.now += 10
    assert pace.go(within=0)
    assert not pace.go(within=0)


def test_without_a_limit_nothing_waits(clock):
    """Mails go as they come."""
    pace = _pace(clock)
    assert all(pace.go(within=0) for _ in range(1000))
    assert clock.waits == []


def test_pauses_grow_and_end(clock):
    """Each further request for a pause doubles it, up to the longest; what echoes one is it."""
    pace = _pace(clock)
    for _ in range(8):
        pace.slow_down()
        pace.slow_down()
        assert pace.go(within=100)
    assert clock.waits == [1, 2, 4, 8, 16, 32, 60, 60]


def test_a_pause_is_forgotten_after_a_good_window(clock):
    """When everything in a whole window was taken, the next pause is short again."""
    pace = _pace(clock)
    for _ in range(2):
        pace.slow_down()
        assert pace.go(within=100)
        for _ in range(WINDOW):
            pace.note(failed=False)
    assert clock.waits == [1, 1]


def test_who_can_not_wait_is_told(clock):
    """A pause longer than `within` is not waited for."""
    pace = _pace(clock)
    pace.slow_down()
    assert not pace.go(within=0.5)
    assert clock.waits == []


def test_a_closed_send_waits_for_nothing():
    """The end of a send ends every wait at once."""
    closed = Event()
    pace = Pace(POLICY, closed)
    pace.slow_down()
    closed.set()
    assert not pace.go(within=100)


def test_half_failed_is_a_pause_and_some_of_them_the_end(clock):
    """When half of the recent attempts fail all pause for long; the third time in a row ends it."""
    pace = _pace(clock)
    for _ in range(2):
        for number in range(ENOUGH):
            pace.note(failed=number % 2 == 0)
        assert pace.go(within=100)
    assert clock.waits == [60, 60]
    with pytest.raises(MailServerUnavailable):  # noqa: PT012 - the last of them raises
        for number in range(ENOUGH):
            pace.note(failed=number % 2 == 0)


def test_fewer_than_half_is_no_reason(clock):
    """Some dead addresses in a list are usual."""
    pace = _pace(clock)
    for number in range(500):
        pace.note(failed=number % 3 == 1)
        assert pace.go(within=0)


def test_a_server_that_can_not_be_reached_is_given_up(clock):
    """Connects are tried with growing pauses; an echo counts once, and a success starts anew."""
    pace, error = _pace(clock), MailServerUnavailable("away", remedy="Wait.")
    for _ in range(2):
        assert pace.refused(error)
        assert pace.refused(error)
        assert pace.go(within=100)
    pace.connected()
    pace.disconnected()
    for _ in range(2):
        assert pace.refused(error)
        assert pace.go(within=100)
    with pytest.raises(MailServerUnavailable, match="away"):
        pace.refused(error)


def test_a_superfluous_connection_is_no_failure(clock):
    """While one connection works, another that is refused pauses nobody."""
    pace, error = _pace(clock), MailServerUnavailable("too many", remedy="Wait.")
    pace.connected()
    assert not pace.refused(error)
    assert pace.go(within=0)


@pytest.mark.parametrize(
    ("attempt", "wait"), [(1, 60), (2, 120), (8, 7680), (9, 14400), (23, 14400)]
)
def test_retries_wait_longer_each_time(attempt, wait):
    """One minute, two, four and so on, four hours at most."""
    assert Policy().retry_wait(attempt) == wait


def test_retries_end():
    """After the last attempt there is no further wait; all waits together are about three days."""
    policy = Policy()
    assert policy.retry_wait(policy.most_attempts) is None
    total = sum(policy.retry_wait(attempt) for attempt in range(1, policy.most_attempts))
    assert 2 * 86400 < total < 3 * 86400
    assert policy.retry_wait(1) == policy.first_retry_seconds
    assert Policy(most_attempts=10**6).retry_wait(10**5) == policy.longest_retry_seconds
