"""The ground holds together: lock files, environment, Makefile and the direction of imports."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
RUNTIME = PROJECT["dependencies"]
DEV = PROJECT["optional-dependencies"]["dev"]


def _pins(name):
    text = (ROOT / name).read_text(encoding="utf-8")
    pins = re.findall(r"^([a-z0-9._-]+)(?:\[[^]]*\])?==([^ ;\\]+)", text, re.MULTILINE)
    return {canonicalize_name(package): Version(version) for package, version in pins}


@pytest.mark.parametrize(
    ("lock", "wanted"),
    [("requirements.lock", RUNTIME), ("requirements-dev.lock", RUNTIME + DEV)],
)
def test_the_lock_satisfies_pyproject(lock, wanted):
    """Each dependency of pyproject is pinned in the lock file, at a version that it allows."""
    pins = _pins(lock)
    for requirement in map(Requirement, wanted):
        version = pins[canonicalize_name(requirement.name)]
        assert requirement.specifier.contains(version), requirement


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-dev.lock"])
def test_every_pin_has_hashes_and_no_address(lock):
    """A lock file names no index, so that it works behind any mirror, and pins by hash alone."""
    text = (ROOT / lock).read_text(encoding="utf-8")
    assert "://" not in text
    assert "--index-url" not in text
    for block in re.split(r"\n(?=\S)", text.strip()):
        assert "--hash=sha256:" in block, block


def test_both_locks_agree():
    """What tests run on is what production runs on."""
    dev = _pins("requirements-dev.lock")
    assert {name: dev.get(name) for name in _pins("requirements.lock")} == _pins(
        "requirements.lock"
    )


def test_fastapi_is_old_enough_for_prefect():
    """From fastapi 0.151 on Prefect's server refuses its own client, from 0.155 it won't start."""
    assert _pins("requirements.lock")["fastapi"] < Version("0.151")


def test_the_conda_environment_is_the_same_set():
    """Analysts get exactly the lock file, with JupyterLab, on a Python that pyproject allows."""
    environment = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    plain = [entry for entry in environment["dependencies"] if isinstance(entry, str)]
    (pip,) = [entry["pip"] for entry in environment["dependencies"] if isinstance(entry, dict)]
    assert f"python {PROJECT['requires-python']}" in plain
    assert pip == ["--require-hashes", "--requirement requirements-dev.lock"]
    assert "jupyterlab" in _pins("requirements-dev.lock")


def test_data_flows_one_way():
    """A stage imports only stages to its left, and only the flow and the command know Prefect."""
    done = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


def test_the_makefile_explains_its_targets():
    """Each target that a person calls says what it does."""
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    phony = re.search(r"^\.PHONY: (.*)$", text, re.MULTILINE).group(1).split()
    for target in phony:
        assert re.search(rf"^{target}:.*## \w", text, re.MULTILINE), target
