# SPDX-License-Identifier: GPL-3.0-or-later
import pytest
from botocore.exceptions import ConnectionClosedError

from rehearsal.cloud.endpoints import exists, require_endpoints


@pytest.fixture
def gated(world, monkeypatch):
    """A world in which Chime's messaging has endpoints, until the test ends."""
    monkeypatch.setattr(world.operations, "every_call", list(world.operations.every_call))
    require_endpoints(world, "chime-sdk-messaging")
    return world


def list_channels(client, region):
    arn = "arn:aws:chime:eu-central-1:123456789012:app-instance/a"
    return client("chime-sdk-messaging", region).list_channels(AppInstanceArn=arn, ChimeBearer=arn)


@pytest.mark.parametrize(
    ("service", "region", "there"),
    [
        ("chime-sdk-meetings", "eu-central-1", True),
        ("chime-sdk-meetings", "af-south-1", True),
        ("chime-sdk-meetings", "eu-west-1", False),
        ("chime-sdk-identity", "eu-west-2", False),
        ("chime-sdk-media-pipelines", "af-south-1", False),
        ("bedrock", "eu-west-1", True),
        ("bedrock-runtime", "eu-west-1", True),
        ("bedrock-runtime", "cn-north-1", False),
    ],
)
def test_a_service_exists_where_botocore_knows_an_endpoint(service, region, there):
    assert exists(service, region) is there


def test_nobody_answers_where_the_service_does_not_exist(gated, client):
    with pytest.raises(ConnectionClosedError):
        list_channels(client, "eu-west-1")


def test_a_call_into_the_void_is_written_down(gated, client):
    start = gated.ledger.mark("void")
    with pytest.raises(ConnectionClosedError):
        list_channels(client, "eu-west-1")
    (row,) = gated.ledger.read({"since": str(start)})["calls"]
    assert (row["operation"], row["region"], row["status"], row["error"]) == (
        "ListChannels", "eu-west-1", 0, "NoEndpoint",
    )  # fmt: skip


def test_other_services_are_answered_everywhere(gated, client):
    assert client("sts", "eu-west-1").get_caller_identity()["Account"]
