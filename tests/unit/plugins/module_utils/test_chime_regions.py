# SPDX-License-Identifier: GPL-3.0-or-later
"""What regions can do for the Chime SDK, and that the tables agree with botocore's models."""

import botocore.session
import pytest
from ansible_collections.medzen.multiregion.plugins.module_utils import chime_regions as regions
from ansible_collections.medzen.multiregion.plugins.module_utils.chime_regions import Plan, find_violations


def reasons(plan):
    return [one.reason for one in find_violations(plan)]


def enum(*path):
    shape = botocore.session.get_session().get_service_model("chime-sdk-meetings")
    shape = shape.operation_model("StartMeetingTranscription").input_shape.members["TranscriptionConfiguration"]
    for name in path:
        shape = shape.members[name]
    return set(shape.enum)


@pytest.mark.parametrize(
    ("settings", "member", "table"),
    [
        ("EngineTranscribeSettings", "Region", {*regions.TRANSCRIPTION_REGIONS, regions.AUTO_REGION}),
        ("EngineTranscribeSettings", "LanguageCode", set(regions.LANGUAGES)),
        ("EngineTranscribeMedicalSettings", "Region", {*regions.MEDICAL_REGIONS, regions.AUTO_REGION}),
        ("EngineTranscribeMedicalSettings", "LanguageCode", set(regions.MEDICAL_LANGUAGES)),
    ],
)
def test_a_table_has_all_that_the_installed_botocore_knows(settings, member, table):
    # An older botocore may know less; a newer one that knows more wants the table changed.
    assert enum(settings, member) <= table


def test_every_control_region_but_israel_carries_media():
    assert set(regions.regions_of("meetings")) - set(regions.MEDIA_REGIONS) <= {"il-central-1"}


def test_frankfurt_with_everything_is_possible():
    services = tuple(regions.SERVICES)
    plan = Plan("eu-central-1", services, "eu-central-1", "eu-central-1", ("fr-FR", "en-GB"))
    assert find_violations(plan) == []


def test_ireland_carries_media_and_controls_nothing():
    plan = Plan("eu-west-1", ("meetings",), "eu-west-1")
    assert reasons(plan) == [regions.CONTROL_REGION_UNSUPPORTED]
    assert "eu-west-2" in find_violations(plan)[0].expected


def test_london_controls_meetings_with_media_in_ireland():
    assert reasons(Plan("eu-west-2", ("meetings", "media_pipelines"), "eu-west-1")) == []


@pytest.mark.parametrize("service", ["identity", "messaging"])
def test_messaging_has_no_standby_in_london(service):
    assert reasons(Plan("eu-west-2", (service,))) == [f"{service}_region_unsupported"]


def test_cape_town_has_meetings_but_no_pipelines():
    assert reasons(Plan("af-south-1", ("meetings", "media_pipelines"))) == ["media_pipelines_region_unsupported"]


def test_media_cannot_be_anywhere():
    assert reasons(Plan("il-central-1", ("meetings",), "il-central-1")) == [regions.MEDIA_REGION_UNSUPPORTED]


def test_frankfurt_transcribes_but_not_for_medicine():
    assert reasons(Plan("eu-central-1", transcribe_region="eu-central-1")) == []
    medical = Plan("eu-central-1", transcribe_region="eu-central-1", medical=True)
    assert reasons(medical) == [regions.MEDICAL_REGION_UNSUPPORTED]


def test_african_languages_are_not_transcribed_live():
    plan = Plan("eu-central-1", languages=("sw-KE", "fr-FR", "ha-NG"))
    assert [(one.reason, one.subject) for one in find_violations(plan)] == [
        (regions.LANGUAGE_UNSUPPORTED, "sw-KE"),
        (regions.LANGUAGE_UNSUPPORTED, "ha-NG"),
    ]


def test_medicine_is_transcribed_in_american_english_only():
    plan = Plan("us-east-1", languages=("en-US", "en-GB"), medical=True)
    assert [one.subject for one in find_violations(plan)] == ["en-GB"]


def test_every_region_of_the_plan_is_compared_with_those_allowed():
    plan = Plan("eu-west-2", media_region="eu-west-1", transcribe_region="auto", allowed_regions=("eu-west-1",))
    assert [(one.reason, one.subject) for one in find_violations(plan)] == [
        (regions.REGION_NOT_ALLOWED, "control"),
        (regions.REGION_NOT_ALLOWED, "transcription"),
    ]


def test_no_region_allowed_allows_none():
    assert reasons(Plan("eu-central-1", allowed_regions=())) == [regions.REGION_NOT_ALLOWED]


def test_a_region_newer_than_the_tables_is_named_for_one_capability():
    extra = {"meetings": ["eu-moon-1"]}
    assert reasons(Plan("eu-moon-1", ("meetings",), "eu-moon-1", extra_regions=extra)) == [
        regions.MEDIA_REGION_UNSUPPORTED
    ]


def test_the_matrix_has_every_capability_of_each_region():
    matrix = regions.build_matrix(["eu-west-1", "eu-central-1"])
    assert list(matrix) == ["eu-central-1", "eu-west-1"]
    assert matrix["eu-west-1"] == {
        "identity": False,
        "media_pipelines": False,
        "meetings": False,
        "messaging": False,
        "voice": True,
        "media": True,
        "medical_transcription": True,
        "transcription": True,
    }


@pytest.mark.parametrize(("answer", "reason"), [(False, regions.ENDPOINT_ABSENT), (None, regions.ENDPOINT_UNKNOWN)])
def test_an_endpoint_without_an_address_is_a_violation_and_so_is_doubt(answer, reason):
    found = regions.endpoint_violation("meetings", "eu-west-1", answer)
    assert found.reason == reason and "meetings-chime.eu-west-1.amazonaws.com" in found.found


def test_an_endpoint_with_an_address_is_none():
    assert regions.endpoint_violation("meetings", "eu-central-1", True) is None
