"""The process that runs notebooks again without a network: jobs come in by lines of JSON.

    python -P -m flows.reproduce.offline

On Linux it moves to a network namespace of its own, in which there is no other host, and all that
it starts is in there with it: a notebook can't reach the network by any means. Where that is not
allowed (some containers) or not known (other systems), each Python that it starts refuses sockets
other than Unix ones: that stops what a library does, not what is set on getting round it.

The first line out says which of both it is; then one line answers each job.
"""

from __future__ import annotations

import ctypes
import json
import os
import sys
from pathlib import Path
from typing import Any, Final

NAMESPACE: Final = "network namespace"
SOCKETS: Final = "refused sockets"

_REFUSAL = Path(__file__).with_name("no_network")
_NEW_USER, _NEW_NETWORK = 0x10000000, 0x40000000  # CLONE_NEWUSER, CLONE_NEWNET: linux/sched.h


def isolate() -> str:
    """Cut this process and all that it will start off the network; return how far that goes.

    It must have one thread yet.
    """
    if sys.platform == "linux" and _leave_the_network():
        return NAMESPACE
    paths = [str(_REFUSAL), *filter(None, [os.environ.get("PYTHONPATH")])]
    os.environ["PYTHONPATH"] = os.pathsep.join(paths)
    return SOCKETS


def _leave_the_network() -> bool:
    """Move to an empty network namespace; a user may do that in a user namespace of its own."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_NEW_NETWORK) == 0:
        return True
    user, group = os.geteuid(), os.getegid()
    if libc.unshare(_NEW_USER | _NEW_NETWORK) != 0:
        return False
    # Without these maps this process would be nobody, who has no home and no files.
    own = Path("/proc/self")
    try:
        (own / "setgroups").write_text("deny")
        (own / "uid_map").write_text(f"{user} {user} 1")
        (own / "gid_map").write_text(f"{group} {group} 1")
    except OSError:
        return os.geteuid() == user
    return True


def _answer(job: dict[str, Any]) -> dict[str, Any]:
    """Run the notebook of a job; return it as it ran, or why it did not run to its end."""
    import nbformat  # noqa: PLC0415 - slow, and may start threads

    from flows.errors import GridletterError  # noqa: PLC0415
    from flows.notebook import newsletter, run  # noqa: PLC0415

    try:
        letter = newsletter.load(Path(job["path"]))
        executed = run.run(letter, job["parameters"], limits=run.Limits(**job["limits"]))
    except GridletterError as error:
        return {"failed": str(error)}
    if executed.skip_reason is not None:
        return {"failed": f"the notebook skipped this issue: {executed.skip_reason}"}
    return {"notebook": nbformat.writes(executed.notebook)}  # type: ignore[no-untyped-call]


def main() -> None:
    """Say how the network is kept away, then answer jobs until there are no more."""
    # What a library prints goes to the error stream: this one is for answers.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    print(json.dumps(isolate()), file=answers, flush=True)
    for line in sys.stdin:
        print(json.dumps(_answer(json.loads(line))), file=answers, flush=True)


if __name__ == "__main__":
    main()
