# SPDX-License-Identifier: GPL-3.0-or-later
import pytest
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import Refused
from ansible_collections.medzen.multiregion.plugins.module_utils.guardrail_profiles import (
    DESTINATIONS,
    check_profile,
    find_destinations,
    profile_id,
)

ARN = "arn:aws:bedrock:eu-central-1:123456789012:guardrail-profile/eu.guardrail.v1:0"


def test_an_arn_and_an_id_name_one_profile():
    assert profile_id(ARN) == profile_id("eu.guardrail.v1:0") == "eu.guardrail.v1:0"


def test_without_a_profile_the_guardrail_stays_where_it_is():
    assert find_destinations(None, "af-south-1") == ("af-south-1",)


def test_the_eu_profile_reaches_six_regions_none_of_which_is_london():
    found = find_destinations(ARN, "eu-central-1")
    assert found == ("eu-central-1", "eu-north-1", "eu-south-1", "eu-south-2", "eu-west-1", "eu-west-3")


def test_what_the_table_does_not_have_is_not_known():
    assert find_destinations("sa.guardrail.v1:0", "sa-east-1") is None
    assert find_destinations("eu.guardrail.v1:0", "eu-west-2") is None


def test_a_profile_reaches_the_region_that_it_starts_from():
    assert [source for sources in DESTINATIONS.values() for source, to in sources.items() if source not in to] == []


@pytest.mark.parametrize(
    ("identifier", "region", "told"),
    [
        ("us.guardrail.v1:0", "eu-central-1", "Expected: eu.guardrail.v1:0"),
        ("eu.guardrail.v1:0", "eu-west-2", "Expected: uk.guardrail.v1:0"),
        ("eu.guardrail.v1:0", "af-south-1", "no profile: none is documented for af-south-1"),
        (ARN, "eu-west-1", "the ARN of a profile in eu-central-1"),
    ],
)
def test_a_profile_of_another_geography_is_refused_with_the_one_that_fits(identifier, region, told):
    with pytest.raises(Refused, match=told):
        check_profile(identifier, region)


@pytest.mark.parametrize("identifier", [None, "", "eu.guardrail.v1:0", ARN, "mars.guardrail.v1:0"])
def test_what_fits_or_is_not_known_is_left_to_the_service(identifier):
    check_profile(identifier, "eu-central-1")
