"""The limit: a notebook's code as one plain script, from an event's file to page and mail.

    python -m benchmarks.script NOTEBOOK EVENT FOLDER [--code-alone]

The same results by the same code, in one process and one go: no Prefect, no papermill, nothing that
bounds the notebook, no archive around the page, no ledger. With `--code-alone` it ends when the
cells have run, and writes what they showed.
"""

from __future__ import annotations

import argparse
import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from flows import startup

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the cells on the event, and write what comes of it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.script")
    parser.add_argument("notebook", type=Path)
    parser.add_argument("event", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--code-alone", action="store_true")
    options = parser.parse_args(arguments)
    startup.hasten()  # imports cost the limit no more than they cost the command
    os.environ["GRIDLETTER_NOTEBOOK_FILE"] = str(options.notebook)
    content = json.loads(options.notebook.read_text(encoding="utf-8"))
    xml = options.event.read_text(encoding="utf-8")
    _run_cells(content, xml)
    if options.code_alone:
        shown = json.dumps([cell.get("outputs", []) for cell in content["cells"]])
        (options.folder / "shown.json").write_text(shown, encoding="utf-8")
    else:
        _publish(options.notebook, content, xml, options.folder)


def _run_cells(content: dict[str, Any], xml: str) -> None:
    """Run the cells in a shell of this process, and put what each showed beside it."""
    from IPython.core.displaypub import CapturingDisplayPublisher  # noqa: PLC0415 - after `hasten`
    from IPython.core.interactiveshell import InteractiveShell  # noqa: PLC0415 - likewise

    shell = InteractiveShell.instance(display_pub_class=CapturingDisplayPublisher)
    publisher = cast("CapturingDisplayPublisher", shell.display_pub)
    for number, cell in enumerate(content["cells"]):
        cell["id"] = f"cell-{number}"
        if cell["cell_type"] != "code":
            continue
        source = "".join(cell["source"])
        if "parameters" in cell["metadata"].get("tags", ()):
            source += f"\nevent_payload = {xml!r}"
        shell.run_cell(source).raise_error()  # type: ignore[no-untyped-call]
        cell["outputs"] = [
            {"output_type": "display_data", "data": shown["data"], "metadata": shown["metadata"]}
            for shown in publisher.outputs
        ]
        publisher.outputs.clear()


def _publish(notebook: Path, content: dict[str, Any], xml: str, folder: Path) -> None:
    import nbformat  # noqa: PLC0415 - after `hasten`

    from flows import document, issue  # noqa: PLC0415 - likewise
    from flows.delivery.compose import prepare  # noqa: PLC0415 - likewise
    from flows.delivery.ledger import Recipient  # noqa: PLC0415 - likewise
    from flows.notebook import newsletter  # noqa: PLC0415 - likewise

    read = document.read(xml)
    if isinstance(read, document.Acknowledgement):
        message = "the event holds no market document"
        raise TypeError(message)
    content["nbformat_minor"] = 5
    made, rendering = issue.render(
        newsletter.load(notebook),
        read[0],
        nbformat.from_dict(content),  # type: ignore[no-untyped-call]
        {"event_payload": xml},
        page_url=lambda path: f"{folder.as_uri()}/{path}/index.html",
        published=datetime.now(UTC),
    )
    for name, data in rendering.files.items():
        (folder / name).write_bytes(data)
    charts = {figure.name: rendering.files[figure.name] for figure in made.figures}
    prepared = prepare(
        made,
        rendering.mail_html,
        rendering.mail_text,
        charts,
        sender="Gridletter <news@letters.example>",
        unsubscribe_url=None,
    )
    mail = prepared.mail_to(Recipient("reader@mail.example", "A Reader"))
    (folder / "reader.eml").write_bytes(mail)


if __name__ == "__main__":
    main()
