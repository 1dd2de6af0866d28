# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The action behind medzen.multiregion.gate: judged in the controller, where the values are; no process is started."""

from __future__ import annotations

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.medzen.multiregion.plugins.module_utils import gates
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import MultiregionError

ARGUMENTS = {
    "name": {"type": "str", "required": True},
    "that": {"type": "list", "elements": "dict", "default": []},
    "checks": {"type": "list", "elements": "dict", "default": []},
    "evidence": {"type": "dict", "default": {}},
    "override": {"type": "str"},
    "override_expected": {"type": "str"},
}


class ActionModule(ActionBase):
    TRANSFERS_FILES = False
    _requires_connection = False

    def run(self, tmp=None, task_vars=None):
        result = super().run(tmp, task_vars)
        _spec, arguments = self.validate_argument_spec(argument_spec=ARGUMENTS)
        if not (arguments["that"] or arguments["checks"]):
            raise AnsibleActionFail(
                "Found: no condition in `that`. Expected: at least one; an empty gate stops nobody."
            )
        try:
            gate = self._judge(arguments)
        except MultiregionError as error:
            raise AnsibleActionFail(error.message) from error
        failed = gate["verdict"] == gates.REFUSE
        return {**result, "changed": False, "failed": failed, "msg": gates.describe(gate), "gate": gate}

    def _judge(self, arguments):
        return gates.judge(
            arguments["name"],
            [*arguments["that"], *(gates.condition_of(check) for check in arguments["checks"])],
            arguments["evidence"],
            override=arguments["override"],
            override_expected=arguments["override_expected"],
            check_mode=bool(self._task.check_mode),
        )
