# SPDX-License-Identifier: GPL-3.0-or-later
from types import SimpleNamespace

import pytest
from ansible_collections.medzen.multiregion.plugins.module_utils import bedrock
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import MultiregionError, Refused, WaitTimeout
from botocore.exceptions import ClientError


class Clock:
    """Time that only sleeping moves."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds


def wait(looks, **more):
    """Wait over these looks, the last of which stays; returns what was seen and how long it took."""
    left, clock = list(looks), Clock()

    def get_guardrail(**_request):
        look = left.pop(0) if len(left) > 1 else left[0]
        if look is None:
            raise ClientError({"Error": {"Code": "ResourceNotFoundException"}}, "GetGuardrail")
        return {"status": look}

    connection = SimpleNamespace(get_guardrail=get_guardrail)
    found = bedrock.wait_for_ready(connection, "abc", "DRAFT", 300, 10, clock=clock, sleep=clock.sleep, **more)
    return found["status"], clock.now


def test_ready_is_what_two_looks_in_a_row_say():
    assert wait(["CREATING", "READY", "CREATING", "READY", "READY"]) == ("READY", 40)


def test_a_new_guardrail_may_be_unknown_at_first():
    assert wait([None, None, "READY"], is_new=True) == ("READY", 30)


def test_a_new_guardrail_that_stays_unknown_is_lost_after_a_minute():
    with pytest.raises(MultiregionError, match="it is not there"):
        wait([None], is_new=True)


def test_a_known_guardrail_that_is_gone_is_lost_at_once():
    with pytest.raises(MultiregionError, match="it is not there"):
        wait(["UPDATING", None])


def test_a_guardrail_that_somebody_deletes_is_not_waited_for():
    with pytest.raises(MultiregionError, match="it is being deleted"):
        wait(["DELETING"])


def test_a_wait_without_an_end_tells_the_last_status():
    with pytest.raises(WaitTimeout, match="Timeout after 300 s .*last state: UPDATING"):
        wait(["UPDATING"])


def test_a_service_that_gives_no_reason_is_said_to_give_none():
    assert bedrock.failure_of({}) == "the service gives no reason"


def test_versions_come_newest_first_without_the_draft_and_what_is_on_its_way_out():
    rows = [{"version": version, "status": "READY"} for version in ("2", "DRAFT", "10", "1")]
    assert bedrock.find_versions([*rows, {"version": "3", "status": "DELETING"}]) == [10, 2, 1]


@pytest.mark.parametrize(
    ("status", "busy"), [("READY", False), ("FAILED", False), ("DELETING", True), ("VERSIONING", True)]
)
def test_a_version_that_is_under_way_keeps_its_guardrail_busy(status, busy):
    assert bedrock.is_busy([{"version": "DRAFT", "status": "READY"}, {"version": "1", "status": status}]) is busy


def test_one_look_is_not_enough():
    done = bedrock.in_a_row(lambda state: state)
    assert [done(state) for state in (True, False, True, True)] == [False, False, False, True]


def test_a_region_without_bedrock_is_refused_before_a_client_is_made():
    module = SimpleNamespace(region="eu-mars-1", params={"extra_regions": []})
    with pytest.raises(Refused, match="bedrock does not exist in eu-mars-1"):
        bedrock.connect(module)


@pytest.mark.parametrize("arn", [None, "", "abc", "arn:aws:bedrock:eu-central-1:1:guardrail/abc", "alias/key"])
def test_what_is_of_this_region_or_says_nothing_about_it_passes(arn):
    bedrock.check_arn_region("guardrail_id", arn, "eu-central-1")
