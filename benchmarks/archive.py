"""What a large archive costs: to publish one more issue into it, and to rebuild what is derived.

An archive of 10 and one of 10,000 issues, of five newsletters about ten bidding zones, hold records
and articles as a real notebook gives them. Into both, by turns, issues are published as the flow
does it: the notebook is run and rendered, the issue committed and settled. `archive_ms` among the
raw figures is the archive's part of that: a front page of ten cards is written faster than a full
one of sixty, and more than sixty no page has.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

import boto3

from benchmarks.machine import in_fresh_process, peak_memory_mb
from benchmarks.row import Aim, Row
from flows import document, issue
from flows.archive import Archive, open_store
from flows.issue import ARTICLE_FILE, Issue, Zone
from flows.notebook.newsletter import load
from flows.notebook.run import Limits, run

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from pydantic import JsonValue

    Made = tuple[Issue, Mapping[str, bytes]]

AIMS: Final = {
    "archive_10000_vs_10": Aim(
        1.2, "publishing into a folder of 10,000 issues against one of 10", upward=False
    ),
    "archive_10000_vs_10_s3": Aim(
        1.2, "publishing into a bucket of 10,000 issues against one of 10", upward=False
    ),
    "rebuild_per_second": Aim(500, "issues a second of a whole rebuild, 10,000 issues in a folder"),
}

_URL = "https://letters.example/"
_FEW, _SOME, _MANY = 10, 1_000, 10_000
_NEWSLETTERS = ("wind_solar", "load", "day_ahead_prices", "generation_mix", "outage_alert")
_ZONES = ("DE_LU", "FR", "ES", "PT", "BE", "NL", "AT", "CZ", "PL", "FI")
_FIRST_DAY = datetime(2026, 1, 1, tzinfo=UTC)
_ROUNDS = 20
_WARM_UP = 3
_NOTEBOOK = Path(__file__).parent.parent / "notebooks" / "wind_solar.ipynb"
_STANDIN = Path(__file__).parent.parent / "tests" / "dynamodb_standin.py"
_AWS = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_REGION": "eu-central-1",
    "AWS_DEFAULT_REGION": "eu-central-1",
}


def measure(names: AbstractSet[str]) -> Iterator[Row]:
    """Yield the rows `names`; of publications the medians are compared."""
    with tempfile.TemporaryDirectory() as folder:
        places = {count: str(Path(folder) / str(count)) for count in (_FEW, _SOME, _MANY)}
        rendered = in_fresh_process(render)
        rates = {count: in_fresh_process(fill, places[count], count, rendered) for count in places}
        if "rebuild_per_second" in names:
            raw: dict[str, JsonValue] = {
                "lost_per_second": round(rates[_MANY][0]),
                "whole_per_second": round(rates[_MANY][1]),
                f"peak_mb_{_SOME}": round(rates[_SOME][2], 1),
                f"peak_mb_{_MANY}": round(rates[_MANY][2], 1),
            }
            yield AIMS["rebuild_per_second"].row("rebuild_per_second", rates[_MANY][0], raw)
        if "archive_10000_vs_10_s3" in names:
            with _bucket_server() as environment:
                buckets = {count: _new_bucket(str(count), environment) for count in (_FEW, _MANY)}
                for count, address in buckets.items():
                    in_fresh_process(copy, places[count], address, environment)
                times = in_fresh_process(publish, buckets, environment)
            yield _publications("archive_10000_vs_10_s3", times)
        if "archive_10000_vs_10" in names:
            del places[_SOME]
            yield _publications("archive_10000_vs_10", in_fresh_process(publish, places, {}))


def render() -> Made:
    """Return an issue of this project's own newsletter, and its files, as its notebook gives it."""
    newsletter = load(_NOTEBOOK)
    xml = newsletter.sample.read_text(encoding="utf-8")
    read = document.read(xml)
    if isinstance(read, document.Acknowledgement):
        message = f"{newsletter.sample} holds no market document"
        raise TypeError(message)
    market_document = read[0]
    limits = Limits(deadline_seconds=120, memory_mb=2_000, output_mb=50)
    executed = run(newsletter, {"event_payload": xml}, limits=limits)
    made, rendering = issue.render(
        newsletter,
        market_document,
        executed.notebook,
        {"event_payload": xml},
        page_url=lambda path: f"{_URL}{path}/index.html",
        published=datetime.now(UTC),
    )
    return made, dict(rendering.files)


def fill(address: str, count: int, rendered: Made) -> tuple[float, float, float]:
    """Make an archive of `count` issues: records and articles first, then all by a rebuild.

    Returns:
        Issues a second of the rebuild, and of another one of the whole archive; peak memory in MB.
    """
    store = open_store(address)
    article = rendered[1][ARTICLE_FILE]
    for made, files in _issues(rendered[0], {ARTICLE_FILE: article}, range(count)):
        for name, data in files.items():
            store.put(f"{made.path}/{name}", data)
        store.put(f"{made.path}/issue.json", made.model_dump_json(indent=1).encode() + b"\n")
    rates = []
    for _ in range(2):
        started = time.perf_counter()
        rebuilt = Archive(store, _URL).rebuild(lambda *_: None)
        rates.append(count / (time.perf_counter() - started))
        if (rebuilt.issues, rebuilt.damaged) != (count, []):
            message = f"{count} issues were to be rebuilt: {rebuilt}"
            raise RuntimeError(message)
    return rates[0], rates[1], peak_memory_mb()


def publish(
    places: Mapping[int, str], environment: Mapping[str, str]
) -> dict[int, list[tuple[float, float]]]:
    """Publish issues into each archive by turns; return the seconds of all and of the archive."""
    os.environ.update(environment)
    archives = {count: Archive(open_store(place), _URL) for count, place in places.items()}
    seconds: dict[int, list[tuple[float, float]]] = {count: [] for count in archives}
    for number in range(_ROUNDS):
        for count, archive in archives.items():
            started = time.perf_counter()
            ((made, files),) = _issues(*render(), [_MANY + number])
            rendered = time.perf_counter()
            archive.commit(made, files)
            archive.settle(made)
            ended = time.perf_counter()
            if number >= _WARM_UP:
                seconds[count].append((ended - started, ended - rendered))
    return seconds


def copy(source: str, target: str, environment: Mapping[str, str]) -> None:
    """Copy an archive from one store to another."""
    os.environ.update(environment)
    read, written = open_store(source), open_store(target)
    for path in read.list(""):
        written.put(path, read.get(path) or b"")


def _publications(name: str, times: Mapping[int, Sequence[tuple[float, float]]]) -> Row:
    whole = {count: median(each for each, _ in seconds) for count, seconds in times.items()}
    parts = {count: median(part for _, part in seconds) for count, seconds in times.items()}
    raw: dict[str, JsonValue] = {
        **{f"publish_ms_{count}": round(seconds * 1000, 1) for count, seconds in whole.items()},
        **{f"archive_ms_{count}": round(seconds * 1000, 1) for count, seconds in parts.items()},
    }
    return AIMS[name].row(name, whole[_MANY] / whole[_FEW], raw)


def _issues(template: Issue, files: Mapping[str, bytes], numbers: Iterable[int]) -> Iterator[Made]:
    """Yield the issue that is `template` with `files` once for each newsletter, zone and day."""
    sums = {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}
    zones = [Zone.of(document.zone(code)) for code in _ZONES]
    for number in numbers:
        series, day = number % (len(_NEWSLETTERS) * len(zones)), number // 50
        newsletter, zone = _NEWSLETTERS[series % 5], zones[series // 5]
        start = (_FIRST_DAY + timedelta(days=day)).replace(tzinfo=ZoneInfo(zone.tz))
        key = f"{newsletter} {zone.code} {day}"
        fields = {
            "issue_id": hashlib.blake2b(key.encode(), digest_size=10).hexdigest(),
            "newsletter": newsletter,
            "zone": zone,
            "document_key": key,
            "start": start.astimezone(UTC),
            "end": (start + timedelta(days=1)).astimezone(UTC),
            "created": start.astimezone(UTC) - timedelta(hours=6),
            "published": start.astimezone(UTC) - timedelta(hours=5),
            "files": sums,
        }
        yield template.model_copy(update=fields), files


@contextmanager
def _bucket_server() -> Iterator[dict[str, str]]:
    """Run moto's server in a process of its own; yield the environment that leads to it."""
    command = [sys.executable, str(_STANDIN)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:  # noqa: S603 - ours
        try:
            port = int(process.stdout.readline() if process.stdout else b"")
            yield {**_AWS, "AWS_ENDPOINT_URL_S3": f"http://127.0.0.1:{port}"}
        finally:
            process.terminate()


def _new_bucket(name: str, environment: Mapping[str, str]) -> str:
    client = boto3.client(
        "s3",
        endpoint_url=environment["AWS_ENDPOINT_URL_S3"],
        region_name=_AWS["AWS_REGION"],
        aws_access_key_id=_AWS["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=_AWS["AWS_SECRET_ACCESS_KEY"],
    )
    client.create_bucket(
        Bucket=f"letters-{name}",
        CreateBucketConfiguration={"LocationConstraint": "eu-central-1"},
    )
    return f"s3://letters-{name}/archive"
