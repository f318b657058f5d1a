"""Market documents: message → XML documents → one MarketDocument for each zone.

Where do I go to…?
- accept another form of event message: `message.py`
- read another field: `document_header.py`, `series_header.py`, `points.py`, `outage.py`
- mend how values are laid on the time axis: `resolution.py`, `curve.py`, `overlap.py`
- name a zone, a production type or a document type: `zones.py`, `codes.py`
"""

from __future__ import annotations

from flows.document.codes import DOCUMENT_TYPES, PROCESS_TYPES, PRODUCTION_TYPES
from flows.document.document_header import Acknowledgement
from flows.document.market import MarketDocument, read
from flows.document.message import Payload, unpack
from flows.document.outage import Outage
from flows.document.zones import Zone, zone

__all__ = [
    "DOCUMENT_TYPES",
    "PROCESS_TYPES",
    "PRODUCTION_TYPES",
    "Acknowledgement",
    "MarketDocument",
    "Outage",
    "Payload",
    "Zone",
    "read",
    "unpack",
    "zone",
]
