# SPDX-License-Identifier: GPL-3.0-or-later
import pytest
from ansible_collections.medzen.multiregion.plugins.modules import route53_health_info as health


def reports(good, bad):
    told = ["Success: HTTP Status Code 200"] * good + ["Failure: no connection"] * bad
    return [{"StatusReport": {"Status": text}} for text in told]


@pytest.mark.parametrize(
    ("good", "bad", "healthy"), [(16, 0, True), (0, 16, False), (18, 82, False), (19, 81, True), (0, 0, None)]
)
def test_more_than_18_percent_of_the_checkers_decide(good, bad, healthy):
    judged = health.judge(reports(good, bad))
    assert (judged["healthy"], judged["checkers"], judged["successes"]) == (healthy, good + bad, good)


@pytest.mark.parametrize(("good", "bad", "healthy"), [(16, 0, False), (18, 82, True), (0, 0, None)])
def test_an_inverted_check_is_healthy_when_its_endpoint_is_not_reached(good, bad, healthy):
    judged, plain = health.judge(reports(good, bad), inverted=True), health.judge(reports(good, bad))
    assert judged["healthy"] is healthy and judged["reached"] is plain["reached"] is plain["healthy"]
    assert (judged["inverted"], plain["inverted"]) == (True, False)


def test_a_checker_that_has_not_reported_yet_is_not_counted():
    assert health.judge([{"Region": "eu-west-1"}, *reports(1, 0)])["checkers"] == 1


class Pages:
    def __init__(self, result):
        self.result = result

    def paginate(self, **_request):
        return self

    def build_full_result(self):
        return self.result


class Client:
    def __init__(self, *names, **config):
        self.names, self.config = names, config

    def get_paginator(self, _operation):
        found = [
            {
                "Id": name,
                "CallerReference": "other",
                "HealthCheckConfig": {"FullyQualifiedDomainName": f"{name}.elb", **self.config},
            }
            for name in self.names
        ]
        return Pages({"HealthChecks": found})

    def list_tags_for_resources(self, ResourceIds, **_request):
        tags = [{"ResourceId": one, "Tags": [{"Key": "Name", "Value": one}]} for one in ResourceIds]
        return {"ResourceTagSets": tags}

    def get_health_check_status(self, **_request):
        return {"HealthCheckObservations": reports(0, 3)}


class Several(Client):
    """Checks of one name, of which each sees something else."""

    def list_tags_for_resources(self, ResourceIds, **_request):
        tags = [{"ResourceId": one, "Tags": [{"Key": "Name", "Value": "primary"}]} for one in ResourceIds]
        return {"ResourceTagSets": tags}

    def get_health_check_status(self, HealthCheckId, **_request):
        seen = {"silent": reports(0, 3), "reached": reports(3, 0), "new": reports(0, 0)}
        return {"HealthCheckObservations": seen[HealthCheckId]}


def read(client, *names):
    module = type("Module", (), {"params": {"names": list(names)}, "client": lambda *_, **__: client})()
    return health.read(module)["health_checks"]


def test_an_inverted_check_is_read_as_such():
    found = read(Client("primary", Inverted=True), "primary")["primary"]
    assert (found["healthy"], found["reached"], found["successes"]) == (True, False, 0)


def test_a_name_without_a_health_check_is_missing():
    found = read(Client("primary"), "primary", "other")
    assert list(found) == ["primary"]
    assert (found["primary"]["fqdn"], found["primary"]["healthy"]) == ("primary.elb", False)


@pytest.mark.parametrize(
    ("checks", "reached"),
    [(("silent", "reached"), True), (("silent", "new"), None), (("new", "reached"), True), (("silent",), False)],
)
def test_of_several_checks_of_a_name_none_is_overheard_that_reaches_its_endpoint(checks, reached):
    """A living primary is never taken for lost by the check that is being replaced."""
    assert read(Several(*checks), "primary")["primary"]["reached"] is reached
