# SPDX-License-Identifier: GPL-3.0-or-later
from datetime import UTC, datetime

from rehearsal.contents import differences, gather, normalise, without_deleted, without_tasks


def network(number, name="medzen-vpc"):
    return {
        "ec2 Vpcs eu-central-1": [{"VpcId": f"vpc-{number:017x}", "Tags": [{"Key": "Name", "Value": name}]}],
        "ec2 Subnets eu-central-1": [
            {"SubnetId": f"subnet-{number:017x}", "VpcId": f"vpc-{number:017x}", "AvailableIpAddressCount": number}
        ],
    }


def test_two_worlds_with_the_same_things_under_other_ids_are_equal():
    assert differences(normalise(network(1)), normalise(network(2))) == []


def test_an_id_is_told_by_the_name_of_its_thing_so_that_a_wrong_reference_is_seen():
    good, bad = network(1), network(1)
    bad["ec2 Subnets eu-central-1"][0]["VpcId"] = "vpc-00000000000000099"
    found = differences(normalise(good), normalise(bad))
    assert [line.split(":")[0] for line in found] == [
        "missing ec2 Subnets eu-central-1",
        "surplus ec2 Subnets eu-central-1",
    ]
    assert "<medzen-vpc>" in found[0]


def test_times_addresses_and_the_ends_of_arns_say_nothing():
    def row(moment, address, end):
        arn = f"arn:aws:elasticloadbalancing:eu-central-1:123456789012:loadbalancer/app/medzen/{end}"
        return {"x": [{"CreatedTime": moment, "Where": address, "LoadBalancerArn": arn, "At": moment}]}

    one = row(datetime(2026, 1, 1, tzinfo=UTC), "127.40.10.1", "0123456789abcdef")
    other = row(datetime(2026, 2, 2, tzinfo=UTC), "127.41.11.9", "fedcba9876543210")
    assert differences(normalise(one), normalise(other)) == []


def test_a_database_that_was_built_anew_under_its_name_is_the_same():
    one, other = ({"x": [{"DBInstanceIdentifier": "a", "DbiResourceId": f"db-{end * 26}"}]} for end in "A7")
    assert differences(normalise(one), normalise(other)) == []


def test_the_order_of_a_listing_says_nothing_and_a_second_copy_does():
    one, two = {"Name": "a"}, {"Name": "b"}
    assert differences(normalise({"x": [one, two]}), normalise({"x": [two, one]})) == []
    assert differences(normalise({"x": [one]}), normalise({"x": [one, one]})) == ['surplus x: {"Name": "a"}']


def test_a_kind_that_only_one_world_has_is_told():
    assert differences({}, normalise({"sns Topics": [{"TopicArn": "t"}]})) == ['surplus sns Topics: {"TopicArn": "t"}']


def test_two_listings_of_one_kind_are_both_kept():
    assert gather([("api Items", [1]), ("api Items", [2]), ("x", [])]) == {"api Items": [1, 2], "x": []}


def test_tasks_that_come_and_go_are_not_told_and_one_that_outlives_its_service_is():
    task = {"NetworkInterfaceId": "eni-1", "Attachment": {"InstanceOwnerId": "amazon-ecs"}}
    other = {"NetworkInterfaceId": "eni-2", "Attachment": {"InstanceOwnerId": "amazon-elb"}}
    kind, services = "ec2 NetworkInterfaces eu-west-1", "ecs services eu-west-1"
    assert without_tasks({kind: [task, other], services: [{}]})[kind] == [other]
    assert without_tasks({kind: [task, other], services: []})[kind] == [task, other]


def test_a_gateway_that_is_deleted_is_told_by_nobody_and_one_on_its_way_is():
    """AWS lists it for an hour, so that a slower run would seem to have done something else."""
    kind = "ec2 NatGateways af-south-1"
    going, gone = {"State": "deleting"}, {"State": "deleted"}
    assert without_deleted({kind: [going, gone]})[kind] == [going]
