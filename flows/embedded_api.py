"""The process of Prefect's embedded API: begun at once, and ended with the command it serves.

    python -m flows.embedded_api LISTENING_DESCRIPTOR HOME

Prefect starts its own at the first question to it, after importing the server in the client, too:
seconds twice, one after the other. This one starts beside the command's own imports, on a socket
that is open from the beginning: who asks too early waits for the answer. It ends when its standard
input is closed, however that comes about.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
import time
from pathlib import Path
from typing import Final

from flows import startup

POLITE_SECONDS: Final = 5


def main(listening: int, home: Path) -> None:
    """Serve until standard input is closed; the database is `prefect.db` in `home`."""
    threading.Thread(target=_end_with_input, daemon=True).start()
    startup.hasten()
    import uvicorn  # noqa: PLC0415 - after `hasten`
    from filelock import FileLock  # noqa: PLC0415 - likewise
    from prefect.server.api.server import create_app  # noqa: PLC0415 - likewise
    from prefect.server.database.dependencies import set_database_config  # noqa: PLC0415 - likewise

    from flows.serve.server import AskAgainSoon, LockFirst  # noqa: PLC0415 - likewise

    set_database_config(LockFirst(os.environ["PREFECT_SERVER_DATABASE_CONNECTION_URL"]))
    app = create_app(ephemeral=True, final=True)
    app.add_middleware(AskAgainSoon)
    config = uvicorn.Config(app, log_level="error", lifespan="on", timeout_graceful_shutdown=1)
    lock = FileLock(home / "prefect.db.lock")

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            # Makes the database's tables, which two commands that begin together can't do at once.
            with lock:
                await super().startup(sockets=sockets)

    Server(config).run(sockets=[socket.socket(fileno=listening)])


def _end_with_input() -> None:
    os.read(0, 1)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(POLITE_SECONDS)
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
