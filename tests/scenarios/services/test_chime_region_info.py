# SPDX-License-Identifier: GPL-3.0-or-later
"""The tables of regions, as tasks see them: no call is made."""

INFO = "chime_region_info"


def reasons(done):
    return [one["reason"] for one in done["violations"]]


def test_plans_are_compared_without_a_call(services, step):
    frankfurt, ireland, london = services.play(
        step(INFO, services=["meetings", "messaging", "media_pipelines"], media_region="eu-central-1"),
        step(INFO, control_region="eu-west-1", media_region="eu-west-1", check=True),
        step(INFO, control_region="eu-west-2", media_region="eu-west-1", services=["meetings", "messaging"]),
    )
    assert frankfurt["compliant"] and not frankfurt.changed
    assert reasons(ireland) == ["control_region_unsupported"]
    assert reasons(london) == ["messaging_region_unsupported"] and london["matrix"]["eu-west-1"]["media"]
    assert [one.calls for one in (frankfurt, ireland, london)] == [[], [], []]


def test_a_violation_fails_where_it_is_asked_to(services, step):
    (failed,) = services.play(step(INFO, languages=["ha-NG"], allowed_regions=["eu-west-1"], fail_on_violation=True))
    assert "language_unsupported" in failed.error and reasons(failed) == ["language_unsupported", "region_not_allowed"]


def test_extra_regions_are_named_by_capability(services, step):
    known, mistaken = services.play(
        step(INFO, control_region="eu-moon-1", extra_regions={"meetings": ["eu-moon-1"]}),
        step(INFO, extra_regions={"meeting": ["eu-moon-1"]}),
    )
    assert known["compliant"]
    assert "meeting" in mistaken.error


def test_a_name_server_that_is_silent_is_a_doubt(services, step):
    (done,) = services.play(step(INFO, live_check=True, resolvers=["127.0.0.1:1"]))
    assert reasons(done) == ["endpoint_unknown"] and done["endpoints"]["meetings"]["resolves"] == "unknown"
