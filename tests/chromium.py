"""The system's Chromium, headless.

A test module with `pytest_plugins = ("chromium",)` has it as the fixture `browser`, and marks
itself by `pytestmark = chromium.NEEDED`.
"""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import sync_playwright

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser

_PATH = shutil.which("chromium") or shutil.which("chromium-browser")
# On CI a missing browser is a failure of the set-up, not a reason to pass.
NEEDED = pytest.mark.skipif(
    _PATH is None and "CI" not in os.environ, reason="Chromium is not installed"
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Run the browser, for all tests of a module."""
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(
            executable_path=_PATH,
            args=["--no-sandbox", "--disable-quic", "--disable-background-networking"],
        )
        yield running
        running.close()
