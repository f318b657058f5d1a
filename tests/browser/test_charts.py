"""Every chart of the bundled newsletters can be read on a phone, on the page and in the mail."""

from __future__ import annotations

from unittest import mock

import pytest
from matplotlib.text import Text

import cells
import chromium
import issue_examples as examples
from flows import document as documents
from flows.archive import Archive, open_store
from flows.notebook import style
from flows.notebook.newsletter import load

pytest_plugins = ("chromium",)
pytestmark = chromium.NEEDED
NAMES = sorted(path.stem for path in cells.NOTEBOOKS.glob("*.ipynb"))
PHONE = {"width": 360, "height": 780}
# As large as a phone's own smallest labels.
SMALLEST_PX = 8


def drawn(name):
    """Run a bundled notebook; return what it showed, and the smallest font of each chart, in pt."""
    points = []

    def measured(figure):
        texts = [text for text in figure.findobj(Text) if text.get_visible() and text.get_text()]
        points.append(min(text.get_fontsize() for text in texts))
        return render(figure)

    render = style.render
    with mock.patch.object(style, "render", measured):
        return cells.run(name), points


@pytest.fixture(scope="module", params=NAMES)
def issue(request, tmp_path_factory):
    """The folder of an issue of each newsletter in an archive, and its charts' smallest fonts."""
    letter = load(cells.NOTEBOOKS / f"{request.param}.ipynb")
    (document,) = documents.read(letter.sample.read_bytes())
    shown, points = drawn(letter.name)
    made, rendering = examples.render_notebook(
        examples.notebook(*map(examples.shown, shown.parts)), doc=document, letter=letter
    )
    root = tmp_path_factory.mktemp("archive")
    archive = Archive(open_store(str(root)), "https://letters.example.org/")
    archive.commit(made, rendering.files)
    archive.settle(made)
    return root / made.path, points


@pytest.mark.parametrize("file", ["index.html", "email.html"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_smallest_text_of_every_chart_is_8_px_at_360_px(browser, issue, file, scheme):
    """On a phone no chart is cut off, and its smallest text is shown at 8 CSS pixels at least."""
    folder, points = issue
    page = browser.new_page(viewport=PHONE, color_scheme=scheme)
    page.goto((folder / file).as_uri())
    widths = page.eval_on_selector_all(
        "img", "all => all.map(img => [img.getBoundingClientRect().width, img.naturalWidth])"
    )
    overflow = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    page.close()
    assert points
    assert len(widths) == len(points)
    for (shown_px, dots), smallest in zip(widths, points, strict=True):
        px = smallest * style.DOTS_PER_INCH / 72 * shown_px / dots
        assert px >= SMALLEST_PX, f"{smallest} pt is {px:.1f} px"
    assert overflow <= 0
