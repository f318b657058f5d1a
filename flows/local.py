"""Publish on this machine: files or standard input, with Prefect's API embedded or named."""

from __future__ import annotations

import base64
import hashlib
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from flows.embedded import prefect_api
from flows.errors import GridletterError, MessageError, one_line
from flows.outcome import Outcome, PublishFailed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from flows.settings import Settings

STANDARD_INPUT = "-"
# Prefect's API refuses parameters above 512 KB; a larger message is handed over as an address.
LARGEST_INLINE_BYTES = 400_000
LARGEST_SOURCE_BYTES = 128 << 20
_BINARY_MAGIC = (b"\x1f\x8b", b"PK\x03\x04")


def publish_sources(
    sources: Sequence[str], options: Settings, *, always_embedded: bool = False
) -> Iterator[tuple[str, list[Outcome]]]:
    """Publish each source in turn; yield it with what became of its documents.

    Args:
        sources: Paths of message files; `-` is standard input.
        options: Where state lives.
        always_embedded: Use Prefect's embedded API even where another one is named.
    """
    with prefect_api(options.home, always_embedded=always_embedded):
        from flows.publish import publish  # noqa: PLC0415 - Prefect is slow to import

        for source in sources:
            try:
                with _message(source, options.claims_folder) as message:
                    state = publish(message, return_state=True)
            except GridletterError as error:
                yield source, [Outcome("failed", reason=str(error))]
            else:
                yield source, _outcomes(state.result(raise_on_failure=False))


def resume_sending(
    options: Settings, unknown: Literal["hold", "resend"]
) -> list[tuple[str, list[Outcome]]]:
    """Go on with mails that are open; return what became of each issue, as from no source.

    Args:
        options: Where state lives.
        unknown: What to do with mails whose fate nobody knows; see `flows.resume.resume`.
    """
    with prefect_api(options.home):
        from flows.resume import resume  # noqa: PLC0415 - Prefect is slow to import

        state = resume(unknown, return_state=True)
        return [("", _outcomes(state.result(raise_on_failure=False)))]


def _outcomes(result: list[Outcome] | Exception) -> list[Outcome]:
    """Return what the flow returned, or what its error says became of the event."""
    if isinstance(result, list):
        return result
    if isinstance(result, PublishFailed):
        return result.outcomes
    known = isinstance(result, GridletterError)
    reason = str(result) if known else one_line(f"{type(result).__name__}: {result}")
    return [Outcome("failed", reason=reason)]


@contextmanager
def _message(source: str, claims_folder: Path) -> Iterator[str]:
    """Yield the source as an event message, by address while it is too large to be a parameter."""
    text = _as_text(_read(source))
    data = text.encode()
    if len(data) <= LARGEST_INLINE_BYTES:
        yield text
        return
    claim = claims_folder / f"{hashlib.sha256(data).hexdigest()}.msg"
    claims_folder.mkdir(parents=True, exist_ok=True)
    claim.write_bytes(data)
    try:
        yield claim.as_uri()
    finally:
        claim.unlink(missing_ok=True)


def _read(source: str) -> bytes:
    try:
        if source == STANDARD_INPUT:
            data = sys.stdin.buffer.read(LARGEST_SOURCE_BYTES + 1)
        else:
            with Path(source).open("rb") as file:
                data = file.read(LARGEST_SOURCE_BYTES + 1)
    except OSError as error:
        raise MessageError(
            f"{source} can't be read: {error.strerror}", remedy="Name a readable file."
        ) from error
    if len(data) > LARGEST_SOURCE_BYTES:
        raise MessageError(
            f"{source} is larger than {LARGEST_SOURCE_BYTES >> 20} MB",
            remedy="Send its documents one by one.",
        )
    return data


def _as_text(data: bytes) -> str:
    if data.startswith(_BINARY_MAGIC):
        return base64.b64encode(data).decode()
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise MessageError(
            "the message is neither UTF-8 text nor gzip nor zip",
            remedy="Send the market document as UTF-8 XML.",
        ) from error
