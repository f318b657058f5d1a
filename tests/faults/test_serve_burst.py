"""`gridletter serve` under a burst, while its processes are killed: all goes out, and once."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import httpx
import mail_server
import psutil
import pytest

from documents import envelope
from flows.delivery.ledger import open_ledger
from flows.gateway.inbox import Inbox
from notebooks import write
from serve_rig import READER, Serving, family, revised, sample, until

pytestmark = pytest.mark.timeout(1200)

PUSHES = 500
AT_ONCE = 8
MOST_RUNNER_MB, MOST_WEB_MB, MOST_SERVER_MB = 600, 400, 650
# What Prefect's server keeps in memory is bounded by number: it fills up, then stays as it is.
MOST_GROWTH_MB = 100
LETTER = "from flows import desk\ndesk.headline('Wind and sun')"


@pytest.fixture(scope="module")
def mails(tmp_path_factory):
    """A mail server, a process of its own."""
    with mail_server.serving(tmp_path_factory.mktemp("mails") / "taken.txt") as running:
        yield running


@pytest.fixture(scope="module")
def serving(tmp_path_factory, mails):
    """The command, with one trivial newsletter."""
    letters = tmp_path_factory.mktemp("letters")
    write(letters, LETTER)
    home = tmp_path_factory.mktemp("serve") / "home"
    with Serving(home, mails.port, GRIDLETTER_NOTEBOOKS=str(letters)) as running:
        yield running


@pytest.fixture(autouse=True)
def _no_survivors():
    """Let the mail server live from test to test: it ends with its fixture."""


class Peaks(threading.Thread):
    """Notes the most memory that each kind of process had resident, in MB, and the queue."""

    def __init__(self, home) -> None:
        super().__init__(daemon=True)
        self._home = home
        self._inbox = Inbox(home / "inbox.db")
        self._done = threading.Event()
        self.mb: Counter[str] = Counter()
        self.waiting = 0

    def run(self) -> None:
        """Look every second."""
        while not self._done.wait(1):
            for process in family(self._home):
                try:
                    role, size = role_of(process), process.memory_info().rss / 2**20
                except psutil.Error:
                    continue
                self.mb[role] = max(self.mb[role], round(size))
            self.waiting = max(self.waiting, self._inbox.counts()["waiting"])

    def stop(self) -> None:
        """Look no more."""
        self._done.set()
        self.join()


def role_of(process):
    line = process.cmdline()
    return json.loads(line[-1])["role"] if "flows.serve.child" in line else "other"


def issues(home):
    """Return the records of all issues in the archive."""
    files = (home / "archive" / "issues").rglob("issue.json")
    return [json.loads(file.read_text(encoding="utf-8")) for file in files]


def settled(serving):
    """Return whether no message waits and no flow run is unfinished."""
    states = {"type": {"any_": ["SCHEDULED", "PENDING", "RUNNING"]}}
    query = {"flow_runs": {"state": states}}
    try:
        runs = httpx.post(f"{serving.prefect}/api/flow_runs/filter", json=query).json()
    except (httpx.HTTPError, ValueError):
        return False
    return runs == [] and Inbox(serving.home / "inbox.db").counts()["waiting"] == 0


def test_a_burst_survives_kills_of_server_and_gateway(serving, mails, figures):
    """500 pushes, the Prefect server killed once, the gateway twice: 500 issues, 500 mails."""
    peaks = Peaks(serving.home)
    peaks.start()
    started = time.monotonic()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        pushes = [pool.submit(serving.push, envelope(sample(day))) for day in range(PUSHES)]
        until(lambda: sum(push.done() for push in pushes) > PUSHES // 4, 60)
        serving.kill("web")
        for push in pushes:
            push.result()
    figures["s to push"] = round(time.monotonic() - started, 1)
    until(lambda: mails.count() >= PUSHES // 50, 300)
    serving.kill("server")
    until(lambda: mails.count() >= PUSHES // 2, 600)
    half = peaks.mb["server"]
    serving.kill("web")
    until(lambda: mails.count() >= PUSHES, 900)
    figures["s to the last mail"] = round(time.monotonic() - started, 1)
    until(lambda: settled(serving), 300)
    peaks.stop()
    taken = mails.mails()
    figures["issues"] = len(issues(serving.home))
    figures["mails"] = len(taken)
    figures["events again"] = serving.metric("gridletter_events_emitted_again_total")
    figures["runs again"] = serving.metric("gridletter_runs_again_total")
    figures["messages waiting at most"] = peaks.waiting
    figures.update({f"MB {role}": size for role, size in peaks.mb.items()})
    assert figures["issues"] == PUSHES
    assert len(set(taken)) == len(taken) == PUSHES
    assert {email for email, _ in taken} == {READER.email}
    assert serving.metric("gridletter_events_without_run_total") == 0
    assert peaks.mb["runner"] < MOST_RUNNER_MB
    assert peaks.mb["web"] < MOST_WEB_MB
    assert peaks.mb["server"] < MOST_SERVER_MB
    assert peaks.mb["server"] - half < MOST_GROWTH_MB
    assert peaks.waiting <= PUSHES


def test_a_killed_runner_is_made_good(serving, mails, figures):
    """Runners killed while they run leave no push without its issue, and send none twice."""
    before, standing = mails.count(), len(issues(serving.home))
    for day in range(1000, 1012):
        serving.push(envelope(sample(day)))
    for number in (0, 1, 0):
        time.sleep(2)
        serving.kill(f"runner-{number}")
    until(lambda: len(issues(serving.home)) >= standing + 12, 200)
    until(lambda: settled(serving), 200)
    # Who is killed while a mail is on its way leaves it leased, or of unknown fate: that is held.
    ledger = open_ledger(f"sqlite:///{serving.home / 'ledger.db'}")
    entries = {entry.issue_id for entry in (*ledger.unfinished(), *ledger.held())}
    figures["runs again"] = serving.metric("gridletter_runs_again_total")
    figures["held or leased"] = len(entries)
    assert len(issues(serving.home)) == standing + 12
    assert len(entries) <= 3
    taken = mails.mails()
    assert len(set(taken)) == len(taken) == before + 12 - len(entries)


def test_a_hundred_equal_pushes_are_one_issue(serving, mails, figures):
    """The same push a hundred times, and once more later, is one issue and one mail."""
    before, standing = mails.count(), len(issues(serving.home))
    message = envelope(sample(2000))
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(serving.push, [message] * 100))
    until(lambda: mails.count() > before, 120)
    until(lambda: settled(serving), 300)
    serving.push(message)
    until(lambda: settled(serving), 120)
    figures["flow runs"] = serving.metric("gridletter_issues_total", state="duplicate")
    assert len(issues(serving.home)) == standing + 1
    assert mails.count() == before + 1


def test_revisions_out_of_order_end_with_the_newest(serving, mails):
    """Revisions pushed as 3, 1, 2, 5, 4: the newest stands, and each goes out once at most."""
    before = mails.count()
    for revision in (3, 1, 2, 5, 4):
        serving.push(envelope(revised(sample(2001), revision)))
        time.sleep(0.2)
    until(lambda: settled(serving), 200)
    own = [issue for issue in issues(serving.home) if issue["start"].startswith(first_day(2001))]
    published = sorted(issue["revision"] for issue in own)
    assert published[-1] == 5
    assert len(set(published)) == len(published)
    assert mails.count() - before == len(published)
    taken = mails.mails()
    assert len(set(taken)) == len(taken)


def first_day(day):
    return f"{2027 + day // 12}-{day % 12 + 1:02d}"


def test_a_runner_that_ends_in_the_middle_of_a_run_sends_once(serving, mails, figures):
    """A runner told to end gives its run back, another one goes on, and each mail goes out once."""
    before, standing = mails.count(), len(issues(serving.home))
    for day in range(1100, 1108):
        serving.push(envelope(sample(day)))
    for number in (0, 1, 0):
        time.sleep(2)
        serving.kill(f"runner-{number}", signal.SIGTERM)
    until(lambda: mails.count() >= before + 8, 200)
    until(lambda: settled(serving), 200)
    taken = mails.mails()
    figures["mails"] = len(taken) - before
    assert len(set(taken)) == len(taken) == before + 8
    assert len(issues(serving.home)) == standing + 8


def test_the_command_publishes_beside_it_in_the_same_home(serving, mails, tmp_path):
    """`gridletter publish` while pushes are published: all issues are there, each mailed once."""
    before, standing = mails.count(), len(issues(serving.home))
    files = [tmp_path / f"{day}.xml" for day in range(1200, 1203)]
    for file in files:
        file.write_text(sample(int(file.stem)), encoding="utf-8")
    command = [sys.executable, "-c", "import flows.cli.publish; flows.cli.main()", "publish"]
    publishing = subprocess.Popen(
        [*command, *map(str, files)],
        env=serving.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    for day in range(1202, 1206):
        serving.push(envelope(sample(day)))
    said, _ = publishing.communicate(timeout=200)
    assert publishing.returncode == 0, said
    until(lambda: mails.count() >= before + 6, 120)
    until(lambda: settled(serving), 200)
    taken = mails.mails()
    assert len(issues(serving.home)) == standing + 6
    assert len(set(taken)) == len(taken) == before + 6
