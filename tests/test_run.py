from __future__ import annotations

import asyncio
import contextvars
import functools
import json
import os
import pickle
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nbformat
import papermill
import psutil
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import notebooks
from flows.errors import NotebookError
from flows.notebook import zygote
from flows.notebook.environment import NOTEBOOK_FILE
from flows.notebook.newsletter import load
from flows.notebook.parts import MIME
from flows.notebook.run import Limits, run
from flows.notebook.settle import settle

LIMITS = Limits(deadline_seconds=60, memory_mb=2_000, output_mb=2)
EVENT = {"event_payload": "<Document/>"}
ROOT = Path(__file__).parent.parent
# With the header, the parameters and papermill's cell of values before it.
FIRST = 3


BOTH = pytest.mark.parametrize(
    "kernel", [pytest.param("python3", id="fork"), pytest.param("own", id="kernel")]
)


@pytest.fixture
def kernel():
    """Name the notebook's kernelspec; tests that are for both engines name it themselves."""
    return "python3"


def processes_of(path, owner=None):
    """Return the processes of runs: kernels of notebooks in `path`, and forks for the `owner`.

    A fork has its zygote's command line, which names the owner, by default this process.
    """
    owner = os.getpid() if owner is None else owner
    found = []
    for process in psutil.process_iter():
        try:
            is_kernel = process.environ().get(NOTEBOOK_FILE, "").startswith(str(path))
            command = process.cmdline()
            is_fork = zygote.__name__ in command and str(owner) in command
            if is_kernel or (is_fork and process.ppid() != os.getpid()):
                found.append(process)
        except psutil.Error:
            continue
    return found


@pytest.fixture(autouse=True)
def nothing_left(tmp_path, monkeypatch):
    """Hold each test to the same claim: no process and no file of a run outlives it."""
    # Unix sockets lie in it, and their paths must be short.
    scratch = Path(tempfile.mkdtemp(prefix="gl"))
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    before = threading.active_count()
    yield
    assert processes_of(tmp_path) == []
    assert list(scratch.iterdir()) == []
    assert threading.active_count() == before
    shutil.rmtree(scratch)


@pytest.fixture
def execute(tmp_path, kernel):
    """Run a newsletter made of the given sources."""

    def execute(*sources, values=EVENT, limits=LIMITS, **written):
        path = notebooks.write(tmp_path, *sources, kernel=kernel, **written)
        return run(load(path), values, limits=limits)

    return execute


@pytest.fixture
def failure(execute):
    """Run a newsletter that must fail; check what each failure owes, and return the error."""

    def failure(*sources, **how):
        with pytest.raises(NotebookError) as caught:
            execute(*sources, **how)
        error = caught.value
        assert error.data["newsletter"] == "example"
        assert "\n" not in str(error)
        copy = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes
        assert (str(copy), copy.data) == (str(error), error.data)
        return error

    return failure


def outputs(executed, cell=FIRST):
    return executed.notebook.cells[cell].outputs


def printed(executed, cell=FIRST):
    return "".join(output.text for output in outputs(executed, cell) if output.name == "stdout")


@BOTH
def test_values_reach_the_cells(execute):
    """Injected values replace the defaults, the header's own among them, and the rest stays."""
    executed = execute(
        "print([event_payload, previous_payload, threshold_mw])",
        header=notebooks.HEADER + "parameters: {threshold_mw: 100}\n",
        parameters='event_payload = ""\nprevious_payload = "none"\nthreshold_mw = 1',
    )
    assert printed(executed) == "['<Document/>', 'none', 100]\n"
    assert executed.skip_reason is None


NASTY = [
    "a\r\nb\rc\nd",
    "\"'\\\"\"\"'''",
    "\\",
    "\\n\\u0041\\",
    "{{7*7}}{x}%(x)s${x}",
    "\u2028\u2029\x85\x0b\x0c",
    "</script><!--]]>",
    "\x00\x1b[31m\x7f",
    "ä€😀\ufeff\u202e",
    "#",
    "",
]


def test_nasty_text_reaches_a_kernel_unchanged(execute):
    """Quotes, line ends, backslashes, braces and markup arrive in a kernel as they were sent."""
    values = {"event_payload": "\n".join(NASTY), "installed_capacity": dict.fromkeys(NASTY, 1)}
    executed = execute(
        "import json\nprint(json.dumps([event_payload, installed_capacity]))",
        values=values,
        header=notebooks.HEADER + "needs: installed_capacity\n",
        parameters='event_payload = ""\ninstalled_capacity = {}',
    )
    assert json.loads(printed(executed)) == list(values.values())


def injected_value(notebook, **options):
    """Stand in for papermill's run: evaluate the cell that it would inject."""
    options.pop("run")
    prepared = papermill.execute_notebook(notebook, None, prepare_only=True, **options)
    names = {}
    exec(prepared.cells[2].source, names)  # noqa: S102 - this is what a kernel would do
    prepared.cells[2].outputs = [names["event_payload"]]
    raise InjectedError(names["event_payload"])


class InjectedError(Exception):
    """Carries a value out of a run."""


JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(alphabet="a\"'\\\n{}é"), inner),
    max_leaves=8,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(value=JSON_VALUES | st.sampled_from(NASTY))
def test_any_json_value_survives_papermill(tmp_path, value):
    """Whatever JSON value is injected, papermill's code for it evaluates to the same value."""
    newsletter = load(notebooks.write(tmp_path))
    with pytest.raises(InjectedError) as caught:
        run(newsletter, {"event_payload": value}, limits=LIMITS, execute=injected_value)
    assert caught.value.args == (value,)
    assert repr(caught.value.args) == repr((value,))  # 1 is not True, nor 1.0


@pytest.mark.parametrize(
    "value",
    [
        float("nan"),
        [float("inf")],
        {"a": {1: 2}},
        (1, 2),
        b"x",
        {1, 2},
        "\ud800",
        Path("x"),
        functools.reduce(lambda inner, _: [inner], range(100_000), []),
        10**5_000,
    ],
    ids=lambda value: type(value).__name__,
)
def test_other_values_are_refused(failure, value):
    """What JSON can't hold is refused before anything runs."""
    error = failure(values={"event_payload": value})
    assert "parameter 'event_payload'" in error.what
    assert error.data["cell"] is None


@pytest.mark.parametrize("name", ["other", "x = 1\nimport os\ny", "previous_payload", ""])
def test_undeclared_names_are_refused(failure, name):
    """A name that the parameters cell does not assign is never written into the notebook."""
    assert "is not declared" in failure(values={**EVENT, name: ""}).what


RAISE = "raise ValueError('no\\nvalue')"
EXIT = "import sys; sys.exit(0)"
QUIT = "exit()"
END = "import os; os._exit(0)"
KILL = "import os; os.kill(os.getpid(), 9)"
SKIP_NOTHING = "class SkipIssue(Exception): pass\nraise SkipIssue"


@pytest.mark.parametrize(
    ("source", "later", "says", "ename"),
    [
        pytest.param(RAISE, ["1"], "raised ValueError: no value", "ValueError", id="raises"),
        pytest.param(EXIT, ["1"], "called sys.exit(0)", "SystemExit", id="exits amid"),
        pytest.param(EXIT, [], "called sys.exit(0)", "SystemExit", id="exits last"),
        pytest.param(QUIT, ["1"], "called sys.exit()", "SystemExit", id="quits amid"),
        pytest.param(QUIT, [], "called sys.exit()", "SystemExit", id="quits last"),
        pytest.param(END, ["1"], "ended its kernel (exit status 0)", "", id="ends amid"),
        pytest.param(END, [], "ended its kernel (exit status 0)", "", id="ends last"),
        pytest.param(KILL, ["1"], "killed its kernel (SIGKILL)", "", id="kills"),
        pytest.param(SKIP_NOTHING, ["1"], "raised SkipIssue", "SkipIssue", id="no reason"),
    ],
)
@BOTH
def test_cell_fails(failure, source, later, says, ename):
    """A cell that raises, exits or kills its kernel fails the run, amid the notebook or last."""
    error = failure("print('before')", source, *later)
    assert error.what == f"example, cell {FIRST + 1}: {says}"
    assert (error.data["cell"], error.data["ename"]) == (FIRST + 1, ename)
    cells = error.data["executed"].cells
    assert cells[FIRST].outputs[0].text == "before\n"
    assert all(cell.outputs == [] for cell in cells[FIRST + 2 :])


FOREVER = "while True:\n    try:\n        while True: pass\n    except BaseException: pass"
PRINT = "while True: print('x' * 100)"
SHOW = "i = 0\nwhile True:\n    display(i)\n    i += 1"
THREAD = f"import threading\ndef loop():\n    {PRINT}\nthreading.Thread(target=loop).start()"
GROW = "x = []\nwhile True: x.append(bytearray(10_000_000))"
GROW_NUMPY = "import numpy\nx = []\nwhile True: x.append(numpy.ones(1_000_000))"
HUGE = "print('x' * 50_000_000)\nimport time\ntime.sleep(1)"


@pytest.mark.parametrize(
    ("source", "limits", "says"),
    [
        pytest.param(FOREVER, Limits(4, 2_000, 2), "deadline of 4 s passed", id="loops"),
        pytest.param(PRINT, LIMITS, "printed more than 2 MB", id="prints"),
        pytest.param(SHOW, LIMITS, "printed more than 2 MB", id="displays"),
        pytest.param(HUGE, LIMITS, "printed more than 2 MB", id="prints at once"),
        pytest.param(GROW, Limits(60, 800, 2), "ran out of memory (800 MB)", id="grows"),
        pytest.param(GROW_NUMPY, Limits(60, 800, 2), "ran out of memory (800 MB)", id="arrays"),
    ],
)
@BOTH
def test_limits_end_a_run(failure, source, limits, says):
    """A cell that loops, prints or allocates without end is stopped, and the cause is named."""
    before = psutil.Process().memory_info().rss
    error = failure(source, "print('never')", limits=limits)
    assert error.what == f"example, cell {FIRST}: {says}"
    assert "GRIDLETTER_NOTEBOOK_" in error.remedy
    assert psutil.Process().memory_info().rss - before < 100_000_000


@BOTH
def test_output_of_threads_counts(failure):
    """A thread that prints for ever is stopped, though the cell that started it has ended."""
    error = failure(THREAD, "import time; time.sleep(60)")
    assert error.what.endswith("printed more than 2 MB")


@BOTH
def test_start_within_the_limits(failure):
    """A kernel that can't start within its limits fails the run before any cell."""
    error = failure("1", limits=Limits(60, 60, 2))
    assert error.what.startswith("example: its kernel did not start: ")
    assert error.data["cell"] is None
    error = failure("1", limits=Limits(0.01, 2_000, 2))
    assert error.what == "example: deadline of 0.01 s passed"


LEAVES = """
import os, subprocess, sys, time
sleep = [sys.executable, "-c", "import time; time.sleep(600)"]
pids = [os.getpid(), subprocess.Popen(sleep).pid]
pids.append(subprocess.Popen(sleep, start_new_session=True, env={}).pid)
reader, writer = os.pipe()
if os.fork() == 0:                       # a daemon, as textbooks have it
    os.setsid()
    if os.fork() == 0:
        os.write(writer, str(os.getpid()).encode())
        os.execve(sleep[0], sleep, {})
    os._exit(0)
os.wait()
pids.append(int(os.read(reader, 20)))
print(pids)
"""


@BOTH
@pytest.mark.parametrize("ending", ["", "os.kill(os.getpid(), 9)"], ids=["ends", "dies"])
def test_nothing_that_was_started_outlives_the_run(tmp_path, kernel, ending):
    """Children, other sessions and daemons without the run's environment end with the kernel."""
    newsletter = load(notebooks.write(tmp_path, LEAVES, ending, kernel=kernel))
    try:
        executed = run(newsletter, EVENT, limits=LIMITS).notebook
    except NotebookError as error:
        executed = error.data["executed"]
    pids = json.loads(executed.cells[FIRST].outputs[0].text)
    assert len(set(pids)) == 4
    assert [pid for pid in pids if psutil.pid_exists(pid)] == []


WAIT = "from pathlib import Path\nPath({!r}).touch()\nwhile True: pass"


def wait_for(condition):
    until = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.05)


@BOTH
def test_interrupt_ends_the_kernel(tmp_path, kernel):
    """Ctrl-C in the process that runs a notebook ends the kernel and comes through."""
    started = tmp_path / "started"
    newsletter = load(notebooks.write(tmp_path, WAIT.format(str(started)), kernel=kernel))

    def interrupt():
        wait_for(started.exists)
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)

    with ThreadPoolExecutor(1) as pool:
        pool.submit(interrupt)
        with pytest.raises(KeyboardInterrupt):
            run(newsletter, EVENT, limits=LIMITS)


@BOTH
def test_killed_parent_leaves_no_kernel(tmp_path, kernel):
    """When the process that runs a notebook is killed, the kernel dies with it."""
    started = tmp_path / "started"
    path = notebooks.write(tmp_path, WAIT.format(str(started)), kernel=kernel)
    code = (
        "import sys\nfrom pathlib import Path\n"
        "from flows.notebook.newsletter import load\nfrom flows.notebook.run import Limits, run\n"
        "run(load(Path(sys.argv[1])), {}, limits=Limits(60, 2000, 2))"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", code, str(path)],
        cwd=ROOT,
        env=os.environ | {"TMPDIR": tempfile.gettempdir()},
    )
    wait_for(started.exists)
    parent.kill()
    parent.wait()
    wait_for(lambda: not processes_of(tmp_path, owner=parent.pid))
    for folder in Path(tempfile.gettempdir()).iterdir():  # nobody was left to remove it
        shutil.rmtree(folder)


@BOTH
def test_kernel_gets_no_secrets_and_a_folder_of_its_own(execute, tmp_path, monkeypatch):
    """A kernel has this Python and an empty folder, whatever kernels and secrets there are."""
    secrets = ("AWS_SECRET_ACCESS_KEY", "PREFECT_API_KEY", "GRIDLETTER_SMTP_URL", "X_TOKEN")
    for name in secrets:
        monkeypatch.setenv(name, "secret-value")
    monkeypatch.setenv("TZ", "Europe/Brussels")
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
    other = tmp_path / "kernels" / "python3"
    other.mkdir(parents=True)
    (other / "kernel.json").write_text('{"argv": ["false"], "language": "python"}')
    before = sorted(tmp_path.iterdir())
    executed = execute(
        "import json, os, sys, tempfile\n"
        "open('here', 'w').close()\n"
        "print(json.dumps([dict(os.environ), sys.executable, os.listdir('.'),"
        " get_ipython().history_manager.enabled]))"
    )
    environment, python, listing, history = json.loads(printed(executed))
    assert not set(secrets) & set(environment)
    assert "secret-value" not in environment.values()
    assert environment["TZ"] == "Europe/Brussels"
    assert environment[NOTEBOOK_FILE] == str(tmp_path / "example.ipynb")
    assert python == sys.executable
    assert listing == ["here"]
    assert history is False
    assert sorted(tmp_path.iterdir()) == sorted(
        {*before, tmp_path / "example.ipynb", tmp_path / "sample.xml"}
    )


JUNK = r"""
import os, time
os.write(1, bytes(range(256)))
print("\x00\udc80")
time.sleep(0.5)  # a thread of ipykernel reads what does not come through sys.stdout
"""


@BOTH
def test_binary_junk_is_kept_as_text(execute):
    """Bytes that are no text, on standard output, neither fail a run nor break the notebook."""
    executed = execute(JUNK)
    assert "ABC" in printed(executed)
    nbformat.validate(executed.notebook)
    assert executed.notebook == nbformat.reads(nbformat.writes(executed.notebook), as_version=4)


@BOTH
def test_skip_is_no_failure(execute):
    """A notebook that skips its issue ends there, with its reason and without an error."""
    skip = (
        "class SkipIssue(Exception): pass\n"
        f"display({{{MIME!r}: {{'part': 'skip', 'reason': 'all\\nquiet'}}}}, raw=True)\n"
        "raise SkipIssue('all quiet')"
    )
    executed = execute(skip, "print('never')")
    assert executed.skip_reason == "all quiet"
    assert [output.output_type for output in outputs(executed)] == ["display_data"]
    assert outputs(executed, FIRST + 1) == []


@BOTH
def test_allowed_errors_are_not_allowed(tmp_path, kernel):
    """A cell tagged `raises-exception` fails the run as any other does."""
    path = notebooks.write(tmp_path, "1 / 0", "1", kernel=kernel)
    content = json.loads(path.read_text())
    content["cells"][2]["metadata"]["tags"] = ["raises-exception"]
    path.write_text(json.dumps(content))
    with pytest.raises(NotebookError, match="ZeroDivisionError"):
        run(load(path), EVENT, limits=LIMITS)


TELLING = """\
import os, sys, tempfile, time, warnings
import matplotlib.pyplot as plt
warnings.warn("careful")
print("a"); print(tempfile.gettempdir()); print("b", file=sys.stderr); print(object())
plt.plot([1, 3, 2])
display(plt.gcf()); plt.close()
time.sleep(0.5)  # what is printed now is another message
print("c")
{"x", "y", "z"}
"""


@BOTH
def test_runs_at_once_give_what_they_give_alone(tmp_path, kernel):
    """Two runs at once, started from contexts that share an event loop, equal each other.

    With a chart, a warning, an address, a set and a temporary folder in it, the executed notebook
    has nothing that tells one run from another.
    """
    newsletter = load(notebooks.write(tmp_path, TELLING, "1 / 0", kernel=kernel))

    def settled():
        with pytest.raises(NotebookError) as caught:
            run(newsletter, EVENT, limits=LIMITS)
        return caught.value.data["executed"]

    settled()
    context = contextvars.copy_context()
    with ThreadPoolExecutor(2) as pool:
        runs = [pool.submit(context.copy().run, settled) for _ in range(2)]
    first, second = (each.result() for each in runs)
    assert nbformat.writes(first) == nbformat.writes(second)
    nbformat.validate(first)
    shown = [output for cell in first.cells for output in cell.get("outputs", ())]
    assert any("image/png" in output.get("data", {}) for output in shown)
    text = nbformat.writes(first)
    assert tempfile.gettempdir() not in text
    assert sys.prefix not in text
    assert [output["name"] for output in shown if "name" in output] == ["stdout", "stderr"]
    assert "<cell>:3: UserWarning: careful" in text


@pytest.mark.parametrize("hostile", ["/.", "/a", "/a.", "a.py/", "~", "/a/.py"])
def test_settling_takes_no_time(hostile):
    """Text that was made to keep a search for paths busy is settled in under a second."""
    error = nbformat.v4.new_output("error", traceback=[hostile * (500_000 // len(hostile))])
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(outputs=[error])])
    started = time.monotonic()
    settle(notebook, Path("/tmp/run"))  # noqa: S108 - nothing is written there
    assert time.monotonic() - started < 1


@BOTH
def test_run_within_a_running_event_loop(tmp_path, kernel):
    """A notebook can be run from code that an event loop runs, as in JupyterLab."""
    newsletter = load(notebooks.write(tmp_path, "print(1)", kernel=kernel))

    async def main():
        return run(newsletter, EVENT, limits=LIMITS)

    assert printed(asyncio.run(main())) == "1\n"


def test_prefect_jupyters_task_is_a_way_to_execute(tmp_path):
    """What `run` passes is what prefect-jupyter's task takes and hands to papermill."""
    from prefect_jupyter.notebook import execute_notebook

    newsletter = load(notebooks.write(tmp_path, "print(event_payload)"))
    executed = run(newsletter, EVENT, limits=LIMITS, execute=execute_notebook.fn)
    assert printed(executed) == "<Document/>\n"
