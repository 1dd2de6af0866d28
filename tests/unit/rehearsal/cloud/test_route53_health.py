# SPDX-License-Identifier: GPL-3.0-or-later
"""Health checks of the API: defaults, refusals, status from the probes' verdicts."""

import pytest

from rehearsal.cloud import route53_health as module
from rehearsal.cloud.errors import ApiError
from rehearsal.cloud.operations import Call
from rehearsal.cloud.route53_health import NOT_YET, HealthChecks, build_config

HTTPS = {"Type": "HTTPS", "FullyQualifiedDomainName": "ehr.medzenhealth.app", "ResourcePath": "/health"}


def call(**parameters):
    return Call("route53", "x", "us-east-1", "rest-xml", parameters)


def create(checks, config=HTTPS, reference="one"):
    return checks.create(call(CallerReference=reference, HealthCheckConfig=config))["HealthCheck"]["Id"]


def refused(function, *arguments):
    with pytest.raises(ApiError) as caught:
        function(*arguments)
    return caught.value.code


def test_https_checks_get_port_443_sni_and_thirty_seconds():
    config = build_config(HTTPS, {})
    assert [config[field] for field in ("Port", "EnableSNI", "RequestInterval", "FailureThreshold")] == [
        443,
        True,
        30,
        3,
    ]


@pytest.mark.parametrize(
    "config",
    [
        {"Type": "HTTPS"},
        {**HTTPS, "RequestInterval": 20},
        {**HTTPS, "FailureThreshold": 11},
        {**HTTPS, "SearchString": "x"},
        {"Type": "HTTPS_STR_MATCH", "FullyQualifiedDomainName": "x"},
        {"Type": "TCP", "IPAddress": "1.2.3.4"},
        {**HTTPS, "Type": "HTTP", "EnableSNI": True},
        {"Type": "CALCULATED", "ChildHealthChecks": ["gone"]},
    ],
)
def test_settings_that_aws_refuses_are_invalid_input(config):
    assert refused(build_config, config, {}) == "InvalidInput"


def test_a_type_that_nothing_probes_is_refused_loudly():
    assert refused(build_config, {"Type": "CLOUDWATCH_METRIC"}, {}) == "NotImplemented"


def test_the_same_caller_reference_gives_the_same_check():
    checks = HealthChecks()
    assert create(checks) == create(checks)


def test_a_caller_reference_with_other_settings_is_refused():
    checks = HealthChecks()
    create(checks)
    assert refused(create, checks, {**HTTPS, "Port": 8443}) == "HealthCheckAlreadyExists"


def test_an_update_changes_the_version_and_keeps_the_rest():
    checks = HealthChecks()
    check = create(checks)
    checks.update(call(HealthCheckId=check, Port=8443, HealthCheckVersion=1))
    found = checks.checks[check]
    assert (found["HealthCheckVersion"], found["HealthCheckConfig"]["Port"]) == (2, 8443)
    assert found["HealthCheckConfig"]["ResourcePath"] == "/health"


def test_an_address_is_changed_and_never_added():
    checks = HealthChecks()
    by_name, by_address = create(checks), create(checks, {**HTTPS, "IPAddress": "192.0.2.1"}, "two")
    assert refused(checks.update, call(HealthCheckId=by_name, IPAddress="192.0.2.2")) == "InvalidInput"
    changed = checks.update(call(HealthCheckId=by_address, IPAddress="192.0.2.2"))["HealthCheck"]
    assert changed["HealthCheckConfig"]["IPAddress"] == "192.0.2.2"


def test_an_update_of_an_old_version_is_refused():
    checks = HealthChecks()
    assert (
        refused(checks.update, call(HealthCheckId=create(checks), HealthCheckVersion=7)) == "HealthCheckVersionMismatch"
    )


def test_the_status_is_what_the_probes_saw():
    checks = HealthChecks()
    check = create(checks)
    before = checks.status(call(HealthCheckId=check))["HealthCheckObservations"]
    checks.take_verdicts("POST", {check: {"healthy": False, "reason": "Failure: refused"}}, {})
    after = checks.status(call(HealthCheckId=check))["HealthCheckObservations"]
    assert {row["StatusReport"]["Status"] for row in before} == {NOT_YET}
    assert {row["StatusReport"]["Status"] for row in after} == {"Failure: refused"}


def test_a_deleted_check_leaves_nothing_and_is_unknown_afterwards():
    checks = HealthChecks()
    check = create(checks)
    checks.take_verdicts("POST", {check: {"healthy": True, "reason": "Success"}}, {})
    checks.delete(call(HealthCheckId=check))
    assert (checks.checks, checks.verdicts) == ({}, {})
    assert refused(checks.delete, call(HealthCheckId=check)) == "NoSuchHealthCheck"


def test_a_child_of_a_calculated_check_is_in_use():
    checks = HealthChecks()
    child = create(checks)
    create(checks, {"Type": "CALCULATED", "ChildHealthChecks": [child]}, "two")
    assert refused(checks.delete, call(HealthCheckId=child)) == "HealthCheckInUse"


def test_the_list_comes_in_pages():
    checks = HealthChecks()
    ids = sorted(create(checks, HTTPS, str(number)) for number in range(3))
    first = checks.list(call(MaxItems="2"))
    second = checks.list(call(MaxItems="2", Marker=first["NextMarker"]))
    assert [row["Id"] for page in (first, second) for row in page["HealthChecks"]] == ids


SUCCESS, FAILURE = "Success: HTTP Status Code 200.", "Failure: HTTP Status Code 503."
NO_PROBE = {"healthy": True, "reason": "No probe has finished yet."}


class TestCopies:
    """In a copy of the world another dns process probes from the beginning."""

    @pytest.fixture
    def checks(self):
        return HealthChecks()

    @pytest.fixture
    def woken(self, checks, monkeypatch):
        """woken(healthy, reason): a check as the last probe left it, in a copy that was woken."""

        def wake(healthy, reason):
            check = create(checks)
            checks.take_verdicts("POST", {check: {"healthy": healthy, "reason": reason}}, {})
            checks.freeze()
            monkeypatch.setattr(module.os, "getpid", lambda: -1)
            checks.thaw()
            return check

        return wake

    def test_the_process_that_was_copied_goes_on_with_its_verdicts(self, checks):
        check = create(checks)
        checks.take_verdicts("POST", {check: {"healthy": True, "reason": SUCCESS}}, {})
        checks.freeze()
        checks.thaw()
        assert checks.is_awake()
        assert checks.verdicts[check]["healthy"]

    @pytest.mark.parametrize(("healthy", "reason", "other"), [(True, SUCCESS, FAILURE), (False, FAILURE, SUCCESS)])
    def test_a_copy_is_awake_when_its_probes_see_the_same_again(self, checks, woken, healthy, reason, other):
        check = woken(healthy, reason)
        assert not checks.is_awake()
        for row in (NO_PROBE, {"healthy": healthy, "reason": other}, {"healthy": not healthy, "reason": other}):
            checks.take_verdicts("POST", {check: row}, {})
            assert not checks.is_awake()
        checks.take_verdicts("POST", {check: {"healthy": healthy, "reason": reason}}, {})
        assert checks.is_awake()
        checks.take_verdicts("POST", {check: {"healthy": not healthy, "reason": other}}, {})
        assert checks.is_awake(), "what the world does afterwards is not waited for"

    def test_nobody_waits_for_a_verdict_that_was_about_to_turn_or_a_check_that_is_gone(self, checks, woken):
        woken(True, FAILURE)
        assert checks.is_awake()
        checks.freeze()
        checks.delete(call(HealthCheckId=next(iter(checks.checks))))
        assert checks.is_awake()
