"""Publish on this machine: files or standard input, with Prefect's API embedded or named.

What takes time to import is imported where it is used: the zygote and the embedded API start first.
"""

from __future__ import annotations

import hashlib
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal
from uuid import uuid4

from flows.embedded import prefect_api
from flows.errors import GridletterError, one_line
from flows.notebook import nursery

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from flows.outcome import Outcome
    from flows.settings import Settings


def publish_sources(
    sources: Sequence[str], options: Settings, *, always_embedded: bool = False
) -> Iterator[tuple[str, list[Outcome]]]:
    """Publish each source in turn; yield it with what became of its documents.

    Args:
        sources: Paths of message files; `-` is standard input.
        options: Where state lives.
        always_embedded: Use Prefect's embedded API even where another one is named.
    """
    nursery.warm()
    with prefect_api(options.home, always_embedded=always_embedded):
        from flows.outcome import Outcome  # noqa: PLC0415 - as the module says
        from flows.publish import publish  # noqa: PLC0415 - likewise

        for source in sources:
            try:
                with _message(source, options) as message:
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
        from flows.resume import resume  # noqa: PLC0415 - as the module says

        state = resume(unknown, return_state=True)
        return [("", _outcomes(state.result(raise_on_failure=False)))]


def backfill_archive(
    sources: Sequence[str], options: Settings, jobs: int
) -> list[tuple[str, Outcome]]:
    """Publish what is in files and folders into the archive only; return what became of it.

    Args:
        sources: Files, and folders that are searched to their depths.
        options: Where state lives.
        jobs: How many notebooks run side by side.
    """
    nursery.warm()
    with prefect_api(options.home):
        from flows.backfill import BackfillFailed, backfill  # noqa: PLC0415 - as the module says

        result = backfill(list(sources), jobs, return_state=True).result(raise_on_failure=False)
        if isinstance(result, BackfillFailed):
            return result.outcomes
        if isinstance(result, BaseException):
            raise result
        return result


def rerender_issues(
    issues: Sequence[str], options: Settings, *, mail_correction: bool
) -> Iterator[tuple[str, list[Outcome]]]:
    """Render archived issues again by today's notebooks; yield each with what became of it.

    Args:
        issues: Ids, paths or pages of issues in the archive.
        options: Where state lives.
        mail_correction: Send each correction to those who got the issue.
    """
    nursery.warm()
    with prefect_api(options.home):
        from flows.corrections import rerender  # noqa: PLC0415 - as the module says

        for issue in issues:
            state = rerender(issue, mail_correction=mail_correction, return_state=True)
            yield issue, _outcomes(state.result(raise_on_failure=False))


def _outcomes(result: list[Outcome] | Exception) -> list[Outcome]:
    """Return what the flow returned, or what its error says became of the event."""
    from flows.outcome import Outcome, PublishFailed  # noqa: PLC0415 - as the module says

    if isinstance(result, list):
        return result
    if isinstance(result, PublishFailed):
        return result.outcomes
    known = isinstance(result, GridletterError)
    reason = str(result) if known else one_line(f"{type(result).__name__}: {result}")
    return [Outcome("failed", reason=reason)]


@contextmanager
def _message(source: str, options: Settings) -> Iterator[str]:
    """Yield the source as an event message, by address while it is too large to be a parameter."""
    from flows.claims import Claims  # noqa: PLC0415 - as the module says
    from flows.sources import read_message  # noqa: PLC0415 - likewise

    text = read_message(source)
    claims = Claims(options)
    digest = hashlib.sha256(text.encode()).hexdigest()
    message = claims.parameter(uuid4().hex, digest, text)
    try:
        yield message
    finally:
        claims.remove(message)
