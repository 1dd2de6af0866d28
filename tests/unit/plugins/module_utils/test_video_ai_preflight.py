# SPDX-License-Identifier: GPL-3.0-or-later
"""What a plan for video visits gets told: possible, impossible, undecided, or nobody could look."""

import dataclasses

import pytest
from ansible_collections.medzen.multiregion.plugins.module_utils import video_ai_preflight as preflight
from ansible_collections.medzen.multiregion.plugins.module_utils.preflight import Unknown

HOME, DR, LONDON, VIRGINIA, SOUTH = "eu-central-1", "eu-west-1", "eu-west-2", "us-east-1", "af-south-1"
ALLOWED = (HOME, DR)
LOST = Unknown("AccessDenied")
SOUND = preflight.Visits((HOME,), languages=("fr-FR",), is_recorded=True, allowed_regions=ALLOWED)
CHAT = preflight.Messaging(HOME, ALLOWED)


def visits(**changes):
    return dataclasses.replace(SOUND, **changes)


def reasons(checks):
    return [(check.reason, check.region) for check in checks if check.verdict == "refuse"]


def told(check):
    return check.verdict, check.reason


def test_a_check_that_is_ok_has_no_reason():
    check = preflight.check_enabled(HOME, {HOME: "opted-in"})
    assert told(check) == ("ok", "")


@pytest.mark.parametrize("statuses", [{}, {SOUTH: "not-opted-in"}])
def test_a_region_that_is_not_enabled_is_refused(statuses):
    assert told(preflight.check_enabled(SOUTH, statuses)) == ("refuse", "region_not_enabled")


def test_what_could_not_be_read_is_unreadable():
    assert told(preflight.check_enabled(HOME, LOST)) == ("unknown", "unreadable")
    assert told(preflight.check_bucket(HOME, "recordings", LOST)) == ("unknown", "unreadable")
    assert told(preflight.check_owner(HOME, "recordings", LOST, "123456789012")) == ("unknown", "unreadable")
    assert told(preflight.check_pipelines(HOME, LOST, 10, 1)) == ("unknown", "unreadable")


# ---- visits ----


def test_a_sound_plan_has_one_check_that_says_so():
    (check,) = preflight.check_visits(SOUND)
    assert told(check) == ("ok", "") and check.found == f"{HOME} with media in {HOME}"


def test_ireland_controls_no_meeting_and_records_none():
    checks = preflight.check_visits(visits(control_regions=(DR,)))
    assert reasons(checks) == [("control_region_unsupported", DR), ("media_pipelines_region_unsupported", DR)]


def test_ireland_carries_the_media_of_a_meeting_in_frankfurt():
    assert reasons(preflight.check_visits(visits(media_region=DR))) == []


def test_without_recordings_no_pipelines_are_needed():
    checks = preflight.check_visits(visits(control_regions=(SOUTH,), is_recorded=False, languages=()))
    assert reasons(checks) == [("region_not_allowed", SOUTH)]


def test_control_outside_the_allowed_regions_is_refused():
    checks = preflight.check_visits(visits(control_regions=(VIRGINIA,), media_region=DR))
    assert reasons(checks) == [("region_not_allowed", VIRGINIA)]
    assert checks[0].found == f"control in {VIRGINIA}"


def test_a_region_that_carries_no_media_is_refused():
    checks = preflight.check_visits(visits(media_region="il-central-1", languages=()))
    assert ("media_region_unsupported", "il-central-1") in reasons(checks)


def test_languages_that_nobody_transcribes_are_one_fault_with_all_their_names():
    checks = preflight.check_visits(visits(languages=("fr-FR", "sw-KE", "ha-NG"), control_regions=(HOME, HOME)))
    assert reasons(checks) == [("language_unsupported", HOME)]
    assert checks[0].found == "no live transcription of sw-KE; no live transcription of ha-NG"


def test_transcription_happens_where_the_media_is_unless_said_otherwise():
    assert visits(media_region=DR).transcription_of(HOME) == DR
    assert visits(media_region=DR, transcription_region=LONDON).transcription_of(HOME) == LONDON


def test_medical_transcription_is_refused_where_it_is_not_offered():
    checks = preflight.check_visits(visits(medical=True, medical_languages=("en-US",)))
    assert reasons(checks) == [("medical_region_unsupported", HOME)]


def test_medical_transcription_knows_one_language():
    checks = preflight.check_visits(visits(medical=True, media_region=DR, medical_languages=("en-US", "fr-FR")))
    assert reasons(checks) == [("medical_language_unsupported", DR)]


def test_a_plan_for_visits_without_a_region_is_refused():
    assert reasons(preflight.check_visits(visits(control_regions=()))) == [("control_region_missing", "")]


# ---- messaging ----


def test_messaging_exists_in_frankfurt():
    assert [told(check) for check in preflight.check_messaging(CHAT)] == [("ok", "")]


def test_ireland_has_neither_messaging_nor_identity():
    checks = preflight.check_messaging(preflight.Messaging(DR, ALLOWED))
    assert reasons(checks) == [("identity_region_unsupported", DR), ("messaging_region_unsupported", DR)]


def test_messaging_outside_the_allowed_regions_is_refused():
    assert reasons(preflight.check_messaging(preflight.Messaging(VIRGINIA, ALLOWED))) == [
        ("region_not_allowed", VIRGINIA)
    ]


def test_a_plan_without_chat_is_no_fault():
    assert [told(check) for check in preflight.check_messaging(preflight.Messaging(""))] == [("ok", "")]


# ---- standby ----


@pytest.mark.parametrize(
    ("decision", "expected"),
    [
        ("", ("refuse", "dr_undecided")),
        ("none", ("warn", "dr_none")),
        (DR, ("refuse", "dr_region_unsupported")),
        (HOME, ("refuse", "dr_same_region")),
        (LONDON, ("refuse", "dr_region_not_allowed")),
    ],
)
def test_a_standby_of_visits_is_decided_possible_elsewhere_and_allowed(decision, expected):
    assert told(preflight.check_dr("visits", decision, SOUND, [HOME])) == expected


def test_a_standby_that_is_allowed_is_taken():
    plan = visits(allowed_regions=(HOME, LONDON))
    assert told(preflight.check_dr("visits", LONDON, plan, [HOME])) == ("ok", "")


@pytest.mark.parametrize(("decision", "reason"), [("", "dr_undecided"), (DR, "dr_region_unsupported")])
def test_messaging_has_a_decision_of_its_own(decision, reason):
    check = preflight.check_dr("messaging", decision, CHAT, [HOME])
    assert told(check) == ("refuse", f"messaging_{reason}")


def test_an_impossible_standby_names_the_possible_ones():
    check = preflight.check_dr("messaging", DR, CHAT, [HOME])
    assert check.found == f"no identity and no messaging in {DR}"
    assert f"one of {HOME}, {VIRGINIA}" in check.next_step


# ---- evidence ----


def meeting(region):
    return f"arn:aws:chime:{region}:123456789012:meeting/1"


def test_a_meeting_proves_the_region_in_its_arn():
    (check,) = preflight.check_verified({"region": HOME, "meeting_arn": meeting(HOME)}, ALLOWED)
    assert told(check) == ("ok", "")


def test_a_meeting_of_another_region_proves_nothing():
    (check,) = preflight.check_verified({"region": DR, "meeting_arn": meeting(VIRGINIA)}, ALLOWED)
    assert told(check) == ("refuse", "verified_elsewhere") and VIRGINIA in check.found


def test_a_test_meeting_without_an_arn_is_unknown():
    (check,) = preflight.check_verified({"region": DR}, ALLOWED)
    assert told(check) == ("unknown", "verified_without_arn")


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("ec1", ("ok", "")),
        ("ue1", ("warn", "telemetry_outside_allowed_regions")),
        ("xx9", ("warn", "telemetry_outside_allowed_regions")),
    ],
)
def test_telemetry_is_told_apart_from_the_media(code, expected):
    one = {"region": HOME, "meeting_arn": meeting(HOME), "telemetry_code": code}
    assert [told(check) for check in preflight.check_verified(one, ALLOWED)] == [("ok", ""), expected]


# ---- medical entities, recordings, chat ----


@pytest.mark.parametrize(
    ("region", "expected"),
    [
        ("", ("ok", "")),
        (DR, ("ok", "")),
        (HOME, ("refuse", "phi_detection_unsupported")),
        (LONDON, ("refuse", "phi_detection_region_not_allowed")),
    ],
)
def test_comprehend_medical_is_called_where_it_is_and_may_be(region, expected):
    assert told(preflight.check_phi_detection(region, ALLOWED)) == expected


def test_a_region_newer_than_botocore_can_be_named():
    assert told(preflight.check_phi_detection(HOME, ALLOWED, [HOME])) == ("ok", "")


def test_a_bucket_that_is_planned_elsewhere_is_refused():
    assert preflight.check_planned_bucket(HOME, "recordings", HOME) is None
    refused = preflight.check_planned_bucket(HOME, "recordings", DR)
    assert told(refused) == ("refuse", "bucket_region_differs")


@pytest.mark.parametrize(
    ("place", "expected"), [(None, ("ok", "")), (HOME, ("ok", "")), (DR, ("refuse", "bucket_region_differs"))]
)
def test_a_bucket_is_in_the_meetings_region_or_not_made_yet(place, expected):
    assert told(preflight.check_bucket(HOME, "recordings", place)) == expected


@pytest.mark.parametrize(("owned", "expected"), [(True, ("ok", "")), (False, ("refuse", "bucket_account_differs"))])
def test_a_bucket_is_the_accounts(owned, expected):
    assert told(preflight.check_owner(HOME, "recordings", owned, "123456789012")) == expected


@pytest.mark.parametrize(("need", "expected"), [(8, ("ok", "")), (9, ("refuse", "pipeline_quota"))])
def test_recordings_fit_beside_those_that_run(need, expected):
    assert told(preflight.check_pipelines(HOME, 2, 10, need)) == expected


@pytest.mark.parametrize(
    ("move", "source", "expected"),
    [
        ("stay", "", ("ok", "")),
        ("stay", HOME, ("ok", "")),
        ("stay", VIRGINIA, ("refuse", "app_instance_elsewhere")),
        ("recreate", VIRGINIA, ("warn", "app_instance_history")),
        ("copy", VIRGINIA, ("refuse", "app_instance_copy")),
    ],
)
def test_an_app_instance_is_made_anew_and_never_copied(move, source, expected):
    assert told(preflight.check_app_instance(move, source, HOME)) == expected
