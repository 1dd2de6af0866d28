# SPDX-License-Identifier: GPL-3.0-or-later
"""Life of load balancers and listeners, and what AWS refuses."""

import pytest

CERTIFICATE = "arn:aws:acm:eu-west-2:123456789012:certificate/none"


def state_of(elb, balancer):
    found = elb.describe_load_balancers(LoadBalancerArns=[balancer["LoadBalancerArn"]])["LoadBalancers"][0]
    return found["State"]["Code"]


def protect(elb, balancer, value):
    attributes = [{"Key": "deletion_protection.enabled", "Value": value}]
    elb.modify_load_balancer_attributes(LoadBalancerArn=balancer["LoadBalancerArn"], Attributes=attributes)


def test_a_balancer_is_provisioning_first(elb, balancer, pass_time):
    assert state_of(elb, balancer) == "provisioning"
    pass_time(160)
    assert state_of(elb, balancer) == "active"


def test_its_name_is_resolved_only_when_it_is_active(world, elb, balancer, pass_time):
    assert f"{balancer['DNSName']}." not in world.hosts
    pass_time(160)
    state_of(elb, balancer)
    assert world.hosts[f"{balancer['DNSName']}."]["address"].startswith("127.250.3")


def test_its_hosted_zone_is_that_of_the_region(balancer):
    assert balancer["CanonicalHostedZoneId"] == "ZHURV8PSTC4K8"


def test_one_zone_is_not_enough(elb, network, name, refused):
    with refused("ValidationError"):
        elb.create_load_balancer(Name=name, Subnets=network.subnets[:1])


def test_without_an_internet_gateway_it_cannot_face_the_internet(elb, client, name, refused):
    ec2 = client("ec2", "eu-west-2")
    vpc_id = ec2.create_vpc(CidrBlock="10.65.0.0/16")["Vpc"]["VpcId"]
    made = [
        ec2.create_subnet(VpcId=vpc_id, CidrBlock=f"10.65.{n}.0/24", AvailabilityZone=f"eu-west-2{zone}")["Subnet"]
        for n, zone in enumerate("ab")
    ]
    with refused("InvalidSubnet"):
        elb.create_load_balancer(Name=name, Subnets=[one["SubnetId"] for one in made])
    for one in made:
        ec2.delete_subnet(SubnetId=one["SubnetId"])
    ec2.delete_vpc(VpcId=vpc_id)


def test_a_name_is_given_once(elb, balancer, network, name, refused):
    with refused("DuplicateLoadBalancerName"):
        elb.create_load_balancer(Name=name, Subnets=network.subnets)


def test_a_protected_balancer_stays(elb, balancer, refused):
    protect(elb, balancer, "true")
    with refused("OperationNotPermitted"):
        elb.delete_load_balancer(LoadBalancerArn=balancer["LoadBalancerArn"])
    assert state_of(elb, balancer)


def test_its_interfaces_leave_minutes_after_it(elb, balancer, client, name, pass_time):
    ec2 = client("ec2", "eu-west-2")

    def interfaces():
        found = ec2.describe_network_interfaces()["NetworkInterfaces"]
        return [one for one in found if f"/{name}/" in one["Description"] and one["RequesterManaged"]]

    assert len(interfaces()) == 2
    elb.delete_load_balancer(LoadBalancerArn=balancer["LoadBalancerArn"])
    pass_time(100)
    assert len(interfaces()) == 2
    pass_time(100)
    assert interfaces() == []


def test_access_logs_need_their_bucket(elb, balancer, refused):
    attributes = [
        {"Key": "access_logs.s3.enabled", "Value": "true"},
        {"Key": "access_logs.s3.bucket", "Value": "no-such-bucket"},
    ]
    with refused("InvalidConfigurationRequest"):
        elb.modify_load_balancer_attributes(LoadBalancerArn=balancer["LoadBalancerArn"], Attributes=attributes)


def test_https_needs_a_certificate(elb, balancer, group, refused):
    request = {
        "LoadBalancerArn": balancer["LoadBalancerArn"],
        "Protocol": "HTTPS",
        "Port": 443,
        "DefaultActions": [{"Type": "forward", "TargetGroupArn": group}],
    }
    with refused("ValidationError"):
        elb.create_listener(**request)
    with refused("CertificateNotFound"):
        elb.create_listener(**request, Certificates=[{"CertificateArn": CERTIFICATE}])


def test_two_listeners_cannot_share_a_port(elb, listener, group, refused):
    with refused("DuplicateListener"):
        elb.create_listener(
            LoadBalancerArn=listener["LoadBalancerArn"],
            Protocol="HTTP",
            Port=8080,
            DefaultActions=[{"Type": "forward", "TargetGroupArn": group}],
        )


def test_a_target_group_belongs_to_one_balancer(elb, listener, group, network, name, refused):
    other = elb.create_load_balancer(Name=f"{name}-b", Subnets=network.subnets)["LoadBalancers"][0]
    with refused("TargetGroupAssociationLimit"):
        elb.create_listener(
            LoadBalancerArn=other["LoadBalancerArn"],
            Protocol="HTTP",
            Port=80,
            DefaultActions=[{"Type": "forward", "TargetGroupArn": group}],
        )


def test_a_target_group_in_use_stays_until_its_balancer_is_gone(elb, listener, group, refused):
    with refused("ResourceInUse"):
        elb.delete_target_group(TargetGroupArn=group)
    elb.delete_load_balancer(LoadBalancerArn=listener["LoadBalancerArn"])
    elb.delete_target_group(TargetGroupArn=group)


def test_rules_are_refused_since_the_edge_has_none(elb, listener, group):
    arn = elb.describe_listeners(LoadBalancerArn=listener["LoadBalancerArn"])["Listeners"][0]["ListenerArn"]
    with pytest.raises(Exception, match="NotImplemented"):
        elb.create_rule(
            ListenerArn=arn,
            Priority=1,
            Conditions=[{"Field": "path-pattern", "Values": ["/x"]}],
            Actions=[{"Type": "forward", "TargetGroupArn": group}],
        )


def test_the_longest_deregistration_delay_is_an_hour(elb, group, refused):
    def delay(value):
        attributes = [{"Key": "deregistration_delay.timeout_seconds", "Value": value}]
        elb.modify_target_group_attributes(TargetGroupArn=group, Attributes=attributes)
        found = elb.describe_target_group_attributes(TargetGroupArn=group)["Attributes"]
        return {row["Key"]: row["Value"] for row in found}["deregistration_delay.timeout_seconds"]

    assert delay("3600") == "3600"
    with refused("ValidationError"):
        delay("3601")
