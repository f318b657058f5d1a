"""The function before the unsubscribe webhook: a page for who looks, the token for who clicks."""

from __future__ import annotations

import pytest

import unsubscribe_front as front
from flows.delivery.unsubscribe import Links

TOKEN = Links(["k" * 40], "https://news.example/unsubscribe/").url("wind_solar", "ada@mail.example")
PATH = TOKEN.removeprefix("https://news.example")


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_opening_a_link_shows_a_page_and_reaches_no_webhook(method):
    """GET and HEAD are answered at the edge by a page that only asks, without script or origin."""
    answer = front.run(front.request(method, PATH))
    assert answer["statusCode"] == 200
    page = answer["body"]["data"]
    assert '<form method="post">' in page
    assert "script" not in page.lower()
    assert "default-src 'none'" in answer["headers"]["content-security-policy"]["value"]
    assert answer["headers"]["cache-control"]["value"] == "no-store"
    assert "uri" not in answer


def test_a_post_goes_to_the_webhook_with_the_links_token():
    """A POST goes on to the webhook's own path, the token in a header that no client can forge."""
    sent = front.request("POST", PATH, **{"gridletter-token": "forged", "user-agent": "mail"})
    answer = front.run(sent, webhook="/hooks/AERylZ_x'y")
    assert answer["uri"] == "/hooks/AERylZ_x'y"
    assert answer["headers"]["gridletter-token"] == {"value": PATH.rpartition("/")[2]}
    assert answer["headers"]["user-agent"] == {"value": "mail"}
    assert answer["querystring"] == {}


@pytest.mark.parametrize("uri", ["/unsubscribe/", "/unsubscribe/short", f"{PATH}<script>"])
def test_what_is_no_token_reaches_no_webhook(uri):
    """A path without a whole token is answered at the edge, whatever the method, and not shown."""
    for method in ("GET", "POST"):
        answer = front.run(front.request(method, uri))
        assert answer["statusCode"] == 404
        assert "<script>" not in answer["body"]["data"]


def test_other_methods_are_refused():
    """What is neither looking nor clicking is refused, and told what is allowed."""
    answer = front.run(front.request("DELETE", PATH))
    assert answer["statusCode"] == 405
    assert answer["headers"]["allow"] == {"value": "GET, HEAD, POST"}


def test_a_click_that_was_taken_is_confirmed_to_the_reader():
    """The webhook's silent 204 becomes a page that says so; its errors stay errors."""
    assert "Unsubscribed" in front.run(front.response("POST", 204))["body"]["data"]
    assert front.run(front.response("POST", 400))["statusCode"] == 400


def test_the_function_fits_cloudfront():
    """It stays under CloudFront's size quota, and has the one place for the webhook's path."""
    source = front.SOURCE.read_text("utf-8")
    assert len(source.encode()) < front.LARGEST_FUNCTION_BYTES
    assert source.count("'WEBHOOK_PATH'") == 1
