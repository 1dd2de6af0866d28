# SPDX-License-Identifier: GPL-3.0-or-later
import pytest
from botocore.exceptions import ConnectionClosedError

from rehearsal.cloud.control import ControlError


def row_of(control, made):
    return {row["id"]: row for row in control()["meetings"]}[made["MeetingId"]]


def test_a_failing_media_region_refuses_meetings(create, control, refused):
    control(media_regions={"eu-west-1": "fails"})
    with refused("ServiceUnavailableException", 503):
        create(media="eu-west-1")
    assert create(media="eu-central-1")


def test_a_meeting_that_comes_up_elsewhere_is_seen_by_its_hosts_only(create, control):
    control(media_regions={"eu-west-1": "us-east-1"})
    made = create(media="eu-west-1")
    assert made["MediaRegion"] == "eu-west-1"
    assert ".ue1.app.chime.aws" in made["MediaPlacement"]["AudioHostUrl"]
    assert row_of(control, made)["misplaced"] is True


def test_a_mended_region_serves_again(create, control):
    control(media_regions={"eu-west-1": "us-east-1"})
    control(media_regions={"eu-west-1": None})
    assert row_of(control, create(media="eu-west-1"))["misplaced"] is False


def test_the_judge_sees_regions_and_life_of_every_meeting(meetings, create, control):
    made = create("eu-west-2", media="eu-west-1")
    row = row_of(control, made)
    assert (row["control_region"], row["media_region"], row["live"]) == ("eu-west-2", "eu-west-1", True)
    meetings("eu-west-2").delete_meeting(MeetingId=made["MeetingId"])
    assert row_of(control, made)["live"] is False


@pytest.mark.parametrize(("deleted", "lasted"), [(True, 120), (False, 300)])
def test_the_judge_sees_how_long_a_meeting_lasted(meetings, create, control, pass_time, world, deleted, lasted):
    made = create()
    pass_time(120)
    if deleted:
        meetings().delete_meeting(MeetingId=made["MeetingId"])
    pass_time(1000)
    row = row_of(control, made)
    assert (row["ended"] - row["created"]) * world.clock.scale == pytest.approx(lasted, abs=0.1)


def test_a_lost_answer_and_a_retry_leave_one_meeting(create, control, world, name):
    world.faults.add({"match": {"operation": "CreateMeeting", "nth": 1}, "action": "lost_response"})
    try:
        with pytest.raises(ConnectionClosedError):
            create(ClientRequestToken=name)
    finally:
        world.faults.remove()
    made = create(ClientRequestToken=name)
    assert [row["id"] for row in control()["meetings"] if row["live"]] == [made["MeetingId"]]


def test_a_rate_limit_refuses_the_call_too_many(meetings, create, control, refused, world):
    made = create()["MeetingId"]
    control(requests_per_second=2)
    meetings().get_meeting(MeetingId=made)
    meetings().get_meeting(MeetingId=made)
    with refused("ThrottlingException", 429):
        meetings().get_meeting(MeetingId=made)
    world.clock.advance(world.clock.scale)
    assert meetings().get_meeting(MeetingId=made)


@pytest.mark.parametrize(
    "wanted",
    [
        {"speed": 1},
        {"media_regions": {"mars": "fails"}},
        {"quotas": {"rooms": {"eu-central-1": 1}}},
        {"joined": "none"},
    ],
)
def test_a_setting_that_cannot_be_honoured_is_told(control, wanted):
    with pytest.raises(ControlError):
        control(**wanted)


def test_a_fault_throttles_in_the_services_own_words(meetings, create, world, refused):
    made = create()["MeetingId"]
    world.faults.add({"match": {"service": "chime-sdk-meetings"}, "action": "throttle"})
    try:
        with refused("ThrottlingException", 429):
            meetings().get_meeting(MeetingId=made)
    finally:
        world.faults.remove()
