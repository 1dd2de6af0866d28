# SPDX-License-Identifier: GPL-3.0-or-later
import pytest
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import Refused
from ansible_collections.medzen.multiregion.plugins.modules.route53_health_check import (
    build_config,
    check_replaceable,
    find_drift,
    split_existing,
    wanted_tags,
)

PARAMS = {
    "name": "primary",
    "type": "HTTPS",
    "fqdn": "a.elb.amazonaws.com",
    "ip_address": None,
    "port": None,
    "path": "/health",
    "search_string": None,
    "request_interval": 30,
    "failure_threshold": 3,
    "measure_latency": False,
    "enable_sni": None,
    "inverted": False,
    "disabled": False,
    "regions": None,
    "replace": False,
    "tags": None,
    "purge_tags": True,
}


def check(key="h1", **changes):
    return {"Id": key, "HealthCheckConfig": {**build_config(PARAMS), **changes}, "Tags": {}}


def test_https_sends_the_name_in_the_handshake():
    config = build_config(PARAMS)
    assert config["EnableSNI"] is True and config["Port"] == 443


def test_http_has_no_handshake():
    config = build_config({**PARAMS, "type": "HTTP"})
    assert "EnableSNI" not in config and config["Port"] == 80


def test_sni_can_be_switched_off():
    assert build_config({**PARAMS, "enable_sni": False})["EnableSNI"] is False


def test_nothing_differs_from_itself():
    assert find_drift(check()["HealthCheckConfig"], build_config(PARAMS)) == {}


def test_a_setting_that_is_not_kept_is_off():
    present = {key: value for key, value in build_config(PARAMS).items() if key not in ("Inverted", "Disabled")}
    assert find_drift(present, build_config(PARAMS)) == {}
    assert find_drift(present, build_config({**PARAMS, "inverted": True})) == {"Inverted": True}


def test_the_order_of_regions_does_not_count():
    wanted = build_config({**PARAMS, "regions": ["us-east-1", "eu-west-1", "sa-east-1"]})
    present = {**wanted, "Regions": ["sa-east-1", "us-east-1", "eu-west-1"]}
    assert find_drift(present, wanted) == {}


def test_regions_that_are_not_given_are_left_alone():
    assert find_drift({**build_config(PARAMS), "Regions": ["eu-west-1"]}, build_config(PARAMS)) == {}


def test_what_can_be_changed_is_changed_in_place():
    current, old = split_existing([check(ResourcePath="/other")], build_config(PARAMS))
    assert current["Id"] == "h1" and old == []


@pytest.mark.parametrize("fixed", [{"Type": "HTTP"}, {"RequestInterval": 10}, {"MeasureLatency": True}])
def test_what_cannot_be_changed_is_refused_by_name(fixed):
    wanted = build_config(PARAMS)
    current, old = split_existing([check(**fixed)], wanted)
    assert current is None
    with pytest.raises(Refused, match=f"Found: {next(iter(fixed))}"):
        check_replaceable(current, old, wanted, PARAMS)


BY_ADDRESS = {**PARAMS, "ip_address": "192.0.2.1"}


@pytest.mark.parametrize(
    ("present", "params", "found"),
    [({}, BY_ADDRESS, "IPAddress None"), ({"IPAddress": "192.0.2.1"}, PARAMS, "IPAddress 192.0.2.1")],
    ids=["added", "taken away"],
)
def test_an_address_is_neither_added_nor_taken_away_in_place(present, params, found):
    wanted = build_config(params)
    current, old = split_existing([check(**present)], wanted)
    assert current is None
    with pytest.raises(Refused, match=f"Found: {found}"):
        check_replaceable(current, old, wanted, params)
    check_replaceable(current, old, wanted, {**params, "replace": True})


def test_another_address_is_changed_in_place():
    current, old = split_existing([check(IPAddress="192.0.2.9")], build_config(BY_ADDRESS))
    assert current["Id"] == "h1" and old == []


def test_it_is_replaced_when_asked():
    wanted = build_config(PARAMS)
    current, old = split_existing([check(RequestInterval=10)], wanted)
    check_replaceable(current, old, wanted, {**PARAMS, "replace": True})
    assert [item["Id"] for item in old] == ["h1"]


def test_the_new_one_is_told_from_the_one_that_it_replaced():
    current, old = split_existing([check("old", RequestInterval=10), check("new")], build_config(PARAMS))
    assert current["Id"] == "new" and [item["Id"] for item in old] == ["old"]


def test_two_of_one_name_are_refused():
    with pytest.raises(Refused, match="h1, h2"):
        split_existing([check("h1"), check("h2")], build_config(PARAMS))


def test_the_name_is_always_a_tag():
    assert wanted_tags(PARAMS) == ({"Name": "primary"}, False)
    assert wanted_tags({**PARAMS, "tags": {"W": "x"}}) == ({"W": "x", "Name": "primary"}, True)
