"""What a document says of itself, before its TimeSeries; and the answer that there is none."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flows.document.fields import MRID, Fields
from flows.document.moments import read_interval, read_time
from flows.document.strict_xml import child, children, leaves, local
from flows.errors import one_line

if TYPE_CHECKING:
    from datetime import datetime

    from lxml import etree

_TYPE = re.compile(r"[A-Z]\d\d", re.ASCII)
_REVISION = re.compile(r"\d{1,5}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """The platform's answer that something is wrong, or that there is no data.

    `reasons` are (code, text); code 999 is "no matching data found".
    """

    mrid: str
    created: datetime
    reasons: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, eq=False)
class DocumentHeader:
    """What a document says of itself."""

    root: str
    fields: Fields
    document_type: str
    process_type: str | None
    status: str | None
    mrid: str
    revision: int
    created: datetime
    period: tuple[datetime, datetime]


def read_document_header(root: etree._Element) -> DocumentHeader:
    """Return what the document says of itself.

    Raises:
        DocumentError: a field that every family has is missing or malformed.

    """
    fields = Fields(root, without=frozenset({"TimeSeries"}))
    return DocumentHeader(
        root=local(root),
        fields=fields,
        document_type=fields.need("type", _TYPE),
        process_type=fields.get("process.processType"),
        status=fields.get("docStatus/value"),
        mrid=fields.need("mRID", MRID),
        # Documents of installed capacity by unit come without a revision.
        revision=int(fields.get("revisionNumber", pattern=_REVISION) or 1),
        created=read_time(child(root, "createdDateTime")),
        period=read_interval(root),
    )


def read_acknowledgement(root: etree._Element) -> Acknowledgement:
    """Return the platform's answer that there is nothing to read.

    Raises:
        DocumentError: its id or its time is missing or malformed.

    """
    reasons = [dict(leaves(reason)) for reason in children(root, "Reason")]
    return Acknowledgement(
        mrid=Fields(root, without=frozenset({"Reason"})).need("mRID", MRID),
        created=read_time(child(root, "createdDateTime")),
        reasons=tuple(
            (one_line(reason.get("code", "")), one_line(reason.get("text", "")))
            for reason in reasons
        ),
    )
