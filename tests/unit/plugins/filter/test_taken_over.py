# SPDX-License-Identifier: GPL-3.0-or-later
import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.medzen.multiregion.plugins.filter.taken_over import taken_over

WORKLOAD = "medzen-ehrbase"
STACK = {"aws:cloudformation:stack-name": "medzen-chime-sdk-eu-central-1"}


def result(kind="table", name="medzen-meeting-audit", before=None):
    return {kind: {"name": name}, "diff": {"before": before or {}, "after": {}}}


def test_what_had_no_tag_of_the_workload_was_taken_over():
    assert taken_over({"table": [result(before={"tags": {}})]}, WORKLOAD) == ["table medzen-meeting-audit"]


def test_the_stack_that_made_it_is_told():
    found = taken_over({"function": [result("function", "f", {"Tags": STACK})]}, WORKLOAD)
    assert found == ["function f (stack medzen-chime-sdk-eu-central-1)"]


@pytest.mark.parametrize("before", [{}, {"tags": {"Workload": WORKLOAD}}, {"Tags": {"Workload": WORKLOAD, **STACK}}])
def test_what_was_made_now_or_was_ours_already_is_not_named(before):
    assert taken_over({"table": [result(before=before)]}, WORKLOAD) == []


def test_another_workloads_thing_was_taken_over():
    assert taken_over({"table": [result(before={"tags": {"Workload": "other"}})]}, WORKLOAD) != []


def test_a_skipped_task_took_nothing_over():
    assert taken_over({"table": [{"skipped": True}]}, WORKLOAD) == []


def test_a_domain_name_alone_is_no_api_that_was_there():
    assert taken_over({"api": [result("api", "a", {"domain": {"name": "d"}})]}, WORKLOAD) == []


def test_a_result_of_something_else_is_an_error():
    with pytest.raises(AnsibleFilterError, match="without table"):
        taken_over({"table": [{"msg": "hello"}]}, WORKLOAD)
