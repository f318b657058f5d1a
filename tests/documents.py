"""Market documents and messages for tests, written as the platform writes them.

    document(series([1, 2, 3]), document_type="A75")               # XML text
    series({1: 5, 4: 7}, resolution="PT60M", curve="A03")          # values by position
    series(period([1, 2], …), period({1: 3}, …))                   # several periods
    prices([10, 20], sequence=2)                                   # a series of an A44
    envelope(document(…), document(…))                             # SOAP message
    with soon(): …                                                 # hostile input

What a test does not name is that of a day-ahead wind and solar forecast for Germany–Luxembourg
from 14 June 2024, 22:00Z, for 24 hours.
"""

from __future__ import annotations

import base64
import gzip
import io
import time
import zipfile
from contextlib import contextmanager
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    Values = Sequence[object] | Mapping[int, object]

START, END = "2024-06-14T22:00Z", "2024-06-15T22:00Z"
DE_LU, NL, BE, AT = "10Y1001A1001A82H", "10YNL----------L", "10YBE----------2", "10YAT-APG------L"
DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n'
NAMESPACES = {
    "GL": "urn:iec62325.351:tc57wg16:451-6:generationloaddocument:3:0",
    "Publication": "urn:iec62325.351:tc57wg16:451-3:publicationdocument:7:3",
    "Unavailability": "urn:iec62325.351:tc57wg16:451-6:outagedocument:3:0",
    "Balancing": "urn:iec62325.351:tc57wg16:451-6:balancingdocument:4:1",
    "Acknowledgement": "urn:iec62325.351:tc57wg16:451-1:acknowledgementdocument:7:0",
}
_PERIOD_NAMES = {"GL": "time_Period", "Unavailability": "unavailability_Time_Period"}


def element(name: str, text: object, attributes: str = "") -> str:
    """One element with `text` escaped; None gives no element."""
    return "" if text is None else f"<{name}{attributes}>{escape(str(text))}</{name}>"


def area(name: str, eic: str) -> str:
    """The element that names an area, as `inBiddingZone_Domain` does."""
    return element(f"{name}.mRID", eic, ' codingScheme="A01"')


def into(eic: str) -> str:
    """Generation: what feeds the zone."""
    return area("inBiddingZone_Domain", eic)


def out_of(eic: str) -> str:
    """Load, or the consumption of a storage: what leaves the zone."""
    return area("outBiddingZone_Domain", eic)


def border(to: str, source: str) -> str:
    """A border; both the same is how prices name their zone."""
    return area("in_Domain", to) + area("out_Domain", source)


def interval(start: str, end: str, name: str = "timeInterval") -> str:
    """One time interval."""
    return f"<{name}>{element('start', start)}{element('end', end)}</{name}>"


def point(position: object, *fields: str) -> str:
    """One point with these elements beside its position."""
    return f"<Point>{element('position', position)}{''.join(fields)}</Point>"


def period(
    body: Values | str,
    *,
    start: str = START,
    end: str = END,
    resolution: str = "PT15M",
    value: str = "quantity",
    name: str = "Period",
) -> str:
    """One period of points as XML, or of values from position 1 on or at positions; None: none."""
    if not isinstance(body, str):
        at = body if hasattr(body, "items") else dict(enumerate(body, 1))
        body = "".join(point(position, element(value, number)) for position, number in at.items())
    return f"<{name}>{interval(start, end)}{element('resolution', resolution)}{body}</{name}>"


def series(
    *bodies: Values | str,
    where: str | None = None,
    business_type: object = "A94",
    psr_type: str | None = "B16",
    unit: str | None = "MAW",
    curve: str | None = "A03",
    head: str = "",
    number: object = 1,
    **of_period: str,
) -> str:
    """One TimeSeries of these periods, or of one period with these values."""
    periods = "".join(
        body if isinstance(body, str) and body.startswith("<") else period(body, **of_period)
        for body in bodies
    )
    kind = f"<MktPSRType>{element('psrType', psr_type)}</MktPSRType>" if psr_type else ""
    area_of = into(DE_LU) if where is None else where
    return (
        f"<TimeSeries>{element('mRID', number)}{element('businessType', business_type)}"
        f"{area_of}{head}{element('quantity_Measure_Unit.name', unit)}"
        f"{element('curveType', curve)}{kind}{periods}</TimeSeries>"
    )


def prices(
    *bodies: Values | str, zone: str = DE_LU, sequence: int | None = None, **of_series: str
) -> str:
    """One TimeSeries of day-ahead prices in EUR/MWh."""
    head = (
        element("contract_MarketAgreement.type", "A01")
        + element("classificationSequence_AttributeInstanceComponent.position", sequence)
        + element("currency_Unit.name", "EUR")
        + element("price_Measure_Unit.name", "MWH")
    )
    fields = {"where": border(zone, zone), "business_type": "A62", "value": "price.amount"}
    return series(*bodies, head=head, psr_type=None, unit=None, **(fields | of_series))


def document(
    *content: str,
    family: str = "GL",
    document_type: object = "A69",
    process_type: str | None = "A01",
    mrid: object = "document-1",
    revision: object = 1,
    created: object = "2024-06-14T16:00:00Z",
    start: str = START,
    end: str = END,
    prefix: str = "",
    head: str = "",
) -> str:
    """One market document; with `prefix` each of its elements has that namespace prefix."""
    period_name = _PERIOD_NAMES.get(family, "period")
    fields = (
        element("mRID", mrid)
        + element("revisionNumber", revision)
        + element("type", document_type)
        + element("process.processType", process_type)
        + element("createdDateTime", created)
        + head
        + interval(start, end, f"{period_name}.timeInterval")
    )
    root = f"{family}_MarketDocument"
    text = f'<{root} xmlns="{NAMESPACES[family]}">{fields}{"".join(content)}</{root}>'
    if prefix:
        text = text.replace("</", "\0").replace("<", f"<{prefix}:").replace("\0", f"</{prefix}:")
        text = text.replace("xmlns=", f"xmlns:{prefix}=")
    return DECLARATION + text


def price_document(*content: str, **fields: str) -> str:
    """One document of day-ahead prices."""
    names = {"family": "Publication", "document_type": "A44", "process_type": None}
    return document(*content, **(names | fields))


def envelope(*payloads: str, prefix: str = "env") -> str:
    """One push message: each payload is a market document, or text that stands for one."""
    bodies = "".join(
        f"<msg:Payload>{payload.removeprefix(DECLARATION)}</msg:Payload>" for payload in payloads
    )
    return (
        f'{DECLARATION}<{prefix}:Envelope xmlns:{prefix}="http://www.w3.org/2003/05/soap-envelope"'
        ' xmlns:msg="http://iec.ch/TC57/2011/schema/message">'
        f"<{prefix}:Header/><{prefix}:Body><msg:RequestMessage><msg:Header>"
        "<msg:Verb>created</msg:Verb><msg:Noun>MarketDocument</msg:Noun></msg:Header>"
        f"{bodies}</msg:RequestMessage></{prefix}:Body></{prefix}:Envelope>"
    )


def in_base64(data: bytes) -> str:
    """`data` as base64 text."""
    return base64.b64encode(data).decode()


def gzipped(text: str) -> str:
    """`text` packed as gzip, in base64."""
    return in_base64(gzip.compress(text.encode()))


def zipped(**texts: str) -> str:
    """The texts packed as members of a zip file, in base64; `a_xml` is the member `a.xml`."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in texts.items():
            archive.writestr(name.replace("_", "."), text)
    return in_base64(target.getvalue())


def brief(value: object) -> str:
    """An id of a parametrized test that shows how `value` begins."""
    return repr(value)[:40]


@contextmanager
def soon(seconds: float = 1.0):
    """Fail if the block needs more of the processor; a bound for hostile input, no benchmark.

    What this thread used is counted, so that a busy machine fails no test.
    """
    began = time.thread_time()
    yield
    assert time.thread_time() - began < seconds
