"""Corrections: rendered beside the old after a notebook fix, mailed only when asked, and once."""

from __future__ import annotations

import email
import email.policy
import functools
import json
import sqlite3
from contextlib import closing

import pytest
from typer.testing import CliRunner

import archived_examples as examples
from flows import settings
from flows.archive import Archive, open_store
from flows.cli import app
from flows.cli import rerender as _command  # noqa: F401 - it adds the command
from flows.corrections import rerender
from flows.delivery.directory import open_directory
from flows.delivery.ledger import open_ledger
from flows.delivery.subscribers import Subscriber
from flows.errors import GridletterError, MailServerUnavailable
from flows.local import rerender_issues
from flows.notebook import newsletter
from flows.outcome import Outcome
from flows.resume import resume
from flows.sending import Post
from notebooks import HEADER, PARAMETERS, write
from smtp_sink import Fault, Sink

INTRADAY = "wind_solar_DE_LU_intraday.xml"
SOURCE = """
from flows import desk
desk.headline("Solar peaks at {peak} GW")
desk.kpis(desk.kpi("Peak", {peak}, "GW"), desk.kpi("Before", {before}, "bytes", digits=0))
"""
WITH_PREVIOUS = {
    "header": HEADER + "needs: [previous_payload]\nparameters: {limit_mw: 5}\n",
    "parameters": PARAMETERS + '\nprevious_payload: str = ""\nlimit_mw: int = 1',
}
READERS = ("ada", "bo", "cy")


class Desk:
    """A home with one newsletter, its notebook, and three readers."""

    def __init__(self, home, letters):
        self.home, self.letters = home, letters
        self.ledger_address = f"sqlite:///{home / 'ledger.db'}"
        home.mkdir()
        self.directory = open_directory(self.ledger_address)
        self.directory.add(Subscriber(name.title(), f"{name}@reader.example") for name in READERS)
        self.ledger = open_ledger(self.ledger_address)
        self.archive = Archive(open_store(str(home / "archive")), f"{(home / 'archive').as_uri()}/")

    def write(self, peak, before="len(previous_payload)", **options):
        """Write the notebook, which says `peak`."""
        source = SOURCE.format(peak=peak, before=before)
        write(self.letters, source, **{**WITH_PREVIOUS, **options})

    def publish(self, sample="wind_solar_DE_LU.xml", previous=None):
        """Publish as the flow does, without Prefect; return the issue."""
        document = examples.sample(sample)
        letter = newsletter.load(self.letters / "example.ipynb")
        issue, rendering = examples.issue_of(
            letter,
            document,
            previous=previous and (previous, examples.sample("wind_solar_DE_LU.xml")),
            page_url=self.archive.page_url,
        )
        self.archive.commit(issue, rendering.files)
        self.archive.settle(issue)
        Post.open(self.archive, settings.load()).send(issue)
        return issue

    def rerender(self, issue, *, mail=False):
        """Render the issue again as the flow does, without Prefect; return the outcome."""
        (outcome,) = rerender.fn(issue, mail_correction=mail)
        return outcome

    def issue(self, outcome):
        """Return the issue that an outcome is about."""
        path = outcome.page.removeprefix(self.archive.url).removesuffix("/index.html")
        return self.archive.load(path)

    @property
    def mails(self):
        """The mails in the outbox, parsed."""
        files = sorted((self.home / "outbox").glob("*.eml"))
        return [
            email.message_from_bytes(file.read_bytes(), policy=email.policy.default)
            for file in files
        ]


@pytest.fixture
def desk(home, tmp_path, monkeypatch):
    """Make the home; its notebook has a mistake."""
    letters = tmp_path / "letters"
    letters.mkdir()
    monkeypatch.setenv("GRIDLETTER_NOTEBOOKS", str(letters))
    made = Desk(home, letters)
    made.write(41.2)
    return made


@pytest.fixture
def issue(desk):
    """Publish an issue, then mend the notebook."""
    made = desk.publish()
    desk.write(39.9)
    return made


def bytes_of(archive, issue):
    """Return what is written once of an issue, by name."""
    return {name: archive.file(issue, name) for name in issue.files} | {
        "issue.json": archive.store.get(f"{issue.path}/issue.json")
    }


# ── beside the old ─────────────────────────────────────────────────────────────────────────────


def test_a_correction_stands_beside_the_old(desk, issue):
    """Today's notebook makes a correction in the issue's folder; old files stay; no mail goes."""
    before = bytes_of(desk.archive, issue)
    outcome = desk.rerender(issue.issue_id)
    assert (outcome.state, outcome.mails, outcome.issue_id) == ("published", 0, issue.issue_id)
    correction = desk.issue(outcome)
    assert correction.corrects == issue.render_id
    assert correction.path == f"{issue.path}/{correction.render_id}"
    assert [change.label for change in correction.changes] == ["Peak"]
    assert correction.headline == "Solar peaks at 39.9 GW"
    assert bytes_of(desk.archive, issue) == before
    assert len(desk.mails) == len(READERS)
    page = desk.archive.store.get(f"{correction.path}/index.html").decode()
    assert "Correction" in page


def test_the_old_page_leads_to_the_correction(desk, issue):
    """Whoever opens the page that was corrected finds the new one."""
    correction = desk.issue(desk.rerender(issue.issue_id))
    page = desk.archive.store.get(f"{issue.path}/index.html").decode()
    assert f"{correction.render_id}/index.html" in page


def test_the_archived_parameters_are_given(desk):
    """The documents of then are given again, by reference; what the header sets is today's."""
    issue = desk.publish(INTRADAY, previous=desk.publish())
    earlier = desk.archive.load(issue.parameters["previous_payload"]["issue"])
    size = len(desk.archive.document(earlier))
    header = WITH_PREVIOUS["header"].replace("limit_mw: 5", "limit_mw: 7")
    desk.write(39.9, before="limit_mw * 1_000_000 + len(previous_payload)", header=header)
    correction = desk.issue(desk.rerender(issue.issue_id))
    assert correction.kpis[1].value == 7_000_000 + size
    assert correction.parameters == {**issue.parameters, "limit_mw": 7}
    assert (correction.previous, correction.supersedes) == (issue.previous, issue.supersedes)


def test_an_issue_is_named_by_id_path_or_page(desk, issue):
    """Each of them finds the issue in the archive."""
    first = desk.rerender(issue.issue_id)
    for name in (
        issue.path,
        f"https://news.example/grid/{issue.path}/index.html",
        str(desk.home / "archive" / issue.path),
        desk.issue(first).render_id,
    ):
        again = desk.rerender(name)
        assert (again.state, again.page) == ("duplicate", first.page)


def test_a_correction_of_a_correction_corrects_the_issue(desk, issue):
    """A second fix stands beside the first, and is about the issue as it was first."""
    first = desk.issue(desk.rerender(issue.issue_id))
    desk.write(38.1)
    second = desk.issue(desk.rerender(first.path))
    assert second.corrects == issue.render_id
    assert second.path == f"{issue.path}/{second.render_id}"
    assert desk.archive.load(first.path) == first


# ── nothing to do ──────────────────────────────────────────────────────────────────────────────


def test_the_same_notebook_has_nothing_to_do(desk):
    """Where source, templates and lock file are those of then, nothing runs, and that is said."""
    issue = desk.publish()
    outcome = desk.rerender(issue.issue_id)
    assert outcome.state == "skipped"
    assert "nothing to do" in outcome.reason


def test_what_comes_out_the_same_is_no_correction(desk, issue):
    """A fix that changes nothing for this issue's readers writes nothing."""
    write(desk.letters, f"{SOURCE.format(peak=41.2, before=0)}# mended", **WITH_PREVIOUS)
    files = set(desk.archive.store.list("issues"))
    outcome = desk.rerender(issue.issue_id)
    assert outcome.state == "skipped"
    assert "comes out the same" in outcome.reason
    assert set(desk.archive.store.list("issues")) == files


def test_a_correction_is_rendered_once(desk, issue):
    """Again without a further fix: the correction that stands is told, and nothing is written."""
    first = desk.rerender(issue.issue_id)
    before = bytes_of(desk.archive, desk.issue(first))
    again = desk.rerender(issue.issue_id)
    assert (again.state, again.page) == ("duplicate", first.page)
    assert bytes_of(desk.archive, desk.issue(first)) == before


@pytest.mark.parametrize(
    ("name", "said"),
    [("0" * 20, "has no issue"), ("issues/a/b/2026/01-01/" + "0" * 20, "has no issue")],
)
def test_an_unknown_issue_is_told(desk, name, said):
    """What the archive has not is an error that names the archive."""
    with pytest.raises(GridletterError, match=said):
        desk.rerender(name)


def test_a_notebook_that_fails_leaves_the_issue_as_it_is(desk, issue):
    """A fix that breaks the notebook is an error, and no half correction."""
    write(desk.letters, "1 / 0", **WITH_PREVIOUS)
    files = set(desk.archive.store.list(""))
    with pytest.raises(GridletterError, match="ZeroDivisionError"):
        desk.rerender(issue.issue_id)
    assert set(desk.archive.store.list("")) == files


# ── the mail ───────────────────────────────────────────────────────────────────────────────────


def corrections(desk):
    """Return the mails that say that they correct."""
    return [mail for mail in desk.mails if mail["Subject"].startswith("Correction: ")]


def test_a_correction_goes_to_those_who_got_the_issue_once(desk, issue):
    """Marked in subject and first line, an answer to the first mail, with an id of its own."""
    desk.directory.add([Subscriber("Late", "late@reader.example")])
    assert desk.rerender(issue.issue_id, mail=True).mails == 3
    assert desk.rerender(issue.issue_id, mail=True).mails == 0
    mails = desk.mails
    sent = [mail for mail in mails if mail["Subject"].startswith("Correction: ")]
    assert {mail["To"].addresses[0].addr_spec for mail in sent} == {
        f"{name}@reader.example" for name in READERS
    }
    assert len(sent) == 3
    first = {mail["To"]: mail["Message-ID"] for mail in mails if mail not in sent}
    for mail in sent:
        assert mail["Subject"].startswith("Correction: Solar peaks at 39.9 GW")
        text = mail.get_body(("plain",)).get_content()
        greeting, opening, *_ = filter(None, text.splitlines())
        assert greeting.startswith("Hello ")
        assert opening.startswith("Correction of the issue of ")
        assert "“Solar peaks at 41.2 GW”" in " ".join(text.split())
        assert mail["In-Reply-To"] == mail["References"] == first[mail["To"]]
        assert mail["Message-ID"] != first[mail["To"]]


def test_who_left_gets_no_correction(desk, issue):
    """An address that unsubscribed or was removed since gets none."""
    desk.ledger.suppress("bo@reader.example", "unsubscribed")
    desk.directory.remove("cy@reader.example")
    assert desk.rerender(issue.issue_id, mail=True).mails == 1
    assert [mail["To"].addresses[0].addr_spec for mail in corrections(desk)] == [
        "ada@reader.example"
    ]


def test_who_was_refused_the_issue_gets_no_correction(desk, monkeypatch):
    """Only who got the mistake needs to know that it was one."""
    with Sink([Fault("RCPT", "550 5.1.1 unknown", address="bo@reader.example")]) as sink:
        monkeypatch.setenv("GRIDLETTER_SMTP_URL", f"smtp://127.0.0.1:{sink.port}?security=none")
        issue = desk.publish()
        desk.write(39.9)
        desk.rerender(issue.issue_id, mail=True)
    assert sink.recipients == ["ada@reader.example"] * 2 + ["cy@reader.example"] * 2


def test_a_correction_can_be_mailed_later(desk, issue):
    """Rendered first and read over, it is sent by asking for that."""
    desk.rerender(issue.issue_id)
    assert corrections(desk) == []
    outcome = desk.rerender(issue.issue_id, mail=True)
    assert (outcome.state, outcome.mails) == ("duplicate", 3)


def test_an_interrupted_correction_is_resumed(desk, issue, monkeypatch):
    """Where the server was away, `resume` sends what is open of the correction, to each once."""

    def away(*_, **__):
        raise MailServerUnavailable("it is away", remedy="Wait.")

    with monkeypatch.context() as patch:
        patch.setenv("GRIDLETTER_SMTP_URL", "smtp://127.0.0.1:9?security=none")
        patch.setattr("flows.sending.send.deliver", away)
        with pytest.raises(MailServerUnavailable):
            desk.rerender(issue.issue_id, mail=True)
    with Sink() as sink:
        monkeypatch.setenv("GRIDLETTER_SMTP_URL", f"smtp://127.0.0.1:{sink.port}?security=none")
        (outcome,) = resume.fn()
        assert outcome.mails == 3
    assert sink.recipients == [f"{name}@reader.example" for name in READERS]


def test_an_issue_that_is_still_being_sent_is_not_corrected_by_mail(desk, issue):
    """Who has not got the issue yet would get the mistake after its correction: refused, told."""
    with closing(sqlite3.connect(desk.home / "ledger.db")) as database, database:
        database.execute("UPDATE delivery SET state = 'pending', due = 0 WHERE email LIKE 'bo@%'")
    with pytest.raises(GridletterError, match="gridletter resume"):
        desk.rerender(issue.issue_id, mail=True)
    assert corrections(desk) == []


# ── the command ────────────────────────────────────────────────────────────────────────────────


@pytest.mark.usefixtures("prefect")
def test_it_runs_as_a_flow(desk, issue):
    """On a real Prefect API each issue is a flow run; one that fails keeps none of the others."""
    names = ["0" * 20, issue.issue_id]
    made = list(rerender_issues(names, settings.load(), mail_correction=True))
    assert [name for name, _ in made] == names
    (failed,), (published,) = (outcomes for _, outcomes in made)
    assert (failed.state, published.state, published.mails) == ("failed", "published", 3)
    assert "has no issue" in failed.reason


def test_the_command_says_what_came_of_each(monkeypatch):
    """Exit code 1 where one failed; a line for each, or a JSON object; mails only when asked."""
    asked = []

    def rendered(names, _, *, mail_correction):
        asked.append(mail_correction)
        for name in names:
            state = "failed" if name == "bad" else "published"
            yield name, [Outcome(state, "load", "DE_LU", page=f"{name}.html", mails=3)]

    monkeypatch.setattr("flows.local.rerender_issues", rendered)
    run = functools.partial(CliRunner().invoke, app)
    done = run(["rerender", "--json", "good", "bad"])
    assert [json.loads(line)["state"] for line in done.stdout.splitlines()] == [
        "published",
        "failed",
    ]
    assert done.exit_code == 1
    again = run(["rerender", "--mail-correction", "good"])
    assert (again.exit_code, asked) == (0, [False, True])
    assert again.stdout == "published  load DE_LU: good.html (3 mails)\n"
