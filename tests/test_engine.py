"""A forked notebook gives what a kernel gives, and leaves nothing to the next one."""

from __future__ import annotations

import base64
import io
import json
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nbformat
import numpy as np
import psutil
import pytest
from PIL import Image

import notebooks
from flows.errors import NotebookError
from flows.notebook import nursery
from flows.notebook.newsletter import load
from flows.notebook.run import Limits, run

LIMITS = Limits(deadline_seconds=60, memory_mb=2_000, output_mb=8)
ROOT = Path(__file__).parent.parent
FIRST = 2
"""The first cell of a notebook's own, where no values are injected."""


@pytest.fixture
def execute(tmp_path):
    """Run cells in a fork; return the outputs of each."""

    def execute(*sources, **written):
        executed = run(load(notebooks.write(tmp_path, *sources, **written)), {}, limits=LIMITS)
        return [cell.outputs for cell in executed.notebook.cells[FIRST:]]

    return execute


def printed(outputs):
    return "".join(output.text for output in outputs if output.name == "stdout")


def zygotes(owner=None):
    """Return the processes that have the command line of a zygote of `owner`'s."""
    wanted = str(os.getpid() if owner is None else owner)
    found = []
    for process in psutil.process_iter():
        try:
            command = process.cmdline()
        except psutil.Error:
            continue
        if "flows.notebook.zygote" in command and wanted in command:
            found.append(process)
    return found


def wait_for(condition):
    until = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.02)


@pytest.fixture
def on_both(monkeypatch):
    """Run a newsletter in a fork and by a kernel; return both notebooks, failed ones, too."""

    def ran(newsletter, values):
        try:
            return run(newsletter, values, limits=LIMITS).notebook
        except NotebookError as error:
            return error.data["executed"]

    def on_both(path, **values):
        newsletter = load(path)
        fork = ran(newsletter, values)
        with monkeypatch.context() as patch:
            patch.setattr(nursery, "AVAILABLE", False)
            kernel = ran(newsletter, values)
        return fork, kernel

    return on_both


def pixels(png):
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(png))).convert("RGBA"))


@pytest.mark.parametrize("path", sorted((ROOT / "notebooks").glob("*.ipynb")), ids=lambda p: p.stem)
def test_newsletters_are_the_same_on_both_engines(path, on_both):
    """Each newsletter's executed notebook is the same from a fork and from a kernel, byte by byte.

    Charts are compared as pixels, too, to say that they are there and no blank ones.
    """
    sample = load(path).sample.read_text(encoding="utf-8")
    fork, kernel = on_both(path, event_payload=sample)
    assert nbformat.writes(fork) == nbformat.writes(kernel)
    charts = [
        output.data["image/png"]
        for cell in fork.cells
        for output in cell.get("outputs", ())
        if "image/png" in output.get("data", {})
    ]
    assert charts
    assert all(len(np.unique(pixels(chart).reshape(-1, 4), axis=0)) > 8 for chart in charts)


CELLS = {
    "streams": (
        "import sys\nprint('a', end='')\nprint('b', file=sys.stderr)\nprint('c')\n'd'",
        "print('x\\ry\\bz')\nsys.stdout.write('no end')",
        "print(sys.stdout.isatty(), sys.stdout.encoding, sys.stdout.name)",
    ),
    "displays": (
        "from IPython.display import HTML, Image, clear_output, display, update_display",
        "display(HTML('<b>1</b>'), {'text/plain': 'raw'}, metadata={'a': 1})\nHTML('<i>2</i>')",
        "handle = display('before', display_id='one')",
        "print('gone')\nclear_output()\nprint('kept')\nclear_output(wait=True)\ndisplay('last')",
        "update_display('after', display_id='one')\nhandle.update('after all')",
        "Image(data=b'\\x89PNG\\r\\n\\x1a\\n' + b'0' * 16)",
        "display({'application/json': {'a': [1, None, 2.5]}}, raw=True)",
    ),
    "charts": (
        "import matplotlib.pyplot as plt\nplt.plot([1, 3, 2])",
        "figure, axes = plt.subplots()\naxes.bar([1, 2], [2, 1])\nprint(plt.get_backend())",
        "%matplotlib inline\nplt.plot([1, 2]); plt.show()\nplt.get_fignums()",
        "from matplotlib.figure import Figure\nFigure().subplots().figure",
    ),
    "frames": (
        "import pandas as pd\npd.DataFrame({'a': [1, 2]})",
        "pd.Series([1.5], name='s').to_frame().style.set_uuid('one')",
    ),
    "awaits": (
        "import asyncio\nawait asyncio.sleep(0)\nprint(asyncio.get_running_loop().is_running())",
        "async def add(): return await asyncio.sleep(0.1, 2)\ntask = asyncio.create_task(add())",
        "await task",
    ),
    "shell": (
        "%%capture said\nprint('in')",
        "said.stdout",
        "_, In[1], Out",
        "get_ipython().__class__.__name__, __name__",
        "%%writefile here.txt\ntext",
        "!cat here.txt",
        "import os; sorted(os.listdir())",
    ),
    "warnings": (
        "import warnings\nwarnings.warn('careful')\nwarnings.warn('old', DeprecationWarning)",
        "def old(): warnings.warn('deeper', stacklevel=2)\nold()",
    ),
    "raises": ("def fail(n):\n    return 1 / n\n", "print('before')\nfail(0)"),
    "raises while awaiting": ("import asyncio", "await asyncio.sleep(0)\n{}['missing']"),
    "raises from another": (
        "try:\n    1 / 0\nexcept Exception as e:\n    raise KeyError('x') from e",
    ),
    "raises in a group": ("raise ExceptionGroup('several', [ValueError(1), TypeError('b')])",),
    "syntax": ("1 +",),
    "indentation": ("if True:\n  1\n 2",),
    "magic": ("%nosuchmagic",),
    "exits": ("import sys\nsys.exit('bye')",),
    "reprs": ("class Bad:\n    def __repr__(self): raise ValueError('no repr')\nBad()",),
    "interrupts": ("raise KeyboardInterrupt",),
    "traces": ("import traceback\ntry:\n    1 / 0\nexcept Exception:\n    traceback.print_exc()",),
}


@pytest.mark.parametrize("sources", CELLS.values(), ids=CELLS)
def test_outputs_are_the_same_on_both_engines(tmp_path, on_both, sources):
    """Whatever a cell shows, prints or raises is the same output from a fork as from a kernel."""
    fork, kernel = on_both(notebooks.write(tmp_path, *sources))
    assert fork == kernel


SPOIL = """
import atexit, builtins, decimal, json, locale, os, random, signal, sys, tempfile, threading
import warnings
import matplotlib, numpy, pandas
from flows import desk
os.environ["LEFT"] = "1"
os.environ["TZ"] = "Asia/Tokyo"
os.umask(0)
open("left", "w").close()
open(os.path.join(tempfile.gettempdir(), "left"), "w").close()
os.chdir("/")
matplotlib.rcParams["font.size"] = 99
numpy.seterr(all="ignore")
numpy.random.seed(1)
random.seed(1)
pandas.set_option("display.max_rows", 1)
decimal.getcontext().prec = 3
sys.path.append("/left")
sys.setrecursionlimit(500)
sys.modules["left"] = sys
builtins.left = desk.left = json.left = 1
desk.ACCENT = "red"
warnings.simplefilter("error")
signal.signal(signal.SIGUSR1, lambda *_: None)
atexit.register(print, "left")
threading.Thread(target=threading.Event().wait, daemon=True).start()
left = os.open("/dev/null", os.O_RDONLY)
"""
LOOK = """
import builtins, decimal, json, os, random, signal, sys, tempfile, threading, time, warnings
import matplotlib, numpy, pandas
from flows import desk
print(json.dumps({
    "environment": {**os.environ, "TMPDIR": "", "IPYTHONDIR": ""},
    "zone": time.tzname,
    "folder": [os.path.basename(os.getcwd()), os.listdir()],
    "temporary": sorted(os.listdir(tempfile.gettempdir())),
    "umask": os.umask(0o22),
    "style": repr(sorted(matplotlib.rcParams.items())),
    "numpy": numpy.geterr(),
    "pandas": pandas.get_option("display.max_rows"),
    "decimal": decimal.getcontext().prec,
    "path": sys.path,
    "recursion": sys.getrecursionlimit(),
    "modules": sorted(sys.modules),
    "builtins": sorted(vars(builtins)),
    "desk": [desk.ACCENT, hasattr(desk, "left"), hasattr(json, "left")],
    "filters": repr(warnings.filters),
    "signal": repr(signal.getsignal(signal.SIGUSR1)),
    "threads": threading.active_count(),
    "tasks": len(os.listdir("/proc/self/task")),
    "names": sorted(globals()),
    "open": len(os.listdir("/proc/self/fd")),
    "session": os.getsid(0) == os.getpid(),
}))
print(json.dumps([random.random(), numpy.random.random()]))
"""


def test_nothing_leaks_into_the_next_run(execute):
    """A run that spoils all it can reach is followed by one that finds what the first one found."""
    (before,) = execute(LOOK)
    execute(SPOIL)
    (after,) = execute(LOOK)
    (first, numbers), (second, others) = (
        map(json.loads, printed(outputs).splitlines()) for outputs in (before, after)
    )
    assert first == second
    assert first["threads"] == first["tasks"] == 1
    assert all(one != other for one, other in zip(numbers, others, strict=True))


def test_runs_at_once_do_not_meet(tmp_path):
    """Runs side by side have processes, folders and outputs of their own."""
    newsletter = load(
        notebooks.write(
            tmp_path,
            "import os, time\nopen(str(os.getpid()), 'w').close()\ntime.sleep(0.3)\n"
            "print(os.getpid(), os.listdir())",
        )
    )
    with ThreadPoolExecutor(6) as pool:
        runs = [pool.submit(run, newsletter, {}, limits=LIMITS) for _ in range(6)]
    told = [printed(each.result().notebook.cells[FIRST].outputs).split() for each in runs]
    assert len({pid for pid, _ in told}) == 6
    assert all(listing == f"['{pid}']" for pid, listing in told)


DESCRIPTORS = """
import multiprocessing, os, subprocess, sys
os.write(1, b"by descriptor\\n")
subprocess.run(["echo", "by a command"])
subprocess.run(["echo", "by its stderr"], stdout=sys.stderr)
process = multiprocessing.get_context("fork").Process(target=print, args=["by a fork"])
process.start(); process.join()
_ = sys.__stdout__.write("by the first stdout\\n")
"""


def test_what_is_written_past_python_is_kept(execute):
    """What descriptors, commands and forks of the notebook write is an output of the cell."""
    (outputs,) = execute(DESCRIPTORS)
    assert printed(outputs).splitlines() == [
        "by descriptor",
        "by a command",
        "by a fork",
        "by the first stdout",
    ]
    assert [output.text for output in outputs if output.name == "stderr"] == ["by its stderr\n"]


def test_zygote_has_one_thread_and_no_secrets(execute, monkeypatch):
    """The process that is forked has one thread and none of this process's secrets."""
    monkeypatch.setenv("GRIDLETTER_SMTP_URL", "smtp://user:secret-value@host")
    execute("1")
    for zygote in zygotes():
        assert zygote.num_threads() == 1
        assert "secret-value" not in str(zygote.environ())


def test_zygote_is_started_once(execute):
    """Runs one after another are forks of the same process, which `warm` may start before."""
    nursery.warm()
    (first,) = zygotes()
    execute("1")
    execute("2")
    assert zygotes() == [first]


def test_another_environment_has_another_zygote(execute, monkeypatch):
    """A change of what notebooks are given reaches the next run, and the former zygote ends."""
    execute("1")
    (former,) = zygotes()
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    (outputs,) = execute("import os\nprint(os.environ['LC_ALL'])")
    assert printed(outputs) == "C.UTF-8\n"
    wait_for(lambda: former not in zygotes())


def test_killed_zygote_is_replaced(execute):
    """A zygote that was killed between two runs is replaced for the second."""
    execute("1")
    (zygote,) = zygotes()
    zygote.kill()
    assert printed(*execute("print(1)")) == "1\n"
    assert zygotes() != [zygote]


KILL_ABOVE = """
import os, psutil, signal, time
above = psutil.Process().parents()
child = os.fork()
if child == 0: time.sleep(600)
print(child)
os.kill(above[{}].pid, signal.SIGKILL)
time.sleep(600)
"""


@pytest.mark.parametrize("above", [0, 1], ids=["supervisor", "zygote"])
def test_process_above_is_killed(tmp_path, above):
    """When a process above the notebook is killed, the run fails, and no process is left."""
    newsletter = load(notebooks.write(tmp_path, KILL_ABOVE.format(above)))
    with pytest.raises(NotebookError) as caught:
        run(newsletter, {}, limits=LIMITS)
    assert caught.value.data["cell"] == FIRST
    pid = int(printed(caught.value.data["executed"].cells[FIRST].outputs))
    wait_for(lambda: not psutil.pid_exists(pid) and all(z.ppid() == os.getpid() for z in zygotes()))
    assert run(load(notebooks.write(tmp_path, "1")), {}, limits=LIMITS).skip_reason is None


@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGTERM, None], ids=str)
def test_zygote_ends_with_its_owner(ending):
    """However the process ends that has a zygote, the zygote ends, too, also while it imports."""
    code = "from flows.notebook import nursery\nnursery.warm()\nprint(1, flush=True)\n"
    code += "import time; time.sleep(600)" if ending else ""
    with subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE) as owner:
        owner.stdout.readline()
        if ending:
            owner.send_signal(ending)
    wait_for(lambda: not zygotes(owner.pid))


def test_fork_of_the_owner_has_a_zygote_of_its_own(execute, tmp_path):
    """A fork of this process runs notebooks by a zygote of its own, not by its parent's."""
    execute("1")
    before = zygotes()
    path = notebooks.write(tmp_path, "print(1)")
    child = os.fork()
    if child == 0:
        try:
            run(load(path), {}, limits=LIMITS)
            nursery.end_zygotes()
            os._exit(0)
        finally:
            os._exit(1)
    assert os.waitpid(child, 0)[1] == 0
    assert zygotes() == before
    assert printed(*execute("print(1)")) == "1\n"


def test_zygote_that_cannot_start_is_told(execute, monkeypatch):
    """Where the zygote breaks on its imports, the run fails with what Python said."""
    nursery.end_zygotes()
    monkeypatch.setenv("PYTHONHOME", "/nonexistent")
    with pytest.raises(NotebookError, match="did not start: ") as caught:
        execute("1")
    assert caught.value.data["cell"] is None
