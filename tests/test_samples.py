"""The sample documents: synthetic, labelled, and written by the script beside them."""

from __future__ import annotations

import importlib.util
import sys

import pytest

import cells
from flows.document import read
from flows.notebook import newsletter

SCRIPTS = cells.NOTEBOOKS.parent / "scripts"
LABEL = "<!-- Synthetic sample written by the Gridletter project; not ENTSO-E data -->"
BUNDLED = {"day_ahead_prices", "generation_mix", "load", "outage_alert", "wind_solar"}


def _script():
    sys.path.insert(0, str(SCRIPTS))
    try:
        spec = importlib.util.spec_from_file_location("make_samples", SCRIPTS / "make_samples.py")
        script = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(script)
    finally:
        sys.path.remove(str(SCRIPTS))
    return {
        name: script.write(document, script.LABEL) for name, document in script.samples().items()
    }


WRITTEN = _script()
"""Every sample as the script writes it now, by file name."""


@pytest.mark.parametrize("name", sorted(WRITTEN))
def test_samples_are_the_script_s_to_the_byte(name):
    """The seeds are fixed, so the same bytes come out on every machine."""
    assert WRITTEN[name] == (cells.SAMPLES / name).read_bytes()


@pytest.mark.parametrize("path", sorted(cells.SAMPLES.glob("*.xml")), ids=lambda path: path.name)
def test_samples_say_that_they_are_synthetic(path):
    """The second line of each sample is a comment that says so."""
    assert path.read_text(encoding="utf-8").splitlines()[1] == LABEL


@pytest.mark.parametrize("name", sorted(WRITTEN))
def test_samples_pass_the_strict_reader_and_interest_one_newsletter(name):
    """Each is one document of one zone, and exactly one bundled newsletter listens to it."""
    (document,) = read((cells.SAMPLES / name).read_bytes())
    found = newsletter.catalogue(cells.NOTEBOOKS).newsletters
    listeners = [each.name for each in found if each.listens_to(document)]
    [bundled] = BUNDLED.intersection(listeners)
    assert name.startswith(bundled)


def test_the_sample_day_looks_like_one():
    """Solar is dark at night and strongest around noon, and prices fall under zero only by day."""
    sun = cells.run("wind_solar").variables["megawatts"]["B16"]
    assert sun.between_time("23:00", "04:00").eq(0).all()
    assert 12 <= sun.idxmax().hour <= 14
    prices = cells.run("day_ahead_prices").variables["prices"]
    below_zero = prices[prices < 0]
    assert not below_zero.empty
    assert set(below_zero.index.hour) <= set(range(10, 18))
