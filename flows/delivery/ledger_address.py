"""Where a ledger is: a SQLite file, or DynamoDB tables whose names begin with a prefix."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from flows.errors import SettingsError

_TABLE_PREFIX: Final = re.compile(r"[A-Za-z0-9_.-]{1,200}")


def locate(address: str) -> Path | str:
    """Return the path of the SQLite file, or the prefix of the DynamoDB tables, at `address`.

    Args:
        address: `sqlite:///var/ledger.db` (from the current folder), `sqlite:////srv/ledger.db`
            (from the root) as SQLAlchemy has them, or `dynamodb://table-prefix`, whose region and
            credentials come from the environment as boto3 finds them.

    Raises:
        SettingsError: the address has another form.
    """
    scheme, _, rest = address.partition("://")
    if scheme == "sqlite" and len(rest) > 1 and rest.startswith("/"):
        return Path(rest[1:])
    if scheme == "dynamodb" and _TABLE_PREFIX.fullmatch(rest):
        return rest
    raise SettingsError(
        f"{address} is no address of a ledger",
        remedy="Write sqlite:///folder/ledger.db or dynamodb://table-prefix.",
        setting="GRIDLETTER_LEDGER",
    )
