"""Prefect's embedded API: begun at once, used by one process, and gone with it."""

import os
import signal
import subprocess
import sys

import psutil

from flows import embedded
from waiting import until

_ENTER = """
import sys
from pathlib import Path
from flows.embedded import prefect_api
with prefect_api(Path(sys.argv[1])):
    print("inside", flush=True)
    sys.stdin.read()
"""


def _process(home):
    return subprocess.Popen(
        [sys.executable, "-c", _ENTER, str(home)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={k: v for k, v in os.environ.items() if not k.startswith("PREFECT_")}
        | {"PREFECT_HOME": str(home / "prefect")},
    )


def _apis(pid):
    return [
        child
        for child in psutil.Process(pid).children(recursive=True)
        if "flows.embedded_api" in child.cmdline()
    ]


def test_the_embedded_api_ends_with_the_process_that_was_killed(home):
    """It starts before Prefect is imported, and nothing of it is left after a SIGKILL."""
    with _process(home) as process:
        (api,) = until(lambda: _apis(process.pid), 60, "the API's process")
        assert process.stdout.readline() == b"inside\n"
        process.send_signal(signal.SIGKILL)
    assert psutil.wait_procs([api], timeout=20)[1] == []


def test_an_api_that_a_profile_names_is_used(home):
    """The embedded one, which was begun in case, is ended; who asks gets the named one."""
    (home / "prefect").mkdir(parents=True)
    (home / "prefect" / "profiles.toml").write_text(
        'active = "mine"\n[profiles.mine]\nPREFECT_API_URL = "http://127.0.0.1:9/api"\n'
    )
    with _process(home) as process:
        assert process.stdout.readline() == b"inside\n"
        assert _apis(process.pid) == []
        process.stdin.close()


def test_a_named_api_is_used_as_it_is(home):
    """Where Prefect is at hand already it is asked first, and nothing is started."""
    from prefect.settings import PREFECT_API_URL, temporary_settings

    with (
        temporary_settings(updates={PREFECT_API_URL: "http://127.0.0.1:9/api"}),
        embedded.prefect_api(home) as address,
    ):
        assert address == "http://127.0.0.1:9/api"
        assert home not in embedded._running


def test_homes_have_an_api_each_and_one_only(home, tmp_path):
    """Asked again for a home, the same API is there; for another home, another one."""
    from prefect.settings import get_current_settings

    def url(folder):
        with embedded.prefect_api(folder, always_embedded=True) as named:
            assert named is None
            return get_current_settings().api.url

    try:
        assert url(home) == url(home) != url(tmp_path / "other")
    finally:
        for folder in (home, tmp_path / "other"):
            embedded._running.pop(folder).end()
