# SPDX-License-Identifier: GPL-3.0-or-later
import pytest
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import Refused
from ansible_collections.medzen.multiregion.plugins.module_utils.runner import run


class Ended(Exception):
    pass


class Module:
    def exit_json(self, **result):
        self.result = result
        raise Ended

    def fail_json(self, msg, **result):
        self.failure = {"msg": msg, **result}
        raise Ended


def refuse(module):
    raise Refused("No", found="a", result={"gate": {"verdict": "refuse"}, "msg": "hidden"})


def test_the_result_of_the_function_is_the_result_of_the_module():
    module = Module()
    with pytest.raises(Ended):
        run(module, lambda m: {"changed": False})
    assert module.result == {"changed": False}


def test_an_error_fails_with_its_message_and_what_was_learned():
    module = Module()
    with pytest.raises(Ended):
        run(module, refuse)
    assert module.failure["msg"] == "No. Found: a."
    assert module.failure["gate"] == {"verdict": "refuse"}
    assert "Refused" in module.failure["exception"]


def test_a_programming_error_is_not_made_a_message():
    with pytest.raises(ZeroDivisionError):
        run(Module(), lambda m: 1 / 0)
