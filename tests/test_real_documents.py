"""The main job on real input: every real ENTSO-E document ends with a clear outcome."""

from __future__ import annotations

from collections import Counter

import pytest

from conftest import ROOT

DOCUMENTS = ROOT.parent / "shared" / "documents"

pytestmark = [
    pytest.mark.usefixtures("prefect"),
    pytest.mark.skipif(not DOCUMENTS.is_dir(), reason="the real documents are not distributed"),
]
# One of each newsletter, an acknowledgement, and families that nobody listens to. All of them take
# four minutes: `gridletter publish` over the folder does that by hand.
CHOSEN = {
    "gridlog_A44_SE3_2026-04-14_PT15M.xml": {"published": 1},
    "hass_BE_60M_15M_mix.xml": {"published": 1},
    "gohome_ack_noData_200.xml": {"ignored": 1},
    "jl_balancing171_g_imbalance_prices.zip": {"ignored": 1},
    "jl_balancing_if_afrr316_cbmps_DE_AMPRION.xml": {"ignored": 1},
    "jl_generation_141d_wind_solar_forecast_NL.xml": {"published": 1},
    "jl_generation_161a_actual_generation_per_unit_NL.xml": {"ignored": 1},
    "jl_load_61b_day_ahead_forecast_NL.xml": {"published": 1},
    "jl_load_61a_actual_total_load_NL.xml": {"published": 1},
    "jl_outages_101c_unavailability_offshore_grid_DE_LU.zip": {"ignored": 27},
    "jl_tut_renewables_DE_LU_2024_06_15.xml": {"published": 1},
}


def test_real_documents_become_issues_or_say_why_not():
    """Published, or ignored with a reason: no failure, no traceback, whatever the family."""
    from flows import settings
    from flows.local import publish_sources

    sources = [str(DOCUMENTS / name) for name in CHOSEN]
    found = {}
    for source, outcomes in publish_sources(sources, settings.load()):
        found[source.rpartition("/")[2]] = Counter(outcome.state for outcome in outcomes)
        for outcome in outcomes:
            assert outcome.page or outcome.reason
            assert "\n" not in (outcome.reason or "")
    assert found == CHOSEN


def test_an_outage_archive_publishes_what_matters(monkeypatch):
    """The zip of 26 real outages: large ones become alerts, small ones skip, none fails."""
    from flows import settings
    from flows.local import publish_sources

    monkeypatch.setenv("GRIDLETTER_PARALLEL_NOTEBOOKS", "2")
    ((_, outcomes),) = publish_sources(
        [str(DOCUMENTS / "jl_tut_outages_BE_2024.zip")], settings.load()
    )
    states = Counter(outcome.state for outcome in outcomes)
    assert states == {"published": 16, "skipped": 10}
    assert all("threshold" in o.reason for o in outcomes if o.state == "skipped")
