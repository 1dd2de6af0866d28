# SPDX-License-Identifier: GPL-3.0-or-later
import pytest

from rehearsal.cloud.clock import Clock
from rehearsal.cloud.errors import ApiError
from rehearsal.cloud.operations import Call
from rehearsal.cloud.repeats import Repeats, find_token
from rehearsal.cloud.wire import Answer

ANSWER = Answer(200, b"first")


def call(operation="CreateNatGateway", service="ec2", **parameters):
    return Call(service, operation, "eu-central-1", "ec2", parameters)


@pytest.fixture
def clock():
    return Clock(60.0, {}, lambda: 0.0)


@pytest.fixture
def repeats(clock):
    made = Repeats(clock)
    made.keep(call(ClientToken="t", SubnetId="s"), ANSWER)
    return made


def test_the_same_call_gets_the_same_answer(repeats):
    assert repeats.find(call(ClientToken="t", SubnetId="s")) is ANSWER


def test_another_token_region_or_operation_is_another_call(repeats):
    assert repeats.find(call(ClientToken="u", SubnetId="s")) is None
    assert repeats.find(call("CreateVpcEndpoint", ClientToken="t", SubnetId="s")) is None


def test_the_same_token_with_other_content_is_refused(repeats):
    with pytest.raises(ApiError, match="IdempotentParameterMismatch"):
        repeats.find(call(ClientToken="t", SubnetId="other"))


def test_a_token_is_forgotten_after_an_hour(repeats, clock):
    clock.advance(3600)
    assert repeats.find(call(ClientToken="t", SubnetId="s")) is None


def test_a_call_without_a_token_is_never_a_repeat():
    assert find_token(call(SubnetId="s")) is None


def test_services_with_tokens_of_their_own_are_left_alone():
    assert find_token(call("CreateSecret", "secretsmanager", ClientRequestToken="t")) is None


def test_a_token_is_found_by_its_mark_in_the_model():
    assert find_token(call("CreateGuardrail", "bedrock", clientRequestToken="t"))[-1] == "t"
