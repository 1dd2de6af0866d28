# SPDX-License-Identifier: GPL-3.0-or-later
"""What one cutover leaves on record must not speak for the next one."""

from pathlib import Path

import pytest
import yaml
from ansible_collections.medzen.multiregion.plugins.module_utils.change_batch import plan_batch
from ansible_collections.medzen.multiregion.plugins.module_utils.record_sets import build_record_set
from role_variables import load, template

ROLES = Path(__file__).resolve().parents[2] / "roles"
MODULE = "medzen.multiregion.run_record"


def tasks(role, name):
    return yaml.safe_load((ROLES / role / "tasks" / f"{name}.yml").read_text(encoding="utf-8"))


def facts(*found):
    return {name: value for task in found for name, value in task.get(MODULE, {}).get("facts", {}).items()}


@pytest.mark.parametrize("path", sorted(ROLES.glob("*/tasks/*.yml")), ids=lambda path: str(path.relative_to(ROLES)))
def test_every_word_to_the_record_goes_to_all_its_regions_but_those_that_are_lost(path):
    asked = [task[MODULE] for task in yaml.safe_load(path.read_text(encoding="utf-8")) or [] if MODULE in task]
    prefix = "run_record" if path.parts[-3] == "run_record" else "multiregion"
    regions = "{{ run_record_regions }}" if prefix == "run_record" else "{{ multiregion_run_record_regions }}"
    expected = {"regions": regions, "lost_regions": f"{{{{ {prefix}_lost_regions }}}}", "region": None}
    assert [{name: options.get(name) for name in expected} for options in asked] == [expected] * len(asked)


def test_a_new_switch_begins_without_what_an_earlier_cutover_or_rollback_left():
    begin, *rest = tasks("cutover", "switch")
    later = facts(*rest, *tasks("cutover", "prove"), *tasks("rollback", "decide"), *tasks("rollback", "back"))
    # What else they write is of a failover, whose end is no fact of a cutover.
    later = {name for name in later if name.startswith("cutover_")}
    assert "cutover_switched_at" in later and "cutover_rolled_back_at" in later
    begun = facts(begin)
    assert {name: begun.get(name, "kept") for name in later} == dict.fromkeys(later)


def test_an_address_of_ipv6_leaves_with_the_switch_and_is_on_record_for_the_way_back():
    name = {"name": "ehr.example.org"}
    former = [
        {**name, "type": "A", "alias": {"dns_name": "old.elb.amazonaws.com", "zone_id": "Z0"}},
        {**name, "type": "AAAA", "ttl": 60, "values": ["2001:db8::1"]},
    ]
    variables = {
        **load("roles/cutover/defaults/main.yml"),
        **load("roles/cutover/vars/main.yml"),
        "ansible_check_mode": False,
        "__cutover_ttl": {"changed": False, "record_sets": former},
        "__cutover_record": {"facts": {}},
    }
    expected, previous = (template("{{ __cutover_" + one + " }}", variables) for one in ("expected", "previous"))
    assert previous == former
    alias = {**name, "type": "A", "alias": {"dns_name": "new.elb.amazonaws.com", "zone_id": "Z1"}}
    there = [build_record_set(record) for record in former]
    moved = plan_batch(there, [{"action": "present", "record": alias}], expected, replace_names=True).after
    assert moved == [build_record_set(alias)]
    changes = [{"action": "present", "record": record} for record in previous]
    assert plan_batch(moved, changes, replace_names=True).after == there


def test_a_rollback_invalidates_the_switch_from_which_a_soak_would_count():
    assert facts(*tasks("rollback", "back"))["cutover_switched_at"] is None


def test_the_switch_is_described_once_for_the_trial_and_for_the_move():
    texts = [path.read_text(encoding="utf-8") for path in ROLES.glob("*/tasks/*.yml")]
    assert sum(text.count("medzen.multiregion.database_switchover:") for text in texts) == 1
    flags = {
        name: [task["vars"] for task in tasks("cutover", name) if "switchover.yml" in str(task)]
        for name in ("ready", "switch")
    }
    assert flags == {"ready": [{"__cutover_trial": True}], "switch": [{"__cutover_trial": False}]}


def test_whatever_ends_a_cutover_the_source_is_opened_again_where_that_loses_nothing():
    """A run that was killed behind its fence cannot do it, and one that is refused afterwards does not get that far."""
    (move,) = [task for task in tasks("cutover", "main") if task["name"] == "Cutover | Move production"]
    reopen, end = move["rescue"]
    assert reopen["ansible.builtin.include_tasks"] == "switchover.yml" and reopen["vars"]["__cutover_reopen"] is True
    assert reopen["when"] == "__cutover_reopens"
    assert "ansible_failed_result.msg" in end["ansible.builtin.fail"]["msg"] and "advice" in str(end)
    (switchover,) = tasks("cutover", "switchover")
    assert "'reopened' if __cutover_reopen" in switchover["medzen.multiregion.database_switchover"]["state"]
