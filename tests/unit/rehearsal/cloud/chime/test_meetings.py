# SPDX-License-Identifier: GPL-3.0-or-later
import pytest
from botocore.exceptions import ConnectionClosedError


def labels(url):
    return url.split("//")[-1].split(":")[0].split("/")[0].split(".")


def test_a_meeting_is_read_as_it_was_made(meetings, create):
    made = create(MeetingFeatures={"Attendee": {"MaxCount": 10}}, TenantIds=["clinic"])
    assert meetings().get_meeting(MeetingId=made["MeetingId"])["Meeting"] == made


def test_the_arn_names_the_control_region_whatever_the_media_region(create):
    made = create("eu-central-1", media="eu-west-1")
    assert made["MeetingArn"] == f"arn:aws:chime:eu-central-1:123456789012:meeting/{made['MeetingId']}"
    assert made["MediaRegion"] == "eu-west-1"


@pytest.mark.parametrize("member", ["AudioHostUrl", "AudioFallbackUrl", "SignalingUrl", "ScreenDataUrl"])
def test_media_hosts_carry_the_media_regions_code_as_a_label(create, member):
    placement = create("eu-central-1", media="eu-west-1")["MediaPlacement"]
    assert "ew1" in labels(placement[member])


def test_turn_follows_the_control_region_and_telemetry_goes_to_virginia(create):
    placement = create("eu-central-1", media="eu-west-1")["MediaPlacement"]
    assert "eu-central-1" in labels(placement["TurnControlUrl"])
    assert "ue1" in labels(placement["EventIngestionUrl"])


def test_a_region_whose_code_nobody_has_seen_gets_none_of_the_known_ones(create):
    placement = create("eu-central-1", media="eu-north-1")["MediaPlacement"]
    assert not {"ue1", "ec1", "ew1", "fs1"} & set(labels(placement["AudioHostUrl"]))


def test_nobody_answers_in_a_region_without_a_control_endpoint(meetings):
    with pytest.raises(ConnectionClosedError):
        meetings("eu-west-1").get_meeting(MeetingId="0a1b2c3d-0000-4000-8000-00000000cafe")


def test_a_meeting_is_unknown_outside_its_control_region(meetings, create, refused):
    made = create("eu-central-1")
    with refused("NotFoundException", 404):
        meetings("eu-west-2").get_meeting(MeetingId=made["MeetingId"])


def test_the_same_token_is_the_same_meeting(create):
    first = create(ClientRequestToken="once")
    assert create(ClientRequestToken="once") == first


def test_the_same_token_in_another_region_is_another_meeting(create):
    first = create("eu-central-1", media="eu-west-1", ClientRequestToken="both")
    assert create("eu-west-2", media="eu-west-1", ClientRequestToken="both")["MeetingId"] != first["MeetingId"]


def test_a_token_with_other_parameters_is_a_conflict(create, refused):
    create(media="eu-central-1", ClientRequestToken="twice")
    with refused("ConflictException", 409):
        create(media="eu-west-1", ClientRequestToken="twice")


def test_a_token_does_not_bring_an_ended_meeting_back(meetings, create, refused):
    made = create(ClientRequestToken="again")
    meetings().delete_meeting(MeetingId=made["MeetingId"])
    assert create(ClientRequestToken="again")["MeetingId"] == made["MeetingId"]
    with refused("NotFoundException"):
        meetings().get_meeting(MeetingId=made["MeetingId"])


@pytest.mark.parametrize(
    ("parameters", "told"),
    [
        ({"media": "il-central-1"}, "MediaRegion il-central-1 is none of"),
        ({"ExternalMeetingId": "AWS:visit"}, "reserved prefix"),
        ({"ExternalMeetingId": "x" * 65}, "the most is 64"),
        ({"MeetingFeatures": {"Video": {"MaxResolution": "UHD"}}}, "'UHD' is none of"),
        ({"PrimaryMeetingId": "0a1b2c3d-0000-4000-8000-00000000cafe"}, "not in progress"),
        ({"Tags": [{"Key": "a b", "Value": ""}]}, "does not match"),
        ({"Tags": [{"Key": "aws:x", "Value": ""}]}, "reserved prefix"),
    ],
)
def test_what_cannot_be_made_is_refused(create, refused, parameters, told):
    with refused("BadRequestException", 400, told=told):
        create(**parameters)


def test_a_media_region_that_is_not_opted_in_is_forbidden(create, refused):
    with refused("ForbiddenException", 403, told="eu-south-1 is not enabled"):
        create(media="eu-south-1")


def test_a_deleted_meeting_is_gone(meetings, create, refused):
    made = create()
    meetings().delete_meeting(MeetingId=made["MeetingId"])
    with refused("NotFoundException"):
        meetings().delete_meeting(MeetingId=made["MeetingId"])


def test_a_meeting_without_anybody_ends_by_itself(meetings, create, control, pass_time, refused):
    made = create()
    pass_time(301)
    with refused("NotFoundException"):
        meetings().get_meeting(MeetingId=made["MeetingId"])
    assert ended_by(control, made) == "idle"


def test_somebody_who_joins_keeps_the_meeting(meetings, create, control, pass_time):
    made = create()
    pass_time(200)
    control(joined=made["MeetingId"])
    pass_time(200)
    assert meetings().get_meeting(MeetingId=made["MeetingId"])


def test_a_day_is_the_longest_meeting(create, control, pass_time):
    control(idle_s=1_000_000)
    made = create()
    pass_time(86_401)
    assert ended_by(control, made) == "longest"


def test_a_replica_ends_with_its_primary(meetings, create, control):
    primary = create()
    replica = create(PrimaryMeetingId=primary["MeetingId"])
    meetings().delete_meeting(MeetingId=primary["MeetingId"])
    assert ended_by(control, replica) == "primary"


def test_the_quota_counts_meetings_in_progress(meetings, create, control, refused):
    control(quotas={"meetings": {"eu-central-1": 1}})
    made = create()
    with refused("LimitExceededException", 400):
        create()
    meetings().delete_meeting(MeetingId=made["MeetingId"])
    assert create()["MeetingId"] != made["MeetingId"]


def test_a_quota_that_service_quotas_has_raised_counts(client, create, control, pass_time, refused):
    quotas = client("service-quotas")
    control(quotas={"meetings": {"eu-central-1": 1}}, idle_s=10_000)
    create()
    asked = {"ServiceCode": "chime", "QuotaCode": "L-9F286451"}
    quotas.request_service_quota_increase(**asked, DesiredValue=2)
    with refused("LimitExceededException"):
        create()
    pass_time(3600)
    assert quotas.get_service_quota(**asked)["Quota"]["Value"] == 2 and create()


def ended_by(control, made):
    return {row["id"]: row["ended_by"] for row in control()["meetings"]}[made["MeetingId"]]
