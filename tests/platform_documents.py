"""Synthetic documents of the Transparency Platform, in the form in which it answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

NAMESPACE = "urn:iec62325.351:tc57wg16:451-{}"
PLATFORM = "10X1001A1001A450"
DE_LU = "10Y1001A1001A82H"
DE_LU_2026: Mapping[str, float] = {
    "B01": 9100.0,
    "B02": 14_800.0,
    "B10": 9600.5,
    "B14": 0.0,
    "B16": 111_000.0,
    "B18": 9900.0,
    "B19": 68_500.0,
}
CAPACITY_MW: Mapping[tuple[str, int], Mapping[str, float]] = {
    (DE_LU, 2026): DE_LU_2026,
    (DE_LU, 2025): {"B16": 98_000.0, "B18": 9300.0, "B19": 63_800.0},
    ("10YBE----------2", 2026): {"B04": 6700.0, "B14": 2100.0, "B16": 12_400.0},
    ("10YFI-1--------U", 2026): {"B14": 4400.0, "B19": 9200.0},
    ("10YPT-REN------W", 2026): {"B16": 7300.0},
}
"""MW by production type, for zone and year: all that the stand-in has."""


def installed_capacity(eic: str, years: Mapping[int, Mapping[str, float | str]]) -> str:
    """Return an A68 document: a TimeSeries for each year and production type, one point each."""
    series = [
        _series(number, eic, year, psr_type, mw)
        for number, (year, psr_type, mw) in enumerate(
            ((year, psr_type, mw) for year, of in years.items() for psr_type, mw in of.items()), 1
        )
    ]
    begin, end = f"{min(years) - 1}-12-31T23:00Z", f"{max(years)}-12-31T23:00Z"
    return f"""<?xml version="1.0" encoding="utf-8"?>
<!-- Synthetic, written by Gridletter's tests -->
<GL_MarketDocument xmlns="{NAMESPACE.format("6:generationloaddocument:3:0")}">
  <mRID>5f0000000000000000000000000000aa</mRID>
  <revisionNumber>1</revisionNumber>
  <type>A68</type>
  <process.processType>A33</process.processType>
  <sender_MarketParticipant.mRID codingScheme="A01">{PLATFORM}</sender_MarketParticipant.mRID>
  <sender_MarketParticipant.marketRole.type>A32</sender_MarketParticipant.marketRole.type>
  <receiver_MarketParticipant.mRID codingScheme="A01">{PLATFORM}</receiver_MarketParticipant.mRID>
  <receiver_MarketParticipant.marketRole.type>A33</receiver_MarketParticipant.marketRole.type>
  <createdDateTime>2026-06-17T10:12:21Z</createdDateTime>
  <time_Period.timeInterval><start>{begin}</start><end>{end}</end></time_Period.timeInterval>
  {"".join(series)}
</GL_MarketDocument>"""


def _series(number: int, eic: str, year: int, psr_type: str, mw: float | str) -> str:
    return f"""<TimeSeries>
    <mRID>{number}</mRID>
    <businessType>A37</businessType>
    <objectAggregation>A08</objectAggregation>
    <inBiddingZone_Domain.mRID codingScheme="A01">{eic}</inBiddingZone_Domain.mRID>
    <quantity_Measure_Unit.name>MAW</quantity_Measure_Unit.name>
    <curveType>A03</curveType>
    <MktPSRType><psrType>{psr_type}</psrType></MktPSRType>
    <Period>
      <timeInterval>
        <start>{year - 1}-12-31T23:00Z</start>
        <end>{year}-12-31T23:00Z</end>
      </timeInterval>
      <resolution>P1Y</resolution>
      <Point><position>1</position><quantity>{mw}</quantity></Point>
    </Period>
  </TimeSeries>
  """


def acknowledgement(reason: str) -> bytes:
    """Return the document by which the platform says that there is no data, or what is wrong."""
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<Acknowledgement_MarketDocument xmlns="{NAMESPACE.format("1:acknowledgementdocument:7:0")}">
  <mRID>5f000000-0000-4</mRID>
  <createdDateTime>2026-06-17T10:12:21Z</createdDateTime>
  <sender_MarketParticipant.mRID codingScheme="A01">{PLATFORM}</sender_MarketParticipant.mRID>
  <sender_MarketParticipant.marketRole.type>A32</sender_MarketParticipant.marketRole.type>
  <receiver_MarketParticipant.mRID codingScheme="A01">{PLATFORM}</receiver_MarketParticipant.mRID>
  <receiver_MarketParticipant.marketRole.type>A39</receiver_MarketParticipant.marketRole.type>
  <received_MarketDocument.createdDateTime>2026-06-17T10:12:21Z</received_MarketDocument.createdDateTime>
  <Reason><code>999</code><text>{reason}</text></Reason>
</Acknowledgement_MarketDocument>""".encode()


NO_DATA = acknowledgement("No matching data found for Data item INSTALLED_CAPACITY [14.1.A]")
