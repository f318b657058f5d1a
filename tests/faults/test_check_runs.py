"""What is wrong with a notebook when it runs is found, on its sample or on an edge case of it."""

from __future__ import annotations

import pytest

import mutants
from documents import document, series
from mutants import FIGURE, FRAME, HEADER, OUTPUT, PARAMETERS, Mutant, header

HOURS = document(series([5] * 24, resolution="PT60M"))
SOCKET = (
    "import socket\ntry:\n    socket.create_connection(('192.0.2.1', 80), timeout=1)\n"
    "except OSError:\n    pass"
)
MUTANTS = {
    "output_left_in": Mutant("outputs", 5, "saved with what it showed", cells={5: OUTPUT}),
    "count_left_in": Mutant("outputs", 3, "saved", cells={3: {"execution_count": 7}}),
    "sample_of_another_type": Mutant(
        "sample", 0, "type A65", sample=document(series([1, 2]), document_type="A65")
    ),
    "sample_cut_off": Mutant("sample", 0, "can't be read", sample="<GL_MarketDocument>"),
    "exit": Mutant("run", 5, "sys.exit(0)", last="import sys\nsys.exit(0)"),
    "failure": Mutant("run", 5, "raised KeyError", last="{}['x']"),
    "no_python": Mutant("run", 5, "SyntaxError", last="1 +"),
    "days_have_24_hours": Mutant(
        "run",
        5,
        "AssertionError",
        last="assert len(values) == 24",
        case="a day of 23 hours",
        sample=HOURS,
    ),
    "no_day_is_longer": Mutant(
        "run",
        5,
        "AssertionError",
        last="assert len(values) < 25",
        case="a day of 25 hours",
        sample=HOURS,
    ),
    "nothing_is_missing": Mutant(
        "run",
        5,
        "ValueError",
        last="[int(v) for v in values['B16']]",
        case="gaps in the values",
        sample=HOURS,
    ),
    "every_type_is_there": Mutant(
        "run",
        5,
        "KeyError",
        last="values['B19'].sum()",
        sample=document(
            *(series([5] * 24, psr_type=t, resolution="PT60M", number=t) for t in ("B16", "B19"))
        ),
        case="without B19",
    ),
    "capacity_is_known": Mutant(
        "run",
        5,
        "KeyError: 'B16'",
        header=header("needs: installed_capacity"),
        parameters=f"{PARAMETERS}\ninstalled_capacity: dict = {{'B16': 5}}",
        last="installed_capacity['B16']",
        case="no installed capacity",
    ),
    "there_is_one_before": Mutant(
        "run",
        5,
        "DocumentError",
        header=header("needs: previous_payload"),
        parameters=f"{PARAMETERS}\nprevious_payload: str = desk.sample()",
        last="desk.read(previous_payload)",
        case="no document before",
    ),
    "zone_is_known": Mutant(
        "run",
        5,
        "KeyError",
        header=HEADER.replace("[DE_LU]", "all"),
        last="{'DE_LU': 1}[document.zone.code]",
        case="a zone that no map has",
    ),
    "network": Mutant(
        "network",
        5,
        "example.com",
        last="from urllib.request import urlopen\nurlopen('http://example.com/')",
    ),
    "network_in_silence": Mutant("network", 5, "192.0.2.1", last=SOCKET),
    "skips_its_sample": Mutant("skip", 5, "nothing new", last="desk.skip('nothing new')"),
    "no_headline": Mutant("headline", None, "no headline", say="None"),
    "long_headline": Mutant("headline", 4, "80 characters", say="desk.headline('x' * 81)"),
    "empty_alt": Mutant(
        "alt", 5, "no alternative text", last=f"{FIGURE}desk.figure(figure, alt='')"
    ),
    "no_alt": Mutant("alt", 5, "no alternative text", last=f"{FIGURE}desk.figure(figure)"),
    "short_alt": Mutant(
        "alt", 5, "no alternative text", last=f"{FIGURE}desk.figure(figure, 'Chart')"
    ),
    "chart_by_pyplot": Mutant(
        "alt",
        5,
        "no alternative text",
        last="import matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.show()",
    ),
    "nine_columns": Mutant(
        "mail",
        5,
        "All 9 columns",
        last=f"{FRAME}desk.table(pd.DataFrame([range(9)], columns=list('abcdefghi')))",
    ),
    "a_hundred_rows": Mutant(
        "mail", 5, "All 100 rows", last=f"{FRAME}desk.table(pd.DataFrame({{'a': range(100)}}))"
    ),
    "nine_columns_of_pandas": Mutant(
        "mail", 5, "All 10 columns", last=f"{FRAME}pd.DataFrame([range(9)])"
    ),
    "200_kb_of_notes": Mutant(
        "mail", 5, "bytes", last="for _ in range(100):\n    desk.note('x' * 2000)"
    ),
    "200_kb_of_table": Mutant(
        "mail",
        5,
        "bytes",
        last=f"{FRAME}desk.table(pd.DataFrame([['x' * 400] * 6] * 70, columns=list('abcdef')))",
    ),
    "seven_tiles": Mutant(
        "part", 5, "items of a Kpis", last="desk.kpis(*(desk.kpi('a', 1) for _ in range(7)))"
    ),
    "colour_function": Mutant(
        "support",
        5,
        "rgba()",
        last="from IPython.display import HTML\n"
        "HTML('<p style=\"background-color: rgba(0, 0, 0, 0.5)\">shade</p>')",
    ),
}


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """Findings by notebook, of one check over all mutants."""
    return mutants.findings(MUTANTS, tmp_path_factory.mktemp("mutants"))


@pytest.mark.parametrize("name", MUTANTS)
def test_a_mutated_notebook_is_refused(found, name):
    """The one fault is found, in its cell and case, with what is wrong and what to do about it."""
    mutants.assert_found(MUTANTS[name], found[name])


def test_what_libraries_try_when_they_are_imported_is_no_call(tmp_path):
    """A notebook in a kernel of its own that imports HTTP libraries, and calls nobody, passes."""
    sound = Mutant("run", None, "", last="import requests, urllib3, httpx", kernel="other")
    assert mutants.findings({"sound": sound}, tmp_path) == {"sound": []}
