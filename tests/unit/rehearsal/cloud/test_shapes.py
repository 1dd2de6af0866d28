# SPDX-License-Identifier: GPL-3.0-or-later
import pytest

from rehearsal.cloud.errors import ApiError
from rehearsal.cloud.operations import Call
from rehearsal.cloud.shapes import modelled

MEETING = {"Meeting": {"MeetingId": "0a1b2c3d-0000-4000-8000-00000000cafe", "MediaRegion": "eu-central-1"}}


def refuse(text):
    return ApiError("BadRequestException", text)


def create(answer, **parameters):
    given = {"ClientRequestToken": "token", "MediaRegion": "eu-central-1", "ExternalMeetingId": "visit"} | parameters
    call = Call("chime-sdk-meetings", "CreateMeeting", "eu-central-1", "rest-json", given)
    return modelled(lambda call: answer, refuse)(call)


def test_a_sound_call_is_answered():
    assert create(MEETING) == MEETING


@pytest.mark.parametrize(
    ("parameters", "told"),
    [
        ({"ExternalMeetingId": "a"}, "ExternalMeetingId is 1; the least is 2"),
        ({"MediaRegion": None}, "MediaRegion is required"),
        ({"MediaPlacementNetworkType": "Avian"}, "MediaPlacementNetworkType 'Avian' is none of"),
    ],
)
def test_what_the_model_forbids_is_refused_as_the_service_does(parameters, told):
    with pytest.raises(ApiError, match=told) as refused:
        create(MEETING, **parameters)
    assert refused.value.code == "BadRequestException"


def test_an_answer_that_the_model_does_not_have_is_a_bug_of_the_stand_in():
    with pytest.raises(ValueError, match="Weather is no member|Weather"):
        create({"Meeting": {"MeetingId": "a", "Weather": "fine"}})


def test_an_answer_of_the_wrong_type_is_a_bug_of_the_stand_in():
    with pytest.raises(ValueError, match="MeetingId"):
        create({"Meeting": {"MeetingId": 1}})
