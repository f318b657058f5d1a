"""docs/costs.md: it is what its script writes, and the arithmetic is right."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).resolve().parent.parent / "scripts"


@pytest.fixture(scope="module")
def costs():
    """Return the script as a module."""
    with pytest.MonkeyPatch.context() as path:
        path.syspath_prepend(str(SCRIPTS))
        return importlib.import_module("make_costs")


def test_the_page_is_what_the_script_writes(costs):
    """The page in docs/ is that of the figures and prices in the script."""
    assert costs.PAGE.read_text("utf-8") == costs.page(), "run scripts/make_costs.py"


def test_a_task_by_hand(costs):
    """An hour of 1 vCPU, 4 GB and an address costs 4.048 + 4 x 0.4445 + 0.5 cents."""
    assert costs.task(3600) == pytest.approx(0.04048 + 4 * 0.004445 + 0.005)


def test_a_minute_is_billed_at_least(costs):
    """A task of a second costs what one of a minute does, Fargate's minimum."""
    assert costs.task(1) == costs.task(60) == pytest.approx(costs.task(3600) / 60)


def test_a_month_without_issues_costs_what_waits(costs):
    """Without issues a month costs one key, three secrets and two GB of images: 2.40 dollars."""
    assert costs.month(0, 0) == costs.waiting() == pytest.approx(1.00 + 3 * 0.40 + 2 * 0.10)


def test_mails_cost_their_list_price_and_a_little(costs):
    """A million more mails cost the hundred dollars of SES, and what they take beside."""
    more = costs.month(1_000, 1_000_000) - costs.month(1_000, 0)
    beside = 1_000_000 * costs.MEASURED.mail_kb / 1e6 * 0.12
    assert 100 + beside < more < 100 + beside + 20


def test_more_is_never_cheaper(costs):
    """A bill grows with issues and with mails."""
    for issues in costs.ISSUES:
        bills = [costs.month(issues, mails) for mails in costs.MAILS]
        assert bills == sorted(bills)
    for mails in costs.MAILS:
        bills = [costs.month(issues, mails) for issues in costs.ISSUES]
        assert bills == sorted(bills)
