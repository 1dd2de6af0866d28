# SPDX-License-Identifier: GPL-3.0-or-later
import pytest
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import Refused
from ansible_collections.medzen.multiregion.plugins.module_utils.residency import (
    build_destinations,
    check_allowed_regions,
    judge_residency,
    judge_scope,
    region_of,
    require_compliance,
)

HOME = "eu-central-1"
EU = ["eu-central-1", "eu-west-1"]


def arn(region):
    return f"arn:aws:bedrock:{region}::foundation-model/amazon.nova-lite-v1:0"


@pytest.mark.parametrize(
    ("given", "region"),
    [
        (arn("eu-central-1"), "eu-central-1"),
        (arn("us-gov-west-1"), "us-gov-west-1"),
        (arn(""), "global"),
        (arn("nowhere"), "unknown"),
        ("amazon.nova-lite-v1:0", "unknown"),
        ("", "unknown"),
    ],
)
def test_the_region_of_an_arn(given, region):
    assert region_of(given) == region


def test_destinations_are_sorted_and_named_once():
    arns = [arn("eu-west-1"), arn("eu-central-1"), arn("eu-west-1").replace("lite", "pro")]
    assert build_destinations(arns) == EU


def test_a_profile_that_calls_itself_global_is_so():
    assert build_destinations([arn(HOME)], "global.amazon.nova-2-lite-v1:0") == [HOME, "global"]


def test_a_profile_without_models_goes_nobody_knows_where():
    assert build_destinations([]) == ["unknown"]


@pytest.mark.parametrize(
    ("destinations", "scope"),
    [
        ([HOME], "in_region"),
        (EU, "geo"),
        (["eu-west-1"], "geo"),
        ([HOME, "global"], "global"),
        (["global", "unknown"], "global"),
        ([HOME, "unknown"], "unknown"),
        ([], "unknown"),
    ],
)
def test_the_scope_is_the_widest_that_may_be(destinations, scope):
    assert judge_scope(HOME, destinations) == scope


def test_without_an_allow_list_nothing_is_judged():
    found = judge_residency(HOME, ["us-east-1"], None)
    assert (found.outside, found.compliant) == ([], None)


def test_destinations_within_the_list_are_compliant():
    assert judge_residency(HOME, EU, EU).compliant is True


@pytest.mark.parametrize("lookalike", ["eu-west-2", "eu-central-2"])
def test_a_region_whose_name_only_looks_european_is_outside(lookalike):
    found = judge_residency(HOME, [*EU, lookalike], EU)
    assert (found.outside, found.compliant) == ([lookalike], False)


def test_the_region_that_is_called_is_judged_as_well():
    assert judge_residency("us-east-1", EU, EU).outside == ["us-east-1"]


def test_an_empty_list_allows_nothing():
    assert judge_residency(HOME, [HOME], []).compliant is False


@pytest.mark.parametrize("place", ["global", "unknown"])
def test_no_list_allows_what_is_no_region(place):
    found = judge_residency(HOME, [HOME, place], [HOME, place])
    assert (found.outside, found.compliant) == ([place], False)


@pytest.mark.parametrize("wrong", ["eu-", "eu-*", "global", "", "EU-CENTRAL-1"])
def test_an_allow_list_takes_whole_names_only(wrong):
    with pytest.raises(Refused, match="whole names") as refused:
        check_allowed_regions([HOME, wrong])
    assert refused.value.result["faults"] == [f"allowed_regions: {wrong!r} is no region"]


def test_an_allow_list_of_regions_is_taken():
    check_allowed_regions([*EU, "us-gov-west-1", "ap-southeast-7", "mx-central-1"])
    check_allowed_regions(None)


def test_a_violation_names_what_is_outside():
    with pytest.raises(Refused, match="us-east-1.*Expected: only eu-central-1, eu-west-1") as refused:
        require_compliance("Profile us.a", judge_residency(HOME, [HOME, "us-east-1"], EU), EU)
    assert refused.value.result["outside"] == ["us-east-1"]
    require_compliance("Profile eu.a", judge_residency(HOME, EU, EU), EU)
