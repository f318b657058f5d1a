"""The start of a newsletter: a notebook that runs, on a document of its kind.

make     writes the notebook, and its sample where none is there
forms    what documents of each type look like, and which template reads them
sample   a synthetic document of a form
templates/*.ipynb are notebooks like any other; only their headers, titles and rows are filled in
"""

from __future__ import annotations

from flows.starter.make import make

__all__ = ["make"]
