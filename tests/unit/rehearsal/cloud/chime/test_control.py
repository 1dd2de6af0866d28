# SPDX-License-Identifier: GPL-3.0-or-later
import pytest

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
