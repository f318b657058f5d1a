"""An executed notebook read for its readers: the headline, and blocks in the order of its cells."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from flows.errors import RenderError
from flows.issue import inert, sanitize
from flows.notebook import parts
from flows.notebook.parts import Headline, Kpi, Kpis, Note, Plotted, Skip, Table

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from markupsafe import Markup
    from nbformat import NotebookNode

HIDDEN = frozenset({"remove", "hide", "remove-cell", "hide-cell", "remove-output", "hide-output"})
WIDEST_PX = 640

_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_PNG_SIZE = slice(16, 24)  # width and height in the IHDR chunk, four bytes each
_OBJECT_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+>")


@dataclass(frozen=True)
class Image:
    """A chart as PNG files: `name` beside the page, `cid` in the mail; sizes in CSS pixels."""

    name: str
    cid: str
    alt: str
    width_px: int
    height_px: int
    light_png: bytes
    dark_png: bytes | None

    @property
    def dark_name(self) -> str | None:
        """The name of the drawing for a dark ground, where there is one."""
        return None if self.dark_png is None else self.name.replace(".png", "-dark.png")


@dataclass(frozen=True)
class Chart:
    """A figure with its caption, and the numbers that it draws where the notebook told them."""

    part: ClassVar = "chart"
    image: Image
    caption: str
    data: tuple[Plotted, ...]


@dataclass(frozen=True)
class Prose:
    """A markdown cell: as HTML, and as its source, which reads well as plain text."""

    part: ClassVar = "prose"
    html: Markup
    source: str


@dataclass(frozen=True)
class Foreign:
    """HTML that a library made, such as a DataFrame or a Styler; sanitized."""

    part: ClassVar = "foreign"
    html: Markup

    @property
    def is_coloured(self) -> bool:
        """Whether it brings colours, which were chosen for a light ground."""
        return "color:" in self.html


@dataclass(frozen=True)
class Preformatted:
    """A plain text output."""

    part: ClassVar = "preformatted"
    text: str


Block = Chart | Prose | Foreign | Preformatted | Kpis | Table | Note


@dataclass(frozen=True)
class Content:
    """What an issue says; `blocks` in the order of the notebook, the headline before them."""

    headline: str
    lede: str
    blocks: tuple[Block, ...]

    @cached_property
    def kpis(self) -> tuple[Kpi, ...]:
        """The figures of all tiles."""
        return tuple(kpi for block in self.blocks if isinstance(block, Kpis) for kpi in block.items)

    @cached_property
    def images(self) -> tuple[Image, ...]:
        """The charts' files."""
        return tuple(block.image for block in self.blocks if isinstance(block, Chart))


def read(notebook: NotebookNode, mail_id: str) -> Content:
    """Return what the executed `notebook` shows to readers.

    Inputs, streams and errors are for its author, and so are cells tagged `remove` or `hide`. The
    last headline counts.

    Args:
        notebook: As it ran.
        mail_id: What names the charts in a mail apart from those of any other mail.

    Raises:
        RenderError: no headline, a notebook that skipped its issue, or an output that is no part.
    """
    found = list(_blocks(notebook))
    skips = [block for block in found if isinstance(block, Skip)]
    if skips:
        raise RenderError(
            f"the notebook skipped this issue: {skips[0].reason}",
            remedy="Publish nothing where a notebook calls desk.skip.",
        )
    headlines = [block for block in found if isinstance(block, Headline)]
    if not headlines:
        raise RenderError(
            "the notebook set no headline",
            remedy='Call desk.headline("…") in a cell that is not hidden.',
        )
    headline = headlines[-1]
    blocks: list[Block] = []
    for block in found:
        if isinstance(block, Headline | Skip):
            continue
        if isinstance(block, _Drawn):
            number = 1 + sum(isinstance(earlier, Chart) for earlier in blocks)
            blocks.append(block.numbered(number, mail_id, headline.text))
        else:
            blocks.append(block)
    return Content(headline=headline.text, lede=headline.lede, blocks=tuple(blocks))


@dataclass(frozen=True)
class _Drawn:
    """A figure that has no number yet; `alt` is empty where the notebook gave none."""

    alt: str
    caption: str
    width_px: int
    height_px: int
    light_png: bytes
    dark_png: bytes | None
    data: tuple[Plotted, ...]

    def numbered(self, number: int, mail_id: str, headline: str) -> Chart:
        image = Image(
            name=f"chart-{number}.png",
            cid=f"chart-{number}.{mail_id}@gridletter",
            alt=self.alt or f"Chart {number}: {headline}",
            width_px=self.width_px,
            height_px=self.height_px,
            light_png=self.light_png,
            dark_png=self.dark_png,
        )
        return Chart(image=image, caption=self.caption, data=self.data)


def _blocks(notebook: NotebookNode) -> Iterator[Block | _Drawn | Headline | Skip]:
    for cell in notebook.cells:
        tags = {tag.replace("_", "-") for tag in cell.metadata.get("tags", ())}
        if tags & HIDDEN:
            continue
        if cell.cell_type == "markdown":
            yield from _prose(cell.source)
        elif cell.cell_type == "code":
            for output in cell.outputs:
                if output.output_type in {"display_data", "execute_result"}:
                    yield from _shown(output.data, output.get("metadata", {}))


def _shown(
    data: Mapping[str, Any], metadata: Mapping[str, Any]
) -> Iterator[Block | _Drawn | Headline | Skip]:
    """Yield the best of a MIME bundle; SVG is none: it can run scripts, and no mail shows it."""
    if parts.MIME in data:
        part = parts.load(inert.lines(data[parts.MIME]))
        yield _from_part(part) if isinstance(part, parts.Figure) else part
    elif "image/png" in data:
        yield _from_image(data["image/png"], metadata.get("image/png", {}))
    elif "text/html" in data:
        html = sanitize.fragment(data["text/html"])
        if html:
            yield Foreign(html)
    elif "text/markdown" in data:
        yield from _prose(data["text/markdown"])
    elif "text/plain" in data:
        text = inert.block(data["text/plain"]).strip("\n")
        # "<Axes at 0x7f…>" is what a cell's last line returned, not what its author shows.
        if text and not _OBJECT_ADDRESS.search(text):
            yield Preformatted(text)


def _prose(source: str) -> Iterator[Prose]:
    html = sanitize.markdown(source)
    if html:
        yield Prose(html, inert.block(source).strip())


def _from_part(figure: parts.Figure) -> _Drawn:
    _png_size(figure.light_png)
    _png_size(figure.dark_png)
    return _Drawn(
        alt=figure.alt,
        caption=figure.caption,
        width_px=figure.width_px,
        height_px=figure.height_px,
        light_png=figure.light_png,
        dark_png=figure.dark_png,
        data=figure.data,
    )


def _from_image(encoded: str, metadata: Mapping[str, Any]) -> _Drawn:
    try:
        png = base64.b64decode(encoded)
    except binascii.Error:
        png = b""
    width, height = _png_size(png)
    shown = min(width, WIDEST_PX, _positive(metadata.get("width")) or width)
    return _Drawn(
        alt=inert.line(str(metadata.get("alt") or ""))[:1000],
        caption="",
        width_px=shown,
        height_px=max(1, round(height * shown / width)),
        light_png=png,
        dark_png=None,
        data=(),
    )


def _positive(value: object) -> int | None:
    return value if isinstance(value, int) and value > 0 else None


def _png_size(png: bytes) -> tuple[int, int]:
    size = png[_PNG_SIZE]
    width, height = int.from_bytes(size[:4]), int.from_bytes(size[4:])
    if not png.startswith(_PNG_SIGNATURE) or not width or not height:
        raise RenderError(
            "an image in the notebook is no PNG", remedy="Show figures with desk.figure."
        )
    return width, height
