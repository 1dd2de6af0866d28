# SPDX-License-Identifier: GPL-3.0-or-later
import pytest
from botocore.exceptions import ClientError


def code_of(call, **parameters):
    with pytest.raises(ClientError) as caught:
        call(**parameters)
    return caught.value.response["Error"]["Code"]


def test_cape_town_is_opted_in_and_needs_to_be(client):
    (row,) = client("ec2").describe_regions(RegionNames=["af-south-1"])["Regions"]
    assert row["OptInStatus"] == "opted-in"


def test_only_enabled_regions_are_listed_unless_all_are_asked_for(client):
    ec2 = client("ec2")
    assert {row["OptInStatus"] for row in ec2.describe_regions()["Regions"]} == {"opt-in-not-required", "opted-in"}
    assert "not-opted-in" in {row["OptInStatus"] for row in ec2.describe_regions(AllRegions=True)["Regions"]}


@pytest.mark.parametrize("region", ["me-south-1", "xx-nowhere-1"])
def test_a_region_that_is_not_enabled_refuses_calls_as_each_service_words_it(client, region):
    assert code_of(client("ec2", region).describe_vpcs) == "AuthFailure"
    assert code_of(client("rds", region).describe_db_instances) == "InvalidClientTokenId"
    assert code_of(client("ecs", region).list_clusters) == "UnrecognizedClientException"


def test_playbooks_that_run_side_by_side_sign_with_keys_of_their_own(client):
    assert client("sts", key="rehearsal-operator-cutover_dns").get_caller_identity()["Account"]


def test_a_foreign_access_key_is_refused(client):
    assert code_of(client("sts", key="AKIAREALACCOUNT00000").get_caller_identity) == "InvalidClientTokenId"


def test_enabling_a_region_takes_minutes(client, pass_time):
    account = client("account", "us-east-1")
    account.enable_region(RegionName="ap-east-1")
    assert account.get_region_opt_status(RegionName="ap-east-1")["RegionOptStatus"] == "ENABLING"
    pass_time(300)
    assert account.get_region_opt_status(RegionName="ap-east-1")["RegionOptStatus"] == "ENABLED"
    assert client("ecs", "ap-east-1").list_clusters()["clusterArns"] == []


def test_a_region_that_is_always_on_cannot_be_disabled(client):
    assert code_of(client("account", "us-east-1").disable_region, RegionName="eu-west-1") == "ValidationException"
