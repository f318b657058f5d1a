"""What tests share: a home of their own, and a real Prefect API where they ask for it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from flows import settings
from flows.embedded import prefect_api

ROOT = Path(__file__).parent.parent
SAMPLES = ROOT / "notebooks" / "samples"


# A file stays with one worker, so the longest come first: else one works alone at the end.
LONGEST = {"test_cli", "test_run", "test_deploy_server", "test_real_documents", "test_serve"}


def pytest_collection_modifyitems(items):
    """Run the longest files first, and all others in their order."""
    items.sort(key=lambda item: item.path.stem not in LONGEST)


@pytest.fixture(autouse=True)
def home(monkeypatch, tmp_path):
    """Give each test an empty home, and none of the developer's own settings."""
    for name in list(os.environ):
        if name.startswith((settings.PREFIX, "ENTSOE_", "PREFECT_API_")):
            monkeypatch.delenv(name)
    folder = tmp_path / "home"
    monkeypatch.setenv("GRIDLETTER_HOME", str(folder))
    return folder


@pytest.fixture(scope="session")
def prefect(tmp_path_factory):
    """Run a real Prefect API, embedded as the commands have it, for all tests of this process."""
    with prefect_api(tmp_path_factory.mktemp("prefect"), always_embedded=True):
        yield
