# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The action behind medzen.multiregion.option_names: only the controller knows where a variable came from."""

from __future__ import annotations

from pathlib import Path

from ansible.module_utils.common.yaml import yaml_load
from ansible.plugins.action import ActionBase
from ansible.vars.manager import VariableManager
from ansible_collections.medzen.multiregion.plugins.module_utils import gates
from ansible_collections.medzen.multiregion.plugins.module_utils import option_names as names

COLLECTION = "medzen.multiregion"
ROOT = Path(__file__).resolve().parents[2]
EXTRA = "with -e"
ARGUMENTS = {
    "hosts": {"type": "list", "elements": "str", "default": []},
    "ignore": {"type": "list", "elements": "str", "default": []},
}


class ActionModule(ActionBase):
    TRANSFERS_FILES = False
    _requires_connection = False

    def run(self, tmp=None, task_vars=None):
        result = super().run(tmp, task_vars)
        _spec, arguments = self.validate_argument_spec(argument_spec=ARGUMENTS)
        hosts = arguments["hosts"] or [task_vars["inventory_hostname"]]
        # A manager of its own has seen no fact, no registered result and no role: what it knows was given.
        inventory = task_vars["hostvars"]._inventory
        gate = judge(read_given(VariableManager(loader=self._loader, inventory=inventory), inventory, hosts), arguments)
        failed = gate["verdict"] == gates.REFUSE
        return {**result, "changed": False, "failed": failed, "msg": gates.describe(gate), "gate": gate}


def judge(given, arguments):
    known = read_known(ROOT)
    values = {name: [value for _place, value in places] for name, places in given.items()}
    unknown = names.find_unknown(values, known, arguments["ignore"])
    conditions = [names.describe(name, describe_places(given[name]), known, COLLECTION) for name in unknown]
    passed = {"name": f"{len(given)} variables of the operator", "condition": True}
    return gates.judge("every given option is one that a role reads", conditions or [passed])


def read_given(manager, inventory, hosts):
    """Each variable that an operator gave, with the places where; extra variables win, so they are the only place."""
    given = {name: [(EXTRA, value)] for name, value in manager.extra_vars.items()}
    for name in hosts:
        if (host := inventory.get_host(name)) is None:
            continue
        for key, value in manager.get_vars(host=host, include_hostvars=False).items():
            if key not in manager.extra_vars:
                given.setdefault(key, []).append((name, value))
    return given


def describe_places(places):
    hosts = [place for place, _value in places if place != EXTRA]
    return f"in the inventory for {', '.join(hosts)}" if hosts else EXTRA


def read_known(root):
    """From the collection's own files, wherever it is installed."""
    specs = {path.parts[-3]: path for path in sorted((root / "roles").glob("*/meta/argument_specs.yml"))}
    options = {role: frozenset(read_options(path)) for role, path in specs.items()}
    files = [*(root / "roles").glob("*/*/*.yml"), *(root / "playbooks").glob("*.yml")]
    shared = names.find_names((path.read_text(encoding="utf-8") for path in files), names.SHARED_NAME)
    everywhere = root / "group_vars" / "all.yml"
    if everywhere.exists():
        text = everywhere.read_text(encoding="utf-8")
        shared |= names.find_names([line.partition(" #")[0] for line in text.splitlines() if line[:1] != "#"])
    return names.Known(options, shared)


def read_options(path):
    specs = yaml_load(path.read_text(encoding="utf-8"))["argument_specs"]
    return {name for spec in specs.values() for name in spec.get("options") or {}}
