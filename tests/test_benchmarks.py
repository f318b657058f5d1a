"""The benchmarks can be run, and mean what they say; what they measure is no matter of a test."""

import json
from pathlib import Path

import pytest

import benchmarks
from benchmarks import cold, mails, notebooks, regression
from benchmarks.__main__ import AIMS, main
from benchmarks.row import Aim
from flows.delivery.ledger import Recipient


def test_an_aim_holds_on_its_side():
    """A ratio is to reach its aim; where less is better, to stay under it."""
    assert Aim(50, "").row("r", 50, {}).holds
    assert not Aim(50, "").row("r", 49.9, {}).holds
    assert Aim(250, "", upward=False).row("r", 249, {}).holds
    assert not Aim(250, "", upward=False).row("r", 250, {}).holds
    assert [str(Aim(0.8, "")), str(Aim(250, "", upward=False))] == [">= 0.8", "< 250"]


def test_the_mail_is_as_large_as_it_is_said():
    """Every side of the comparison sends 60 KB."""
    mail = mails._prepared().mail_to(Recipient("reader0@mail.example", "A Reader"))
    assert len(mail) == pytest.approx(60_000, rel=0.03)
    assert len(mails._html(60_000)) == pytest.approx(60_000, rel=0.03)


def test_an_unknown_row_is_wrong_usage(capsys):
    """Nothing is measured; exit code 2, and the rows that there are."""
    with pytest.raises(SystemExit) as ended:
        main(["mails_vs_nothing"])
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert all(name in said for name in AIMS)


def test_a_ratio_that_is_far_worse_is_told():
    """On either side, by more than the margin; a row that was not there before is no regression."""
    aims = {"speed": Aim(10, ""), "time": Aim(1, "", upward=False), "new": Aim(1, "")}
    before = {"speed": 30.0, "time": 0.4}
    good = [aims["speed"].row("speed", 21, {}), aims["time"].row("time", 0.59, {})]
    new = aims["new"].row("new", 0.001, {})
    assert regression.regressions([*good, new], before, aims) == []
    bad = [aims["speed"].row("speed", 19, {}), aims["time"].row("time", 0.61, {})]
    told = regression.regressions(bad, before, aims)
    assert [line.partition(":")[0] for line in told] == ["speed", "time"]


def test_the_committed_ratios_are_those_of_known_rows():
    """The file that later runs are compared with holds a ratio for rows that there are."""
    before = regression.read(Path(benchmarks.__file__).parent / "baseline.json")
    assert before
    assert before.keys() <= AIMS.keys()
    assert all(ratio > 0 for ratio in before.values())


def test_rows_stand_in_the_order_in_which_they_are_asked_for():
    """Machines find the rows of event to inbox first, in a fixed order."""
    first = ["cold", "cold_limit", "cold_embedded", "burst", "warm_trivial", "warm_realistic"]
    assert list(AIMS)[: len(first) + 1] == [*first, "backfill"]


def test_a_suite_that_fails_harms_no_other(monkeypatch, tmp_path):
    """What was measured is written; the exit code says that something is missing."""

    def broken(names):
        raise RuntimeError("no server")

    def whole(names):
        yield notebooks.AIMS["notebook_vs_kernel"].row("notebook_vs_kernel", 0.2, {"fork_ms": [1]})

    monkeypatch.setattr(cold, "measure", broken)
    monkeypatch.setattr(notebooks, "measure", whole)
    file = tmp_path / "rows.json"
    assert main(["cold", "notebook_vs_kernel", "--json", str(file)]) == 1
    (row,) = json.loads(file.read_text(encoding="utf-8"))
    assert row["row"] == "notebook_vs_kernel"
    assert row["raw"]["machine"]["cores"]
    file.write_text(json.dumps([{"row": "notebook_vs_kernel", "ratio": 0.1}]), encoding="utf-8")
    assert main(["notebook_vs_kernel", "--against", str(file)]) == 1
