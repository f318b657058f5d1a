"""Who may push: a key in the path or a signature, and nothing tells which of them was wrong."""

import base64
import gzip
import hashlib
import hmac
import logging
import time
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.datastructures import Headers

from flows.errors import SettingsError
from flows.gateway import signature
from flows.gateway.signature import SHORTEST_KEY, TOLERANCE_SECONDS, Keys
from gateway_examples import PUSH, SOAP, WEBHOOK, Gateway

OLD, NEW = "o" * 32, "n" * 40
SECRET = b"s" * 24
ENCODED = "whsec_" + base64.b64encode(SECRET).decode()
FORGED = "f" * 32
CONTENT = PUSH.encode()
LENIENT = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


@pytest.fixture
def gateway(home):
    return Gateway(webhook_keys=f"{OLD}, {NEW},{ENCODED}")


def signed(body, key=NEW, webhook_id="msg_1", age=0.0):
    """Return the headers that a sender puts on, worked out here by the standard's own words."""
    secret = SECRET if key == ENCODED else key.encode()
    timestamp = str(int(time.time() - age))
    content = f"{webhook_id}.{timestamp}.".encode() + body
    code = base64.b64encode(hmac.digest(secret, content, hashlib.sha256)).decode()
    return {
        "webhook-id": webhook_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": f"v1,{code}",
    }


def is_let_in(gateway, content=CONTENT, where=WEBHOOK, **headers):
    """Say whether the push was stored; assert that it was refused as all are, if it was not."""
    before = gateway.inbox.counts()["waiting"]
    answer = gateway.push(content, where=where, **headers)
    if answer.status_code == 200:
        return True
    assert answer.status_code == 401
    assert answer.text == "a push needs a key"
    assert answer.headers["www-authenticate"] == "Signature"
    assert gateway.inbox.counts()["waiting"] == before
    return False


def test_the_standards_own_example_is_right():
    """The signature that the Standard Webhooks specification gives as its example is verified."""
    key = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    body = b'{"test": 2432232314}'
    headers = {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }
    found = signature.Signature.of(Headers(headers))
    assert Keys([key]).signed(found, body)
    assert not Keys([key]).signed(found, body + b" ")
    assert found.is_timely(1614265330 + TOLERANCE_SECONDS)
    assert not found.is_timely(1614265330 + TOLERANCE_SECONDS + 1)


@pytest.mark.parametrize("key", [OLD, NEW, ENCODED])
def test_each_key_of_the_list_lets_in(gateway, key):
    """While keys are changed, the old one and the new one work, in the path and for signatures."""
    assert is_let_in(gateway, where=f"{WEBHOOK}/{key}")
    assert is_let_in(gateway, **signed(PUSH.encode(), key, f"msg_{key}"))


def test_nobody_comes_in_without(gateway):
    """No key, a wrong one, a part of one, more than one: refused before the body is read."""
    for wrong in ("", "/", f"/{FORGED}", f"/{NEW[:-1]}", f"/{NEW}n", f"/{NEW}/", f"/x/{NEW}", "/é"):
        assert not is_let_in(gateway, where=WEBHOOK + wrong)


def test_an_empty_ping_needs_a_key_too(gateway):
    """Whether an address takes pushes is told to nobody else."""
    assert not is_let_in(gateway, b"")
    assert is_let_in(gateway, b"", where=f"{WEBHOOK}/{NEW}")


@pytest.mark.parametrize(
    "change",
    [
        {"webhook-id": "msg_2"},
        {"webhook-id": ""},
        {"webhook-id": "x" * 300},
        {"webhook-timestamp": str(int(time.time()) + 100)},
        {"webhook-timestamp": ""},
        {"webhook-timestamp": "now"},
        {"webhook-timestamp": "1e9"},
        {"webhook-timestamp": "9" * 400},
        {"webhook-timestamp": "-1"},
        {"webhook-signature": ""},
        {"webhook-signature": "v1,"},
        {"webhook-signature": "v1"},
        {"webhook-signature": "v1a,AAAA v2,AAAA"},
        {"webhook-signature": "v1," + "A" * 44},
        {"webhook-signature": " ".join(["v1,AAAA"] * 100)},
    ],
)
def test_a_forged_signature_is_refused(gateway, change):
    """Whatever header is changed, missing or absurd: 401, and nothing is stored."""
    content = PUSH.encode()
    assert not is_let_in(gateway, content, **(signed(content) | change))


@pytest.mark.parametrize("key", [FORGED, NEW[:-1], NEW.upper()])
def test_a_signature_by_another_key_is_refused(gateway, key):
    """Only keys of the list sign."""
    assert not is_let_in(gateway, **signed(PUSH.encode(), key))


def test_a_signature_is_of_the_whole_body(gateway):
    """A body that was changed, cut or made longer is not what was signed."""
    content = PUSH.encode()
    for other in (content[:-1], content + b" ", content.replace(b"created", b"deleted"), b""):
        assert not is_let_in(gateway, other, **signed(content))


def test_one_good_signature_of_several_is_enough(gateway):
    """A sender that changes its keys signs with both; unknown versions are passed over."""
    content = PUSH.encode()
    headers = signed(content)
    wrong = signed(content, FORGED)["webhook-signature"]
    headers["webhook-signature"] = f"v2,xyz {wrong} {headers['webhook-signature']} v1a,AAA"
    assert is_let_in(gateway, content, **headers)


@pytest.mark.parametrize("age", [TOLERANCE_SECONDS + 60, -TOLERANCE_SECONDS - 60, 86_400])
def test_an_expired_signature_is_refused(gateway, age):
    """Too old or of the future is no better than forged."""
    assert not is_let_in(gateway, **signed(PUSH.encode(), age=age))


@pytest.mark.parametrize("age", [TOLERANCE_SECONDS - 60, 60 - TOLERANCE_SECONDS])
def test_clocks_may_differ(gateway, age):
    """Five minutes are allowed either way."""
    assert is_let_in(gateway, **signed(PUSH.encode(), age=age))


def test_a_replay_is_answered_and_not_stored_again(gateway):
    """The same signed push a hundred times is one message, also after a flow run had it."""
    content = PUSH.encode()
    headers = signed(content)
    assert is_let_in(gateway, content, **headers)
    [message] = gateway.inbox.waiting(10)
    gateway.inbox.handed_over(message.id, "a run")
    for _ in range(100):
        assert is_let_in(gateway, content, **headers)
    assert gateway.bodies == []
    assert is_let_in(gateway, content, **signed(content, webhook_id="msg_2"))
    assert gateway.bodies == [PUSH]


def test_what_is_signed_is_what_was_sent(gateway):
    """A compressed body is signed compressed."""
    content = gzip.compress(PUSH.encode())
    assert is_let_in(gateway, content, content_encoding="gzip", **signed(content))
    assert gateway.bodies == [PUSH]
    assert not is_let_in(gateway, content, content_encoding="gzip", **signed(PUSH.encode()))


def test_a_bomb_that_is_not_signed_is_not_unpacked(gateway, monkeypatch):
    """Who has no key makes nobody work: the signature is compared before anything is unpacked."""
    monkeypatch.setattr("flows.gateway.push.decoded", None)
    content = gzip.compress(b"\0" * 1_000_000)
    assert not is_let_in(gateway, content, content_encoding="gzip", **signed(content, FORGED))


def test_comparing_takes_all_keys(monkeypatch):
    """Each key and each signature is compared, in constant time, also after one that fits."""
    compared = []
    compare = hmac.compare_digest
    monkeypatch.setattr(hmac, "compare_digest", lambda a, b: compared.append(a) or compare(a, b))
    keys = Keys([OLD, NEW, ENCODED])
    assert keys.knows(OLD)
    assert not keys.knows("x")
    assert len(compared) == 6
    assert {len(given) for given in compared} == {32}
    compared.clear()
    assert keys.signed(signature.Signature.of(Headers(signed(b"", OLD))), b"")
    assert len(compared) == 3


@pytest.mark.parametrize("key", ["short", "k" * (SHORTEST_KEY - 1), "whsec_" + "*" * 32])
def test_a_key_that_is_not_safe_is_refused_at_start(home, key):
    """A key that could be guessed, or that no sender can use, is a wrong setting."""
    with pytest.raises(SettingsError, match="webhook key") as caught:
        Gateway(webhook_keys=f"{NEW},{key}")
    assert key not in str(caught.value)
    assert caught.value.data["setting"] == "GRIDLETTER_WEBHOOK_KEYS"


def test_without_keys_a_path_with_one_is_not_there(home):
    """A key that was taken out of the settings does not go on working by being ignored."""
    answer = Gateway().push(PUSH.encode(), where=f"{WEBHOOK}/{NEW}")
    assert answer.status_code == 404


def test_no_key_is_logged(gateway, caplog):
    """Neither a key that is right nor one that is nearly so stands in the log or an answer."""
    caplog.set_level(logging.DEBUG)
    texts = [gateway.push(PUSH.encode(), where=f"{WEBHOOK}/{key}").text for key in (NEW, FORGED)]
    texts += [gateway.get(f"{WEBHOOK}/{key}").text for key in (NEW, FORGED)]
    texts += [gateway.push(PUSH.encode(), SOAP, **signed(b"", FORGED)).text]
    logged = [r.getMessage() for r in caplog.records if r.name.startswith(("flows", "uvicorn"))]
    assert len(logged) >= 3
    assert not any(key in text for text in texts + logged for key in (NEW, FORGED))


@settings(LENIENT, max_examples=100)
@given(
    st.dictionaries(
        st.sampled_from(["webhook-id", "webhook-timestamp", "webhook-signature"]),
        st.text(st.characters(codec="latin-1", exclude_categories=("Cc",)), max_size=60)
        | st.sampled_from(["v1,AAAA", str(int(time.time())), "msg_1"]),
    ),
    st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\n"), max_size=50),
)
def test_made_up_proofs_never_work(gateway, headers, key):
    """Whatever stands in headers and path, without a key it is 401 and not an error."""
    where = f"{WEBHOOK}/{quote(key, safe='')}".removesuffix("/")
    encoded = {name: value.encode("latin-1") for name, value in headers.items()}
    assert not is_let_in(gateway, where=where, **encoded)
