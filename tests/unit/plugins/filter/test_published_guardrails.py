# SPDX-License-Identifier: GPL-3.0-or-later
from ansible_collections.medzen.multiregion.plugins.filter.published_guardrails import published_guardrails

PRIMARY, DR = "eu-central-1", "eu-west-1"


def version(number, status="READY"):
    return {"version": number, "status": status, "content_sha256": f"sum of {number}"}


def guardrail(*versions):
    return {"guardrail_id": "g-1", "content_sha256": "sum of the draft", "versions": list(versions)}


def test_the_newest_number_is_pinned_and_not_the_draft():
    pins = published_guardrails({PRIMARY: [guardrail(version("9"), version("10"))]})
    assert pins == {PRIMARY: {"id": "g-1", "version": "10", "content_sha256": "sum of 10"}}


def test_a_region_without_guardrail_or_version_has_no_pin():
    assert published_guardrails({PRIMARY: [], DR: [guardrail()]}) == {}


def test_a_version_that_failed_is_not_pinned():
    pins = published_guardrails({DR: [guardrail(version("2", "FAILED"), version("1"))]})
    assert pins[DR]["version"] == "1"


def test_what_check_mode_would_publish_has_no_number_yet():
    pins = published_guardrails({PRIMARY: [guardrail(version("1"))], DR: []}, [PRIMARY, DR])
    assert [(pin["id"], pin["version"]) for pin in pins.values()] == [("g-1", "new"), ("new", "new")]
