"""The flow, on a real Prefect API: what is published, what is not, and who is harmed by whom."""

from __future__ import annotations

import base64
import email
import gzip
import io
import json
import os
import subprocess
import sys
import zipfile
from email.policy import default

import pytest
from pandas.testing import assert_frame_equal

from conftest import SAMPLES
from flows.archive import Archive, open_store
from flows.delivery.directory import open_directory
from flows.delivery.subscribers import Subscriber
from flows.document import read
from flows.errors import MessageError
from flows.outcome import PublishFailed
from notebooks import write

pytest_plugins = ("platform_standin",)
pytestmark = [
    pytest.mark.usefixtures("prefect"),
    # entsoe-py silences the first itself, which pytest undoes; the second is about its own code.
    pytest.mark.filterwarnings(
        "ignore::bs4.builder.XMLParsedAsHTMLWarning", "ignore:The inplace keyword"
    ),
]

SAMPLE = (SAMPLES / "wind_solar_DE_LU.xml").read_text(encoding="utf-8")
HEADLINE = "from flows import desk\ndesk.headline({text!r})"
READERS = (
    Subscriber("Ada", "ada@reader.example"),
    Subscriber("Bo", "bo@reader.example", newsletters=("other",)),
)


@pytest.fixture
def letters(tmp_path, monkeypatch, home):
    """A folder of newsletters to write notebooks into, and two subscribers."""
    folder = tmp_path / "letters"
    folder.mkdir()
    monkeypatch.setenv("GRIDLETTER_NOTEBOOKS", str(folder))
    home.mkdir()
    open_directory(f"sqlite:///{home / 'ledger.db'}").add(READERS)
    return folder


def run(message):
    """Run the flow; return the outcomes, also of a run that ended as failed."""
    from flows.publish import publish

    state = publish(message, return_state=True)
    result = state.result(raise_on_failure=False)
    if isinstance(result, PublishFailed):
        assert state.is_failed()
        return result.outcomes
    if isinstance(result, BaseException):
        raise result
    return result


def mails(home):
    return sorted((home / "outbox").glob("*.eml"))


def contents(home):
    """Return the bytes of all files that readers see."""
    folders = (home / "archive", home / "outbox")
    return {p: p.read_bytes() for folder in folders for p in folder.rglob("*") if p.is_file()}


def revised(xml, revision):
    return xml.replace(
        "<revisionNumber>1</revisionNumber>", f"<revisionNumber>{revision}</revisionNumber>"
    )


def test_an_event_becomes_a_page_and_a_mail(letters, home):
    """One event, one newsletter: an issue in the archive, a mail to the subscriber who wants it."""
    write(letters, HEADLINE.format(text="Solar peaks"))
    (outcome,) = run(SAMPLE)
    assert (outcome.state, outcome.newsletter, outcome.zone) == ("published", "example", "DE_LU")
    assert outcome.mails == 1
    page = home / "archive" / outcome.page.removeprefix((home / "archive").as_uri() + "/")
    assert "Solar peaks" in page.read_text(encoding="utf-8")
    assert sorted(p.name for p in page.parent.iterdir()) == [
        "article.html",
        "document.xml",
        "email.html",
        "email.txt",
        "index.html",
        "issue.json",
        "notebook.ipynb",
    ]
    (kept,) = read((page.parent / "document.xml").read_bytes())
    assert_frame_equal(kept.frame, read(SAMPLE)[0].frame)
    assert json.loads((page.parent / "issue.json").read_text())["issue_id"] == outcome.issue_id
    assert len(mails(home)) == 1
    assert "Solar peaks" in (home / "archive" / "index.html").read_text(encoding="utf-8")
    assert "Solar peaks" in (home / "archive" / "feed.xml").read_text(encoding="utf-8")


def test_the_same_event_again_changes_nothing(letters, home):
    """A second run is a duplicate: no new mail, no changed byte in the archive."""
    write(letters, HEADLINE.format(text="Solar peaks"))
    run(SAMPLE)
    before = contents(home)
    (outcome,) = run(SAMPLE)
    assert (outcome.state, outcome.mails) == ("duplicate", 0)
    assert contents(home) == before


def test_a_run_that_died_before_the_mails_is_finished_by_the_next(letters, home, monkeypatch):
    """An issue that was archived and not sent is sent by the next run of its event, once."""
    write(letters, HEADLINE.format(text="Solar peaks"))
    monkeypatch.setattr("flows.sending.Post.send", lambda *_: 1 / 0)
    (died,) = run(SAMPLE)
    assert (died.state, mails(home)) == ("failed", [])
    monkeypatch.undo()
    monkeypatch.setenv("GRIDLETTER_HOME", str(home))
    monkeypatch.setenv("GRIDLETTER_NOTEBOOKS", str(letters))
    (again,) = run(SAMPLE)
    assert (again.state, again.mails) == ("duplicate", 1)
    (kept,) = run(SAMPLE)
    assert (kept.state, kept.mails) == ("duplicate", 0)
    assert len(mails(home)) == 1


def test_a_higher_revision_is_an_update(letters, home):
    """Revision 2 supersedes 1, is marked as update, keeps the old page, and 1 never comes back."""
    write(letters, HEADLINE.format(text="Solar peaks"))
    (first,) = run(SAMPLE)
    (second,) = run(revised(SAMPLE, 2))
    assert second.state == "published"
    assert second.issue_id != first.issue_id
    archive = Archive(open_store(str(home / "archive")), "")
    issues = {issue.issue_id: issue for issue in archive.scope().latest}
    assert issues[second.issue_id].supersedes == first.issue_id
    subjects = {
        email.message_from_bytes(mail.read_bytes(), policy=default)["Subject"]
        for mail in mails(home)
    }
    assert subjects == {
        "Solar peaks · Germany–Luxembourg",
        "Solar peaks · Germany–Luxembourg (update)",
    }
    (late,) = run(SAMPLE)
    assert late.state == "skipped"
    assert "revision 2" in late.reason
    assert len(mails(home)) == 2


def test_one_failing_notebook_harms_no_other(letters, home):
    """A notebook that raises fails with cell and cause; the one beside it goes out."""
    write(letters, "1 / 0", name="broken")
    write(letters, HEADLINE.format(text="Still here"), name="fine")
    by_name = {outcome.newsletter: outcome for outcome in run(SAMPLE)}
    assert by_name["fine"].state == "published"
    assert by_name["broken"].state == "failed"
    assert "ZeroDivisionError" in by_name["broken"].reason
    assert "cell" in by_name["broken"].reason
    assert len(mails(home)) == 1


RUNAWAYS = {
    "exits": ("import sys; sys.exit(0)", "exit"),
    "dies": ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "kernel"),
    "loops": ("while True: pass", "deadline"),
    "prints": ("while True: print('x' * 1000)", "2 MB"),
    "allocates": ("x = [bytearray(1 << 24) for _ in range(10_000)]", "memory"),
}


def test_runaway_notebooks_send_nothing_and_harm_no_other(letters, home, monkeypatch):
    """Exit, death, endless loop, print, allocation: each fails by its cause; the sound goes out."""
    monkeypatch.setenv("GRIDLETTER_NOTEBOOK_DEADLINE_SECONDS", "10")
    monkeypatch.setenv("GRIDLETTER_NOTEBOOK_OUTPUT_MB", "2")
    monkeypatch.setenv("GRIDLETTER_NOTEBOOK_MEMORY_MB", "1024")
    before, after = HEADLINE.format(text="Before"), HEADLINE.format(text="After")
    for name, (source, _) in RUNAWAYS.items():
        write(letters, before, source, after, name=name)
    write(letters, HEADLINE.format(text="Sound"), name="sound")
    outcomes = {outcome.newsletter: outcome for outcome in run(SAMPLE)}
    assert outcomes.pop("sound").state == "published"
    assert outcomes.keys() == RUNAWAYS.keys()
    for name, outcome in outcomes.items():
        assert outcome.state == "failed"
        assert "cell" in outcome.reason
        assert RUNAWAYS[name][1] in outcome.reason
        assert "\n" not in outcome.reason
    assert len(mails(home)) == 1
    assert len(list((home / "archive").rglob("issue.json"))) == 1


def test_a_notebook_may_skip(letters, home):
    """desk.skip ends without an issue, a mail or a failure, and tells the operator why."""
    write(letters, "from flows import desk\ndesk.skip('nothing new')")
    (outcome,) = run(SAMPLE)
    assert (outcome.state, outcome.reason) == ("skipped", "nothing new")
    assert mails(home) == []


def test_a_notebook_without_headline_is_no_issue(letters):
    """Without a headline there is no subject: the issue fails and says what to call."""
    write(letters, "1 + 1")
    (outcome,) = run(SAMPLE)
    assert outcome.state == "failed"
    assert "desk.headline" in outcome.reason


def test_what_nobody_listens_to_is_ignored_with_its_reason(letters):
    """A document without a newsletter, and an acknowledgement, are recorded and publish nothing."""
    write(letters, HEADLINE.format(text="x"))
    (outcome,) = run((SAMPLES / "day_ahead_prices_DE_LU.xml").read_text(encoding="utf-8"))
    assert outcome.state == "ignored"
    assert "A44" in outcome.reason
    acknowledged = (
        '<Acknowledgement_MarketDocument xmlns="urn:iec62325.351:tc57wg16:451-1:'
        'acknowledgementdocument:7:0"><mRID>a</mRID><createdDateTime>2026-01-01T00:00:00Z'
        "</createdDateTime><Reason><code>999</code><text>No matching data</text></Reason>"
        "</Acknowledgement_MarketDocument>"
    )
    (outcome,) = run(acknowledged)
    assert outcome.state == "ignored"
    assert "999 No matching data" in outcome.reason


def test_a_bad_document_in_a_zip_stops_no_other(letters):
    """Of two documents in one message, the malformed one fails by name, the other is published."""
    write(letters, HEADLINE.format(text="x"))
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("bad.xml", SAMPLE[: len(SAMPLE) // 2])
        archive.writestr("good.xml", SAMPLE)
    outcomes = run(base64.b64encode(packed.getvalue()).decode())
    assert sorted(outcome.state for outcome in outcomes) == ["failed", "published"]
    (bad,) = [outcome for outcome in outcomes if outcome.state == "failed"]
    assert "bad.xml" in bad.reason


def test_revisions_in_one_message_go_in_order(letters, home):
    """Two revisions in one zip, the newer first: both are published, 2 as the update of 1."""
    write(letters, HEADLINE.format(text="x"))
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("b.xml", revised(SAMPLE, 2))
        archive.writestr("a.xml", SAMPLE)
    outcomes = run(base64.b64encode(packed.getvalue()).decode())
    assert [outcome.state for outcome in outcomes] == ["published", "published"]
    latest = Archive(open_store(str(home / "archive")), "").scope().latest
    assert sorted(issue.revision for issue in latest if issue.supersedes) == [2]


@pytest.mark.parametrize(
    "message",
    ["Failed to render template: 'body' is undefined", "", "{}", "file:///etc/hostname", "<a/>"],
)
def test_a_message_in_no_accepted_form_is_refused(letters, message):
    """A failed template's error text, an empty body or an address of another file is no event."""
    write(letters, HEADLINE.format(text="x"))
    try:
        outcomes = run(message)
    except MessageError:
        return
    assert [outcome.state for outcome in outcomes] == ["failed"]


def test_a_gzip_in_a_soap_envelope_is_the_same_event(letters):
    """Whichever way an event is packed, it is one issue."""
    write(letters, HEADLINE.format(text="x"))
    packed = base64.b64encode(gzip.compress(SAMPLE.encode())).decode()
    (first,) = run(packed)
    envelope = (
        '<e:Envelope xmlns:e="http://www.w3.org/2003/05/soap-envelope"><e:Body>'
        '<m:RequestMessage xmlns:m="http://iec.ch/TC57/2011/schema/message"><m:Payload>'
        + SAMPLE.partition("?>")[2]
        + "</m:Payload></m:RequestMessage></e:Body></e:Envelope>"
    )
    (second,) = run(json.dumps(envelope))
    assert first.state == "published"
    assert (second.state, second.issue_id) == ("duplicate", first.issue_id)


def test_a_full_archive_fails_the_issue_and_a_later_run_mends_it(letters, home):
    """Where the archive can't be written nothing is mailed; with room again the event goes out."""
    write(letters, HEADLINE.format(text="x"))
    folder = home / "archive" / "issues"
    folder.parent.mkdir()
    folder.write_text("a file where a folder should be")
    (outcome,) = run(SAMPLE)
    assert outcome.state == "failed"
    assert mails(home) == []
    folder.unlink()
    (outcome,) = run(SAMPLE)
    assert (outcome.state, outcome.mails) == ("published", 1)


def test_the_operator_finds_the_issue_in_prefect(letters):
    """The subflow run is named for newsletter, zone and document; its artifact has the link."""
    from prefect.artifacts import Artifact
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.sorting import FlowRunSort

    write(letters, HEADLINE.format(text="Seen in Prefect"), name="artifact_letter")
    (outcome,) = run(SAMPLE)
    with get_client(sync_client=True) as client:
        runs = client.read_flow_runs(sort=FlowRunSort.START_TIME_DESC, limit=5)
    artifact = Artifact.get("artifact-letter-de-lu")
    assert any(run.name.startswith("artifact_letter DE_LU") for run in runs)
    assert outcome.page in artifact.data
    assert "Seen in Prefect" in artifact.data


CAPACITY_HEADER = """\
title: Capacity
listens_to:
  document_type: A69
  zones: all
needs: [installed_capacity]
sample: sample.xml
"""
CAPACITY_PARAMETERS = 'event_payload: str = ""\ninstalled_capacity: dict = {}'
SHOWS_CAPACITY = "from flows import desk\ndesk.headline(f'Solar {installed_capacity.get(\"B16\")}')"


def capacity_letter(letters):
    write(letters, SHOWS_CAPACITY, header=CAPACITY_HEADER, parameters=CAPACITY_PARAMETERS)


def headline(home):
    (issue,) = Archive(open_store(str(home / "archive")), "").scope().latest
    return issue.headline


@pytest.mark.parametrize("by_block", [True, False])
def test_installed_capacity_reaches_the_notebook(
    letters, home, monkeypatch, platform_standin, by_block
):
    """The flow asks the platform with the key of the Secret block, else of the setting."""
    from prefect.blocks.system import Secret

    capacity_letter(letters)
    monkeypatch.setenv(
        "GRIDLETTER_ENTSOE_API_KEY", "wrong" if by_block else platform_standin.api_key
    )
    if by_block:
        Secret(value=platform_standin.api_key).save("entsoe-api-key")
    try:
        (outcome,) = run(SAMPLE)
    finally:
        if by_block:
            Secret.delete("entsoe-api-key")
    assert outcome.state == "published"
    assert headline(home).startswith("Solar ")
    assert headline(home) != "Solar None"
    assert platform_standin.requests
    for path in home.rglob("*"):
        assert not path.is_file() or platform_standin.api_key.encode() not in path.read_bytes()


@pytest.mark.parametrize("how", ["forbidden", "unavailable", None])
def test_without_capacity_the_newsletter_goes_out(
    letters, home, monkeypatch, platform_standin, how
):
    """A refused key, a broken platform or no key at all costs the percentages, not the issue."""
    capacity_letter(letters)
    if how is not None:
        monkeypatch.setenv("GRIDLETTER_ENTSOE_API_KEY", platform_standin.api_key)
        platform_standin.behave(how)
    (outcome,) = run(SAMPLE)
    assert (outcome.state, outcome.mails) == ("published", 1)
    assert headline(home) == "Solar None"


def test_who_publishes_needs_no_pandas(letters, tmp_path):
    """Pandas is for the process that runs the notebook; of Amazon nobody said anything."""
    from prefect.settings import get_current_settings

    write(letters, HEADLINE.format(text="Wind"))
    code = (
        "import sys; from pathlib import Path; from flows.publish import publish\n"
        f"(outcome,) = publish(Path({str(SAMPLES / 'wind_solar_DE_LU.xml')!r}).read_text())\n"
        "print(outcome.state, sorted({'pandas', 'matplotlib', 'IPython', 'entsoe', 'boto3', 'bs4'}"
        " & sys.modules.keys()))\n"
    )
    environment = os.environ | {"PREFECT_API_URL": str(get_current_settings().api.url)}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "published []"
