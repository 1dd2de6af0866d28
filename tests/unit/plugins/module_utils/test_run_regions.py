# SPDX-License-Identifier: GPL-3.0-or-later
import threading

import pytest
from ansible_collections.medzen.multiregion.plugins.module_utils import run_regions
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import AwsError, Refused
from ansible_collections.medzen.multiregion.plugins.module_utils.run_regions import RunRegions
from ansible_collections.medzen.multiregion.plugins.module_utils.run_table import RunTable


def build(*lost):
    return RunRegions([RunTable(None, region, "runs", "w") for region in ("c", "a", "b")], lost)


def region_of(table):
    return table.region


def dark(*regions):
    def ask(table):
        if table.region in regions:
            raise AwsError(f"Failed to ask {table}")
        return table.region

    return ask


def test_all_regions_are_asked_in_the_order_of_their_names():
    assert build().names == ["a", "b", "c"]
    assert build().each(region_of) == {"a": "a", "b": "b", "c": "c"}


def test_they_are_asked_side_by_side():
    meeting = threading.Barrier(3, timeout=10)
    assert len(build().each(lambda table: meeting.wait())) == 3


def test_some_of_them_can_be_asked():
    assert build().each(region_of, ["b"]) == {"b": "b"}


def test_a_silent_region_refuses_and_is_named():
    said = r'The run record in b cannot be used. Found: Failed to ask runs in b.*multiregion_lost_regions": \["b"\]'
    with pytest.raises(Refused, match=said):
        build("a").each(dark("b"))


def test_only_the_loss_of_the_primary_leads_to_a_failover():
    with pytest.raises(Refused) as refused:
        build().each(dark("b"))
    said = refused.value.message
    assert "only if it is lost and nobody works from there" in said
    assert "where it is the primary, run fail_over with -e confirm=b; otherwise run this playbook again" in said


def test_a_lost_region_is_asked_where_it_is_included_and_left_out_when_it_is_silent():
    regions = build("b")
    assert regions.names == ["a", "c"]
    regions.include()
    assert regions.each(dark("b")) == {"a": "a", "c": "c"}
    assert list(regions.left_out) == ["b"]
    regions.include()
    assert regions.names == ["a", "c"]


def test_a_lost_region_that_the_lock_was_taken_in_is_included():
    regions = build("a", "b")
    regions.include(["b", "c"])
    assert regions.names == ["b", "c"]


@pytest.mark.parametrize(
    ("regions", "lost", "said"),
    [
        (["a", "b"], ["a", "b"], "but not all of them"),
        (["a", "b"], ["x"], "correct the name x"),
        (["a"], ["a"], "leave the region out of it"),
        ([], [], "at least one region"),
    ],
)
def test_losses_that_leave_no_record_are_refused(regions, lost, said):
    with pytest.raises(Refused, match=said):
        run_regions.check_regions(regions, lost)


def test_some_may_be_lost():
    run_regions.check_regions(["a", "b", "c"], ["a", "b"])
