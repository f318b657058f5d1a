"""Dozens of archived issues of all newsletters come out again, without a network."""

from __future__ import annotations

from collections import Counter

import archived_examples as examples
from cells import NOTEBOOKS, SAMPLES
from flows.reproduce.reproduce import reproduce

WEEKS = range(4)


def publish_all(archive):
    """Publish every sample in four weeks, each with the issue before it; return the folders."""
    folders, last = [], {}
    for weeks in WEEKS:
        for sample in sorted(path.name for path in SAMPLES.glob("*.xml")):
            document = examples.sample(sample, weeks)
            (letter,) = (each for each in LETTERS if each.listens_to(document))
            options = {}
            if letter.wants("previous_payload") and letter.name in last:
                options["previous"] = last[letter.name]
            if letter.wants("installed_capacity"):
                options["installed_capacity"] = {"B16": 88_000.0, "B19": 61_500.5}
            issue, folder = examples.publish(archive, letter, document, **options)
            last[letter.name] = issue, document
            folders.append(folder)
    return folders


LETTERS = [examples.letter(path.stem) for path in sorted(NOTEBOOKS.glob("*.ipynb"))]


def test_issues_of_all_newsletters_come_out_again(tmp_path):
    """Thirty-six issues of all five newsletters, with and without earlier ones, are equal."""
    folders = publish_all(tmp_path)
    reports = list(
        reproduce(map(str, folders), store=None, notebooks=NOTEBOOKS, limits=examples.LIMITS)
    )
    newsletters = Counter(report.path.split("/")[1] for report in reports if report.equal)
    assert [report for report in reports if not report.equal] == []
    assert set(newsletters) == {letter.name for letter in LETTERS}
    assert newsletters.total() == 36
    assert not any(report.versions for report in reports)
