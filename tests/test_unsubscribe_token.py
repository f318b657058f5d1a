"""The signed unsubscribe link: made here, read here, and by nobody else."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from itsdangerous import URLSafeSerializer

from flows.delivery.unsubscribe import Links, Unsubscription
from flows.errors import LinkError, SettingsError

OLD, NEW, OTHER = "o" * 32, "n" * 32, "x" * 32
BASE = "https://letters.example/unsubscribe/"


def _links(*keys):
    return Links(keys or (NEW,), BASE)


def _token(links, newsletter="wind_solar", email="ada@mail.example"):
    return links.url(newsletter, email).removeprefix(BASE)


@given(newsletter=st.text(min_size=1), email=st.emails())
def test_a_link_says_who_and_what(newsletter, email):
    """Any newsletter and address come back from their link, the address in lower case."""
    links = _links()
    assert links.read(_token(links, newsletter, email)) == Unsubscription(newsletter, email.lower())


def test_a_link_is_the_same_each_time_and_safe_in_an_address():
    """A retry of a mail has the same link; nothing in it needs encoding, so nothing breaks it."""
    links = _links()
    token = _token(links)
    assert token == _token(_links())
    assert re.fullmatch(r"[A-Za-z0-9_.-]+", token)
    assert links.of("wind_solar")("Ada@mail.example") == BASE + token
    assert len(_token(links, "n" * 64, "a" * 64 + "@" + "b" * 180 + ".example")) < 600


def test_each_link_is_one_readers_and_one_newsletters():
    """Two readers, or two newsletters, have different links."""
    links = _links()
    tokens = {
        _token(links),
        _token(links, email="bob@mail.example"),
        _token(links, newsletter="day_ahead_prices"),
    }
    assert len(tokens) == 3


def test_a_key_is_replaced_without_breaking_old_mails():
    """A new last key signs; links of the old one work until it is taken away."""
    before, both, after = _links(OLD), _links(OLD, NEW), _links(NEW)
    old = _token(before)
    assert both.read(old).email == "ada@mail.example"
    assert _token(both) == _token(after) != old
    with pytest.raises(LinkError):
        after.read(old)


@settings(max_examples=60)
@given(data=st.data())
def test_a_changed_token_is_refused(data):
    """Whichever character of a token is changed, cut or added, it is not ours any more."""
    token = _token(_links())
    at = data.draw(st.integers(0, len(token) - 2))
    other = data.draw(st.sampled_from("Aa0_-.").filter(lambda c: c != token[at]))
    for changed in (token[:at] + other + token[at + 1 :], token[:at], token[at + 1 :]):
        with pytest.raises(LinkError):
            _links().read(changed)


@pytest.mark.parametrize(
    "token", ["", ".", "..", "a.b", "a" * 100_000, "\x00", "é.é", "\ud800", "../x"]
)
def test_rubbish_is_refused(token):
    """What scanners and strangers send is a typed error, and quickly so."""
    with pytest.raises(LinkError):
        _links().read(token)


@pytest.mark.parametrize("payload", ["wind_solar", ["one"], ["a", "b", "c"], None, {"a": 1}, 7])
def test_what_else_a_key_has_signed_is_no_link(payload):
    """Another purpose of the key, or another shape of what is signed, is refused."""
    with pytest.raises(LinkError):
        _links().read(URLSafeSerializer(NEW, salt="sessions").dumps(["wind_solar", "a@b.example"]))
    with pytest.raises(LinkError):
        _links().read(_links()._serializer.dumps(payload))


@pytest.mark.parametrize("keys", [(), ("short",), (NEW, "")])
def test_a_weak_key_is_a_setting_to_mend(keys):
    """No key, or one that could be guessed, is refused before any link is made with it."""
    with pytest.raises(SettingsError):
        Links(keys, BASE)


def test_another_installations_link_is_refused():
    """Two installations never read each other's links."""
    with pytest.raises(LinkError):
        _links(OTHER).read(_token(_links(NEW)))
