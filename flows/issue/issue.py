"""The issue as a record: what `issue.json` holds, and where the issue stands in the archive."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, JsonValue

from flows.issue.change import Change
from flows.issue.identity import correction_id, slug
from flows.issue.inert import Line
from flows.notebook.parts import Kpi

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flows.document import MarketDocument
    from flows.document import Zone as DocumentZone

DOCUMENT_FILE = "document.xml"
# docStatus codes (ENTSO-E code list StandardStatusTypeList) of figures still to be settled.
_PROVISIONAL = frozenset({"A01", "X01"})


def _utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC)


Utc = Annotated[AwareDatetime, AfterValidator(_utc)]
Id = Annotated[str, Field(pattern=r"^[0-9a-f]{20}$")]


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Zone(_Record):
    """A bidding zone or control area: EIC, entsoe-py's code for it, name, IANA time zone."""

    eic: Line
    code: Line
    name: Line
    tz: str

    @classmethod
    def of(cls, zone: DocumentZone) -> Zone:
        """Return the record of a document's zone."""
        return cls(eic=zone.eic, code=zone.code, name=zone.name, tz=zone.tz)


class Figure(_Record):
    """A chart's files beside the page (`dark_name` None where drawn once), and its words."""

    name: Annotated[str, Field(pattern=r"^chart-\d+\.png$")]
    dark_name: Annotated[str, Field(pattern=r"^chart-\d+-dark\.png$")] | None
    cid: Annotated[str, Field(pattern=r"^[\w.-]+@[\w.-]+$")]
    alt: Line
    width_px: int
    height_px: int


class Issue(_Record):
    """One newsletter about one revision of one market document.

    Times are UTC. `parameters` holds what was injected into the notebook; a market document stands
    there by its place: `{"file": "document.xml"}`, with `"issue"`, the path of the issue whose
    document it is, where that is another one. `files` maps the name of each file beside
    `issue.json` to its SHA-256.

    `changes` is what moved since the issue `compared_with`: the one that this one supersedes, else
    the one before it. A correction has the same `issue_id` as what it `corrects`, and names the
    first rendering of it by its `render_id`; it is compared with that one. `styled` says that the
    article has style attributes, which a page's Content Security Policy has to let in. `versions`
    says what the figures depend on: Python, packages, and the hashes of lock file, notebook source
    and templates.
    """

    schema_version: Literal[1] = 1
    issue_id: Id
    render_id: Id
    newsletter: Line
    title: Line
    zone: Zone
    counter_zone: Zone | None
    document_key: str
    document_type: Line
    document_type_name: Line
    process_type: Line | None
    process_type_name: Line | None
    mrid: Line
    revision: int
    created: Utc
    start: Utc
    end: Utc
    provisional: bool
    headline: Line
    lede: Line
    kpis: tuple[Kpi, ...]
    figures: tuple[Figure, ...]
    published: Utc
    supersedes: Id | None
    previous: Id | None
    corrects: Id | None
    compared_with: Id | None
    changes: tuple[Change, ...]
    styled: bool
    parameters: dict[str, JsonValue]
    versions: dict[str, str]
    files: dict[str, str]

    @property
    def path(self) -> str:
        """`issues/<newsletter>/<zone>/<yyyy>/<mm-dd>/<issue_id>`, the day in the zone's time.

        Relative to the archive; each component is a slug. A correction stands in there, in a folder
        named by its `render_id`.
        """
        day = self.start.astimezone(ZoneInfo(self.zone.tz))
        return "/".join(
            (
                "issues",
                slug(self.newsletter),
                slug(self.zone.code),
                f"{day.year:04d}",
                f"{day.month:02d}-{day.day:02d}",
                self.issue_id,
                *([self.render_id] if self.corrects else []),
            )
        )

    @property
    def delivery_id(self) -> str:
        """What the ledger knows its mails by, and Message-IDs begin with: sent once by this id."""
        if self.corrects is None:
            return self.issue_id
        return correction_id(self.issue_id, self.render_id)

    @property
    def subject(self) -> str:
        """The mail's subject: headline and place, marked where it replaces an earlier one."""
        if self.corrects is not None:
            return f"Correction: {self.headline} · {self.place}"
        return f"{self.headline} · {self.place}{' (update)' if self.supersedes else ''}"

    @property
    def place(self) -> str:
        """The zone's name or, for a border, both: energy goes from the counter zone to the zone."""
        if self.counter_zone is None:
            return self.zone.name
        return f"{self.counter_zone.name} → {self.zone.name}"


def is_provisional(document: MarketDocument) -> bool:
    """Return whether the document's docStatus calls its figures intermediate or estimated."""
    return document.status in _PROVISIONAL


def recorded(parameters: Mapping[str, JsonValue], document_xml: str) -> dict[str, JsonValue]:
    """Return `parameters` for the record: the document itself by the name of its file."""
    return {
        name: {"file": DOCUMENT_FILE} if value == document_xml else value
        for name, value in parameters.items()
    }


def reference(issue: Issue) -> dict[str, JsonValue]:
    """Return how another issue's record names the document of `issue`."""
    return {"issue": issue.path, "file": DOCUMENT_FILE}
