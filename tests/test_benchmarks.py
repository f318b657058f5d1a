"""The benchmarks can be run, and mean what they say; what they measure is no matter of a test."""

import pytest

from benchmarks import mails
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
