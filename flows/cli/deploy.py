"""The command `deploy`."""

from __future__ import annotations

import json
import re
from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from flows import settings
from flows.cli.app import app
from flows.cli.check import must_pass
from flows.cli.shown import Json  # noqa: TC001 — typer reads it
from flows.deploy.wanted import PoolType, Wanted
from flows.errors import SettingsError, StorageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    from pydantic import JsonValue

    from flows.deploy.wanted import Change

EXPECT_HELP = (
    "Tell the operators each day on which no such document has come by then: A69=18:00 "
    "(Europe/Brussels), or A69@DE_LU=18:00 for a zone, in its time; repeatable."
)
_UNITS = {"m": "minutes", "h": "hours", "d": "days"}


@app.command(
    epilog="Example: gridletter deploy --pool newsletters --type ecs:push --image IMAGE "
    "--stack-outputs outputs.json --expect A69=18:00"
)
def deploy(
    *,
    pool: Annotated[str, typer.Option(help="Name of the work pool.")],
    pool_type: Annotated[PoolType, typer.Option("--type", help="Its type.")],
    image: Annotated[str | None, typer.Option(help="The flow's image, with its tag.")] = None,
    stack_outputs: Annotated[
        str | None,
        typer.Option(
            metavar="FILE|-",
            envvar="GRIDLETTER_STACK_OUTPUTS",
            help="What `pulumi stack output --json --show-secrets` prints; - reads it from stdin.",
        ),
    ] = None,
    job_variable: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VALUE", help="A job variable, as JSON or text; repeatable."),
    ] = None,
    expect: Annotated[
        list[str] | None,
        typer.Option(metavar="TYPE=HH:MM", help=EXPECT_HELP),
    ] = None,
    pending: Annotated[
        str, typer.Option(metavar="TIME", help="Tell them of runs that are pending that long.")
    ] = "10m",
    dry_run: Annotated[bool, typer.Option(help="Say what would be done, and do nothing.")] = False,
    skip_check: Annotated[
        bool, typer.Option("--skip-check", help="Deploy whatever `gridletter check` would say.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Create or update work pool, deployments, triggers, alarms, blocks and webhooks in Prefect.

    The newsletters' notebooks must pass `gridletter check` first. A second time it changes nothing.
    It works on the Prefect API that PREFECT_API_URL or the active profile names; webhooks and pools
    of type ecs:push are there on Prefect Cloud alone.
    """
    options = settings.load()
    from flows.deploy import expected, outputs  # noqa: PLC0415 — they bring entsoe-py and pydantic
    from flows.deploy.deploy import deploy as run  # noqa: PLC0415 — brings Prefect

    wanted = Wanted(
        pool=pool,
        type=pool_type,
        image=image,
        outputs=None if stack_outputs is None else outputs.read(stack_outputs),
        job_variables=dict(_variable(each) for each in job_variable or ()),
        alarms=True,
        pending=_time("--pending", pending),
        expected=tuple(expected.parse(each) for each in expect or ()),
        blocks=True,
    )
    with api():
        if not (dry_run or skip_check):
            must_pass(options)
        changes = run(wanted, options, dry_run=dry_run)
    for change in changes:
        print(json.dumps(asdict(change)) if as_json else _line(change))
    if not as_json:
        print(_sum(changes, dry_run=dry_run))


def api() -> AbstractContextManager[None]:
    """Have a Prefect API, or say in one line that there is none or that it is away.

    Raises:
        SettingsError: none is named.
        StorageError: it does not answer, or refuses what it is asked.
    """
    from contextlib import contextmanager  # noqa: PLC0415 — with the two below

    import httpx  # noqa: PLC0415 — slow to import
    from prefect.exceptions import PrefectException  # noqa: PLC0415 — the same
    from prefect.settings import get_current_settings  # noqa: PLC0415 — the same

    @contextmanager
    def named() -> Iterator[None]:
        address = get_current_settings().api.url
        if address is None:
            raise SettingsError(
                "no Prefect API is named",
                remedy="Set PREFECT_API_URL (see `gridletter serve`), or `prefect cloud login`.",
                setting="PREFECT_API_URL",
            )
        try:
            yield
        except (httpx.HTTPError, PrefectException) as error:
            raise StorageError(
                f"the Prefect API {address} can't be used: {error or type(error).__name__}",
                remedy="See whether it is up and whether PREFECT_API_KEY is right.",
                path=address,
            ) from error

    return named()


def _line(change: Change) -> str:
    line = f"{change.action:<10} {change.kind} {change.name}"
    if change.differences:
        line += f": {', '.join(change.differences)}"
    return f"{line} ({change.note})" if change.note else line


def _sum(changes: list[Change], *, dry_run: bool) -> str:
    count = sum(change.action != "unchanged" for change in changes)
    if not count:
        return "nothing to change"
    return f"{count} of {len(changes)} {'would change; nothing was done' if dry_run else 'changed'}"


def _variable(text: str) -> tuple[str, JsonValue]:
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise typer.BadParameter(f"{text} is not NAME=VALUE", param_hint="--job-variable")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def _time(option: str, text: str) -> timedelta:
    match = re.fullmatch(r"([1-9][0-9]{0,5})([mhd])", text)
    if match is None:
        raise typer.BadParameter(f"{text} is no time such as 10m or 2h", param_hint=option)
    return timedelta(**{_UNITS[match[2]]: int(match[1])})
