# SPDX-License-Identifier: GPL-3.0-or-later
"""What the cutover knows of visits under way: a likely region proves nothing, and no table tells nothing."""

import itertools
from pathlib import Path

import pytest
import yaml
from role_variables import load, template

ROLE = Path(__file__).resolve().parents[2] / "roles" / "cutover"
MODULE, GATE = "medzen.multiregion.chime_open_visits_info", "medzen.multiregion.gate"
AF = "af-south-1"


def tasks(name):
    """Those of a file, and those of its blocks."""
    read = yaml.safe_load((ROLE / "tasks" / f"{name}.yml").read_text(encoding="utf-8"))
    return list(itertools.chain.from_iterable(task.get("block", [task]) for task in read))


def told(text, **given):
    defaults = {"cutover_audit_table": "audit", "cutover_chime_control_region": ""}
    variables = {**load("roles/cutover/vars/main.yml"), **defaults, "audit_path": {"production_region": AF}, **given}
    return template(text, variables)


def asked(name, **given):
    """The region that the module is told to ask, and whether it is told to believe it."""
    (options,) = [task[MODULE] for task in tasks(name) if MODULE in task]
    return told(options["control_region"], **given), told(options["control_region_known"], **given)


def gate(name, title):
    (found,) = [task for task in tasks(name) if task.get(GATE, {}).get("name") == title]
    return found


@pytest.mark.parametrize("name", ["main", "drain"])
def test_the_region_that_production_leaves_is_asked_and_is_only_likely(name):
    looked = {"control_region_known": False}
    assert asked(name, cutover_visits=looked) == (AF, False)
    assert asked(name, cutover_visits=looked, cutover_chime_control_region="us-east-1") == ("us-east-1", True)


def test_no_region_is_stated_by_a_default():
    assert load("roles/cutover/defaults/main.yml")["cutover_chime_control_region"] == ""


def test_what_the_first_look_proved_holds_in_the_wait():
    assert asked("drain", cutover_visits={"control_region_known": True}) == (AF, True)


def test_without_the_table_nothing_is_begun_in_check_mode_neither():
    found = gate("main", "visits can be told")
    (condition,) = found[GATE]["that"]
    # ansible-core 2.18 makes an empty text of none, which a gate takes for unknown as well.
    assert told(condition["condition"], cutover_visits={"table_exists": False}) in (None, "")
    assert told(condition["condition"], cutover_visits={"table_exists": True}) is True
    assert told(condition["found"], cutover_visits={"table_exists": False}) == f"no table audit in {AF}"
    assert found["when"] == "cutover_drain_visits | bool" and "planned_by" not in condition
    names = [task["name"] for task in tasks("main")]
    assert names.index(found["name"]) < names.index("Cutover | Lower the TTL and wait out the old one")


def test_a_wait_that_could_not_tell_is_no_end_of_the_visits():
    (condition,) = gate("drain", "no visit is interrupted")[GATE]["that"]
    unknown = {"drained": None, "open_count": 0}
    assert told(condition["condition"], cutover_drain=unknown) in (None, "")
    assert told(condition["found"], cutover_drain=unknown).strip() == "an unknown number goes on"
    assert told(condition["found"], cutover_drain={"drained": True, "open_count": 0}).strip() == "0 go on"
    assert told(condition["found"], cutover_drain={"msg": "Failed to read"}).strip() == "Failed to read"
