# SPDX-License-Identifier: GPL-3.0-or-later
"""What the preflight of provision_region looks at: production, as the audit before it found it."""

from pathlib import Path

import pytest
import yaml
from role_variables import load, template

ROOT = Path(__file__).resolve().parents[2]
FOUND = {
    "production_region": "af-south-1",
    "database": {"identifier": "medzen-ehrbase-db-af-south-1"},
    "task_definitions": ["medzen-ehrbase-af-south-1:7"],
}
IN_DOUBT = {"production_region": None, "database": None, "task_definitions": []}
PRIMARY = {"groups": {"primary": ["eu-central-1"], "dr": ["eu-west-1"]}}


def source(**given):
    variables = {**load("roles/preflight/defaults/main.yml"), **PRIMARY, **given}
    return template("{{ preflight_source }}", variables)


def test_before_the_move_production_is_looked_at_as_the_audit_found_it():
    assert source(audit_path=FOUND) == {
        "region": "af-south-1",
        "db_instance_identifier": "medzen-ehrbase-db-af-south-1",
        "task_definitions": ["medzen-ehrbase-af-south-1:7"],
    }


@pytest.mark.parametrize(
    "given",
    [
        {"audit_path": {**FOUND, "production_region": "eu-central-1"}},
        {"audit_path": {**FOUND, "production_region": "eu-west-1"}},
        {"audit_path": IN_DOUBT},
        {},
    ],
)
def test_nothing_comes_from_elsewhere_after_the_move_nor_where_the_audit_cannot_tell(given):
    assert source(**given) == {}


def test_the_audit_comes_before_the_preflight_and_its_answer_is_handed_on():
    play = yaml.safe_load((ROOT / "playbooks" / "provision_region.yml").read_text(encoding="utf-8"))[0]
    roles = [one["role"].rpartition(".")[2] for one in play["roles"]]
    assert roles.index("audit") < roles.index("preflight")
    (look,) = [
        task["medzen.multiregion.region_preflight_info"]
        for task in yaml.safe_load((ROOT / "roles" / "preflight" / "tasks" / "main.yml").read_text(encoding="utf-8"))
        if "medzen.multiregion.region_preflight_info" in task
    ]
    assert template(look["source"], {"preflight_source": {"region": "r"}, "omit": "left out"}) == {"region": "r"}
    assert template(look["source"], {"preflight_source": {}, "omit": "left out"}) == "left out"


@pytest.mark.parametrize(
    ("groups", "data_from"),
    [
        ({"primary": ["eu-central-1"], "dr": ["eu-west-1"]}, {"eu-west-1": "eu-central-1"}),
        ({"primary": ["eu-central-1"], "dr": []}, {}),
        ({"primary": ["eu-central-1"]}, {}),
    ],
)
def test_the_dr_region_takes_its_data_from_the_primary(groups, data_from):
    variables = {**load("roles/preflight/vars/main.yml"), "groups": groups}
    assert template("{{ __preflight_data_from }}", variables) == data_from
