"""Balancing documents: several measures in a point, categories, directions, settlement prices."""

from __future__ import annotations

import math

import pytest

from documents import AT, area, document, element, period, point, series
from flows.document import read
from flows.errors import DocumentError

HOUR = {"start": "2024-06-14T22:00Z", "end": "2024-06-14T23:00Z"}
AREA = area("area_Domain", AT)
EUR = element("currency_Unit.name", "EUR") + element("price_Measure_Unit.name", "MWH")
NAN = pytest.approx(math.nan, nan_ok=True)


def balancing(*content, **fields):
    names = {"family": "Balancing", "document_type": "A85", "process_type": "A16", "head": AREA}
    return document(*content, **(names | fields))


def of(*points: str, head: str = EUR, unit: str | None = None) -> str:
    body = period("".join(points), **HOUR)
    # A balancing series names no area: the document does.
    return series(body, where="", psr_type=None, unit=unit, head=head, business_type="A19")


def frame(*content, **fields):
    (found,) = read(balancing(*content, **fields))
    return found.frame


def imbalance(position, amount, category):
    return point(
        position,
        element("imbalance_Price.amount", amount),
        element("imbalance_Price.category", category),
    )


def rows(found, *columns) -> list[tuple[object, ...]]:
    return list(found[list(columns)].itertuples(index=False, name=None))


def test_imbalance_prices_have_categories():
    """Long and short prices, a series each, stay apart by category; the area is the document's."""
    long, short = of(imbalance(1, 45.9, "A04")), of(imbalance(1, 50.1, "A05"))
    (found,) = read(balancing(long, short))
    assert found.zone.code == "AT"
    assert set(rows(found.frame, "measure", "unit", "category", "value")) == {
        ("imbalance_price", "EUR/MWh", "A04", 45.9),
        ("imbalance_price", "EUR/MWh", "A05", 50.1),
    }
    assert len(found.frame) == 8


def test_a_price_of_another_category_replaces_the_one_before():
    """In one series a later position with another category ends the price before it."""
    found = frame(of(imbalance(1, 10, "A04"), imbalance(3, 20, "A05")))
    assert rows(found, "category", "value") == [
        ("A04", 10),
        ("A04", 10),
        ("A05", 20),
        ("A05", 20),
    ]


def test_two_prices_of_one_position_are_two_curves():
    """A position that comes once for each category gives a curve of its own for each."""
    found = frame(of(imbalance(1, 10, "A04"), imbalance(1, 20, "A05"), imbalance(3, 11, "A04")))
    assert found[found["category"] == "A04"]["value"].tolist() == [10, 10, 11, 11]
    assert found[found["category"] == "A05"]["value"].tolist() == [20, 20, 20, 20]
    with pytest.raises(DocumentError, match="position 1 twice"):
        frame(of(imbalance(1, 10, "A04"), imbalance(1, 20, "A04")))


def test_activation_prices_have_a_direction():
    """Prices of activated energy are up or down; a point without an amount has none."""
    up = of(
        point(1),
        point(3, element("activation_Price.amount", 93.25)),
        head=element("flowDirection.direction", "A01") + EUR,
    )
    found = frame(up, document_type="A84", process_type="A67")
    assert rows(found, "measure", "direction", "value") == [
        ("activation_price", "up", NAN),
        ("activation_price", "up", NAN),
        ("activation_price", "up", 93.25),
        ("activation_price", "up", 93.25),
    ]


def test_directions_may_stand_in_points():
    """A direction in a point is that of its value; a gap has the series' own."""
    stated = point(2, element("quantity", 5), element("flowDirection.direction", "A02"))
    text = of(stated, head="", unit="MWH").replace("A03", "A01")
    assert rows(frame(text, document_type="A86"), "direction", "value", "unit") == [
        (None, NAN, "MWh"),
        ("down", 5, "MWh"),
        (None, NAN, "MWh"),
        (None, NAN, "MWh"),
    ]


def test_a_point_may_have_several_measures():
    """Quantity, secondary quantity and price of a point are rows of their own, in their units."""
    found = frame(
        of(
            point(
                1,
                element("quantity", 30),
                element("secondaryQuantity", 12),
                element("unavailable_Quantity.quantity", 3),
                element("procurement_Price.amount", 8.5),
            ),
            unit="MAW",
        ),
        document_type="A81",
    )
    assert set(rows(found, "measure", "value", "unit", "currency")) == {
        ("quantity", 30, "MW", "EUR"),
        ("secondary_quantity", 12, "MW", "EUR"),
        ("unavailable_quantity", 3, "MW", "EUR"),
        ("procurement_price", 8.5, "EUR/MWh", "EUR"),
    }


def test_a_measure_that_a_point_leaves_out_is_missing_there():
    """Where one point has a secondary quantity and the next has none, the latter's is missing."""
    found = frame(
        of(
            point(1, element("quantity", 30), element("secondaryQuantity", 12)),
            point(3, element("quantity", 31)),
            unit="MAW",
        )
    )
    assert found[found["measure"] == "quantity"]["value"].tolist() == [30, 30, 31, 31]
    assert found[found["measure"] == "secondary_quantity"]["value"].tolist() == [12, 12, NAN, NAN]


def test_settlement_prices_are_curves_of_their_own():
    """Each Financial_Price of a point, by what it describes and its direction, is a curve."""

    def settlement(amount, kind, direction):
        fields = (
            element("amount", amount)
            + element("priceDescriptor.type", kind)
            + element("direction", direction)
        )
        return f"<Financial_Price>{fields}</Financial_Price>"

    both = settlement(1.5, "A01", "A01") + settlement(2.5, "A02", "A02")
    price = element("imbalance_Price.amount", 45)
    found = frame(of(point(1, price, both), point(3, price, settlement(1.75, "A01", "A01"))))
    assert found[found["measure"] == "imbalance_price"]["value"].tolist() == [45] * 4
    scarcity = found[found["category"] == "A01"]
    assert rows(scarcity, "measure", "direction", "value")[::2] == [
        ("financial_price", "expenditure", 1.5),
        ("financial_price", "expenditure", 1.75),
    ]
    incentive = found[found["category"] == "A02"]
    assert rows(incentive, "direction", "value")[::2] == [("income", 2.5), ("income", NAN)]


def test_a_settlement_price_may_have_its_direction_beside_it():
    """The older form, financial_Price.direction beside the amount, says the same."""
    paid = element("financial_Price.amount", 7) + element("financial_Price.direction", "A02")
    found = frame(of(point(1, paid)), document_type="A87")
    assert set(rows(found, "measure", "direction", "value")) == {("financial_price", "income", 7)}


def test_a_category_is_that_of_the_price_only():
    """A quantity beside a price of a category has no category."""
    fields = element("quantity", 3) + element("imbalance_Price.amount", 9)
    category = element("imbalance_Price.category", "A04")
    found = frame(of(point(1, fields, category), unit="MWH"))
    assert set(rows(found, "measure", "category")) == {
        ("quantity", None),
        ("imbalance_price", "A04"),
    }


def test_reserves_of_two_agreements_stay_apart():
    """Daily and yearly contracts for the same time are two series, told apart by agreement."""
    daily, yearly = (
        of(
            point(1, element("quantity", quantity)),
            head=element("type_MarketAgreement.type", agreement),
            unit="MAW",
        )
        for agreement, quantity in (("A01", 50), ("A04", 400))
    )
    found = frame(daily, yearly, document_type="A81")
    assert set(rows(found, "agreement_type", "value")) == {("A01", 50), ("A04", 400)}


@pytest.mark.parametrize("bad", ["<b>", "a04", "A 04", "A04" * 9])
def test_codes_in_points_are_codes(bad):
    """A category that is no code is an error."""
    with pytest.raises(DocumentError, match="is no code"):
        frame(of(imbalance(1, 10, bad)))
    fields = element("amount", 1) + element("priceDescriptor.type", bad)
    compound = f"<Financial_Price>{fields}</Financial_Price>"
    with pytest.raises(DocumentError, match="malformed"):
        frame(of(point(1, compound)))
