# SPDX-License-Identifier: GPL-3.0-or-later
import pytest

ENGLISH = {"EngineTranscribeSettings": {"LanguageCode": "en-GB"}}
MEDICAL = {"EngineTranscribeMedicalSettings": {"LanguageCode": "en-US", "Specialty": "CARDIOLOGY", "Type": "DICTATION"}}


@pytest.fixture
def start(meetings, create):
    """Start transcription of a new meeting; answers with its identifier."""

    def begin(wanted, media="eu-central-1"):
        made = create(media=media)["MeetingId"]
        meetings().start_meeting_transcription(MeetingId=made, TranscriptionConfiguration=wanted)
        return made

    return begin


def transcription_of(control, meeting):
    return {row["id"]: row["transcription"] for row in control()["meetings"]}[meeting]


def test_the_media_region_transcribes_unless_another_is_named(start, control):
    assert transcription_of(control, start(ENGLISH, "eu-west-1"))["region"] == "eu-west-1"


@pytest.mark.parametrize(
    ("wanted", "media", "running"),
    [
        (ENGLISH, "eu-central-1", True),
        (ENGLISH, "af-south-1", False),
        (MEDICAL, "eu-west-1", True),
        (MEDICAL, "eu-central-1", False),
    ],
)
def test_an_engine_that_the_media_region_lacks_fails_silently(start, control, wanted, media, running):
    assert transcription_of(control, start(wanted, media))["running"] is running


@pytest.mark.parametrize(
    "wanted",
    [
        {},
        ENGLISH | MEDICAL,
        {"EngineTranscribeSettings": {"LanguageCode": "sw-KE"}},
        {"EngineTranscribeSettings": {}},
        {"EngineTranscribeSettings": {"IdentifyLanguage": True, "LanguageOptions": "en-US"}},
        {"EngineTranscribeMedicalSettings": {**MEDICAL["EngineTranscribeMedicalSettings"], "Region": "eu-central-1"}},
    ],
)
def test_what_no_engine_takes_is_refused(start, refused, wanted):
    with refused("BadRequestException"):
        start(wanted)


def test_a_meeting_is_transcribed_once(start, meetings, refused):
    made = start(ENGLISH)
    with refused("UnprocessableEntityException", 422):
        meetings().start_meeting_transcription(MeetingId=made, TranscriptionConfiguration=ENGLISH)


def test_a_stopped_transcription_can_start_again(start, meetings, control):
    made = start(ENGLISH)
    meetings().stop_meeting_transcription(MeetingId=made)
    assert transcription_of(control, made) is None
    meetings().start_meeting_transcription(MeetingId=made, TranscriptionConfiguration=ENGLISH)
