# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an operator gave, and what the collection's own files say of it: shared by the actions that compare the two.

Only the controller knows where a variable came from.
"""

from __future__ import annotations

from pathlib import Path

from ansible.module_utils.common.yaml import yaml_load
from ansible.vars.hostvars import HostVars
from ansible.vars.manager import VariableManager

ROOT = Path(__file__).resolve().parents[2]
EXTRA = "with -e"


def make_manager(loader, inventory):
    """A manager of its own has seen no fact, no registered result and no role: what it knows was given."""
    manager = VariableManager(loader=loader, inventory=inventory)
    HostVars(inventory=inventory, variable_manager=manager, loader=loader)
    return manager


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
    hosts = [place for place in places if place != EXTRA]
    return f"in the inventory for {', '.join(hosts)}" if hosts else EXTRA


def read_yaml(path):
    return yaml_load(path.read_text(encoding="utf-8")) or {}


def read_specs(root):
    """The options of each role by its name."""
    specs = {path.parts[-3]: read_yaml(path) for path in sorted((root / "roles").glob("*/meta/argument_specs.yml"))}
    return {
        role: {
            name: one for entry in spec["argument_specs"].values() for name, one in (entry.get("options") or {}).items()
        }
        for role, spec in specs.items()
    }
