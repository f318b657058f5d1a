"""The store in a bucket of S3.

Every write carries an id of its own. So a write whose answer was lost, and which S3 refused when it
was sent again because its own first copy stood there, is recognized as done.

S3 answers a conditional write with 412 where another object stands, and with 409 where another
write was under way: then nothing is known yet, and it is sent again.
"""

from __future__ import annotations

import random
import secrets
import time
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Final, cast
from urllib.parse import urlsplit

import obstore
from botocore.exceptions import BotoCoreError
from obstore.exceptions import AlreadyExistsError, BaseError, PreconditionError

from flows.archive.store_headers import cache_control, content_type
from flows.archive.store_paths import components, is_name, prefix_components
from flows.errors import SettingsError, StorageError
from flows.s3 import open_bucket

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from obstore import PutMode
    from obstore.store import ClientConfig, RetryConfig

_CLIENT: Final[ClientConfig] = {
    "connect_timeout": timedelta(seconds=5),
    "timeout": timedelta(seconds=30),
}
_RETRY: Final[RetryConfig] = {
    "max_retries": 4,
    "retry_timeout": timedelta(seconds=30),
    "backoff": {
        "init_backoff": timedelta(milliseconds=100),
        "max_backoff": timedelta(seconds=3),
        "base": 2,
    },
}
_LONGEST_CONTENTION_SECONDS: Final = 60
_SHORTEST_PAUSE_SECONDS: Final = 0.02
_LONGEST_PAUSE_SECONDS: Final = 1.0
_WRITE_ID: Final = "gridletter-write"
_LISTED_AT_ONCE: Final = 1000


class S3Store:
    """Objects of a bucket, below a prefix; see `Store`, whose methods these are."""

    def __init__(self, address: str) -> None:
        """Open the store at `s3://bucket/prefix`. Nothing is asked of S3 yet.

        Raises:
            SettingsError: the address is another, or there are no region or credentials.
        """
        self.address = address.rstrip("/")
        parts = urlsplit(self.address)
        if parts.scheme != "s3" or not parts.netloc or parts.query or parts.fragment:
            raise SettingsError(
                f"{address} is neither a folder nor s3://bucket/prefix",
                remedy="Write it as s3://bucket or s3://bucket/prefix.",
                setting="address",
            )
        prefix = parts.path.strip("/")
        self._bucket = open_bucket(parts.netloc, prefix, client=_CLIENT, retry=_RETRY)

    def create(self, path: str, data: bytes) -> bool:
        """Write `data` at `path` unless something stands there; return whether it was written."""
        components(path)
        write_id = secrets.token_hex(8)
        with self._reporting(path):
            for _ in self._attempts(path):
                try:
                    self._put(path, data, "create", write_id)
                except AlreadyExistsError:
                    # 412 and 409 look alike here. What stands there tells them apart.
                    standing = self._standing_write(path)
                    if standing is not None:
                        return standing == write_id
                else:
                    return True
        raise AssertionError  # pragma: no cover - attempts end with an error of their own

    def put(self, path: str, data: bytes) -> None:
        """Write `data` at `path`, in place of what stands there."""
        components(path)
        with self._reporting(path):
            for _ in self._attempts(path):
                try:
                    self._put(path, data, "overwrite", secrets.token_hex(8))
                except AlreadyExistsError:
                    continue
                return

    def get(self, path: str) -> bytes | None:
        """Return the bytes at `path`, or None where nothing stands."""
        components(path)
        with self._reporting(path):
            try:
                return bytes(obstore.get(self._bucket, path).bytes())
            except FileNotFoundError as error:
                if _is_bucket_missing(error):
                    raise
                return None

    def list(self, prefix: str) -> Iterator[str]:
        """Yield the paths of all objects below the folder `prefix`, in any order."""
        folder = "/".join(prefix_components(prefix)) or None
        with self._reporting(prefix):
            for batch in obstore.list(self._bucket, folder, chunk_size=_LISTED_AT_ONCE):
                yield from (
                    entry["path"] for entry in batch if all(map(is_name, entry["path"].split("/")))
                )

    def folders(self, prefix: str) -> Sequence[str]:
        """Return the names of the folders directly below the folder `prefix`, sorted."""
        folder = "/".join(prefix_components(prefix)) or None
        with self._reporting(prefix):
            found = obstore.list_with_delimiter(self._bucket, folder)["common_prefixes"]
            names = (path.rstrip("/").rpartition("/")[2] for path in found)
            return sorted(filter(is_name, names))

    def delete(self, paths: Iterable[str]) -> None:
        """Remove the objects at `paths`; what is not there is no error."""
        gone = list(paths)
        for path in gone:
            components(path)
        if gone:
            with self._reporting(gone[0]):
                obstore.delete(self._bucket, gone)

    def update(self, path: str, change: Callable[[bytes | None], bytes | None]) -> bytes | None:
        """Change what stands at `path` so that no other change is lost; return what then stands."""
        components(path)
        write_id = ""
        with self._reporting(path):
            for _ in self._attempts(path):
                before, tag, standing = self._versioned(path)
                if write_id and standing == write_id:
                    return before
                after = change(before)
                if after is None or after == before:
                    return before
                write_id = secrets.token_hex(8)
                mode: PutMode = "create" if tag is None else _matching(tag)
                try:
                    self._put(path, after, mode, write_id)
                except (AlreadyExistsError, PreconditionError, FileNotFoundError) as error:
                    if _is_bucket_missing(error):
                        raise
                else:
                    return after
        raise AssertionError  # pragma: no cover - attempts end with an error of their own

    def _put(self, path: str, data: bytes, mode: PutMode, write_id: str) -> None:
        attributes = {
            "Content-Type": content_type(path),
            "Cache-Control": cache_control(path),
            _WRITE_ID: write_id,
        }
        # In one request: many parts can't be conditional.
        obstore.put(self._bucket, path, data, attributes=attributes, mode=mode, use_multipart=False)

    def _standing_write(self, path: str) -> str | None:
        """Return the id of the write that stands at `path`, "" where it has none, None if none."""
        try:
            found = obstore.get(self._bucket, path, options={"head": True})
        except FileNotFoundError:
            return None
        return str(found.attributes.get(_WRITE_ID, ""))

    def _versioned(self, path: str) -> tuple[bytes | None, str | None, str]:
        """Return what stands at `path`, its ETag and the id of its write."""
        try:
            found = obstore.get(self._bucket, path)
        except FileNotFoundError as error:
            if _is_bucket_missing(error):
                raise
            return None, None, ""
        return (
            bytes(found.bytes()),
            found.meta["e_tag"],
            str(found.attributes.get(_WRITE_ID, "")),
        )

    def _attempts(self, path: str) -> Iterator[None]:
        """Yield once for each attempt, with longer and longer pauses, until it has been too long.

        Raises:
            StorageError: others have been writing there all the time.
        """
        give_up = time.monotonic() + _LONGEST_CONTENTION_SECONDS
        longest = _SHORTEST_PAUSE_SECONDS
        while True:
            yield
            if time.monotonic() > give_up:
                raise StorageError(
                    f"{self.address}/{path} was being written by others for "
                    f"{_LONGEST_CONTENTION_SECONDS} s",
                    remedy="Do the same again, with fewer at once.",
                    path=path,
                )
            time.sleep(random.uniform(0, longest))  # noqa: S311 - spreads writers, no secret
            longest = min(2 * longest, _LONGEST_PAUSE_SECONDS)

    @contextmanager
    def _reporting(self, path: str) -> Iterator[None]:
        try:
            yield
        except (BaseError, OSError, BotoCoreError) as error:
            raise StorageError(
                f"{self.address}/{path} can't be used: {_reason(error)}",
                remedy="See to the bucket, its rights and the network, then do the same again.",
                path=path,
            ) from error


def _matching(tag: str) -> PutMode:
    # obstore declares a version as well, but takes no None for it.
    return cast("PutMode", {"e_tag": tag})


def _is_bucket_missing(error: Exception) -> bool:
    return "NoSuchBucket" in str(error)


def _reason(error: Exception) -> str:
    """Return what S3 or the network said, without its XML and obstore's dump."""
    if _is_bucket_missing(error):
        return "there is no such bucket"
    said = (str(error).splitlines() or [type(error).__name__])[0]
    return said.partition(": <?xml")[0]
