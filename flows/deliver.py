"""The flow of a shard: a part of one issue's mails, while other runs send the rest of them.

The ledger hands each recipient to one run. So a shard that is killed, comes late or twice, or is
started by hand, sends nobody a second mail.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from prefect import flow, get_run_logger, runtime

from flows import sending, settings, shards
from flows.archive import Archive, open_store
from flows.errors import StorageError
from flows.sending import Post

if TYPE_CHECKING:
    from flows.delivery.ledger import State


@flow(name="deliver")
def deliver(path: str, runs: int) -> dict[State, int]:
    """Send a share of the issue's mails; return how many recipients are in which state.

    Args:
        path: The issue's path in the archive; its recipients are in the ledger.
        runs: How many flow runs send it, this one among them.

    Raises:
        DeliveryError: the mail server takes nothing from us as things are set.
        MailServerUnavailable: it can't be reached, or most mails fail.
        StorageError: archive or ledger can't be used, or the issue is not there.
    """
    options = settings.load()
    post = Post.open(Archive(open_store(options.archive_address), options.archive_url), options)
    issue = post.archive.load(path)
    if issue is None:
        raise StorageError(
            f"the issue {path} is not in the archive {options.archive_address}",
            remedy="See whether this run has the settings of the one that started it.",
            path=path,
        )
    counts = post.send_shard(issue, shards.holder(str(runtime.flow_run.id)), runs)
    get_run_logger().info("%s", sending.summary(counts) or "every mail was accepted")
    return dict(counts)
