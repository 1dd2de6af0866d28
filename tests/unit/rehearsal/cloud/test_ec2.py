# SPDX-License-Identifier: GPL-3.0-or-later
import pytest
from botocore.exceptions import ClientError

REGION = "eu-west-3"


def refusal_of(call, **parameters):
    with pytest.raises(ClientError) as caught:
        call(**parameters)
    return caught.value.response["Error"]


@pytest.fixture
def ec2(client):
    return client("ec2", REGION)


@pytest.fixture
def network(ec2, world):
    """A VPC with one subnet and an internet gateway."""
    world.quotas.set("vpc", "L-F678F1CE", REGION, 100)
    world.quotas.set("ec2", "L-0263D0A3", REGION, 100)
    vpc = ec2.create_vpc(CidrBlock="10.1.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.1.1.0/24")["Subnet"]["SubnetId"]
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    return {"vpc": vpc, "subnet": subnet, "gateway": gateway}


@pytest.fixture
def nat(ec2, network):
    address = ec2.allocate_address(Domain="vpc")["AllocationId"]
    tags = [{"ResourceType": "natgateway", "Tags": [{"Key": "Name", "Value": network["vpc"]}]}]
    made = ec2.create_nat_gateway(SubnetId=network["subnet"], AllocationId=address, TagSpecifications=tags)[
        "NatGateway"
    ]
    return network | {"nat": made["NatGatewayId"], "address": address, "state": made["State"]}


def nat_state(ec2, nat):
    return ec2.describe_nat_gateways(NatGatewayIds=[nat["nat"]])["NatGateways"][0]["State"]


def test_a_nat_gateway_takes_time_to_come_and_go_and_stays_listed(ec2, nat, pass_time):
    assert nat["state"] == "pending"
    pass_time(120)
    assert nat_state(ec2, nat) == "available"
    ec2.delete_nat_gateway(NatGatewayId=nat["nat"])
    assert nat_state(ec2, nat) == "deleting"
    pass_time(60)
    assert nat_state(ec2, nat) == "deleted"
    pass_time(3600)
    assert refusal_of(ec2.describe_nat_gateways, NatGatewayIds=[nat["nat"]])["Code"] == "NatGatewayNotFound"


def test_nat_gateways_are_found_by_tag(ec2, nat):
    found = ec2.describe_nat_gateways(Filters=[{"Name": "tag:Name", "Values": [nat["vpc"]]}])["NatGateways"]
    assert [one["NatGatewayId"] for one in found] == [nat["nat"]]
    assert ec2.describe_nat_gateways(Filters=[{"Name": "tag:Name", "Values": ["other"]}])["NatGateways"] == []


def test_tags_of_a_nat_gateway_are_found_by_aws_name_of_its_type(ec2, nat):
    asked = [{"Name": "resource-id", "Values": [nat["nat"]]}, {"Name": "resource-type", "Values": ["natgateway"]}]
    assert len(ec2.describe_tags(Filters=asked)["Tags"]) == 1


def test_an_address_held_by_a_nat_gateway_is_free_only_when_that_is_gone(ec2, nat, pass_time):
    assert refusal_of(ec2.release_address, AllocationId=nat["address"])["Code"] == "InvalidIPAddress.InUse"
    ec2.delete_nat_gateway(NatGatewayId=nat["nat"])
    assert refusal_of(ec2.release_address, AllocationId=nat["address"])["Code"] == "InvalidIPAddress.InUse"
    pass_time(60)
    ec2.release_address(AllocationId=nat["address"])


def test_a_subnet_with_a_nat_gateway_is_not_deleted_and_the_refusal_names_it(ec2, nat):
    refusal = refusal_of(ec2.delete_subnet, SubnetId=nat["subnet"])
    assert refusal["Code"] == "DependencyViolation"
    assert nat["nat"] in refusal["Message"]


def test_an_internet_gateway_with_mapped_addresses_is_not_detached(ec2, nat):
    refusal = refusal_of(ec2.detach_internet_gateway, InternetGatewayId=nat["gateway"], VpcId=nat["vpc"])
    assert refusal["Code"] == "DependencyViolation"
    assert "mapped public address" in refusal["Message"]


def test_a_vpc_is_deleted_only_when_it_is_empty(ec2, network):
    refusal = refusal_of(ec2.delete_vpc, VpcId=network["vpc"])
    assert (refusal["Code"], network["subnet"] in refusal["Message"]) == ("DependencyViolation", True)
    ec2.delete_subnet(SubnetId=network["subnet"])
    assert network["gateway"] in refusal_of(ec2.delete_vpc, VpcId=network["vpc"])["Message"]
    ec2.detach_internet_gateway(InternetGatewayId=network["gateway"], VpcId=network["vpc"])
    ec2.delete_vpc(VpcId=network["vpc"])
    assert refusal_of(ec2.describe_vpcs, VpcIds=[network["vpc"]])["Code"] == "InvalidVpcID.NotFound"


def test_a_security_group_that_another_one_names_is_not_deleted(ec2, network):
    first, second = (
        ec2.create_security_group(GroupName=n, Description=n, VpcId=network["vpc"])["GroupId"] for n in ("a", "b")
    )
    rule = {"IpProtocol": "tcp", "FromPort": 8080, "ToPort": 8080, "UserIdGroupPairs": [{"GroupId": first}]}
    ec2.authorize_security_group_ingress(GroupId=second, IpPermissions=[rule])
    refusal = refusal_of(ec2.delete_security_group, GroupId=first)
    assert (refusal["Code"], second in refusal["Message"]) == ("DependencyViolation", True)
    ec2.delete_security_group(GroupId=second)
    ec2.delete_security_group(GroupId=first)


def test_a_services_interface_blocks_group_and_subnet_until_it_is_released(ec2, network, world, pass_time):
    group = ec2.create_security_group(GroupName="alb", Description="alb", VpcId=network["vpc"])["GroupId"]
    eni = world.enis.create("amazon-elb", "ELB app/x/1", network["subnet"], [group], REGION, public=True)
    (shown,) = ec2.describe_network_interfaces(Filters=[{"Name": "requester-id", "Values": ["amazon-elb"]}])[
        "NetworkInterfaces"
    ]
    assert (shown["NetworkInterfaceId"], shown["RequesterManaged"], shown["Status"]) == (eni, True, "in-use")
    assert refusal_of(ec2.delete_network_interface, NetworkInterfaceId=eni)["Code"] == "InvalidParameterValue"
    world.enis.release(eni, REGION, after_seconds=180, kind="alb_delete_eni")
    assert eni in refusal_of(ec2.delete_security_group, GroupId=group)["Message"]
    assert refusal_of(ec2.delete_subnet, SubnetId=network["subnet"])["Code"] == "DependencyViolation"
    pass_time(180)
    ec2.delete_security_group(GroupId=group)
    ec2.delete_subnet(SubnetId=network["subnet"])


def test_the_sixth_vpc_and_the_sixth_address_of_a_region_are_refused(client):
    ec2 = client("ec2", "eu-west-2")
    for _ in range(5 - len(ec2.describe_vpcs()["Vpcs"])):
        ec2.create_vpc(CidrBlock="10.9.0.0/16")
    assert refusal_of(ec2.create_vpc, CidrBlock="10.9.0.0/16")["Code"] == "VpcLimitExceeded"
    for _ in range(5):
        ec2.allocate_address()
    assert refusal_of(ec2.allocate_address)["Code"] == "AddressLimitExceeded"


def test_flow_logs_are_made_and_found(client, ec2, network):
    client("logs", REGION).create_log_group(logGroupName="/flow")
    role = "arn:aws:iam::123456789012:role/flow"
    asked = {"ResourceIds": [network["vpc"]], "ResourceType": "VPC", "TrafficType": "ALL"}
    made = ec2.create_flow_logs(**asked, LogGroupName="/flow", DeliverLogsPermissionArn=role)["FlowLogIds"]
    found = ec2.describe_flow_logs(Filters=[{"Name": "resource-id", "Values": [network["vpc"]]}])["FlowLogs"]
    assert [one["FlowLogId"] for one in found] == made
