# SPDX-License-Identifier: GPL-3.0-or-later
import pytest

ABSENT = "arn:aws:chime:eu-central-1:123456789012:app-instance/0a1b2c3d-0000-4000-8000-00000000cafe"


@pytest.fixture
def identity(chime, client):
    return client("chime-sdk-identity")


@pytest.fixture
def messaging(chime, client):
    return client("chime-sdk-messaging")


@pytest.fixture
def instance(identity, name):
    return identity.create_app_instance(Name=name, ClientRequestToken=name)["AppInstanceArn"]


@pytest.fixture
def user(identity, instance):
    """Make a user; answers with the ARN."""

    def make(number):
        made = identity.create_app_instance_user(AppInstanceArn=instance, AppInstanceUserId=number, Name=number)
        return made["AppInstanceUserArn"]

    return make


@pytest.fixture
def stream(client, name):
    """Make a Kinesis stream; answers with its ARN."""

    def make(prefix="chime-messaging-", shards=2, encrypted=True, region="eu-central-1"):
        kinesis = client("kinesis", region)
        kinesis.create_stream(StreamName=f"{prefix}{name}", ShardCount=shards)
        if encrypted:
            kinesis.start_stream_encryption(
                StreamName=f"{prefix}{name}", EncryptionType="KMS", KeyId="alias/aws/kinesis"
            )
        summary = kinesis.describe_stream_summary(StreamName=f"{prefix}{name}")
        return summary["StreamDescriptionSummary"]["StreamARN"]

    return make


def put(messaging, instance, *pairs):
    rows = [{"DataType": kind, "ResourceArn": arn} for kind, arn in pairs]
    return messaging.put_messaging_streaming_configurations(AppInstanceArn=instance, StreamingConfigurations=rows)


def test_messages_stream_into_kinesis_until_that_is_taken_back(messaging, instance, stream, refused):
    wanted = put(messaging, instance, ("ChannelMessage", stream()))["StreamingConfigurations"]
    read = messaging.get_messaging_streaming_configurations(AppInstanceArn=instance)
    assert read["StreamingConfigurations"] == wanted
    messaging.delete_messaging_streaming_configurations(AppInstanceArn=instance)
    messaging.delete_messaging_streaming_configurations(AppInstanceArn=instance)
    with refused("NotFoundException", 404):
        messaging.get_messaging_streaming_configurations(AppInstanceArn=instance)


@pytest.mark.parametrize(
    ("made", "told"),
    [
        ({"prefix": "messages-"}, "must begin with chime-messaging-"),
        ({"shards": 1}, "2 shards"),
        ({"encrypted": False}, "encrypted"),
        ({"region": "us-east-1"}, "does not exist in eu-central-1"),
    ],
)
def test_a_stream_that_chime_cannot_use_is_refused(messaging, instance, stream, refused, made, told):
    with refused("BadRequestException", told=told):
        put(messaging, instance, ("ChannelMessage", stream(**made)))


def test_one_data_type_streams_once(messaging, instance, stream, refused):
    arn = stream()
    with refused("BadRequestException"):
        put(messaging, instance, ("Channel", arn), ("Channel", arn))


def test_an_absent_app_instance_streams_nothing(messaging, stream, refused):
    with refused("NotFoundException"):
        put(messaging, ABSENT, ("Channel", stream()))


def test_a_channel_is_described_to_its_creator(messaging, instance, user):
    doctor = user("doctor")
    made = messaging.create_channel(AppInstanceArn=instance, Name="ward", ChimeBearer=doctor, ChannelId="ward")
    assert made["ChannelArn"] == f"{instance}/channel/ward"
    row = messaging.describe_channel(ChannelArn=made["ChannelArn"], ChimeBearer=doctor)["Channel"]
    assert (row["Name"], row["Mode"], row["Privacy"]) == ("ward", "UNRESTRICTED", "PUBLIC")
    assert row["CreatedBy"] == {"Arn": doctor, "Name": "doctor"}


def test_a_private_channel_is_seen_by_its_members_only(messaging, instance, user, refused):
    doctor, patient, stranger = user("doctor"), user("patient"), user("stranger")
    made = messaging.create_channel(
        AppInstanceArn=instance, Name="visit", Privacy="PRIVATE", ChimeBearer=doctor, MemberArns=[patient]
    )["ChannelArn"]
    listed = messaging.list_channels(AppInstanceArn=instance, Privacy="PRIVATE", ChimeBearer=patient)["Channels"]
    assert [row["ChannelArn"] for row in listed] == [made]
    with refused("ForbiddenException"):
        messaging.describe_channel(ChannelArn=made, ChimeBearer=stranger)


def test_only_a_moderator_or_an_administrator_deletes_a_channel(messaging, identity, instance, user, refused):
    doctor, head = user("doctor"), user("head")
    made = messaging.create_channel(AppInstanceArn=instance, Name="ward", ChimeBearer=doctor)["ChannelArn"]
    with refused("ForbiddenException"):
        messaging.delete_channel(ChannelArn=made, ChimeBearer=head)
    identity.create_app_instance_admin(AppInstanceArn=instance, AppInstanceAdminArn=head)
    messaging.delete_channel(ChannelArn=made, ChimeBearer=head)
    assert messaging.list_channels(AppInstanceArn=instance, ChimeBearer=head)["Channels"] == []


def test_a_bearer_must_be_a_user(messaging, instance, refused):
    with refused("ForbiddenException"):
        messaging.list_channels(AppInstanceArn=instance, ChimeBearer=f"{instance}/user/nobody")


def test_a_channel_has_tags_of_its_own(messaging, instance, user):
    made = messaging.create_channel(
        AppInstanceArn=instance, Name="ward", ChimeBearer=user("doctor"), Tags=[{"Key": "Env", "Value": "prod"}]
    )["ChannelArn"]
    assert messaging.list_tags_for_resource(ResourceARN=made)["Tags"] == [{"Key": "Env", "Value": "prod"}]
