"""`gridletter serve` that is killed itself: nothing outlives it, and the next one goes on."""

from __future__ import annotations

import signal

import mail_server
import pytest

from documents import envelope
from notebooks import write
from serve_rig import Serving, family, sample, until

pytestmark = pytest.mark.timeout(600)

PUSHES = 6
LETTER = "import time\nfrom flows import desk\ntime.sleep(1)\ndesk.headline('Wind and sun')"


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_nothing_outlives_the_command_and_nothing_is_lost(tmp_path, number, figures):
    """Ended in the middle of runs by any signal, it leaves no process; the next one goes on."""
    letters = tmp_path / "letters"
    letters.mkdir()
    write(letters, LETTER)
    home = tmp_path / "serving"  # not that of this process, whose own children are no leftovers
    with mail_server.serving(tmp_path / "taken.txt") as mails:
        with Serving(home, mails.port, GRIDLETTER_NOTEBOOKS=str(letters)) as serving:
            for day in range(PUSHES):
                serving.push(envelope(sample(day)))
            until(lambda: mails.count() >= 1, 120)
            code = serving.stop(number)
            assert code == (-signal.SIGKILL if number == signal.SIGKILL else 0)
            until(lambda: not family(home), 60)
        figures["mails before"] = mails.count()
        with Serving(home, mails.port, GRIDLETTER_NOTEBOOKS=str(letters)):
            until(lambda: mails.count() >= PUSHES, 200)
        taken = mails.mails()
        figures["mails"] = len(taken)
        assert len(set(taken)) == len(taken) == PUSHES
