"""Build the flow's image where no Docker engine is, as CI does: by buildah, on a base of Debian's.

    python scripts/build_image.py --tag localhost/gridletter:ci

It takes root, and Debian's packages buildah and mmdebstrap. Where the image that the Dockerfile
starts from is not in buildah's store, a stand-in is made under its name: Debian of the same release
with Debian's own Python 3.11. The published python:3.11-slim-bookworm has a Python of its own in
/usr/local instead, with link-time optimization and the latest patches, and is smaller by what
Debian's Python brings along. What the Dockerfile does on it is the same on both.

Certificates and package index of this machine reach the build as secrets, which no layer holds.
"""

from __future__ import annotations

import argparse
import shlex
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from ssl import get_default_verify_paths
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT: Final = Path(__file__).resolve().parent.parent
BASE: Final = "docker.io/library/python:3.11-slim-bookworm"
_DEBIANS_CERTIFICATES: Final = "/etc/ssl/certs/ca-certificates.crt"
_PACKAGES: Final = "python3,python3-venv,ca-certificates"


def build(tag: str, base: str = BASE) -> None:
    """Build the image under `tag`; a base that the store lacks is made first.

    Raises:
        subprocess.CalledProcessError: a step failed; what it said is on stderr.
    """
    if _run("buildah", "images", "--quiet", "--filter", f"reference={base}").strip() == "":
        make_base(base)
    with _secrets() as secrets:
        arguments = ["bud", "--isolation", "chroot", "--pull-never", "--network", "host"]
        given = [f"--secret=id={name},src={path}" for name, path in secrets.items()]
        file = ["--build-arg", f"BASE={base}", "--file", "flows/Dockerfile", "--tag", tag, "."]
        _run("buildah", *arguments, *given, *file)


def make_base(name: str) -> None:
    """Make the stand-in for the published base image, under its name.

    Raises:
        subprocess.CalledProcessError: a step failed; what it said is on stderr.
    """
    with TemporaryDirectory() as folder:
        tar = f"{folder}/base.tar"
        _run("mmdebstrap", "--variant=minbase", f"--include={_PACKAGES}", "bookworm", tar)
        container = _run("buildah", "from", "scratch").strip()
        _run("buildah", "add", "--quiet", container, tar, "/")
        _run("buildah", "commit", "--quiet", "--rm", container, name)


@contextmanager
def _secrets() -> Iterator[dict[str, Path]]:
    """Yield what the Dockerfile takes as secrets: certificates, and variables of pip and uv."""
    certificates = Path(get_default_verify_paths().cafile or _DEBIANS_CERTIFICATES).resolve()
    within = "/run/secrets/certificates"
    variables = {"PIP_CERT": within, "SSL_CERT_FILE": within}
    index = _index_url()
    if index is not None:
        variables |= {"PIP_INDEX_URL": index, "UV_DEFAULT_INDEX": index}
    with TemporaryDirectory() as folder:
        environment = Path(folder, "environment")
        lines = [f"{name}={shlex.quote(value)}\n" for name, value in variables.items()]
        environment.write_text("".join(lines), "utf-8")
        yield {"certificates": certificates, "environment": environment}


def _index_url() -> str | None:
    """Return the package index that this machine's pip is told to use; None for PyPI."""
    listed = _run(sys.executable, "-m", "pip", "config", "list").splitlines()
    settings = dict(line.split("=", 1) for line in listed if "=" in line)
    found = [value.strip("'") for key, value in settings.items() if key.endswith(".index-url")]
    return found[-1] if found else None


def _run(*command: str) -> str:
    """Run a step in the project's folder, with its errors on ours; return what it printed."""
    return subprocess.run(  # noqa: S603 — our own commands, without a shell
        command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True, encoding="utf-8"
    ).stdout


def main() -> None:
    """Read the command line and build."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--tag", default="localhost/gridletter:dev", help="name of the image")
    parser.add_argument("--base", default=BASE, help="image to start from, or to stand in for")
    told = parser.parse_args()
    build(told.tag, told.base)
    print(told.tag)


if __name__ == "__main__":
    main()
