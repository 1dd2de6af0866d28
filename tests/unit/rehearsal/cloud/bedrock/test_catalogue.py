# SPDX-License-Identifier: GPL-3.0-or-later
from datetime import UTC, datetime, timedelta

import pytest

from rehearsal.cloud.bedrock.catalogue import GLOBAL, CatalogueError, load_catalogue, read_date

START = datetime(2026, 11, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def catalogue():
    return load_catalogue(START)


def test_every_profile_leads_to_regions_that_have_its_model(catalogue):
    for profile in catalogue.profiles.values():
        regions = set(catalogue.models[profile.model_id].regions)
        assert set(profile.destinations) - {GLOBAL} <= regions, profile.id
        assert set(profile.sources) <= regions, profile.id


def test_every_model_without_on_demand_has_a_profile(catalogue):
    for model in catalogue.models.values():
        for region in (name for name, types in model.regions.items() if not types and not model.ended(START)):
            assert any(one.model_id == model.id and region in one.sources for one in catalogue.profiles.values())


def test_cape_town_has_global_profiles_only(catalogue):
    there = [one.id for one in catalogue.profiles.values() if "af-south-1" in one.sources]
    assert there and all(name.startswith("global.") for name in there)


def test_a_date_is_a_day_or_days_from_the_start():
    assert read_date("+30d", START) - START == timedelta(days=30)
    assert read_date("2027-03-01", START) == datetime(2027, 3, 1, tzinfo=UTC)
    with pytest.raises(CatalogueError, match="soon"):
        read_date("soon", START)
