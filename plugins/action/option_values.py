# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The action behind medzen.multiregion.option_values: the values that an operator gave, before a role reads one."""

from __future__ import annotations

import functools
import re

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.plugins.action import ActionBase
from ansible.template import Templar
from ansible_collections.medzen.multiregion.plugins.module_utils import gates, option_kinds, option_names
from ansible_collections.medzen.multiregion.plugins.module_utils.option_kinds import Fault
from ansible_collections.medzen.multiregion.plugins.plugin_utils.given_options import (
    EXTRA,
    ROOT,
    describe_places,
    make_manager,
    read_given,
    read_specs,
    read_yaml,
)

ARGUMENTS = {"hosts": {"type": "list", "elements": "str", "default": []}}
MESSAGE_MAX = 600
TEMPLATE = re.compile(r"\{[{%#]")
# What a role finds out later cannot be judged now; each role looks at its options when its turn comes.
LATER = re.compile(r"\b(region_state|audit_path|[a-z_]+_result)\b")


class ActionModule(ActionBase):
    TRANSFERS_FILES = False
    _requires_connection = False

    def run(self, tmp=None, task_vars=None):
        result = super().run(tmp, task_vars)
        _spec, arguments = self.validate_argument_spec(argument_spec=ARGUMENTS)
        hosts = arguments["hosts"] or [task_vars["inventory_hostname"]]
        gate = judge(self._loader, task_vars["hostvars"]._inventory, hosts)
        failed = gate["verdict"] == gates.REFUSE
        return {**result, "changed": False, "failed": failed, "msg": gates.describe(gate), "gate": gate}


def judge(loader, inventory, hosts, manager=None):
    manager = manager or make_manager(loader, inventory)
    given = read_given(manager, inventory, hosts)
    rules = read_rules(ROOT)
    evaluate = make_evaluate(loader, inventory, manager, rules.defaults)
    found = {name: find_faults(name, given[name], rules, evaluate) for name in sorted(given) if name in rules.specs}
    faulty = {name for name, faults in found.items() if faults}
    conditions = [
        describe(fault, first, rules.specs[name])
        for name, faults in found.items()
        for fault, places in faults.items()
        if (first := leave_followers(places, dict(given[name]), faulty - {name}))
    ]
    passed = {"name": f"{len(found)} options of the operator", "condition": True}
    return gates.judge("the options are of their types and kinds", conditions or [passed])


class Rules:
    """What the collection's files say of every option: its spec, its kind, and the kinds themselves."""

    def __init__(self, root):
        folder = root / "roles" / "option_check" / "files"
        shared = read_yaml(folder / "shared.yml")
        self.kinds = option_kinds.read_kinds(read_yaml(folder / "kinds.yml"))
        self.specs = dict(shared["options"])
        self.rules = dict(shared["kinds"])
        for specs in read_specs(root).values():
            self.specs.update(specs)
        for path in sorted((root / "roles").glob("*/meta/option_kinds.yml")):
            self.rules.update(read_yaml(path))
        self.defaults = {name: spec["default"] for name, spec in self.specs.items() if "default" in spec}
        # Quoted there, a group that an inventory lacks is no fault of the operator's.
        everywhere = root / "group_vars" / "all.yml"
        self.own = read_yaml(everywhere) if everywhere.exists() else {}


@functools.cache
def read_rules(root):
    return Rules(root)


def make_evaluate(loader, inventory, manager, defaults):
    """What evaluates a template of the inventory as the play would, for a host."""

    @functools.cache
    def templar_of(host):
        variables = manager.get_vars(host=inventory.get_host(host))
        return Templar(loader=loader, variables={**defaults, **variables})

    return lambda host, value: templar_of(host).template(value)


def has_template(value):
    return any(TEMPLATE.search(text) for text in option_names.iter_texts(value))


def find_faults(name, places, rules, evaluate):
    """Each fault of an option, with the places at which it was given."""
    found, judged = {}, {}
    for place, value in places:
        for fault in iter_faults_at(name, place, value, rules, evaluate, judged):
            found.setdefault(fault, []).append(place)
    return found


def iter_faults_at(name, place, value, rules, evaluate, judged):
    """`judged` has the faults of values of this option: most are the same in every region."""
    spec = rules.specs[name]
    if has_template(value):
        if place == EXTRA:
            yield Fault(name, "a template", "a value: what is given with -e is taken as it is, and not evaluated")
            return
        try:
            value = evaluate(place, value)
        except Exception as error:  # ansible-core 2.18 lets through whatever a filter raises
            texts = " ".join(option_names.iter_texts(value))
            if not (LATER.search(texts) or rules.own.get(name) == value):
                yield Fault(
                    name,
                    f"a template without a value: {option_kinds.cut(str(error), MESSAGE_MAX)}",
                    "one that can be evaluated before a role works",
                )
            return
    told = repr(value)
    if told not in judged:
        judged[told] = list(iter_value_faults(name, value, spec, rules))
    yield from judged[told]


def iter_value_faults(name, value, spec, rules):
    """Ansible's own view, as a role has it when its turn comes, and the kinds, which see more and say it better."""
    faults = list(option_kinds.iter_faults(name, value, spec, rules.rules.get(name), rules.kinds))
    yield from faults
    if faults or spec.get("no_log"):
        return
    bare = {key: one for key, one in spec.items() if key not in ("default", "required")}
    result = ArgumentSpecValidator({name: bare}).validate({name: value}, validate_role_argument_spec=True)
    for message in result.error_messages:
        yield Fault(name, option_kinds.cut(message, MESSAGE_MAX), "what the argument specs of its role describe")


def leave_followers(places, values, faulty):
    """The places whose value is not made from one that is told already."""
    return [place for place in places if not option_names.find_names(option_names.iter_texts(values[place])) & faulty]


def describe(fault, places, spec):
    """The condition of the gate that this value does not meet."""
    return {
        "name": fault.path,
        "condition": False,
        "found": f"{fault.found}, given {describe_places(places)}",
        "expected": fault.expected,
        "next_step": find_next_step(fault, places, spec),
        "overridable": False,
    }


def find_next_step(fault, places, spec):
    name = re.match(r"\w+", fault.path).group()
    if places != [EXTRA]:
        return f"correct {name} in the inventory, its group_vars or host_vars"
    if spec.get("type") in ("list", "dict"):
        given = '["..."]' if spec["type"] == "list" else '{"...": "..."}'
        return f"""correct it; lists and dicts are given as JSON: -e '{{"{name}": {given}}}'"""
    return f"correct it: -e {name}=..."
