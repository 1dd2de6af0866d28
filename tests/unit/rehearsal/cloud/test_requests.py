# SPDX-License-Identifier: GPL-3.0-or-later
"""Services that share a signing name, told apart; none of the calls needs to succeed."""

import contextlib

import moto.core.utils
import pytest
from botocore.exceptions import ClientError

INSTANCE = "arn:aws:chime:us-east-1:123456789012:app-instance/0a1b2c3d-0000-4000-8000-00000000cafe"


@pytest.fixture
def identified(world, client):
    """Service and operation that a call was taken for."""

    def call(service, operation, **parameters):
        start = world.ledger.mark("request")
        with contextlib.suppress(ClientError):
            getattr(client(service, "us-east-1"), operation)(**parameters)
        (entry,) = world.ledger.read({"since": str(start)})["calls"]
        return entry["service"], entry["operation"]

    return call


@pytest.mark.parametrize(
    ("resource", "service"),
    [
        ("meeting/0a1b2c3d-0000-4000-8000-00000000cafe", "chime-sdk-meetings"),
        ("app-instance/a", "chime-sdk-identity"),
        ("app-instance/a/user/b", "chime-sdk-identity"),
        ("app-instance/a/channel/b", "chime-sdk-messaging"),
        ("app-instance/a/channel-flow/b", "chime-sdk-messaging"),
        ("media-pipeline/a", "chime-sdk-media-pipelines"),
        ("media-insights-pipeline-configuration/a", "chime-sdk-media-pipelines"),
        ("vc/a", "chime-sdk-voice"),
    ],
)
@pytest.mark.parametrize("client_of", ["chime-sdk-meetings", "chime-sdk-identity"])
def test_an_arn_says_whose_tags_are_meant(identified, client_of, resource, service):
    arn = f"arn:aws:chime:us-east-1:123456789012:{resource}"
    assert identified(client_of, "list_tags_for_resource", ResourceARN=arn) == (service, "ListTagsForResource")


@pytest.mark.parametrize(
    ("service", "operation", "parameters", "name"),
    [
        ("chime-sdk-identity", "describe_app_instance", {}, "DescribeAppInstance"),
        ("chime-sdk-identity", "list_app_instance_admins", {}, "ListAppInstanceAdmins"),
        ("chime-sdk-identity", "update_app_instance", {"Name": "a", "Metadata": ""}, "UpdateAppInstance"),
        ("chime-sdk-messaging", "get_messaging_streaming_configurations", {}, "GetMessagingStreamingConfigurations"),
        (
            "chime-sdk-messaging",
            "delete_messaging_streaming_configurations",
            {},
            "DeleteMessagingStreamingConfigurations",
        ),
    ],
)
def test_the_path_that_fits_best_says_which_service_is_meant(identified, service, operation, parameters, name):
    assert identified(service, operation, AppInstanceArn=INSTANCE, **parameters) == (service, name)


def test_the_models_of_all_services_are_read_with_one_loader():
    assert moto.core.utils.create_loader() is moto.core.utils.create_loader()
