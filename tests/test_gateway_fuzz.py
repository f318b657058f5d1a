"""The HTTP surface under schemathesis: no request makes an answer 5xx, or one unheard of."""

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import content_type_conformance, status_code_conformance

from flows.delivery.ledger_sqlite import SqliteLedger
from flows.delivery.unsubscribe import Links
from flows.gateway import unsubscribe
from gateway_examples import HOST, KEY, PUSH, SITE, Gateway, Pages, served

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance]
LINKS = Links((KEY,), f"{SITE}/unsubscribe/")


def answers(*statuses, media=("text/plain",)):
    """Describe answers: their statuses, in any of these types."""
    return {
        str(status): {"description": "-", "content": {name: {} for name in media}}
        for status in statuses
    }


def parameter(where, name, *examples, **schema):
    """Describe a parameter; what stands in a path is always there."""
    return {
        "in": where,
        "name": name,
        "required": where == "path",
        "schema": {"type": "string"} | schema,
        "examples": {str(number): {"value": value} for number, value in enumerate(examples)},
    }


SIGNED = [
    parameter("header", "Content-Encoding", "gzip", "br"),
    parameter("header", "webhook-id", "msg_1"),
    parameter("header", "webhook-timestamp", "1764000000"),
    parameter("header", "webhook-signature", "v1,AAAA"),
]
BINARY = {"schema": {"type": "string", "format": "binary"}, "example": PUSH}
PUSHED = {
    "post": {
        "parameters": SIGNED,
        "requestBody": {"content": {"application/octet-stream": BINARY, "text/plain": BINARY}},
        "responses": answers(200, media=("application/soap+xml", "text/plain"))
        | answers(400, 401, 404, 405, 408, 413, 415),
    }
}
CLICK = {"schema": {"type": "object", "properties": {"List-Unsubscribe": {"type": "string"}}}}
UNSUBSCRIBED = {
    "get": {"responses": answers(200, 404, media=("text/html", "text/plain"))},
    "post": {
        "requestBody": {
            "content": {"application/x-www-form-urlencoded": CLICK, "multipart/form-data": CLICK}
        },
        "responses": answers(200, 400, 404, media=("text/html", "text/plain")),
    },
}
PAGE = {
    "get": {
        "parameters": [parameter("header", "If-None-Match", "*", '"x"')],
        "responses": answers(200, media=("text/html", "application/octet-stream", "image/png"))
        | {"304": {"description": "-"}, "308": {"description": "-"}}
        | answers(404),
    }
}
SURFACE = {
    "openapi": "3.1.0",
    "info": {"title": "Gridletter", "version": "1"},
    "paths": {
        "/webhooks/entsoe": PUSHED,
        "/webhooks/entsoe/{key}": PUSHED | {"parameters": [parameter("path", "key", KEY, "x")]},
        "/unsubscribe/{token}": UNSUBSCRIBED
        | {"parameters": [parameter("path", "token", LINKS.url("load", "a@b.example")[36:])]},
        "/healthz": {"get": {"responses": answers(200, media=("application/json",))}},
        "/metrics": {"get": {"responses": answers(200)}},
        "/{page}": PAGE | {"parameters": [parameter("path", "page", "index.html", "a")]},
        "/issues/{a}/{b}": PAGE | {"parameters": [parameter("path", name) for name in "ab"]},
    },
}


@pytest.fixture(scope="module", params=["open", "keys"])
def site(request, tmp_path_factory):
    """Serve the whole application on loopback: anybody may push, or only who has a key."""
    home = tmp_path_factory.mktemp("home")
    gateway = Gateway(
        home=home,
        archive=Pages({"index.html": b"front", "a/index.html": b"a"}),
        unsubscribe=unsubscribe.routes(LINKS, SqliteLedger(home / "ledger.db"), {}),
        webhook_keys=KEY if request.param == "keys" else None,
    )
    with served(gateway.app) as port:
        yield f"http://{HOST}:{port}"


@schemathesis.openapi.from_dict(SURFACE).parametrize()
@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
def test_no_request_makes_an_error_of_the_server(case, site):
    """Valid and invalid requests to each address get an answer that the contract knows."""
    case.call_and_validate(base_url=site, checks=CHECKS)
