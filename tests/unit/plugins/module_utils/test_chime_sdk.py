# SPDX-License-Identifier: GPL-3.0-or-later
"""The Chime SDK's clients, tags and errors."""

import botocore.session
import pytest
from ansible_collections.medzen.multiregion.plugins.module_utils import aws, chime_sdk
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import AwsError, Refused
from botocore.exceptions import ClientError, EndpointConnectionError, ParamValidationError

SERVICES = (chime_sdk.MEETINGS, chime_sdk.IDENTITY, chime_sdk.MESSAGING, chime_sdk.PIPELINES, chime_sdk.VOICE)


def connection(service):
    return botocore.session.get_session().create_client(
        service, region_name="eu-central-1", aws_access_key_id="a", aws_secret_access_key="b"
    )


def failed(code):
    return AwsError("Failed to look", ClientError({"Error": {"Code": code, "Message": "m"}}, "Look"))


@pytest.mark.parametrize("service", SERVICES)
def test_every_error_of_the_services_has_a_meaning(service):
    model = botocore.session.get_session().get_service_model(service)
    known = {code for codes, _step in chime_sdk.MEANINGS.values() for code in codes}
    assert {shape.name for shape in model.error_shapes} - known == {"GoneException"} & {
        shape.name for shape in model.error_shapes
    }


@pytest.mark.parametrize("code", ["ThrottledClientException", "ThrottlingException", "ServiceFailureException"])
def test_throttling_and_failures_of_the_service_are_tried_again(code):
    assert code in (*aws.THROTTLE_CODES, *aws.FAILURE_CODES)


@pytest.mark.parametrize(
    ("error", "meaning"),
    [
        (failed("ForbiddenException"), "denied"),
        (failed("UnauthorizedClientException"), "denied"),
        (failed("LimitExceededException"), "capacity"),
        (failed("ResourceLimitExceededException"), "capacity"),
        (failed("ThrottledClientException"), "throttled"),
        (failed("ServiceUnavailableException"), "unavailable"),
        (failed("NotFoundException"), "absent"),
        (failed("Surprise"), "other"),
        (AwsError("Failed", EndpointConnectionError(endpoint_url="https://x")), "unreachable"),
        (AwsError("Failed", ParamValidationError(report="bad")), "other"),
        (AwsError("the service repeats page 'x'"), "other"),
    ],
)
def test_what_went_wrong_in_one_word(error, meaning):
    assert chime_sdk.meaning_of(error) == meaning


def test_an_explained_error_says_what_to_do_and_keeps_its_code():
    found = chime_sdk.explained(failed("ForbiddenException"))
    assert "service control policies" in found.message and found.message.startswith("Failed to look")
    assert (found.code, found.result["failure_class"]) == ("ForbiddenException", "denied")
    assert found.result["error_code"] == "ForbiddenException"


def test_identity_takes_no_empty_tag():
    with pytest.raises(Refused, match="the value of Owner has 0 characters"):
        chime_sdk.check_tags(connection(chime_sdk.IDENTITY), {"Owner": "", "Workload": "medzen"})


def test_media_pipelines_take_an_empty_tag():
    chime_sdk.check_tags(connection(chime_sdk.PIPELINES), {"Owner": ""})


def test_meetings_take_no_space_in_a_key():
    with pytest.raises(Refused, match="the key of cost centre"):
        chime_sdk.check_tags(connection(chime_sdk.MEETINGS), {"cost centre": "1"})


def test_tags_of_aws_are_not_ours_to_set():
    with pytest.raises(Refused, match="AWS's own"):
        chime_sdk.check_tags(connection(chime_sdk.IDENTITY), {"aws:x": "1"})


def test_too_many_tags_are_counted():
    with pytest.raises(Refused, match="51 tags; expected 50 or fewer"):
        chime_sdk.check_tags(connection(chime_sdk.IDENTITY), {f"k{number}": "v" for number in range(51)})


@pytest.mark.parametrize("tags", [None, {}])
def test_no_tags_are_no_fault(tags):
    chime_sdk.check_tags(connection(chime_sdk.IDENTITY), tags)


def test_a_failure_is_none_when_the_world_is_as_it_should_be():
    def fail():
        raise failed("ForbiddenException")

    chime_sdk.unless_so(fail, lambda: True)
    with pytest.raises(AwsError):
        chime_sdk.unless_so(fail, lambda: False)


def test_nobody_looks_when_the_call_went_well():
    chime_sdk.unless_so(lambda: None, lambda: pytest.fail("looked"))


class Module:
    region = "eu-west-1"
    params = {"extra_regions": []}


def test_a_region_without_the_service_is_refused_before_there_is_a_client():
    with pytest.raises(Refused, match="eu-west-2") as refused:
        chime_sdk.chime_client(Module(), chime_sdk.MEETINGS)
    assert refused.value.result["reason"] == "region_unsupported"


@pytest.mark.parametrize(
    ("arn", "region", "partition"),
    [
        ("arn:aws:chime:eu-central-1:123456789012:meeting/1", "eu-central-1", "aws"),
        ("arn:aws-us-gov:chime:us-gov-west-1:123456789012:meeting/1", "us-gov-west-1", "aws-us-gov"),
        ("nonsense", "", "aws"),
    ],
)
def test_the_region_and_partition_of_an_arn(arn, region, partition):
    assert (chime_sdk.region_of(arn), chime_sdk.partition_of(arn)) == (region, partition)
