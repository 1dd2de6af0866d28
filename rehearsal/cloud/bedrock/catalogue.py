# SPDX-License-Identifier: GPL-3.0-or-later
"""What Bedrock offers where: models with their lifecycle, and the inference profiles that AWS defines."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml

CATALOGUE_FILE = Path(__file__).with_name("models.yml")
# The destination of profiles whose requests may go to any commercial region; its ARN names no region.
GLOBAL = "global"
LIFECYCLE_MEMBERS = {
    "start": "startOfLifeTime",
    "legacy": "legacyTime",
    "extended": "publicExtendedAccessTime",
    "end": "endOfLifeTime",
}
RELATIVE = re.compile(r"([+-]?\d+(?:\.\d+)?)d")


class CatalogueError(ValueError):
    """An entry that the catalogue cannot take."""


@dataclass
class Model:
    """A foundation model; `regions` has its inference types by region, an empty list where only profiles offer it."""

    id: str
    name: str
    provider: str
    input: list[str]
    regions: dict[str, list[str]]
    lifecycle: dict[str, datetime]
    output: list[str] = field(default_factory=lambda: ["TEXT"])
    streaming: bool = True
    use_case_form: bool = False

    def arn(self, region: str) -> str:
        return model_arn(region, self.id)

    def status(self, now: datetime) -> str:
        legacy = self.lifecycle.get("legacy")
        return "LEGACY" if legacy is not None and legacy <= now else "ACTIVE"

    def ended(self, now: datetime) -> bool:
        end = self.lifecycle.get("end")
        return end is not None and end <= now


@dataclass
class SystemProfile:
    """An inference profile that AWS defines: callable in `sources`, sending to `destinations`."""

    id: str
    name: str
    sources: list[str]
    destinations: list[str]

    @property
    def model_id(self) -> str:
        return self.id.partition(".")[2]

    def model_arns(self, source: str) -> list[str]:
        """Destinations as ARNs; a global profile lists the model of its source region too."""
        if self.destinations == [GLOBAL]:
            return [model_arn("", self.model_id), model_arn(source, self.model_id)]
        return [model_arn("" if one == GLOBAL else one, self.model_id) for one in self.destinations]


@dataclass
class GuardrailProfile:
    id: str
    sources: list[str]
    destinations: list[str]


@dataclass
class Catalogue:
    models: dict[str, Model]
    profiles: dict[str, SystemProfile]
    guardrail_profiles: dict[str, GuardrailProfile]

    def model_in(self, model_id: str, region: str) -> Model | None:
        model = self.models.get(model_id)
        return model if model is not None and region in model.regions else None

    def models_in(self, region: str) -> Iterator[Model]:
        return (model for model in self.models.values() if region in model.regions)

    def profile_in(self, profile_id: str, region: str) -> SystemProfile | None:
        profile = self.profiles.get(profile_id)
        return profile if profile is not None and region in profile.sources else None


def model_arn(region: str, model_id: str) -> str:
    return f"arn:aws:bedrock:{region}::foundation-model/{model_id}"


def load_catalogue(start: datetime, path: Path = CATALOGUE_FILE) -> Catalogue:
    """Read the catalogue; relative dates count from `start`."""
    document = yaml.safe_load(path.read_text())
    return Catalogue(
        {name: build_model(name, row, start) for name, row in document["models"].items()},
        {name: SystemProfile(name, **row) for name, row in _copied(document["profiles"]).items()},
        {name: GuardrailProfile(name, **row) for name, row in _copied(document["guardrail_profiles"]).items()},
    )


def _copied(rows: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """YAML's anchors make rows share lists, which a later change must not."""
    return {name: {key: list(v) if isinstance(v, list) else v for key, v in row.items()} for name, row in rows.items()}


def build_model(model_id: str, row: dict[str, Any], start: datetime) -> Model:
    fields = dict(row)
    fields["lifecycle"] = read_lifecycle(row.get("lifecycle") or {}, start)
    fields["regions"] = {region: list(types) for region, types in row["regions"].items()}
    try:
        return Model(model_id, **fields)
    except TypeError as problem:
        raise CatalogueError(f"Model {model_id}: {problem}.") from problem


def read_lifecycle(row: dict[str, Any], start: datetime) -> dict[str, datetime]:
    unknown = sorted(set(row) - set(LIFECYCLE_MEMBERS))
    if unknown:
        raise CatalogueError(f"Lifecycle dates {', '.join(unknown)}; expected {', '.join(LIFECYCLE_MEMBERS)}.")
    return {name: read_date(value, start) for name, value in row.items() if value is not None}


def read_date(value: Any, start: datetime) -> datetime:
    """A day, or days from `start`."""
    relative = RELATIVE.fullmatch(str(value))
    if relative:
        return start + timedelta(days=float(relative.group(1)))
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    try:
        read = datetime.fromisoformat(str(value))
    except ValueError as problem:
        raise CatalogueError(f"Date {value!r}; expected a day such as 2027-03-01, or days such as +30d.") from problem
    return read if read.tzinfo else read.replace(tzinfo=UTC)
