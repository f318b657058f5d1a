"""ENTSO-E code lists under short names for people; a code that is not here stands for itself."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING

from flows.document.entsoe_tables import tables

if TYPE_CHECKING:
    from collections.abc import Iterator


class _Names(Mapping[str, str]):
    """A table of entsoe-py, with our names before its own; opened when first asked."""

    def __init__(self, table: str, ours: Mapping[str, str]) -> None:
        self._table = table
        self._ours = ours

    def __getitem__(self, code: str) -> str:
        return self._all[code]

    def __iter__(self) -> Iterator[str]:
        return iter(self._all)

    def __len__(self) -> int:
        return len(self._all)

    @cached_property
    def _all(self) -> Mapping[str, str]:
        theirs: dict[str, str] = getattr(tables(), self._table)
        return theirs | dict(self._ours)


PRODUCTION_TYPES: Mapping[str, str] = MappingProxyType(
    {
        "A03": "Mixed",
        "A04": "Generation",
        "A05": "Load",
        "B01": "Biomass",
        "B02": "Lignite",
        "B03": "Coal gas",
        "B04": "Gas",
        "B05": "Hard coal",
        "B06": "Oil",
        "B07": "Oil shale",
        "B08": "Peat",
        "B09": "Geothermal",
        "B10": "Pumped storage",
        "B11": "Run-of-river",
        "B12": "Hydro reservoir",
        "B13": "Marine",
        "B14": "Nuclear",
        "B15": "Other renewable",
        "B16": "Solar",
        "B17": "Waste",
        "B18": "Wind offshore",
        "B19": "Wind onshore",
        "B20": "Other",
        "B21": "AC link",
        "B22": "DC link",
        "B23": "Substation",
        "B24": "Transformer",
        "B25": "Energy storage",
    }
)
"""Production type (psrType, ENTSO-E code list StandardAssetTypeList) → name."""

FLOW_DIRECTIONS: Mapping[str, str] = MappingProxyType(
    {"A01": "up", "A02": "down", "A03": "symmetric", "A04": "stable"}
)
"""Direction of balancing energy (StandardDirectionTypeList)."""

PAYMENT_DIRECTIONS: Mapping[str, str] = MappingProxyType({"A01": "expenditure", "A02": "income"})
"""Direction of a settlement price (StandardPriceDirectionTypeList)."""

DOCUMENT_TYPES: Mapping[str, str] = _Names(
    "DOCUMENTTYPE",
    {
        "A11": "Physical flows",
        "A25": "Allocation result",
        "A44": "Prices",
        "A61": "Transfer capacity",
        "A65": "Load",
        "A68": "Installed capacity by type",
        "A69": "Wind and solar forecast",
        "A70": "Load forecast margin",
        "A71": "Generation forecast",
        "A72": "Reservoir filling",
        "A73": "Generation by unit",
        "A75": "Generation by type",
        "A76": "Unavailability of consumption",
        "A77": "Unavailability of production units",
        "A78": "Unavailability of transmission",
        "A79": "Unavailability of offshore grid",
        "A80": "Unavailability of generation units",
        "A81": "Contracted reserves",
        "A84": "Balancing energy prices",
        "A85": "Imbalance prices",
        "A86": "Imbalance volumes",
    },
)
"""Document type (StandardMessageTypeList) → name."""

PROCESS_TYPES: Mapping[str, str] = _Names(
    "PROCESSTYPE",
    {
        "A01": "Day-ahead",
        "A02": "Intraday incremental",
        "A16": "Realised",
        "A18": "Current",
        "A26": "Outage",
        "A31": "Week-ahead",
        "A32": "Month-ahead",
        "A33": "Year-ahead",
        "A40": "Intraday",
    },
)
"""Process type (StandardProcessTypeList) → name."""
