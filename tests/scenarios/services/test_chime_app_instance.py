# SPDX-License-Identifier: GPL-3.0-or-later
"""App instances: from nothing to everything and back, with every fault on the way."""

import uuid

import pytest

ONE, INFO = "chime_app_instance", "chime_app_instance_info"
IDENTITY, MESSAGING = "chime-sdk-identity", "chime-sdk-messaging"
CREATE, UPDATE, DELETE = (f"{IDENTITY}:{verb}AppInstance" for verb in ("Create", "Update", "Delete"))
RETENTION = f"{IDENTITY}:PutAppInstanceRetentionSettings"
STREAMS = f"{MESSAGING}:PutMessagingStreamingConfigurations"
WAIT = {"poll_seconds": 0.2, "wait_timeout": 60}
GONE = {"state": "absent", "force": True, **WAIT}


@pytest.fixture
def name():
    return f"app-{uuid.uuid4().hex[:8]}"


@pytest.fixture
def stream(services):
    """The ARN of a stream that Chime takes."""
    kinesis, own = services.client("kinesis"), f"chime-messaging-{uuid.uuid4().hex[:8]}"
    kinesis.create_stream(StreamName=own, ShardCount=2)
    kinesis.start_stream_encryption(StreamName=own, EncryptionType="KMS", KeyId="alias/aws/kinesis")
    return kinesis.describe_stream(StreamName=own)["StreamDescription"]["StreamARN"]


def named(services, name):
    found = services.client(IDENTITY).list_app_instances(MaxResults=50)["AppInstances"]
    return [one["AppInstanceArn"] for one in found if one["Name"] == name]


def everything(name, stream):
    return {
        "name": name,
        "metadata": "video visits",
        "retention_days": 2557,
        "streaming_configurations": [{"data_type": "ChannelMessage", "resource_arn": stream}],
        "tags": {"Workload": "medzen"},
    }


def test_an_app_instance_is_made_once_with_everything(services, step, name, stream):
    wanted = everything(name, stream)
    checked, read = services.play(step(ONE, check=True, **wanted), step(INFO, name=name))
    assert checked.changed and checked.writes == [] and read["app_instances"] == []
    assert named(services, name) == []
    made, checked_again, again, read = services.play(
        step(ONE, **wanted), step(ONE, check=True, **wanted), step(ONE, **wanted), step(INFO, name=name)
    )
    assert made.changed and made.writes == [CREATE, RETENTION, STREAMS]
    assert not checked_again.changed and not again.changed and again.writes == []
    (found,) = read["app_instances"]
    assert found == again["app_instance"] == made["app_instance"]
    assert found["retention_days"] == 2557 and found["tags"] == {"Workload": "medzen"}
    assert found["streaming_configurations"] == wanted["streaming_configurations"]
    planned = {key: value for key, value in checked["app_instance"].items() if value is not None}
    assert {key: found[key] for key in planned} == planned


def test_each_part_changes_alone(services, step, name, stream):
    made, metadata, tags, raised, ended, again = services.play(
        step(ONE, **everything(name, stream)),
        step(ONE, name=name, metadata=""),
        step(ONE, name=name, tags={"Owner": "platform"}),
        step(ONE, name=name, retention_days=3000),
        step(ONE, name=name, streaming_configurations=[]),
        step(ONE, name=name, metadata="", retention_days=3000, streaming_configurations=[]),
    )
    assert made.changed and metadata.writes == [UPDATE] and metadata["app_instance"]["metadata"] == ""
    assert tags.writes == [f"{IDENTITY}:UntagResource", f"{IDENTITY}:TagResource"]
    assert raised.writes == [RETENTION] and raised["app_instance"]["retention_days"] == 3000
    assert ended.writes == [f"{MESSAGING}:DeleteMessagingStreamingConfigurations"]
    assert not again.changed and again.writes == [] and again["app_instance"]["tags"] == {"Owner": "platform"}


def test_a_new_name_keeps_the_metadata(services, step, name):
    _made, renamed = services.play(
        step(ONE, name=name, metadata="kept"),
        step(ONE, name=f"{name}-new", app_instance_arn="{{ step_1.app_instance.app_instance_arn }}"),
    )
    assert renamed.writes == [UPDATE] and renamed["app_instance"]["metadata"] == "kept"


def test_administrators_are_exactly_those_given(services, step, name):
    (made,) = services.play(step(ONE, name=name))
    arn = made["app_instance"]["app_instance_arn"]
    identity = services.client(IDENTITY)
    users = [
        identity.create_app_instance_user(
            AppInstanceArn=arn, AppInstanceUserId=one, Name=one, ClientRequestToken=uuid.uuid4().hex
        )["AppInstanceUserArn"]
        for one in ("alice", "bob")
    ]
    checked, first, second, again = services.play(
        step(ONE, check=True, name=name, admins=users[:1]),
        step(ONE, name=name, admins=users[:1]),
        step(ONE, name=name, admins=users[1:]),
        step(ONE, name=name, admins=users[1:]),
    )
    assert checked.changed and checked.writes == []
    assert first["app_instance"]["admins"] == users[:1]
    assert second.writes == [f"{IDENTITY}:CreateAppInstanceAdmin", f"{IDENTITY}:DeleteAppInstanceAdmin"]
    assert second["app_instance"]["admins"] == users[1:] and again.writes == []


def test_messages_are_not_deleted_unless_that_is_asked_for(services, step, name):
    _made, checked, refused, allowed = services.play(
        step(ONE, name=name, retention_days=90),
        step(ONE, check=True, name=name, retention_days=30),
        step(ONE, name=name, retention_days=30),
        step(ONE, name=name, retention_days=30, allow_data_deletion=True),
    )
    for one in (checked, refused):
        assert one["reason"] == "retention_lowered" and one.writes == []
    assert allowed.writes == [RETENTION] and allowed["app_instance"]["retention_days"] == 30


def test_an_app_instance_goes_once_and_only_by_force(services, step, name):
    made, refused, checked, gone, again, read = services.play(
        step(ONE, name=name),
        step(ONE, name=name, state="absent"),
        step(ONE, check=True, name=name, **GONE),
        step(ONE, name=name, **GONE),
        step(ONE, name=name, **GONE),
        step(INFO, name=name),
    )
    assert made.changed and refused["reason"] == "force_missing" and refused.writes == []
    assert checked.changed and checked.writes == []
    assert gone.changed and gone.writes == [DELETE] and named(services, name) == []
    assert not again.changed and again.writes == [] and read["app_instances"] == []


def test_five_throttled_calls_are_nothing_special(services, step, fault, name, stream):
    operations = (CREATE, RETENTION, STREAMS, f"{IDENTITY}:ListAppInstances")
    wanted = [everything(f"{name}-{number}", stream) for number in range(len(operations))]
    steps = [step(ONE, fault("throttle", one, count=5), **given) for one, given in zip(operations, wanted, strict=True)]
    for made, given, operation in zip(services.play(*steps), wanted, operations, strict=True):
        assert made.changed and made.operations.count(operation) == 6 and len(named(services, given["name"])) == 1


def test_a_lost_answer_makes_nothing_twice(services, step, fault, name, stream):
    operations = (CREATE, RETENTION, STREAMS)
    wanted = [everything(f"{name}-{number}", stream) for number in range(len(operations))]
    pairs = list(zip(operations, wanted, strict=True))
    made = services.play(*(step(ONE, fault("lost_response", one, count=1), **given) for one, given in pairs))
    for one, (operation, given) in zip(made, pairs, strict=True):
        assert one.changed and one.operations.count(operation) == 2 and len(named(services, given["name"])) == 1
    assert [one.changed for one in services.play(*(step(ONE, **given) for given in wanted))] == [False] * 3


def test_a_deletion_whose_answer_is_lost_is_a_deletion(services, step, fault, name):
    lost = fault("lost_response", DELETE, count=1)
    _made, gone = services.play(step(ONE, name=name), step(ONE, lost, name=name, **GONE))
    assert gone.changed and named(services, name) == []


@pytest.mark.parametrize("operation", ["ListAppInstances", "DescribeAppInstance"])
def test_a_missing_permission_is_never_absence(services, step, fault, name, operation):
    denied = fault("error", f"{IDENTITY}:{operation}", code="ForbiddenException", status=403)
    made, *refused = services.play(
        step(ONE, name=name),
        step(ONE, denied, name=name),
        step(ONE, denied, check=True, name=name),
        step(ONE, denied, name=name, **GONE),
        step(INFO, denied, name=name),
    )
    for one in refused:
        assert "ForbiddenException" in one.error and one["failure_class"] == "denied" and one.writes == []
    assert named(services, name) == [made["app_instance"]["app_instance_arn"]]


def test_two_of_one_name_are_told_apart_by_their_arn(services, step, name):
    (made,) = services.play(step(ONE, name=name))
    services.client(IDENTITY).create_app_instance(Name=name, ClientRequestToken=uuid.uuid4().hex)
    ambiguous, gone, one, read = services.play(
        step(ONE, name=name, **GONE),
        step(ONE, app_instance_arn=made["app_instance"]["app_instance_arn"], **GONE),
        step(ONE, name=name),
        step(INFO, name=name),
    )
    assert ambiguous["reason"] == "ambiguous_name" and len(ambiguous["arns"]) == 2 and ambiguous.writes == []
    assert gone.changed and not one.changed and len(read["app_instances"]) == 1


def test_app_instances_on_many_pages_are_all_found(services, step, name):
    services.control("chime", {"page_max": 1})
    try:
        made, again, read = services.play(step(ONE, name=name), step(ONE, name=name), step(INFO, name=name))
    finally:
        services.control("chime", {"page_max": 50})
    assert made.changed and not again.changed and len(read["app_instances"]) == 1


def test_a_bad_option_is_named_before_any_call(services, step, name):
    elsewhere = "arn:aws:kinesis:us-east-1:123456789012:stream/chime-messaging-x"
    bad = [
        ("name", "n" * 257),
        ("metadata", "m" * 1025),
        ("retention_days", 5476),
        ("retention_days", 0),
        ("tags", {"Owner": ""}),
        ("admins", ["nobody"]),
        ("app_instance_arn", "x"),
        ("streaming_configurations", [{"data_type": "Channel", "resource_arn": elsewhere}]),
    ]
    steps = [step(ONE, check=True, **{"name": name, option: value}) for option, value in bad]
    for refused, (option, _value) in zip(services.play(*steps), bad, strict=True):
        assert option in refused.error and refused["reason"] == "invalid_option" and refused.calls == []


def test_messaging_does_not_exist_in_ireland(services, step, name):
    for refused in services.play(*(step(module, name=name, region="eu-west-1") for module in (ONE, INFO))):
        assert refused["reason"] == "region_unsupported" and refused.calls == []
        assert refused["supported_regions"] == ["eu-central-1", "us-east-1"]


def test_an_app_instance_of_another_region_is_none_of_this_one(services, step, name):
    made, elsewhere, by_arn = services.play(
        step(ONE, name=name),
        step(INFO, name=name, region="us-east-1"),
        step(ONE, app_instance_arn="{{ step_1.app_instance.app_instance_arn }}", region="us-east-1"),
    )
    assert made.changed and elsewhere["app_instances"] == [] and by_arn["reason"] == "not_found"


def test_administrators_survive_throttling_lost_answers_and_refusals(services, step, fault, name):
    (made,) = services.play(step(ONE, name=name))
    identity, arn = services.client(IDENTITY), made["app_instance"]["app_instance_arn"]
    one, other = (
        identity.create_app_instance_user(
            AppInstanceArn=arn, AppInstanceUserId=user, Name=user, ClientRequestToken=uuid.uuid4().hex
        )["AppInstanceUserArn"]
        for user in ("alice", "bob")
    )
    create, delete, listing = (f"{IDENTITY}:{verb}AppInstanceAdmin" for verb in ("Create", "Delete", "List"))
    lost = [fault("lost_response", operation, count=1) for operation in (create, delete)]
    denied = fault("error", f"{listing}s", code="ForbiddenException", status=403)
    throttled, swapped, again, refused = services.play(
        step(ONE, fault("throttle", create, count=5), name=name, admins=[one]),
        step(ONE, *lost, name=name, admins=[other]),
        step(ONE, name=name, admins=[other]),
        step(ONE, denied, name=name, admins=[]),
    )
    assert throttled.writes == [create] * 6 and throttled["app_instance"]["admins"] == [one]
    assert swapped.writes == [create] * 2 + [delete] * 2 and swapped["app_instance"]["admins"] == [other]
    assert not again.changed and again.writes == []
    assert "ForbiddenException" in refused.error and refused.writes == []
