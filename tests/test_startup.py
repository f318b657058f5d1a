"""How a command's process begins."""

import subprocess
import sys


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
