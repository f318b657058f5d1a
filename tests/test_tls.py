"""Prefect's clients share their TLS context, and nobody else does."""

from __future__ import annotations

import ssl


def test_prefects_clients_share_one_context():
    """Two clients have the same one, and it checks certificates as Prefect's own does."""
    from prefect.client.orchestration import get_client

    import flows.publish  # noqa: F401 - sees to it

    with get_client(sync_client=True) as one, get_client(sync_client=True) as other:
        contexts = [client._client._transport._pool._ssl_context for client in (one, other)]
    assert contexts[0] is contexts[1]
    assert contexts[0].verify_mode == ssl.CERT_REQUIRED
    assert contexts[0].check_hostname


def test_others_have_contexts_of_their_own():
    """What a mail server's context is told is not told to Prefect's."""
    import flows.publish  # noqa: F401

    assert ssl.create_default_context() is not ssl.create_default_context()
