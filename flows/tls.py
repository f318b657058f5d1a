"""One TLS context for all clients of Prefect's API in this process.

A flow run has several clients. Each of them would read the certificates of all authorities for
itself, though the API be plain HTTP on this machine: 20 to 30 ms each time, for which a whole
process waits.
"""

from __future__ import annotations

import ssl
from functools import cache
from types import SimpleNamespace

from prefect.client import orchestration


def share_context() -> None:
    """Have Prefect's clients share what they read first; who else uses TLS sees none of it."""
    shared = {**vars(ssl), "create_default_context": cache(ssl.create_default_context)}
    vars(orchestration)["ssl"] = SimpleNamespace(**shared)
