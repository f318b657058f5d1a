"""Builds what rendering takes: a market document, a newsletter, a notebook as it ran."""

from __future__ import annotations

import base64
import struct
import zlib
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from flows import document as documents
from flows import issue as issues
from flows.notebook import parts
from flows.notebook.newsletter import Newsletter

PUBLISHED = datetime(2025, 10, 25, 17, 5, tzinfo=UTC)
HEADLINE = "Solar peaks at 41 GW"
LEDE = "A clear Sunday brings 612 GWh of wind and sun."
# The day on which clocks go back: 25 hours from 22:00Z to 23:00Z.
DOCUMENT = """<?xml version="1.0" encoding="UTF-8"?>
<GL_MarketDocument xmlns="urn:iec62325.351:tc57wg16:451-6:generationloaddocument:3:0">
  <mRID>4f1c0d9be0a64d8e</mRID><revisionNumber>1</revisionNumber>
  <type>A69</type><process.processType>A01</process.processType>
  <createdDateTime>2025-10-25T16:00:00Z</createdDateTime>
  <time_Period.timeInterval>
    <start>2025-10-25T22:00Z</start><end>2025-10-26T23:00Z</end>
  </time_Period.timeInterval>
  <TimeSeries>
    <mRID>1</mRID><businessType>A94</businessType>
    <inBiddingZone_Domain.mRID codingScheme="A01">10Y1001A1001A82H</inBiddingZone_Domain.mRID>
    <quantity_Measure_Unit.name>MAW</quantity_Measure_Unit.name><curveType>A03</curveType>
    <MktPSRType><psrType>B16</psrType></MktPSRType>
    <Period>
      <timeInterval><start>2025-10-25T22:00Z</start><end>2025-10-26T23:00Z</end></timeInterval>
      <resolution>PT60M</resolution><Point><position>1</position><quantity>5</quantity></Point>
    </Period>
  </TimeSeries>
</GL_MarketDocument>
"""


def document(**changes):
    """Return a wind and solar forecast for Germany–Luxembourg, with `changes` to its fields."""
    (read,) = documents.read(DOCUMENT)
    return replace(read, **changes)


def newsletter(**changes):
    """Return the newsletter of these issues, with `changes` to its fields."""
    fields = {
        "name": "wind_solar",
        "path": Path("wind_solar.ipynb"),
        "title": "Wind & solar forecast",
        "description": "",
        "document_types": ("A69",),
        "process_types": (),
        "zones": (),
        "needs": frozenset(),
        "sample": Path("sample.xml"),
        "parameters": {},
        "declared": frozenset({"event_payload"}),
        "source_hash": "ab" * 32,
        "text": "",
    }
    return Newsletter(**{**fields, **changes})


def png(width=2, height=1, grey=0):
    """Return a PNG image of one shade of grey."""

    def chunk(kind, data):
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    rows = zlib.compress(b"".join(b"\0" + bytes([grey]) * width for _ in range(height)))
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    parts_ = chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts_


def figure(alt="Solar rises to 41 GW at 13:15.", caption="In GW"):
    """Return a figure part of 640 by 320 pixels, drawn for both grounds."""
    light, dark = (base64.b64encode(png(1280, 640, grey)) for grey in (255, 20))
    return parts.Figure(
        alt=alt, caption=caption, width_px=640, height_px=320, light_png=light, dark_png=dark
    )


def table(rows=24, columns=3, caption="Hourly means", cell="7.5"):
    """Return a table part; its first column counts the rows, the others hold `cell`."""
    return parts.Table(
        caption=caption,
        columns=tuple(parts.Column(label=f"Column {n}", numeric=n > 0) for n in range(columns)),
        rows=tuple((f"row {n}", *[cell] * (columns - 1)) for n in range(rows)),
    )


def kpis(*texts):
    """Return tiles with `texts` as their values in GW; `n/a` is a missing one."""
    return parts.Kpis(
        items=tuple(
            parts.Kpi(label=f"Figure {n}", value=None if text == "n/a" else n, text=text, unit="GW")
            for n, text in enumerate(texts)
        )
    )


def shown(part, **also):
    """Return a code cell that showed `part`, with `also` as further MIME types of the output."""
    return cell(display({parts.MIME: parts.dump(part), **also}))


def display(data, **metadata):
    """Return a display output with a MIME bundle."""
    return new_output("display_data", data=data, metadata=metadata)


def cell(*outputs, tags=()):
    """Return an executed code cell with an input that no reader may see."""
    return new_code_cell("secret_input = 1", outputs=list(outputs), metadata={"tags": list(tags)})


def headline(text=HEADLINE, lede=LEDE):
    """Return the cell that sets the headline."""
    return shown(parts.Headline(text=text, lede=lede))


def notebook(*cells):
    """Return a notebook with `cells`; text stands for a markdown cell. Ids do not vary."""
    made = new_notebook(cells=[new_markdown_cell(c) if isinstance(c, str) else c for c in cells])
    for index, made_cell in enumerate(made.cells):
        made_cell.id = f"cell-{index}"
    return made


def full():
    """Return a notebook that has one of everything."""
    return notebook(
        headline(),
        shown(kpis("41.2", "612.4", "n/a", "−5.2")),
        shown(parts.Note(text="No capacities today.", level="warning")),
        shown(figure()),
        "## What to watch\n\nThe **evening ramp**.",
        shown(table()),
    )


def page_url(path):
    """Return the address of the page of the issue at `path`."""
    return f"https://letters.example.org/{path}/index.html"


def render(*cells, **options):
    """Return issue and rendering of a notebook with a headline and `cells`."""
    return render_notebook(notebook(headline(), *cells), **options)


def render_notebook(made, *, doc=None, letter=None, parameters=None, **options):
    """Return issue and rendering of the notebook `made`."""
    doc = doc or document()
    options = {"page_url": page_url, "published": PUBLISHED, **options}
    inputs = {"event_payload": doc.xml} if parameters is None else parameters
    return issues.render(letter or newsletter(), doc, made, inputs, **options)
