# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The action behind medzen.multiregion.option_names: only the controller knows where a variable came from."""

from __future__ import annotations

import re

from ansible.plugins.action import ActionBase
from ansible_collections.medzen.multiregion.plugins.module_utils import gates
from ansible_collections.medzen.multiregion.plugins.module_utils import option_names as names
from ansible_collections.medzen.multiregion.plugins.plugin_utils.given_options import (
    ROOT,
    describe_places,
    make_manager,
    read_given,
    read_specs,
)

COLLECTION = "medzen.multiregion"
REGISTER = re.compile(r"^ *register: (\w+)$", re.MULTILINE)
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
        inventory = task_vars["hostvars"]._inventory
        gate = judge(read_given(make_manager(self._loader, inventory), inventory, hosts), arguments)
        failed = gate["verdict"] == gates.REFUSE
        return {**result, "changed": False, "failed": failed, "msg": gates.describe(gate), "gate": gate}


def judge(given, arguments):
    known = read_known(ROOT)
    values = {name: [value for _place, value in places] for name, places in given.items()}
    unknown = names.find_unknown(values, known, arguments["ignore"])
    places = {name: describe_places(place for place, _value in given[name]) for name in unknown}
    conditions = [names.describe(name, places[name], known, COLLECTION) for name in unknown]
    passed = {"name": f"{len(given)} variables of the operator", "condition": True}
    return gates.judge("every given option is one that a role reads", conditions or [passed])


def read_known(root):
    """From the collection's own files, wherever it is installed."""
    options = {role: frozenset(specs) for role, specs in read_specs(root).items()}
    files = [*(root / "roles").glob("*/*/*.yml"), *(root / "playbooks").glob("*.yml")]
    shared = names.find_names((path.read_text(encoding="utf-8") for path in files), names.SHARED_NAME)
    everywhere = root / "group_vars" / "all.yml"
    if everywhere.exists():
        text = everywhere.read_text(encoding="utf-8")
        shared |= names.find_names([line.partition(" #")[0] for line in text.splitlines() if line[:1] != "#"])
    tasks = [path.read_text(encoding="utf-8") for path in (root / "roles").glob("*/tasks/*.yml")]
    registered = frozenset(name for text in tasks for name in REGISTER.findall(text))
    return names.Known(options, shared, registered)
