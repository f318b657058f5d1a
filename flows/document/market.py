"""Market documents (IEC 62325-451): XML in, one MarketDocument for each zone or border out."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from lxml import etree

from flows.document.document_header import (
    Acknowledgement,
    read_acknowledgement,
    read_document_header,
)
from flows.document.fields import Fields
from flows.document.frame import gather
from flows.document.outage import Outage, read_outage
from flows.document.series import MAX_VALUES, read_blocks, settle
from flows.document.series_header import PERIODS, read_series_header
from flows.document.strict_xml import children, fault, local, parse
from flows.document.zones import Zone, zone

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    import pandas as pd

    from flows.document.document_header import DocumentHeader
    from flows.document.frame import Columns
    from flows.document.series import Block
    from flows.document.series_header import SeriesHeader

__all__ = ["Acknowledgement", "MarketDocument", "read"]

MAX_ZONES = 500
"""Most zones and borders in one document; Europe has about 60 zones and 120 borders."""

_OUTAGES = "Unavailability_MarketDocument"
_ACKNOWLEDGEMENT = "Acknowledgement_MarketDocument"


@dataclass(frozen=True, eq=False)
class MarketDocument:
    """One market document about one zone, or about one border.

    Attributes:
        root: family, such as "GL_MarketDocument".
        document_type: what it is about: "A69" wind and solar forecast (Regulation (EU) 543/2013,
            article 14.1.d), "A44" prices (12.1.d), "A65" load (6.1), "A75" generation by type
            (16.1.b–c), "A77"/"A80" unavailability (15.1), "A11" physical flows (12.1.g) …
        process_type: at which stage: "A01" day-ahead, "A16" realised …; prices have none.
        business_types: codes of its series, sorted.
        psr_types: production types of its series, sorted.
        agreement_types: market agreements of its series, sorted: "A01" daily, "A07" intraday …
        mrid: the document's id; the platform gives most documents a new one at each answer.
        revision: 1 where the document has none.
        created: when the platform made it (UTC).
        start: beginning of the document's period (UTC).
        end: end of the document's period (UTC).
        zone: what it is about; of a border the zone that the energy flows into.
        counter_zone: of a border the zone that the energy comes from, else None.
        status: docStatus code ("A01" intermediate, "A02" final, "A09" cancelled, "A13"
            withdrawn …), None where it has none.
        outages: what an unavailability document says beside its capacities, else ().
        xml: this zone's document alone: text, to be encoded as UTF-8. `read` gives it back equal.
        columns: what `frame` is made of.
        frame: one row per value, series by series in the order of the document, each by time:

            - `start`, `end` (datetime64[ns, UTC]): when the value holds, end excluded.
            - `value` (float64): in `unit`; NaN where it is missing.
            - `unit`: "MW", "MWh", "EUR/MWh" … or None.
            - `measure`: "quantity", "price", "secondary_quantity", "imbalance_price",
              "activation_price", "financial_price", "wind_power_feedin" …
            - `psr_type`: production type ("B16") or None.
            - `direction`: "in" (feeds the zone), "out" (leaves it: load, a storage's
              consumption), "up", "down", "symmetric" (balancing energy), "income", "expenditure"
              (settlement) or None.
            - `sequence`: number of the auction, None outside auctions.
            - `currency`, `resolution` ("PT15M"), `business_type`, `agreement_type`.
            - `category`: of an imbalance price, "A04" long, "A05" short; or None.
            - `resource`: EIC of the unit or the line; or None.

            All but the first three hold plain str, int or None. In an unavailability document
            `value` is the capacity that is left, one row per step.
    """

    root: str
    document_type: str
    process_type: str | None
    business_types: tuple[str, ...]
    psr_types: tuple[str, ...]
    agreement_types: tuple[str, ...]
    mrid: str
    revision: int
    created: datetime
    start: datetime
    end: datetime
    zone: Zone
    counter_zone: Zone | None
    status: str | None
    outages: tuple[Outage, ...]
    xml: str = field(repr=False)
    columns: Columns = field(repr=False)

    @cached_property
    def frame(self) -> pd.DataFrame:
        """One row per value, as the class says; made when first asked."""
        return self.columns.frame()

    @property
    def key(self) -> str:
        """What the document is about, the same for each revision of it.

        The platform gives a document a new mRID whenever it is asked, so types, zone and period
        make the key. The mRID of an outage is stable, and its period is not: there it is the mRID.
        """
        about = [self.document_type, self.process_type or "-", self.zone.eic]
        if self.counter_zone is not None:
            about.append(self.counter_zone.eic)
        if self.root == _OUTAGES:
            return " ".join([*about, self.mrid])
        types = (self.business_types, self.psr_types, self.agreement_types)
        about += ["+".join(codes) or "-" for codes in types]
        # A document about one unit, or about a later auction alone, is not the one about all.
        resources = self.columns.distinct("resource")
        sequences = self.columns.distinct("sequence")
        about.append(resources.pop() if len(resources) == 1 else "-")
        about.append(str(min(sequences, default="-")))
        return " ".join([*about, self.start.isoformat(), self.end.isoformat()])

    @property
    def local_frame(self) -> pd.DataFrame:
        """`frame` with `start` and `end` on the zone's clock; autumn has both hours from 02:00."""
        return self.frame.assign(
            start=self.frame["start"].dt.tz_convert(self.zone.tz),
            end=self.frame["end"].dt.tz_convert(self.zone.tz),
        )


def read(xml: bytes | str) -> tuple[MarketDocument, ...] | Acknowledgement:
    """Return the documents in `xml`: one for each zone or border, in order of appearance.

    An empty document gives (). Curves A03 are filled inside their periods, gaps of curves A01 and
    points without a value are NaN. Where values of one series overlap, be it in two periods or in
    the same series twice, the one that stands later holds; series with different auction
    sequences, agreements or resolutions are different series.

    Raises:
        DocumentError: malformed, truncated or contradictory; `data` has `line` and `element`.

    """
    root = parse(xml)
    family = local(root)
    if family == _ACKNOWLEDGEMENT:
        return read_acknowledgement(root)
    if not family.endswith("_MarketDocument"):
        raise fault(root, "is no market document of IEC 62325")
    elements = children(root, "TimeSeries")
    if not elements:
        return ()
    document = read_document_header(root)
    groups: dict[tuple[str, str | None], list[SeriesHeader]] = {}
    for element in elements:
        header = read_series_header(Fields(element, without=PERIODS), document)
        groups.setdefault((header.zone, header.counter_zone), []).append(header)
    if len(groups) > MAX_ZONES:
        raise fault(root, f"has {len(groups)} zones and borders, more than {MAX_ZONES}")
    contents: list[tuple[Columns, tuple[Outage, ...]]] = []
    room = MAX_VALUES
    for group in groups.values():
        contents.append(_read_values(group, document, room))
        room -= len(contents[-1][0])
    texts = _split(root, [[header.fields.element for header in group] for group in groups.values()])
    return tuple(
        _document(document, group, *content, text)
        for group, content, text in zip(groups.values(), contents, texts, strict=True)
    )


def _read_values(
    group: list[SeriesHeader], document: DocumentHeader, room: int
) -> tuple[Columns, tuple[Outage, ...]]:
    """Return the values of one zone or border, and the outages that they belong to."""
    is_outage = document.root == _OUTAGES
    tz = zone(group[0].zone).tz
    blocks: list[Block] = []
    for header in group:
        read = read_blocks(header, tz, steps=is_outage, room=room)
        room -= sum(len(block.values) for block in read)
        blocks += read
    settled = settle(blocks, lambda block: (block.header.identity, block.resolution, block.kind))
    outages = [read_outage(header, document) for header in group] if is_outage else []
    return gather(settled), tuple(outages)


def _split(root: etree._Element, groups: list[list[etree._Element]]) -> list[str]:
    """Return for each group of TimeSeries the document with these alone; takes `root` apart."""
    if len(groups) == 1:
        return [_serialise(root)]
    at = root.index(groups[0][0])
    for element in children(root, "TimeSeries"):
        root.remove(element)
    texts = []
    for group in groups:
        alone = deepcopy(root)
        alone[at:at] = group
        texts.append(_serialise(alone))
    return texts


def _serialise(root: etree._Element) -> str:
    return etree.tostring(root, encoding="UTF-8", xml_declaration=True).decode()


def _document(
    document: DocumentHeader,
    headers: list[SeriesHeader],
    columns: Columns,
    outages: tuple[Outage, ...],
    xml: str,
) -> MarketDocument:
    into, counter = headers[0].zone, headers[0].counter_zone
    return MarketDocument(
        root=document.root,
        document_type=document.document_type,
        process_type=document.process_type,
        business_types=_codes(header.business_type for header in headers),
        psr_types=_codes(header.psr_type for header in headers),
        agreement_types=_codes(header.agreement_type for header in headers),
        mrid=document.mrid,
        revision=document.revision,
        created=document.created,
        start=document.period[0],
        end=document.period[1],
        zone=zone(into),
        counter_zone=zone(counter) if counter else None,
        status=document.status,
        outages=outages,
        xml=xml,
        columns=columns,
    )


def _codes(codes: Iterable[str | None]) -> tuple[str, ...]:
    return tuple(sorted({code for code in codes if code}))
