"""Installed capacity: the right question, and the right megawatts out of the answer."""

from __future__ import annotations

from pathlib import Path

import pytest
from lxml import etree

from flows.document.zones import Zone
from flows.errors import ReferenceUnavailable, SettingsError
from platform_documents import DE_LU, DE_LU_2026
from platform_documents import installed_capacity as a68

# entsoe-py silences the first itself, which pytest undoes; the second is about its own code.
pytestmark = pytest.mark.filterwarnings(
    "ignore::bs4.builder.XMLParsedAsHTMLWarning", "ignore:The inplace keyword"
)
pytest_plugins = ("platform_standin",)

REAL = Path(__file__).parent.parent.parent / "shared" / "documents"

# --- what is asked and answered ------------------------------------------------------------------


def test_capacity_is_megawatts_by_production_type(ask):
    """Names that entsoe-py gives are codes again, zero megawatts stay zero megawatts."""
    assert ask() == DE_LU_2026


def test_the_question_is_the_regulations(ask, platform_standin):
    """A68 and A33 are asked, for the zone's own calendar year in UTC, with the key unharmed."""
    ask()
    [asked] = platform_standin.requests
    assert asked.path == "/api"
    assert asked.query == {
        "documentType": "A68",
        "processType": "A33",
        "in_Domain": DE_LU,
        "periodStart": "202512312300",
        "periodEnd": "202612312300",
        "securityToken": platform_standin.api_key,
    }


@pytest.mark.parametrize(
    ("code", "expected"), [("FI", {"B14": 4400.0, "B19": 9200.0}), ("PT", {"B16": 7300.0})]
)
def test_a_year_may_begin_off_local_midnight(ask, code, expected):
    """The platform's year from 23:00 UTC is that year also where clocks show 22:00 or 01:00."""
    assert ask(code) == expected


def test_years_are_not_mixed(ask, platform_standin):
    """Of an answer with two years only the asked one counts; a type without a value is left out."""
    document = a68(DE_LU, {2025: {"B16": "98000", "B20": "5"}, 2026: {"B16": "111000"}})
    platform_standin.answer_with(document)
    assert ask() == {"B16": 111_000.0}


def test_another_years_answer_is_no_answer(ask, platform_standin):
    """An answer that is only about another year gives no capacity."""
    platform_standin.answer_with(a68(DE_LU, {2025: {"B16": "98000"}}))
    assert ask() == {}


def test_zipped_answers_are_read(ask, platform_standin):
    """An answer with Content-Encoding gzip is unpacked."""
    platform_standin.behave("zipped")
    assert ask() == DE_LU_2026


def test_a_proxy_is_used(ask, platform_standin, monkeypatch):
    """The environment's proxy is asked, and is given the key that the platform needs."""
    monkeypatch.setenv("http_proxy", platform_standin.url.removesuffix("/api"))
    monkeypatch.setenv("ENTSOE_ENDPOINT_URL", "http://platform.example/api")
    assert ask() == DE_LU_2026


def test_the_endpoint_is_read_when_asked(ask, platform_standin, monkeypatch):
    """A changed ENTSOE_ENDPOINT_URL counts at the next question, long after entsoe-py's import."""
    with type(platform_standin)(platform_standin.api_key) as other:
        other.capacity_mw[DE_LU, 2026] = {"B16": "1"}
        monkeypatch.setenv("ENTSOE_ENDPOINT_URL", other.url)
        assert ask() == {"B16": 1.0}
    assert not platform_standin.requests


@pytest.mark.skipif(not REAL.is_dir(), reason="the real documents are not here")
def test_a_real_document_gives_every_value(ask, platform_standin):
    """A real A68 document gives each type's quantity as a plain reading of its XML has it."""
    document = (REAL / "jl_generation_141a_installed_capacity_NL.xml").read_bytes()
    root = etree.fromstring(document)
    expected = {
        series.findtext(".//{*}psrType"): float(series.findtext(".//{*}quantity"))
        for series in root.iter("{*}TimeSeries")
    }
    platform_standin.answer_with(document.decode())
    assert ask("NL", 2024) == expected
    assert len(expected) == 20


# --- nothing to be had ---------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["no_data_200", "no_data_400"])
def test_no_data_is_an_answer(ask, platform_standin, how):
    """An acknowledgement of no matching data is an empty capacity, kept like any other."""
    platform_standin.behave(how)
    assert ask() == {}
    assert ask() == {}
    assert len(platform_standin.requests) == 1


def test_an_empty_document_is_no_data(ask, platform_standin):
    """A document without any TimeSeries is an empty capacity."""
    platform_standin.answer_with(a68(DE_LU, {2026: {}}))
    assert ask() == {}


@pytest.mark.parametrize("eic", ["10YXX-UNKNOWN--X", "../../outside", ""])
def test_an_unknown_zone_has_no_capacity(ask, platform_standin, cache_folder, eic):
    """A zone that entsoe-py does not know is neither asked for nor becomes a file's name."""
    assert ask(Zone(eic, "x", "x", "Europe/Brussels"), api_key=None) == {}
    assert not platform_standin.requests
    assert not cache_folder.exists()


# --- the key -------------------------------------------------------------------------------------


@pytest.mark.parametrize("api_key", [None, "", " \n"])
def test_without_a_key_nobody_is_asked(ask, platform_standin, api_key):
    """No key is a settings error that names the block and the setting, before any request."""
    with pytest.raises(SettingsError, match=r"entsoe-api-key.*GRIDLETTER_ENTSOE_API_KEY") as caught:
        ask(api_key=api_key)
    assert caught.value.data["setting"] == "GRIDLETTER_ENTSOE_API_KEY"
    assert not platform_standin.requests


@pytest.mark.parametrize("how", ["unauthorized", "forbidden"])
def test_a_refused_key_is_permanent(ask, platform_standin, how):
    """401 and 403 are settings errors, asked once, and nothing of them is kept."""
    platform_standin.behave(how)
    with pytest.raises(SettingsError, match=r"refuses the key \(HTTP 40[13]\).*entsoe-api-key"):
        ask()
    platform_standin.behave("answer")
    assert ask() == DE_LU_2026


def test_a_wrong_key_is_refused(ask):
    """Another key than the platform's is refused, which shows that keys arrive at all."""
    with pytest.raises(SettingsError, match="401"):
        ask(api_key="another key")


def test_white_space_around_the_key_does_no_harm(ask, platform_standin):
    """A key with a line break at its end, as files give it, is taken without."""
    assert ask(api_key=f"{platform_standin.api_key}\n") == DE_LU_2026


# --- values ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("mw", ["1,5", "1e400", "-inf", "x", "", "<nested/>"])
def test_a_value_that_is_no_number_is_refused(ask, platform_standin, mw):
    """A quantity that entsoe-py would misread (1,5 as 15) or stumble over is an unsound answer."""
    platform_standin.answer_with(a68(DE_LU, {2026: {"B16": mw}}))
    with pytest.raises(ReferenceUnavailable):
        ask()


@pytest.mark.parametrize("psr_type", ["B99", "C01"])
def test_an_unknown_production_type_is_refused(ask, platform_standin, psr_type):
    """A type that entsoe-py has no name for is a retryable fault, not a capacity without it."""
    platform_standin.answer_with(a68(DE_LU, {2026: {"B16": "5", psr_type: "7"}}))
    with pytest.raises(ReferenceUnavailable, match=r"entsoe-py can't read its answer \(KeyError\)"):
        ask()


def test_a_negative_capacity_is_left_out(ask, platform_standin):
    """A capacity under zero is none: percentages of it would be nonsense."""
    platform_standin.answer_with(a68(DE_LU, {2026: {"B16": "-5", "B19": "7"}}))
    assert ask() == {"B19": 7.0}
