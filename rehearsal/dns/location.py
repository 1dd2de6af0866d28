# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a client is, by its address: the rehearsal's own map in place of a GeoIP database."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

LOCATIONS_FILE = Path(__file__).parent / "locations.yml"
CONTINENTS = ("AF", "AN", "AS", "EU", "NA", "OC", "SA")


@dataclass(frozen=True)
class Location:
    """A place as Route 53 knows it; empty when the address is on no map."""

    continent: str = ""
    country: str = ""
    subdivision: str = ""

    def filings(self) -> list[tuple[str, str, str]]:
        """What a geolocation record may be filed under, most specific first, the default last."""
        filings = [("", self.country, self.subdivision)] if self.country and self.subdivision else []
        filings += [("", self.country, "")] if self.country else []
        filings += [(self.continent, "", "")] if self.continent else []
        return [*filings, ("", "*", "")]


NOWHERE = Location()


class Map:
    """Locations by network; the longest prefix wins."""

    def __init__(self, entries: Iterable[Mapping[str, Any]]) -> None:
        read = [(ipaddress.ip_network(entry["network"]), _read_location(entry)) for entry in entries]
        self._networks = sorted(read, key=lambda item: item[0].prefixlen, reverse=True)

    def locate(self, address: str) -> Location:
        try:
            wanted = ipaddress.ip_address(address)
        except ValueError:
            return NOWHERE
        return next((place for network, place in self._networks if wanted in network), NOWHERE)


def load_locations(world: int, path: Path = LOCATIONS_FILE) -> list[dict[str, str]]:
    """The entries of the map that comes with the rehearsal, with the world's own loopback networks."""
    return [{**entry, "network": entry["network"].format(world=world)} for entry in yaml.safe_load(path.read_text())]


def _read_location(entry: Mapping[str, Any]) -> Location:
    return Location(entry.get("continent", ""), entry.get("country", ""), entry.get("subdivision", ""))
