"""The process that sees to pool, deployments and triggers, and ends when they stand."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Final

import httpx

from flows import settings
from flows.deploy.deploy import deploy
from flows.deploy.expected import parse
from flows.deploy.wanted import PoolType, Wanted
from flows.errors import StorageError
from flows.serve.names import POOL

if TYPE_CHECKING:
    from flows.serve.child import Child

_LONGEST_PAUSE_SECONDS: Final = 15
_log = logging.getLogger(__name__)


def run(child: Child) -> None:
    """Deploy for the pool of the resident runners; the API may be away for any time.

    Raises:
        SettingsError: what stands on the API can't be changed into what is wanted, or what is
            expected can't be read.
    """
    options = settings.load()
    expected = tuple(parse(each) for each in child.expect)
    wanted = Wanted(pool=POOL, type=PoolType.PROCESS, expected=expected)
    pause = 0.5
    while True:
        try:
            changes = deploy(wanted, options)
        except (httpx.HTTPError, StorageError) as error:
            pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)
            _log.warning("deploys again in %.0f s: %s", pause, error or type(error).__name__)
            time.sleep(pause)
        else:
            for change in changes:
                if change.action != "unchanged":
                    _log.info("%s %s %s", change.kind, change.name, change.action)
            return
