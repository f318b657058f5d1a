"""How a command's process begins."""

import os
import subprocess
import sys
from pathlib import Path

import pytest


def test_a_command_imports_without_the_grammar_of_iris():
    """As where JupyterLab is not installed; jsonschema does without it, and works."""
    source = (
        "from flows import startup; startup.hasten()\n"
        "import gc, sys, jsonschema, prefect\n"
        "assert sys.modules['rfc3987_syntax'] is None and 'lark' not in sys.modules\n"
        "assert gc.isenabled() and gc.get_threshold()[0] == 100_000\n"
        "jsonschema.validate('2026-01-01', {'type': 'string', 'format': 'date'},"
        " format_checker=jsonschema.FormatChecker())\n"
    )
    subprocess.run([sys.executable, "-c", source], check=True)


def test_the_zygote_can_start_before_anything_slow_is_imported():
    """What starts it brings neither pandas nor Prefect, nor a reader of documents."""
    source = (
        "import sys; from flows.notebook import nursery; import flows.local, flows.cli\n"
        "slow = {'pandas', 'numpy', 'lxml', 'prefect', 'papermill', 'flows.document'}\n"
        "assert not slow & sys.modules.keys(), slow & sys.modules.keys()\n"
    )
    subprocess.run([sys.executable, "-c", source], check=True)


def test_a_package_is_loaded_when_it_is_used():
    """Whoever imports it has it, whole, once something of it is asked for."""
    source = (
        "import sys; from flows import startup\n"
        "startup.put_off('xmlrpc'); startup.put_off('xmlrpc'); startup.put_off('not_installed')\n"
        "import xmlrpc\n"
        "import email\n"
        "assert len([each for each in sys.meta_path if 'startup' in type(each).__module__]) == 2\n"
        "assert type(xmlrpc).__name__ == '_LazyModule', type(xmlrpc)\n"
        "import xmlrpc.client\n"
        "assert xmlrpc.client.dumps((1,)) and type(xmlrpc).__name__ == 'module'\n"
        "try:\n"
        "    import not_installed\n"
        "except ModuleNotFoundError: print('refused')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", source], check=True, capture_output=True, text=True
    )
    assert done.stdout == "refused\n"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("pass", 0),
        ("sys.exit()", 0),
        ("sys.exit(3)", 3),
        ("sys.exit('a reason')", 1),
        ("raise ValueError", 1),
        ("sys.stdout.close()", 0),
    ],
)
def test_a_command_ends_as_python_would(body, code):
    """With the same code, after threads and whatever was to be done at the end; and it is over."""
    source = (
        "import atexit, sys, tempfile, threading, time; from flows import startup\n"
        "class Never:\n"
        "    def __del__(self): print('taken down', flush=True)\n"
        "kept = Never()\n"
        "def main():\n"
        "    atexit.register(lambda: print('at exit', file=sys.stderr))\n"
        "    later = lambda: (time.sleep(0.3), print('thread', file=sys.stderr))\n"
        "    threading.Thread(target=later).start()\n"
        f"    {body}\n"
        "startup.end_at_once(main)\n"
    )
    command = [sys.executable, "-c", source]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == code
    assert done.stderr.splitlines()[-2:] == ["thread", "at exit"]
    assert not done.stdout


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no full device here")
def test_what_can_not_be_printed_is_an_error():
    """A command whose output is lost does not end well; Python has the same exit code for that."""
    source = "from flows import startup; startup.end_at_once(lambda: print('lost'))"
    buffered = {name: text for name, text in os.environ.items() if name != "PYTHONUNBUFFERED"}
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-c", source],
            env=buffered,
            stdout=full,
            stderr=subprocess.DEVNULL,
            check=False,
        )
    assert done.returncode == 120
