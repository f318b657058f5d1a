"""Real documents: every value against an expansion of the XML by plain loops, and entsoe-py's."""

from __future__ import annotations

import math
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from xml.etree import ElementTree as ET

import pandas as pd
import pytest
from entsoe import parsers
from entsoe.mappings import PSRTYPE_MAPPINGS

from flows.document import Acknowledgement, MarketDocument, read

FOLDER = Path(__file__).parents[2] / "shared" / "documents"
STEPS = {"PT4S": 4, "PT1M": 60, "PT15M": 900, "PT30M": 1800, "PT60M": 3600}
TYPES = ("A69", "A75", "A65", "A44", "A11")

pytestmark = [
    pytest.mark.skipif(not FOLDER.is_dir(), reason="the real documents are not here"),
    # entsoe-py's own, about how it uses pandas and BeautifulSoup.
    pytest.mark.filterwarnings("ignore::Warning:entsoe.*"),
    pytest.mark.filterwarnings("ignore::bs4.XMLParsedAsHTMLWarning"),
]


def texts() -> dict[str, bytes]:
    """Every document by the name of its file, and of its member where that is an archive."""
    found = {path.stem: path.read_bytes() for path in sorted(FOLDER.glob("*.xml"))}
    for path in sorted(FOLDER.glob("*.zip")):
        with zipfile.ZipFile(path) as archive:
            found |= {f"{path.stem}/{name}": archive.read(name) for name in archive.namelist()}
    return found


DOCUMENTS = texts() if FOLDER.is_dir() else {}


def parse(xml: bytes) -> ET.Element:
    return ET.fromstring(xml)  # noqa: S314 - known documents, and independent of lxml


def elements(xml: bytes) -> list[ET.Element]:
    return parse(xml).findall("{*}TimeSeries")


def type_of(name: str) -> str:
    return parse(DOCUMENTS[name]).findtext("{*}type", default="")


def only(kinds: tuple[str, ...]) -> list[str]:
    return [name for name in DOCUMENTS if type_of(name) in kinds]


def one(name: str) -> MarketDocument:
    (found,) = read(DOCUMENTS[name])
    return found


def moment(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%dT%H:%MZ").replace(tzinfo=UTC)


def expand(xml: bytes) -> list[tuple[datetime, float]]:
    """(start, value) of every interval of every period, by plain loops over ElementTree.

    Each real document of these types has curve type A03 and steps of equal length.
    """
    rows: list[tuple[datetime, float]] = []
    for series in elements(xml):
        assert series.findtext("{*}curveType") == "A03"
        for period in series.findall("{*}Period"):
            start = moment(period.find("{*}timeInterval/{*}start").text)
            end = moment(period.find("{*}timeInterval/{*}end").text)
            resolution = period.findtext("{*}resolution")
            days = {"P1D": 1, "P7D": 7}.get(resolution, 0)
            step = timedelta(days=days) or timedelta(seconds=STEPS[resolution])
            stated = {
                int(point.findtext("{*}position")): float(
                    point.findtext("{*}quantity") or point.findtext("{*}price.amount")
                )
                for point in period.findall("{*}Point")
            }
            value, position = math.nan, 1
            while start < end:
                value = stated.get(position, value)
                rows.append((start, value))
                start += step
                position += 1
    return rows


@pytest.mark.parametrize("name", only(TYPES))
def test_values_are_those_of_the_xml(name):
    """Count, sum and each single value of the frame equal an independent expansion of the XML."""
    expected = expand(DOCUMENTS[name])
    frame = one(name).frame
    assert len(frame) == len(expected)
    assert frame["value"].sum() == pytest.approx(math.fsum(value for _, value in expected))
    found = zip(frame["start"].dt.to_pydatetime(), frame["value"], strict=True)
    assert sorted(found) == sorted(expected)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_document_reads_and_comes_back_from_its_own_xml(name):
    """Each real document reads, and the XML it keeps gives it back equal."""
    found = read(DOCUMENTS[name])
    if isinstance(found, Acknowledgement):
        assert [code for code, _ in found.reasons] == ["999"]
        return
    (document,) = found
    (again,) = read(document.xml)
    assert again.frame.equals(document.frame)
    assert (again.key, again.xml, again.outages) == (document.key, document.xml, document.outages)
    assert len(document.frame)


def by_start(frame: pd.DataFrame) -> pd.Series:
    return frame.set_index("start")["value"].sort_index()


def same(ours: pd.Series, theirs: pd.Series) -> None:
    pd.testing.assert_series_equal(
        ours.astype(float),
        theirs.astype(float).tz_convert("UTC"),
        check_names=False,
        check_freq=False,
        check_index_type=False,
    )


@pytest.mark.parametrize("name", only(("A44",)))
def test_prices_are_those_of_entsoe(name):
    """Prices by resolution equal those of entsoe-py's parser."""
    frame = one(name).frame
    theirs = parsers.parse_prices(DOCUMENTS[name].decode())
    for resolution, freq in (("PT15M", "15min"), ("PT30M", "30min"), ("PT60M", "60min")):
        ours = by_start(frame[frame["resolution"] == resolution])
        assert len(ours) == len(theirs[freq])
        if len(ours):
            same(ours, theirs[freq])


@pytest.mark.parametrize("name", only(("A69", "A75")))
def test_generation_is_that_of_entsoe(name):
    """Generation and consumption by type equal those of entsoe-py's parser."""
    frame = one(name).frame
    theirs = parsers.parse_generation(DOCUMENTS[name].decode())
    if isinstance(theirs, pd.Series):
        same(by_start(frame), theirs)
        return
    metrics = {"in": "Actual Aggregated", "out": "Actual Consumption"}
    columns = {}
    for (psr_type, direction), part in frame.groupby(["psr_type", "direction"]):
        label = PSRTYPE_MAPPINGS[psr_type]
        columns[label if theirs.columns.nlevels == 1 else (label, metrics[direction])] = part
    assert set(columns) == set(theirs.columns)
    for label, part in columns.items():
        same(by_start(part), theirs[label].dropna())


@pytest.mark.parametrize(
    "name", [n for n in only(("A65",)) if "month" not in n and "week_ahead" not in n]
)
def test_load_is_that_of_entsoe(name):
    """Load equals that of entsoe-py's parser."""
    theirs = parsers.parse_loads(DOCUMENTS[name].decode(), process_type="A01")
    same(by_start(one(name).frame), theirs["Forecasted Load"])


@pytest.mark.parametrize("name", only(("A11",)))
def test_flows_are_those_of_entsoe(name):
    """Physical flows equal those of entsoe-py's parser."""
    same(by_start(one(name).frame), parsers.parse_crossborder_flows(DOCUMENTS[name].decode()))


@pytest.mark.parametrize("name", only(("A85",)))
def test_imbalance_prices_are_those_of_entsoe(name):
    """Imbalance prices by category equal those of entsoe-py's parser."""
    frame = one(name).frame
    theirs = parsers.parse_imbalance_prices(DOCUMENTS[name].decode())
    for category, label in (("A04", "Long"), ("A05", "Short")):
        same(by_start(frame[frame["category"] == category]), theirs[label])


@pytest.mark.parametrize("name", only(("A80",)))
def test_outages_are_those_of_entsoe(name):
    """Unit, nominal power, status and each step of an outage equal those of entsoe-py's parser."""
    document = one(name)
    (outage,) = document.outages
    rows = parsers._outage_parser(
        DOCUMENTS[name], parsers.HEADERS_UNAVAIL_GEN, parsers._unavailability_gen_ts
    )
    status = {
        None: "active",
        "Active": "active",
        "Cancelled": "cancelled",
        "Withdrawn": "withdrawn",
    }
    first = rows.iloc[0]
    assert outage.mrid == first["mrid"]
    assert outage.revision == first["revision"]
    assert outage.status == status[first["docstatus"]]
    assert outage.unit_name == first["production_resource_psr_name"]
    assert outage.nominal_mw == pytest.approx(first["nominal_power"], nan_ok=True)
    assert outage.planned == (first["businesstype"] == "Planned maintenance")
    assert document.frame["start"].tolist() == rows["start"].tolist()
    assert document.frame["end"].tolist() == rows["end"].tolist()
    assert document.frame["value"].tolist() == rows["avail_qty"].astype(float).tolist()
    assert (outage.start, outage.end) == (rows["start"].min(), rows["end"].max())


@pytest.mark.parametrize("name", only(("A84",)))
def test_activation_prices_are_those_of_the_xml(name):
    """Four-second prices: a point without an amount is missing until the next; a price holds on.

    entsoe-py has no answer here: it knows no PT4S and no point without an amount.
    """
    frame = one(name).frame
    expected = {}
    for series in elements(DOCUMENTS[name]):
        direction = {"A01": "up", "A02": "down"}[series.findtext("{*}flowDirection.direction")]
        stated = {
            int(point.findtext("{*}position")): float(
                point.findtext("{*}activation_Price.amount", default="nan")
            )
            for point in series.findall("{*}Period/{*}Point")
        }
        value, column = math.nan, []
        for position in range(1, 24 * 900 + 1):
            value = stated.get(position, value)
            column.append(value)
        expected[direction] = column
    assert set(frame["direction"]) == set(expected)
    for direction, column in expected.items():
        found = frame[frame["direction"] == direction]["value"]
        pd.testing.assert_series_equal(
            found.reset_index(drop=True), pd.Series(column), check_names=False
        )
