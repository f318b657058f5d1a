"""Processes that are started again whenever they end, and never outlive who started them."""

from __future__ import annotations

import os
import signal
import sys
import threading
from dataclasses import dataclass, replace

import psutil
import pytest

from flows.errors import SettingsError
from flows.serve.child import WRONG_SETTINGS, Child
from flows.serve.supervise import Supervisor
from serve_rig import until

BEGIN = """
import os, sys, time, threading, signal
from pathlib import Path
file, lifeline, report = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
file.open("a").write(f"{os.getpid()}\\n")
"""


@dataclass(frozen=True)
class Script(Child):
    """A process that runs `source`; it writes its id into the file `metrics` when it starts."""

    source: str = ""

    def arguments(self):
        descriptors = [str(self.lifeline), str(self.report)]
        return [sys.executable, "-c", BEGIN + self.source, self.metrics, *descriptors]


WAIT = "os.write(report, b'ready\\n'); os.close(report); time.sleep(600)"


@pytest.fixture
def started(tmp_path):
    """Return the ids of the processes that were started so far."""
    file = tmp_path / "started.txt"
    file.touch()
    read = lambda: [int(line) for line in file.read_text().split()]  # noqa: E731 — with its file
    read.file = str(file)
    return read


@pytest.fixture
def said():
    """What the supervisor announced."""
    return []


def script(started, source):
    return Script("test", "test", started.file, source=source)


def in_a_moment(action):
    threading.Thread(target=action, daemon=True).start()


def stop():
    os.kill(os.getpid(), signal.SIGTERM)


def test_a_killed_process_is_started_again(started, said):
    """A process that is killed is there again soon; SIGTERM ends it and the supervisor."""

    def meddle():
        until(lambda: len(started()) == 1 and said, 20)
        os.kill(started()[0], signal.SIGKILL)
        until(lambda: len(started()) == 2, 20)
        stop()

    with Supervisor() as supervisor:
        supervisor.add(script(started, WAIT), dict(os.environ))
        in_a_moment(meddle)
        supervisor.run(lambda: said.append("ready"))
    assert said == ["ready"]
    assert not any(psutil.pid_exists(pid) for pid in started())


def test_one_that_fails_at_once_is_not_hurried(started, said):
    """A process that can't live is started again at growing intervals, not over and over."""
    with Supervisor() as supervisor:
        supervisor.add(script(started, "sys.exit(1)"), dict(os.environ))
        in_a_moment(lambda: (threading.Event().wait(4), stop()))
        supervisor.run(lambda: said.append("ready"))
    assert 2 <= len(started()) <= 4
    assert said == []


def test_one_that_is_done_is_left_alone(started, said):
    """A process with an end is not started again after success, and counts as ready then."""
    with Supervisor() as supervisor:
        supervisor.add(script(started, ""), dict(os.environ), once=True)
        supervisor.run(lambda: (said.append("ready"), stop()))
    assert len(started()) == 1


def test_wrong_settings_end_the_command(started):
    """A process that says that its settings are wrong is not started again: all ends, with why."""
    with Supervisor() as supervisor:
        supervisor.add(script(started, f"sys.exit({WRONG_SETTINGS})"), dict(os.environ))
        with pytest.raises(SettingsError, match="test can't start"):
            supervisor.run(lambda: None)
    assert len(started()) == 1


def test_what_others_need_is_ended_last(started, tmp_path):
    """The process that is to be last gets SIGTERM when the others are gone."""
    log = tmp_path / "ended.txt"
    on_term = (
        "def end(*_):\n"
        "    time.sleep({pause}); Path({log!r}).open('a').write('{name} '); os._exit(0)\n"
        "signal.signal(signal.SIGTERM, end)\n"
    )
    with Supervisor() as supervisor:
        for name, pause, last in (("server", 0, True), ("runner", 1, False)):
            source = on_term.format(pause=pause, log=str(log), name=name) + WAIT
            supervisor.add(replace(script(started, source), is_last=last), dict(os.environ))
        supervisor.run(stop)
    assert log.read_text().split() == ["runner", "server"]


def test_children_end_with_a_parent_that_is_killed(tmp_path):
    """SIGKILL of the parent closes its pipe, and the child ends itself."""
    source = f"""
import os, sys, subprocess
reading, writing = os.pipe()
child = subprocess.Popen(
    [sys.executable, "-c", "import os, time, threading;"
     "from flows.serve.child import Child, _end_with_parent;"
     f"child = Child('', '', '', {{reading}});"
     "threading.Thread(target=_end_with_parent, args=(child,), daemon=True).start();"
     "open({str(tmp_path / "up")!r}, 'w').close(); time.sleep(600)"],
    pass_fds=[reading])
print(child.pid, flush=True)
child.wait()
"""
    with psutil.Popen(
        [sys.executable, "-c", source], stdout=-1, text=True, start_new_session=True
    ) as parent:
        child = psutil.Process(int(parent.stdout.readline()))
        until((tmp_path / "up").exists, 30)
        parent.kill()
    until(lambda: not child.is_running() or child.status() == "zombie", 10)
