# SPDX-License-Identifier: GPL-3.0-or-later
"""A plan for regions against the tables and, where asked for, the name service."""

import socket

import pytest
from ansible_collections.medzen.multiregion.plugins.module_utils import resolver
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import Refused
from ansible_collections.medzen.multiregion.plugins.modules import chime_region_info as module


def params(**given):
    return {
        "services": ["meetings"],
        "control_region": None,
        "media_region": None,
        "transcribe_region": None,
        "languages": [],
        "medical": False,
        "allowed_regions": None,
        "live_check": False,
        "resolvers": [],
        "extra_regions": {},
        "fail_on_violation": False,
        **given,
    }


class Module:
    def __init__(self, region=None, **given):
        self.region, self.params = region, params(**given)


def test_the_modules_region_is_the_control_region_when_none_is_given():
    result = module.compare(Module("eu-central-1"))
    assert result["compliant"] and list(result["matrix"]) == ["eu-central-1"]


def test_a_given_control_region_wins():
    result = module.compare(Module("eu-central-1", control_region="eu-west-1"))
    assert [one["reason"] for one in result["violations"]] == ["control_region_unsupported"]
    assert not result["compliant"] and not result["changed"]


def test_without_any_region_there_is_nothing_to_say():
    with pytest.raises(Refused, match="control_region"):
        module.compare(Module())


def test_a_violation_can_fail_the_task_with_the_whole_result():
    with pytest.raises(Refused, match="control_region_unsupported") as refused:
        module.compare(Module("eu-west-1", fail_on_violation=True))
    assert refused.value.result["matrix"]["eu-west-1"]["media"] is True


def test_regions_to_enable_first_are_told():
    result = module.compare(Module("af-south-1", media_region="eu-south-1"))
    assert result["opt_in_regions"] == ["af-south-1", "eu-south-1"] and result["compliant"]


def test_options_that_are_not_given_in_extra_regions_are_none():
    plan = module.build_plan(params(extra_regions={"media": ["eu-moon-1"], "meetings": None}), "eu-central-1")
    assert plan.extra_regions == {"media": ("eu-moon-1",), "meetings": ()}


def test_each_service_is_looked_up_once():
    plan = module.build_plan(params(services=["meetings", "voice"]), "eu-central-1")
    asked = []
    answers = module.look_up_endpoints(plan, ["192.0.2.1"], lambda host, resolvers: asked.append((host, resolvers)))
    assert answers == {"meetings": None, "voice": None}
    assert asked[0] == ("meetings-chime.eu-central-1.amazonaws.com", ["192.0.2.1"])


@pytest.mark.parametrize(("answer", "told", "violations"), [(True, "yes", 0), (False, "no", 1), (None, "unknown", 1)])
def test_what_the_name_service_says_is_returned(answer, told, violations):
    result = module.build_result(module.build_plan(params(), "eu-central-1"), {"meetings": answer})
    assert result["endpoints"]["meetings"]["resolves"] == told and len(result["violations"]) == violations


def resolving(monkeypatch, number):
    def fail(*_arguments, **_options):
        raise socket.gaierror(number, "no")

    monkeypatch.setattr(resolver.socket, "getaddrinfo", fail)


def test_no_such_name_is_an_answer(monkeypatch):
    resolving(monkeypatch, socket.EAI_NONAME)
    assert module.has_address("meetings-chime.eu-west-1.amazonaws.com", []) is False


def test_a_resolver_that_is_silent_is_none(monkeypatch):
    resolving(monkeypatch, socket.EAI_AGAIN)
    assert module.has_address("meetings-chime.eu-west-1.amazonaws.com", []) is None


@pytest.mark.parametrize(
    ("values", "expected"),
    [([("192.0.2.1",), None], True), ([(), ()], False), ([(), None], None), ([None], None)],
)
def test_one_address_is_enough_and_one_silence_is_doubt(monkeypatch, values, expected):
    answers = iter(values)
    monkeypatch.setattr(module.resolver, "ask", lambda server, *_a, **_o: resolver.Answer(server, next(answers)))
    assert module.has_address("host.example", ["192.0.2.1"] * len(values)) is expected
