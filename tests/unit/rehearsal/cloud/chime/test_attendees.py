# SPDX-License-Identifier: GPL-3.0-or-later
import pytest


@pytest.fixture
def here(meetings, create):
    """A client and the identifier of a meeting with room for three."""
    made = create(MeetingFeatures={"Attendee": {"MaxCount": 3}})
    return meetings(), made["MeetingId"]


def test_an_attendee_is_read_as_it_was_made(here):
    client, meeting = here
    made = client.create_attendee(MeetingId=meeting, ExternalUserId="doctor")["Attendee"]
    assert client.get_attendee(MeetingId=meeting, AttendeeId=made["AttendeeId"])["Attendee"] == made
    assert made["JoinToken"] and made["Capabilities"]["Audio"] == "SendReceive"


def test_attendees_are_listed_by_page(here):
    client, meeting = here
    client.batch_create_attendee(MeetingId=meeting, Attendees=[{"ExternalUserId": f"user-{n}"} for n in range(3)])
    first = client.list_attendees(MeetingId=meeting, MaxResults=2)
    second = client.list_attendees(MeetingId=meeting, MaxResults=2, NextToken=first["NextToken"])
    assert [len(page["Attendees"]) for page in (first, second)] == [2, 1] and "NextToken" not in second


def test_a_foreign_token_is_refused(here, refused):
    client, meeting = here
    with refused("BadRequestException"):
        client.list_attendees(MeetingId=meeting, NextToken="mine")


def test_a_full_meeting_takes_nobody(here, refused):
    client, meeting = here
    with refused("LimitExceededException"):
        client.batch_create_attendee(MeetingId=meeting, Attendees=[{"ExternalUserId": f"user-{n}"} for n in range(4)])
    assert client.list_attendees(MeetingId=meeting)["Attendees"] == []


def test_a_deleted_attendee_is_gone(here, refused):
    client, meeting = here
    made = client.create_attendee(MeetingId=meeting, ExternalUserId="doctor")["Attendee"]
    client.delete_attendee(MeetingId=meeting, AttendeeId=made["AttendeeId"])
    with refused("NotFoundException", 404):
        client.get_attendee(MeetingId=meeting, AttendeeId=made["AttendeeId"])


MUTE = {"Audio": "Receive", "Video": "None", "Content": "None"}


def capabilities(client, meeting):
    rows = client.list_attendees(MeetingId=meeting)["Attendees"]
    return {row["ExternalUserId"]: row["Capabilities"]["Audio"] for row in rows}


def test_capabilities_are_those_last_given(here):
    client, meeting = here
    made = client.create_attendee(MeetingId=meeting, ExternalUserId="doctor")["Attendee"]
    client.update_attendee_capabilities(MeetingId=meeting, AttendeeId=made["AttendeeId"], Capabilities=MUTE)
    assert capabilities(client, meeting) == {"doctor": "Receive"}


def test_everybody_but_some_is_muted(here):
    client, meeting = here
    spared = client.create_attendee(MeetingId=meeting, ExternalUserId="doctor")["Attendee"]["AttendeeId"]
    client.create_attendee(MeetingId=meeting, ExternalUserId="patient")
    client.batch_update_attendee_capabilities_except(
        MeetingId=meeting, ExcludedAttendeeIds=[{"AttendeeId": spared}], Capabilities=MUTE
    )
    assert capabilities(client, meeting) == {"doctor": "SendReceive", "patient": "Receive"}


def test_one_bad_attendee_of_a_batch_is_told_apart(here):
    client, meeting = here
    answer = client.batch_create_attendee(
        MeetingId=meeting, Attendees=[{"ExternalUserId": "doctor"}, {"ExternalUserId": "aws:me"}]
    )
    assert [one["ExternalUserId"] for one in answer["Attendees"]] == ["doctor"]
    assert [one["ExternalUserId"] for one in answer["Errors"]] == ["aws:me"]


def test_a_meeting_is_made_with_its_attendees_once(meetings, name):
    wanted = {
        "ClientRequestToken": name,
        "ExternalMeetingId": name,
        "MediaRegion": "eu-central-1",
        "Attendees": [{"ExternalUserId": "doctor"}, {"ExternalUserId": "patient"}],
    }
    made = meetings().create_meeting_with_attendees(**wanted)
    assert meetings().create_meeting_with_attendees(**wanted)["Meeting"] == made["Meeting"]
    assert len(meetings().list_attendees(MeetingId=made["Meeting"]["MeetingId"])["Attendees"]) == 2


def test_an_attendee_of_an_unknown_meeting_is_refused(meetings, refused):
    with refused("NotFoundException"):
        meetings().create_attendee(MeetingId="0a1b2c3d-0000-4000-8000-00000000cafe", ExternalUserId="doctor")
