# SPDX-License-Identifier: GPL-3.0-or-later
"""Roles' own variables and expressions, evaluated as a task would, without a playbook."""

import functools
from pathlib import Path

import yaml
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar

try:
    from ansible.template import trust_as_template
except ImportError:  # before ansible-core 2.19 every text was a template

    def trust_as_template(text):
        return text


ROOT = Path(__file__).resolve().parents[2]
GATE = "medzen.multiregion.gate"
# A copy that follows, as region_state tells it.
REPLICA = {
    "identifier": "replica",
    "status": "available",
    "is_replica": True,
    "source_arn": "arn:aws:rds:eu-central-1:1:db:a",
}
GROUPS = {"primary": ["eu-central-1"], "dr": ["eu-west-1"], "retiring": ["af-south-1"]}


def trusted(value):
    if isinstance(value, dict):
        return {key: trusted(one) for key, one in value.items()}
    if isinstance(value, list):
        return [trusted(one) for one in value]
    return trust_as_template(value) if isinstance(value, str) else value


@functools.cache
def load(path):
    return trusted(yaml.safe_load((ROOT / path).read_text(encoding="utf-8")))


def template(text, variables):
    return Templar(DataLoader(), variables=variables).template(trust_as_template(text))


def variables_of(role, host, given):
    own = [part for part in ("defaults", "vars") if (ROOT / "roles" / role / part).exists()]
    return {
        **load("group_vars/all.yml"),
        **{name: value for part in own for name, value in load(f"roles/{role}/{part}/main.yml").items()},
        "inventory_hostname": host,
        "groups": GROUPS,
        "ansible_check_mode": False,
        **given,
    }


def gates(tasks):
    for task in tasks:
        yield from [task] if GATE in task else gates(task.get("block", []))


def refused(role, file, gate, host, **given):
    """The conditions of a gate that do not hold, by name; what is unknown does not."""
    (task,) = [one for one in gates(load(f"roles/{role}/tasks/{file}.yml")) if one[GATE]["name"] == gate]
    variables = {**variables_of(role, host, given), **task.get("vars", {})}
    return [one["name"] for one in task[GATE]["that"] if template(one["condition"], variables) is not True]


def evaluate(role, host, expression, **given):
    return template("{{ " + expression + " }}", variables_of(role, host, given))
