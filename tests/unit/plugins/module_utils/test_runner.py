# SPDX-License-Identifier: GPL-3.0-or-later
import pytest
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import Refused
from ansible_collections.medzen.multiregion.plugins.module_utils.runner import run


class Ended(Exception):
    pass


class Module:
    def __init__(self, **params):
        self.params = params

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


@pytest.mark.parametrize(
    ("params", "told"),
    [
        ({"threshold": float("nan")}, "threshold is nan; expected a number"),
        ({"rates": [1.0, float("inf")]}, "rates[1] is inf; expected a number"),
        ({"storage": {"gb": 10**400}}, "storage.gb is a number of 401 digits"),
        ({"poll_seconds": -1.0}, "poll_seconds is -1.0; expected 0.001 or more"),
        ({"wait_timeout": -1}, "wait_timeout is -1; expected 0 or more"),
        ({"name": "a\x00b"}, "name has a character that is none"),
        ({"tags": {"a": "\ud800"}}, "tags.a has a character that is none"),
    ],
)
def test_what_no_api_clock_or_database_takes_is_refused_before_the_module_works(params, told):
    module = Module(**params)
    with pytest.raises(Ended):
        run(module, lambda m: pytest.fail("it worked"))
    assert told in module.failure["msg"] and "Next: correct the options named" in module.failure["msg"]


def test_ordinary_values_pass():
    module = Module(name="Zoë\n", poll_seconds=0.01, wait_timeout=0, count=2**63 - 1, none=None, truth=True)
    with pytest.raises(Ended):
        run(module, lambda m: {"changed": True})
    assert module.result == {"changed": True}
