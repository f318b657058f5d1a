"""Write market documents in the form in which the Transparency Platform publishes them.

Element names and their order follow IEC 62325-451 as the platform fills it; a curve of type A03
leaves out each value that repeats the one before.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from lxml import etree

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

NAMESPACE = "urn:iec62325.351:tc57wg16:{}"
PLATFORM = "10X1001A1001A450"
RESOLUTIONS = {"PT1M": timedelta(minutes=1), "PT15M": timedelta(minutes=15)}


@dataclass(frozen=True)
class Period:
    """Values from `start`, one each `resolution`."""

    start: datetime
    resolution: str
    values: Sequence[float]

    @property
    def end(self) -> datetime:
        """The end of the last value's interval."""
        return self.start + len(self.values) * RESOLUTIONS[self.resolution]


@dataclass(frozen=True)
class Series:
    """One TimeSeries: its elements up to the periods as (name, text), then the periods."""

    head: Sequence[tuple[str, str]]
    periods: Sequence[Period]
    psr_type: str = ""
    period_name: str = "Period"
    value_name: str = "quantity"


@dataclass(frozen=True)
class Document:
    """One market document; `schema` ends its namespace, `interval` is its period's element."""

    root: str
    schema: str
    interval: str
    document_type: str
    created: datetime
    series: Sequence[Series]
    process_type: str = ""
    revision: int = 1
    mrid: str = ""
    status: str = ""
    reason: tuple[str, str] | None = None


def write(document: Document, label: str) -> bytes:
    """Return `document` as UTF-8 XML with `label` as a comment before its root element."""
    root = etree.Element(document.root, nsmap={None: NAMESPACE.format(document.schema)})
    root.addprevious(etree.Comment(f" {label} "))
    process = [("process.processType", document.process_type)] if document.process_type else []
    _add(root, [
        ("mRID", document.mrid or _mrid(document)),
        ("revisionNumber", str(document.revision)),
        ("type", document.document_type),
        *process,
        ("sender_MarketParticipant.mRID", PLATFORM),
        ("sender_MarketParticipant.marketRole.type", "A32"),
        ("receiver_MarketParticipant.mRID", PLATFORM),
        ("receiver_MarketParticipant.marketRole.type", "A33"),
        ("createdDateTime", f"{document.created:%Y-%m-%dT%H:%M:%SZ}"),
    ])  # fmt: skip
    periods = [period for series in document.series for period in series.periods]
    _interval(root, document.interval, min(p.start for p in periods), max(p.end for p in periods))
    if document.status:
        _add(etree.SubElement(root, "docStatus"), [("value", document.status)])
    for number, series in enumerate(document.series, start=1):
        _series(root, number, series)
    if document.reason is not None:
        code, text = document.reason
        _add(etree.SubElement(root, "Reason"), [("code", code), ("text", text)])
    return etree.tostring(
        root.getroottree(), encoding="UTF-8", xml_declaration=True, pretty_print=True
    )


def _series(root: etree._Element, number: int, series: Series) -> None:
    node = etree.SubElement(root, "TimeSeries")
    _add(node, [("mRID", str(number)), *series.head])
    if series.psr_type:
        _add(etree.SubElement(node, "MktPSRType"), [("psrType", series.psr_type)])
    for period in series.periods:
        inside = etree.SubElement(node, series.period_name)
        _interval(inside, "timeInterval", period.start, period.end)
        _add(inside, [("resolution", period.resolution)])
        for position, value in _points(period.values):
            _add(etree.SubElement(inside, "Point"), [
                ("position", str(position)), (series.value_name, f"{value:.10g}"),
            ])  # fmt: skip


def _points(values: Sequence[float]) -> Iterable[tuple[int, float]]:
    before: float | None = None
    for position, value in enumerate(values, start=1):
        if value != before:
            yield position, value
        before = value


def _interval(parent: etree._Element, name: str, start: datetime, end: datetime) -> None:
    node = etree.SubElement(parent, name)
    _add(node, [("start", f"{start:%Y-%m-%dT%H:%MZ}"), ("end", f"{end:%Y-%m-%dT%H:%MZ}")])


def _add(parent: etree._Element, elements: Iterable[tuple[str, str]]) -> None:
    for name, text in elements:
        node = etree.SubElement(parent, name)
        node.text = text
        if name.endswith(".mRID"):
            node.set("codingScheme", "A01")
        elif name.endswith(".nominalP"):
            node.set("unit", "MAW")


def _mrid(document: Document) -> str:
    text = f"{document.document_type} {document.process_type} {document.created} {document.series}"
    return hashlib.sha256(text.encode()).hexdigest()[:32]
