# SPDX-License-Identifier: GPL-3.0-or-later
"""Live transcription of a meeting: one engine, in the region asked for or else in the meeting's media region.

Where the engine is not offered in the media region, AWS accepts the call and tells it afterwards by an event
(TranscriptFailed): so the call succeeds here as well, and the control route says that nothing is transcribed.
https://docs.aws.amazon.com/chime-sdk/latest/APIReference/API_meeting-chime_EngineTranscribeSettings.html
"""

from __future__ import annotations

import functools
from typing import Any

from moto.core.utils import get_service_model

from rehearsal.cloud.chime.model import Meeting
from rehearsal.cloud.chime.refusals import bad_request, refusal
from rehearsal.cloud.operations import Call

STANDARD, MEDICAL = "EngineTranscribeSettings", "EngineTranscribeMedicalSettings"
AUTOMATIC = "auto"


@functools.cache
def offered_regions(engine: str) -> frozenset[str]:
    """Regions of the engine, by the model."""
    shape = get_service_model("chime-sdk-meetings").shape_for(engine)
    return frozenset(shape.members["Region"].enum) - {AUTOMATIC}


def start(call: Call, meeting: Meeting) -> dict[str, Any]:
    given = {name: value for name, value in call.get("TranscriptionConfiguration").items() if value is not None}
    if len(given) != 1:
        raise bad_request(call, f"Exactly one of {STANDARD} and {MEDICAL} is expected, not {len(given)}.")
    ((engine, settings),) = given.items()
    if engine == STANDARD:
        check_language(call, settings)
    if meeting.transcription is not None:
        raise refusal(call, "UnprocessableEntityException", f"The meeting {meeting.id} is being transcribed already.")
    region = settings.get("Region") or meeting.media_region
    running = region == AUTOMATIC or region in offered_regions(engine)
    language = settings.get("LanguageCode") or settings.get("LanguageOptions")
    meeting.transcription = {"engine": engine, "region": region, "language": language, "running": running}
    return {}


def check_language(call: Call, settings: dict[str, Any]) -> None:
    """A language, or its identification among at least two."""
    identify = settings.get("IdentifyLanguage")
    if bool(settings.get("LanguageCode")) == bool(identify):
        raise bad_request(call, "Exactly one of LanguageCode and IdentifyLanguage is expected.")
    if identify and len((settings.get("LanguageOptions") or "").split(",")) < 2:
        raise bad_request(call, "IdentifyLanguage needs two LanguageOptions at least.")


def stop(call: Call, meeting: Meeting) -> dict[str, Any]:
    if meeting.transcription is None:
        raise refusal(call, "UnprocessableEntityException", f"The meeting {meeting.id} is not being transcribed.")
    meeting.transcription = None
    return {}
