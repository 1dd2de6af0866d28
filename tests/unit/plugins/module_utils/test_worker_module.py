# SPDX-License-Identifier: GPL-3.0-or-later
import datetime

import pytest
from ansible_collections.medzen.multiregion.plugins.module_utils.worker_module import (
    Finished,
    Task,
    WorkerModule,
    plain,
)

SPEC = {
    "name": {"required": True},
    "size": {"type": "int", "default": 1},
    "password": {"no_log": True},
    "state": {"choices": ["present", "absent"], "default": "present"},
}


class Told:
    """What the module said to people."""

    def __init__(self):
        self.warnings, self.deprecations = [], []


def build(arguments, told=None, check_mode=False, supports_check_mode=True, **constraints):
    told = told or Told()
    task = Task(
        "thing", arguments, check_mode, True, told.warnings.append, lambda msg, **_: told.deprecations.append(msg)
    )
    return WorkerModule(task, argument_spec=SPEC, supports_check_mode=supports_check_mode, **constraints)


def result_of(function, *arguments, **values):
    with pytest.raises(Finished) as finished:
        function(*arguments, **values)
    return finished.value.result


def test_arguments_are_converted_and_get_their_defaults():
    module = build({"name": "a", "size": "3"})
    assert module.params == {"name": "a", "size": 3, "password": None, "state": "present"}


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({}, "missing required arguments: name"),
        ({"name": "a", "sise": 1}, "sise. Supported parameters include"),
        ({"name": "a", "size": "many"}, "size"),
        ({"name": "a", "state": "gone"}, "value of state must be one of: present, absent"),
    ],
)
def test_what_the_specification_forbids_fails_the_task(arguments, told):
    result = result_of(build, arguments)
    assert result["failed"] and told in result["msg"]


def test_constraints_between_arguments_hold():
    result = result_of(build, {"name": "a"}, required_together=[("name", "password")])
    assert "password" in result["msg"] and result["failed"]


def test_a_setting_that_would_be_ignored_is_an_error_of_the_module():
    with pytest.raises(TypeError, match="add_file_common_args"):
        build({"name": "a"}, add_file_common_args=True)


def test_a_module_without_check_mode_is_skipped_in_it():
    result = result_of(build, {"name": "a"}, check_mode=True, supports_check_mode=False)
    assert result["skipped"] and not result["changed"]


def test_a_result_is_told_without_the_secrets_that_came_in():
    module = build({"name": "a", "password": "tr0ub4dor"})
    result = result_of(module.exit_json, changed=True, url="https://user:tr0ub4dor@host", deep=[{"it": "tr0ub4dor"}])
    assert result["changed"] and "tr0ub4dor" not in str(result)


def test_a_failure_says_so_and_keeps_what_was_learned():
    module = build({"name": "a"})
    result = result_of(module.fail_json, "it broke", exception="a traceback", last_state="creating")
    assert result == {"changed": False, "failed": True, "msg": "it broke", "last_state": "creating"}


def test_the_end_is_not_caught_as_an_exception():
    module = build({"name": "a"})
    with pytest.raises(Finished):
        try:
            module.exit_json()
        except Exception:  # what careless module code does
            pytest.fail("the result was swallowed")


def test_warnings_reach_people_without_secrets():
    told = Told()
    build({"name": "a", "password": "tr0ub4dor"}, told).warn("bad password tr0ub4dor")
    assert len(told.warnings) == 1 and "tr0ub4dor" not in told.warnings[0]


def test_values_become_what_json_would_bring():
    class Text(str):
        pass

    class Rows(dict):
        pass

    value = plain(Rows(a=Text("x"), b={2, 1}, c=(1, 2), d=datetime.date(2026, 1, 2), e=b"raw"))
    assert value == {"a": "x", "b": [1, 2], "c": [1, 2], "d": "2026-01-02", "e": "raw"}
    assert type(value) is dict and type(value["a"]) is str


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"name": "a", "size": float("inf")}, "size. Found: cannot convert"),
        ({"name": "a", "sizes": [{"of": 5}]}, "sizes.of. Found: argument of type 'int'"),
    ],
)
def test_a_value_at_which_ansibles_validator_breaks_is_told_by_its_option(monkeypatch, arguments, told):
    nested = {"type": "dict", "options": {"least": {"type": "int"}}}
    monkeypatch.setitem(SPEC, "sizes", {"type": "list", "elements": "dict", "options": {"of": nested}})
    result = result_of(build, arguments)
    assert result["failed"] and told in result["msg"] and "Traceback" not in result["msg"]
