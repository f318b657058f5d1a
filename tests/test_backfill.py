"""Documents of the past become issues in the archive: once each, in order, and without a mail."""

from __future__ import annotations

import asyncio
import json
import re
import threading
import time
from collections import Counter
from contextlib import nullcontext
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import pytest
from prefect import settings
from typer.testing import CliRunner

import documents
from documents import BE, DE_LU, NL, into, series
from flows.archive import Archive
from flows.backfill_plan import Entry, Plan, files
from flows.delivery.directory import open_directory
from flows.delivery.subscribers import Subscriber
from flows.errors import MessageError, StorageError
from flows.notebook.newsletter import load
from flows.outcome import Outcome
from notebooks import HEADER, write

pytestmark = pytest.mark.usefixtures("prefect")

DAYS = range(1, 5)
ZONES = {"DE_LU": DE_LU, "BE": BE, "NL": NL}
TELL = """
from pathlib import Path
from flows import desk
with Path({ran!r}).open("a") as file: file.write("x")
document = desk.read(event_payload)
earlier = desk.read_optional(previous_payload)
before = f"{{earlier.created:%d}}" if earlier else None
desk.headline(f"{{document.zone.code}} {{document.created:%d}} after {{before}}")
desk.kpis(desk.kpi("Peak", document.frame.value.max(), "MW"))
"""


def forecast(day, eic, revision=1):
    period = {"start": f"2024-06-{day:02d}T22:00Z", "end": f"2024-06-{day + 1:02d}T22:00Z"}
    return documents.document(
        series([day, 10 * day], where=into(eic), **period),
        revision=revision,
        created=f"2024-06-{day:02d}T16:00:00Z",
        **period,
    )


@pytest.fixture
def folder(tmp_path):
    """Forecasts of four days for three zones; file names tell nothing of their order."""
    folder = tmp_path / "documents"
    for code, eic in ZONES.items():
        (folder / code).mkdir(parents=True)
        for day in DAYS:
            (folder / code / f"{9 - day}.xml").write_text(forecast(day, eic))
    return folder


@pytest.fixture
def ran(tmp_path):
    """Count the runs of the notebook."""
    return tmp_path / "ran"


@pytest.fixture
def letters(tmp_path, monkeypatch, home, ran):
    """A folder with one newsletter, which says what it was given, and a subscriber."""
    folder = tmp_path / "letters"
    folder.mkdir()
    write(
        folder,
        TELL.format(ran=str(ran)),
        header=HEADER + "needs: previous_payload\n",
        parameters='event_payload: str = ""\nprevious_payload: str = ""',
    )
    monkeypatch.setenv("GRIDLETTER_NOTEBOOKS", str(folder))
    home.mkdir()
    open_directory(f"sqlite:///{home / 'ledger.db'}").add([Subscriber("Ada", "ada@reader.example")])
    return folder


def backfill(*sources, jobs=2):
    """Run the flow; return the states, and the outcomes by source."""
    from flows.backfill import BackfillFailed
    from flows.backfill import backfill as flow

    result = flow([str(source) for source in sources], jobs, return_state=True).result(
        raise_on_failure=False
    )
    outcomes = result.outcomes if isinstance(result, BackfillFailed) else result
    if isinstance(outcomes, BaseException):
        raise outcomes
    return Counter(outcome.state for _, outcome in outcomes), outcomes


def archived(home):
    records = (home / "archive" / "issues").rglob("issue.json")
    return sorted((json.loads(path.read_text()) for path in records), key=lambda i: i["headline"])


def test_a_folder_becomes_issues_and_no_mail(letters, folder, home):
    """Each document below the folder becomes an issue, and neither a mail nor a delivery."""
    states, _ = backfill(folder)
    assert states == {"published": 12}
    assert len(archived(home)) == 12
    assert not (home / "outbox").exists()
    ledger = (home / "ledger.db").read_bytes()
    assert all(issue["issue_id"].encode() not in ledger for issue in archived(home))


def test_issues_are_made_in_the_order_of_their_documents(letters, folder, home):
    """Whatever the files are called, each issue follows the one before of its zone."""
    backfill(folder, jobs=3)
    told = [issue["headline"] for issue in archived(home)]
    assert told == sorted(
        f"{code} {day:02d} after {f'{day - 1:02d}' if day > 1 else None}"
        for code in ZONES
        for day in DAYS
    )
    compared = [issue for issue in archived(home) if issue["compared_with"]]
    assert len(compared) == 9
    assert all(issue["changes"] for issue in compared)


def test_it_is_one_flow_run(letters, folder):
    """Prefect records one flow run, no subflows and no tasks."""
    from prefect.client.orchestration import get_client

    async def counts():
        async with get_client() as client:
            runs = await client.read_flow_runs(limit=200)
            tasks = await client.read_task_runs(limit=200)
            return len(runs), len(tasks)

    before = asyncio.run(counts())
    backfill(folder)
    after = asyncio.run(counts())
    assert (after[0] - before[0], after[1] - before[1]) == (1, 0)


def test_what_is_in_the_archive_is_not_run_again(letters, folder, home, ran):
    """A second backfill runs only notebooks whose issue is missing, and changes no other."""
    backfill(folder / "BE")
    before = {p: p.read_bytes() for p in (home / "archive" / "issues").rglob("issue.json")}
    states, _ = backfill(folder)
    assert states == {"published": 8, "duplicate": 4}
    assert ran.read_text() == "x" * 12
    assert all(path.read_bytes() == data for path, data in before.items())
    states, _ = backfill(folder)
    assert states == {"duplicate": 12}
    assert ran.read_text() == "x" * 12


def test_a_later_revision_supersedes(letters, folder, home):
    """Revisions of one document are issues that follow one another, whatever comes first."""
    (folder / "BE" / "0.xml").write_text(forecast(2, BE, revision=2))
    backfill(folder / "BE")
    revised = [issue for issue in archived(home) if issue["revision"] == 2]
    first = [issue for issue in archived(home) if issue["headline"].startswith("BE 02 after 01")]
    assert [issue["supersedes"] for issue in revised] == [first[0]["issue_id"]]


def test_failures_harm_no_other(letters, folder, home, monkeypatch):
    """A broken document and a failed notebook are named; the rest is published; exit code 1."""
    write(
        letters,
        "from flows import desk\ndocument = desk.read(event_payload)\n"
        "if document.zone.code == 'NL': raise ValueError('no wind')\ndesk.headline('Fine')",
    )
    (folder / "BE" / "8.xml").write_text("<truncated")
    (folder / "notes.txt").write_text("no message, and not taken for one")
    from flows.cli import backfill as command

    monkeypatch.setattr("flows.local.prefect_api", lambda _: nullcontext())
    result = CliRunner().invoke(command.app, ["backfill", str(folder), "--jobs", "2"])
    assert result.exit_code == 1
    lines = result.stdout.splitlines()
    assert lines[-1] == "7 published, 0 in the archive already, 0 skipped, 0 ignored, 5 failed"
    assert sum("no wind" in line for line in lines) == 4
    assert any(re.search(r"^failed\s.*BE/8\.xml: ", line) for line in lines)
    assert len(archived(home)) == 7


def test_nothing_goes_on_without_an_archive(letters, folder, monkeypatch, ran):
    """Where the archive takes nothing, the backfill ends with that error after some attempts."""

    def refuse(*_):
        raise StorageError("the disk is full", remedy="Make room.", path="x")

    monkeypatch.setattr(Archive, "commit", refuse)
    with pytest.raises(StorageError, match="disk is full"):
        backfill(folder, jobs=1)
    assert ran.read_text() == "x" * 10


def test_files_are_found_by_suffix_or_name(folder, tmp_path):
    """A folder gives its messages, at any depth; a file that is named is one by any name."""
    (folder / "more").mkdir()
    for name in ("a.ZIP", "b.gz", "c.txt", "MANIFEST.tsv"):
        (folder / "more" / name).touch()
    named = tmp_path / "message"
    named.touch()
    found = files([str(folder), str(named), str(folder / "BE")])
    assert len(found) == len(set(found)) == 15
    assert {path.name for path in found} >= {"a.ZIP", "b.gz", "message"}
    with pytest.raises(MessageError, match="is not there"):
        files([str(tmp_path / "nowhere")])


def test_series_go_side_by_side_and_none_falls_behind(letters):
    """At most `jobs` run at once, one of a series, in order, and the oldest of all is next."""
    from flows.backfill_turns import in_turn

    newsletter = load(letters / "example.ipynb")
    plan = Plan()
    for zone in ZONES:
        plan.series["example", zone] = [
            Entry(Path(zone), 0, 0, newsletter, zone, datetime(2024, 6, day, tzinfo=UTC), 1)
            for day in DAYS
        ]
    lock, running, started, most = threading.Lock(), set(), [], []

    def publish(entry):
        with lock:
            assert entry.zone not in running
            running.add(entry.zone)
            most.append(len(running))
            started.append(entry)
        time.sleep(0.02)
        with lock:
            running.remove(entry.zone)
        return Outcome("published")

    ended = [entry for entry, _ in in_turn(plan, publish, 2, threading.Event())]
    assert Counter(map(id, ended)) == Counter(map(id, started))
    assert max(most) == 2
    for zone in ZONES:
        days = [entry.created for entry in started if entry.zone == zone]
        assert days == sorted(days)
    days = [entry.created.day for entry in started]
    assert max(abs(day - later) for day, later in pairwise(days)) <= 1


def test_each_document_is_published_under_the_settings_of_its_backfill(letters):
    """The threads ask the Prefect API that the command has, and start none of their own."""
    from flows.backfill_turns import in_turn

    entry = Entry(
        Path("a"), 0, 0, load(letters / "example.ipynb"), "BE", datetime(2024, 6, 1, tzinfo=UTC), 1
    )
    plan = Plan()
    plan.series["example", "BE"] = [entry]
    asked = []

    def publish(_entry):
        asked.append(settings.get_current_settings().api.url)
        return Outcome("published")

    with settings.temporary_settings({settings.PREFECT_API_URL: "http://127.0.0.1:1/api"}):
        list(in_turn(plan, publish, 1, threading.Event()))
    assert asked == ["http://127.0.0.1:1/api"]
