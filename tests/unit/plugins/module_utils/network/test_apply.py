# SPDX-License-Identifier: GPL-3.0-or-later
import pytest
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import AwsError
from ansible_collections.medzen.multiregion.plugins.module_utils.network.apply import Builder, resolve
from ansible_collections.medzen.multiregion.plugins.module_utils.network.plan import Action, Ref
from botocore.exceptions import ClientError, ConnectionClosedError

VPC = Action(0, "create VPC care", "create_vpc", {"CidrBlock": "10.1.0.0/16"}, makes="vpc", name="care")
GATEWAY = Action(1, "create internet gateway care", "create_internet_gateway", {}, makes="gateway", name="care")
ATTACH = Action(2, "attach it", "attach_internet_gateway", {"InternetGatewayId": Ref("gateway"), "VpcId": Ref("vpc")})
TABLE = Action(1, "create table", "create_route_table", {"VpcId": Ref("vpc")}, makes="table:public", name="care")
LOST = ConnectionClosedError(endpoint_url="http://ec2")


def refusal(code, status=400):
    return ClientError({"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}, "Operation")


class Cloud:
    """Answers a call with the next of its answers, and raises those that are errors."""

    def __init__(self, **answers):
        self.calls = []
        self._answers = {name: list(values) for name, values in answers.items()}

    def __getattr__(self, operation):
        def call(**parameters):
            self.calls.append((operation, parameters))
            answer = self._answers[operation].pop(0)
            if isinstance(answer, Exception):
                raise answer
            return answer

        return call


def builder(cloud, ids=None):
    return Builder(cloud, cloud, ids or {}, sleep=lambda _seconds: None)


def test_an_action_gets_the_ids_of_what_was_made_before():
    cloud = Cloud(
        create_vpc=[{"Vpc": {"VpcId": "vpc-1"}}],
        create_internet_gateway=[{"InternetGateway": {"InternetGatewayId": "igw-1"}}],
        attach_internet_gateway=[{}],
    )
    builder(cloud).apply([VPC, GATEWAY, ATTACH])
    assert cloud.calls[-1] == ("attach_internet_gateway", {"InternetGatewayId": "igw-1", "VpcId": "vpc-1"})


def test_after_a_lost_answer_what_was_made_is_found_and_not_made_again():
    cloud = Cloud(create_vpc=[LOST], describe_vpcs=[{"Vpcs": [{"VpcId": "vpc-1"}]}])
    made = builder(cloud)
    made.apply([VPC])
    assert made.ids == {"vpc": "vpc-1"}
    assert [operation for operation, _parameters in cloud.calls] == ["create_vpc", "describe_vpcs"]
    assert cloud.calls[1][1]["aws_retry"], "a look that is throttled must not end the run"


def test_after_a_lost_call_that_made_nothing_it_is_made():
    cloud = Cloud(create_vpc=[LOST, {"Vpc": {"VpcId": "vpc-2"}}], describe_vpcs=[{"Vpcs": []}])
    made = builder(cloud)
    made.apply([VPC])
    assert made.ids == {"vpc": "vpc-2"}


def test_an_internet_gateway_that_is_attached_was_not_made_by_the_lost_call():
    cloud = Cloud(
        create_internet_gateway=[LOST, {"InternetGateway": {"InternetGatewayId": "igw-2"}}],
        describe_internet_gateways=[{"InternetGateways": [{"InternetGatewayId": "igw-1", "Attachments": [{}]}]}],
    )
    made = builder(cloud)
    made.apply([GATEWAY])
    assert made.ids == {"gateway": "igw-2"}


def test_a_repeated_call_keeps_its_token():
    cloud = Cloud(create_route_table=[LOST, {"RouteTable": {"RouteTableId": "rtb-1"}}])
    builder(cloud, {"vpc": "vpc-1"}).apply([TABLE])
    first, second = (parameters["ClientToken"] for _operation, parameters in cloud.calls)
    assert first == second


def test_that_it_was_done_before_is_success_only_after_a_lost_answer():
    ids = {"vpc": "vpc-1", "gateway": "igw-1"}
    builder(Cloud(attach_internet_gateway=[LOST, refusal("Resource.AlreadyAssociated")]), ids).apply([ATTACH])
    with pytest.raises(AwsError, match="Failed to attach it"):
        builder(Cloud(attach_internet_gateway=[refusal("Resource.AlreadyAssociated")]), ids).apply([ATTACH])


def test_a_throttled_call_is_made_again_without_a_look():
    cloud = Cloud(create_vpc=[refusal("RequestLimitExceeded", 503), {"Vpc": {"VpcId": "vpc-1"}}])
    builder(cloud).apply([VPC])
    assert [operation for operation, _parameters in cloud.calls] == ["create_vpc", "create_vpc"]


def test_what_was_just_made_may_be_unknown_for_a_moment():
    cloud = Cloud(
        create_vpc=[{"Vpc": {"VpcId": "vpc-1"}}],
        create_route_table=[refusal("InvalidVpcID.NotFound"), {"RouteTable": {"RouteTableId": "rtb-1"}}],
    )
    made = builder(cloud)
    made.apply([VPC, TABLE])
    assert made.ids["table:public"] == "rtb-1"


def test_what_was_there_before_and_is_unknown_is_an_error_at_once():
    cloud = Cloud(create_route_table=[refusal("InvalidVpcID.NotFound")])
    with pytest.raises(AwsError, match="Failed to create table"):
        builder(cloud, {"vpc": "vpc-1"}).apply([TABLE])


def test_a_refusal_stops_the_levels_above_it():
    cloud = Cloud(create_vpc=[refusal("VpcLimitExceeded")])
    made = builder(cloud)
    with pytest.raises(AwsError, match="Failed to create VPC care"):
        made.apply([VPC, TABLE])
    assert made.done == []


def test_references_are_resolved_wherever_they_stand():
    value = {"Groups": [{"GroupId": Ref("group:alb")}], "Port": 80}
    assert resolve(value, {"group:alb": "sg-1"}) == {"Groups": [{"GroupId": "sg-1"}], "Port": 80}
