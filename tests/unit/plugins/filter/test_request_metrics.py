# SPDX-License-Identifier: GPL-3.0-or-later
"""What is asked before a region is taken down, and what its answers add up to."""

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.medzen.multiregion.plugins.filter.request_metrics import request_metrics
from ansible_collections.medzen.multiregion.plugins.filter.request_total import request_total

PREFIX = "arn:aws:elasticloadbalancing:af-south-1:123456789012:loadbalancer/"


def item(kind, identifier, plan="delete", name="one"):
    return {"kind": kind, "id": identifier, "name": name, "plan": plan}


def census(*items):
    return {"kinds": [{"kind": one["kind"], "items": [one]} for one in items]}


def asked(*items, own=""):
    rows = request_metrics(census(*items), own)
    return [(row["metric"], *row["dimensions"].values(), row["required"]) for row in rows]


def test_a_balancer_is_asked_for_what_it_forwarded_and_for_what_it_had_to_answer_itself():
    own = f"{PREFIX}app/own/1"
    assert asked(item("load_balancer", own), own=own) == [
        ("RequestCount", "app/own/1", True),
        ("HTTPCode_ELB_5XX_Count", "app/own/1", False),
    ]


def test_any_other_balancer_or_api_that_goes_is_asked_too():
    found = asked(
        item("load_balancer", f"{PREFIX}app/visits/2"),
        item("load_balancer", f"{PREFIX}net/tcp/3"),
        item("http_api", "a1b2", name="medzen-chime"),
        item("rest_api", "c3d4", name="medzen-old"),
        own=f"{PREFIX}app/own/1",
    )
    assert found == [
        ("RequestCount", "app/visits/2", False),
        ("HTTPCode_ELB_5XX_Count", "app/visits/2", False),
        ("NewFlowCount", "net/tcp/3", False),
        ("Count", "a1b2", False),
        ("Count", "medzen-old", False),
    ]


@pytest.mark.parametrize("plan", ["foreign", "keep"])
def test_what_stays_is_not_asked(plan):
    assert asked(item("http_api", "a1b2", plan), item("load_balancer", f"{PREFIX}app/x/1", plan)) == []


def test_other_kinds_and_gateways_have_no_such_metric():
    assert asked(item("lambda_function", "f"), item("load_balancer", f"{PREFIX}gwy/x/1")) == []


def result(total, what="load balancer one", metric="RequestCount", required=False):
    row = {"what": what, "metric": metric, "required": required}
    return {"ansible_loop_var": "row", "row": row, "total": total}


def test_requests_of_all_add_up_and_each_is_named():
    assert request_total([result(9.0), result(0.0, "x"), result(3.0, "HTTP API medzen-chime", "Count")]) == {
        "total": 12,
        "text": "9 RequestCount at load balancer one, 3 Count at HTTP API medzen-chime",
    }
    assert request_total([]) == {"total": 0, "text": "none"}


def test_what_was_never_asked_is_silent_unless_it_has_served_production():
    assert request_total([result(None)])["total"] == 0
    assert request_total([result(None, required=True), result(5.0)])["total"] is None


def test_a_result_of_something_else_is_a_mistake():
    row = result(0.0)
    del row["total"]
    with pytest.raises(AnsibleFilterError, match="no total of load balancer one"):
        request_total([row])
