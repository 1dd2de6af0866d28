# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What AnsibleAWSModule asks of its module class, for a module that runs in Ansible's worker.

AnsibleModule reads its arguments from the process's input and answers on its output. Here both are values.
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.module_utils.common.parameters import remove_values

# ansible-core 2.18 to 2.21 looks for options in a number that stands for a dict, and makes a whole number of infinity.
BREAKS = (ArithmeticError, TypeError, ValueError)
CONSTRAINTS = ("mutually_exclusive", "required_together", "required_one_of", "required_if", "required_by")


class Finished(SystemExit):
    """The module has its result. A SystemExit, as AnsibleModule's end is: `except Exception` must not catch it."""

    def __init__(self, result: dict):
        super().__init__(0)
        self.result = result


@dataclass(frozen=True)
class Task:
    """What the task gives to its module."""

    name: str
    arguments: dict
    check_mode: bool
    diff: bool
    warn: Callable[[str], Any]
    deprecate: Callable[..., Any]


class WorkerModule:
    """One module call: validated parameters in, a result out."""

    def __init__(self, task: Task, argument_spec: dict, supports_check_mode: bool = False, **constraints: Any):
        unknown = sorted(set(constraints) - set(CONSTRAINTS))
        if unknown:
            raise TypeError(f"A module in the worker has no setting {', '.join(unknown)}.")
        self._name, self._task = task.name, task
        self.check_mode, self._diff = task.check_mode, task.diff
        self.no_log_values: set = set()
        # Taken before the arguments are judged: their faults are told in a result too.
        self.params = dict(task.arguments)
        self.params = self._validate(argument_spec, constraints)
        if self.check_mode and not supports_check_mode:
            self.exit_json(skipped=True, msg=f"{self._name} does not support check mode")

    def _validate(self, argument_spec: dict, constraints: dict) -> dict:
        validator = ArgumentSpecValidator(argument_spec, **constraints)
        try:
            validated = validator.validate(self.params)
        except BREAKS as error:
            names = find_breaking(argument_spec, self.params)
            self.fail_json(msg=f"Not of its type for module {self._name}: {', '.join(names)}. Found: {error}.")
        self.no_log_values = set(getattr(validated, "_no_log_values", ()))
        for row in getattr(validated, "_deprecations", ()):
            self.deprecate(row["msg"], version=row.get("version"), date=row.get("date"))
        if validated.error_messages:
            text = "; ".join(validated.error_messages)
            self.fail_json(msg=f"Unsupported parameters or values for module {self._name}: {text}")
        return validated.validated_parameters

    def exit_json(self, **result: Any) -> NoReturn:
        result.setdefault("changed", False)
        raise Finished(self._told(result))

    def fail_json(self, msg: str, **result: Any) -> NoReturn:
        # A traceback is for whoever asks for one; Ansible shows `exception` to everybody.
        result.pop("exception", None)
        raise Finished(self._told({"changed": False, **result, "failed": True, "msg": msg}))

    def _told(self, result: dict) -> dict:
        """The result as another process would have sent it, with every secret argument blotted out."""
        return remove_values(plain(result), self.no_log_values)

    def warn(self, warning: str) -> None:
        self._task.warn(remove_values(str(warning), self.no_log_values))

    def deprecate(self, msg: str, version: str | None = None, date: Any = None, **_more: Any) -> None:
        self._task.deprecate(msg, version=version, date=date)

    def debug(self, _msg: str) -> None:
        """AnsibleModule writes to the system's log; a controller has its own."""


def find_breaking(specs: dict, params: dict) -> list[str]:
    """The options, as deep as they stand, at whose values Ansible's validator itself breaks."""
    found = []
    for name in sorted(name for name in params if name in specs and breaks(specs[name], params[name])):
        items = params[name] if isinstance(params[name], list) else [params[name]]
        below = [
            one
            for item in items
            if isinstance(item, dict)
            for one in find_breaking(specs[name].get("options") or {}, item)
        ]
        found += [f"{name}.{one}" for one in below] or [name]
    return found


def breaks(spec: dict, value: Any) -> bool:
    try:
        ArgumentSpecValidator({"option": spec}).validate({"option": value})
    except BREAKS:
        return True
    return False


def plain(value: Any) -> Any:
    """A value without Ansible's or a library's own types, as JSON brings it."""
    return json.loads(json.dumps(value, default=_plain_one))


def _plain_one(value: Any) -> Any:
    if isinstance(value, (set, frozenset, tuple)):
        return sorted(value, key=str) if isinstance(value, (set, frozenset)) else list(value)
    if isinstance(value, (datetime.date, datetime.datetime)):
        return value.isoformat()
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    return str(value)
