"""Pagefind as a process: records go in, the files of their search index come out.

The index is the same for the same records: Pagefind leaves the order of filters and of their values
to chance, so they are sorted here, and the files that say so are named by what they now hold.

Pagefind's own Python client takes a tenth of a second for each answer, that is for each record;
here all requests are sent at once, in the same protocol: JSON in base64, with commas in between.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import re
import subprocess
from base64 import b64decode, b64encode
from contextlib import suppress
from dataclasses import asdict, dataclass
from threading import Thread, Timer
from typing import IO, TYPE_CHECKING, Any, Final, cast

from pagefind.service import get_executable

from flows.archive.search_cbor import Item, decode, encode
from flows.errors import RenderError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

ENTRY: Final = "pagefind-entry.json"
LANGUAGE: Final = "en"

# Most of what comes is other pages than ours, and their styles.
_UNUSED: Final = re.compile(r"pagefind-.+\.(js|css)")
_DEADLINE_SECONDS: Final = 120
_CHUNK_BYTES: Final = 1 << 20
_SIGNATURE: Final = b"pagefind_dcd"
# Of a filter's and of the index's name: as long as Pagefind has them.
_FILTER_DIGITS: Final = 7
_META_DIGITS: Final = 10
_FILTERS: Final = 3


@dataclass(frozen=True)
class Record:
    """What is found: where it leads, what is searched, what is shown, filtered and sorted by."""

    url: str
    content: str
    meta: Mapping[str, str]
    filters: Mapping[str, Sequence[str]]
    sort: Mapping[str, str]


def run(records: Sequence[Record]) -> dict[str, bytes]:
    """Return the files of the index of `records`, and Pagefind's for the browser, by path.

    Raises:
        RenderError: Pagefind is not installed, or failed.
    """
    executable = get_executable()
    if executable is None:
        raise _failed("is not installed")
    try:
        started = subprocess.Popen(  # noqa: S603 - a dependency's binary, no arguments from outside
            [executable, "--service"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
    except OSError as error:
        raise _failed(f"can't be run: {error.strerror}") from error
    with started as process:
        into, out = cast("IO[bytes]", process.stdin), cast("IO[bytes]", process.stdout)
        clock = Timer(_DEADLINE_SECONDS, process.kill)
        feeder = Thread(target=_feed, args=(into, records))
        clock.start()
        feeder.start()
        try:
            return _files(out)
        finally:
            clock.cancel()
            process.kill()
            feeder.join()
            with suppress(BrokenPipeError):
                into.close()


def canonical(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return the files of the index alone, in an order that is no chance's."""
    entry = json.loads(files[ENTRY])
    language = entry["languages"].get(LANGUAGE, {"wasm": LANGUAGE, "page_count": 0})
    kept = {
        name: data for name, data in files.items() if name.endswith((".pf_fragment", ".pf_index"))
    }
    if "hash" in language:
        meta = _unpack(files[f"pagefind.{language['hash']}.pf_meta"])
    else:
        meta = [entry["version"], [], [], [], [], []]
    filters: list[Item] = []
    for name, file in sorted(meta[_FILTERS]):
        _, values = _unpack(files[f"filter/{file}.pf_filter"])
        # Each is a value and the numbers of the records that have it.
        data = _pack([name, sorted(values)])
        named = f"{LANGUAGE}_{hashlib.sha256(data).hexdigest()[:_FILTER_DIGITS]}"
        kept[f"filter/{named}.pf_filter"] = data
        filters.append([name, named])
    meta[_FILTERS] = filters
    data = _pack(meta)
    named = f"{LANGUAGE}_{hashlib.sha256(data).hexdigest()[:_META_DIGITS]}"
    kept[f"pagefind.{named}.pf_meta"] = data
    entry["languages"] = {LANGUAGE: {**language, "hash": named}}
    kept[ENTRY] = json.dumps(entry, sort_keys=True).encode() + b"\n"
    return kept


def _files(out: IO[bytes]) -> dict[str, bytes]:
    """Return the files that the last answer has."""
    for answer in _answers(out):
        if answer["type"] == "Error":
            raise _failed(f"says: {answer['message']}")
        if answer["type"] == "GetFiles":
            return {
                file["path"]: b64decode(file["content"])
                for file in answer["files"]
                if not _UNUSED.fullmatch(file["path"])
            }
    raise _failed("ended before it was done")


def _feed(into: IO[bytes], records: Sequence[Record]) -> None:
    # The first index of a process has the number 0.
    requests: list[dict[str, Any]] = [
        {"type": "NewIndex", "config": {"force_language": LANGUAGE, "keep_index_url": True}},
        *(
            {"type": "AddRecord", "index_id": 0, "language": LANGUAGE, **asdict(record)}
            for record in records
        ),
        {"type": "GetFiles", "index_id": 0},
    ]
    # Where the process ends first, its answers say so. It also ends when its input does.
    with suppress(BrokenPipeError):
        for number, payload in enumerate(requests):
            message = json.dumps({"message_id": number, "payload": payload})
            into.write(b64encode(message.encode()) + b",")
        into.flush()


def _answers(out: IO[bytes]) -> Iterator[dict[str, Any]]:
    pieces: list[bytes] = []
    while piece := cast("Any", out).read1(_CHUNK_BYTES):
        *ends, rest = piece.split(b",")
        for end in ends:
            yield json.loads(b64decode(b"".join([*pieces, end])))["payload"]
            pieces = []
        pieces.append(rest)


def _unpack(file: bytes) -> Any:  # noqa: ANN401 - its form is Pagefind's
    return decode(gzip.decompress(file).removeprefix(_SIGNATURE))


def _pack(item: Item) -> bytes:
    return gzip.compress(_SIGNATURE + encode(item), mtime=0)


def _failed(how: str) -> RenderError:
    return RenderError(
        f"Pagefind, which makes the search index, {how}",
        remedy="Install pagefind[bin] anew, then run gridletter site build.",
    )
