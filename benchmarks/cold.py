"""A cold process for one event, from its file to the page and the mail in the outbox.

By turns, each in a process of its own: `gridletter publish` with a Prefect API at hand, as on ECS
(ours, for Prefect's own on SQLite refuses now and then, and its client then sleeps for two seconds,
which Prefect Cloud does not do); the same with its embedded API, whose database is there from an
earlier time; the tools' own commands, which stop at HTML (see `tools`); and the notebook's code as
a plain script that makes the same page and mail (see `script`). The rounds' ratios have a median.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from contextlib import ExitStack
from importlib import import_module
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Final

from prefect.settings import get_current_settings

from benchmarks import tools
from benchmarks.row import Aim, Row
from flows.delivery.directory import open_directory
from flows.delivery.subscribers import Subscriber
from flows.embedded import prefect_api

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from collections.abc import Set as AbstractSet

    from pydantic import JsonValue

AIMS: Final = {
    "cold": Aim(
        0.65, "a cold process, a Prefect API at hand, against papermill + nbconvert", upward=False
    ),
    "cold_limit": Aim(1.5, "the same against the notebook's code as a plain script", upward=False),
    "cold_embedded": Aim(
        1.3, "a cold process with its embedded API against papermill + nbconvert", upward=False
    ),
}

_ROUNDS: Final = 5
_PAIRS: Final = {
    "cold": ("gridletter", "papermill_nbconvert"),
    "cold_limit": ("gridletter", "script"),
    "cold_embedded": ("gridletter_embedded", "papermill_nbconvert"),
}
_READER: Final = Subscriber("Ada", "ada@reader.example")
_PUBLISH: Final = [str(Path(sys.executable).parent / "gridletter"), "publish", str(tools.SAMPLE)]


def measure(names: AbstractSet[str]) -> Iterator[Row]:
    """Yield the rows `names`."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        sys.path.append(str(tools.REPOSITORY / "tests"))
        stack.enter_context(prefect_api(folder / "server", always_embedded=True))
        contest = Contest(folder, str(get_current_settings().api.url))
        wanted = {each for name in names for each in _PAIRS[name]}
        if "script" in wanted:
            wanted.add("code_alone")
        seconds = contest.race(wanted)
    for name in AIMS:
        if name in names:
            ours, others = (seconds[each] for each in _PAIRS[name])
            ratio = median(one / other for one, other in zip(ours, others, strict=True))
            yield AIMS[name].row(name, ratio, _raw(name, seconds))


class Contest:
    """The contestants by name; each call is one cold run, and returns its seconds."""

    def __init__(self, folder: Path, api: str) -> None:
        self._folder = folder
        self._template = folder / "template"
        self._api = {"PREFECT_API_URL": api}
        self._environment = import_module("serve_rig").environment
        self._contestants: dict[str, Callable[[], float]] = {
            "gridletter": lambda: self._publish(self._new_folder(), self._api),
            "gridletter_embedded": lambda: self._publish(self._used_home(), {}),
            "papermill_nbconvert": lambda: tools.seconds(tools.NOTEBOOK, self._new_folder()),
            "script": self._script,
            "code_alone": lambda: self._script("--code-alone"),
        }

    def race(self, names: AbstractSet[str]) -> Mapping[str, list[float]]:
        """Return the seconds of those `names`, round by round; the first warms the disk's cache."""
        taken: dict[str, list[float]] = {name: [] for name in self._contestants if name in names}
        if "gridletter_embedded" in taken:
            taken["first_embedded"] = [self._publish(self._template, {})]
        for number in range(_ROUNDS + 1):
            for name, run in self._contestants.items():
                if name in names and (seconds := run()) and number:
                    taken[name].append(seconds)
        return taken

    def _publish(self, home: Path, more: Mapping[str, str]) -> float:
        """Return the seconds until the command has ended, with page and mail there."""
        open_directory(f"sqlite:///{home / 'ledger.db'}").add([_READER])
        environment = self._environment(home, **more)
        seconds = tools.timed(_PUBLISH, environment)
        pages, mails = home.glob("archive/issues/**/index.html"), home.glob("outbox/*.eml")
        if (len(list(pages)), len(list(mails))) != (1, 1):
            message = f"there should be a page and a mail in {home}"
            raise RuntimeError(message)
        return seconds

    def _script(self, *options: str) -> float:
        folder = self._new_folder()
        files = (str(tools.NOTEBOOK), str(tools.SAMPLE), str(folder))
        command = [sys.executable, "-m", "benchmarks.script", *files, *options]
        return tools.timed(command, self._environment(folder))

    def _new_folder(self) -> Path:
        return Path(tempfile.mkdtemp(dir=self._folder))

    def _used_home(self) -> Path:
        """Return a home where nothing was published, but whose embedded API was there before."""
        home = self._new_folder()
        for file in self._template.glob("prefect.db*"):
            shutil.copy(file, home)
        return home


def _raw(name: str, seconds: Mapping[str, list[float]]) -> Mapping[str, JsonValue]:
    shown = list(_PAIRS[name])
    shown += {"cold_limit": ["code_alone"], "cold_embedded": ["first_embedded"]}.get(name, [])
    return {f"{each}_s": [round(second, 2) for second in seconds[each]] for each in shown}
