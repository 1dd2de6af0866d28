# SPDX-License-Identifier: GPL-3.0-or-later
"""Specs, kinds and a value in, faults out. What every option takes and refuses is in tests/contract."""

import math

import pytest
from ansible_collections.medzen.multiregion.plugins.module_utils import option_kinds
from ansible_collections.medzen.multiregion.plugins.module_utils.option_kinds import Fault

KINDS = option_kinds.read_kinds(
    {
        "name": {"says": "small letters", "right": "a", "pattern": "[a-z]+", "longest": 5},
        "port": {"says": "a port", "right": 1, "least": 1, "most": 10},
        "rate": {"says": "a rate", "right": 1.5, "type": "float", "least": 0.5, "most": 10},
        "step": {"says": "10 or 30", "right": 10, "one_of": [10, 30]},
        "message": {"says": "a message", "right": "a", "shape": "bedrock CreateGuardrail blockedInputMessaging"},
    }
)


def faults(value, rule=None, **spec):
    return list(option_kinds.iter_faults("x", value, spec, rule, KINDS))


@pytest.mark.parametrize(
    ("value", "rule", "spec"),
    [
        ("abc", "name", {}),
        ("", "name?", {}),
        (5, "port", {"type": "int"}),
        ("5", "port", {"type": "int"}),
        (2.5, "rate", {"type": "float"}),
        ("2.5", "rate", {"type": "float"}),
        (30, "step", {"type": "int"}),
        ("no", None, {"type": "bool"}),
        ("a", None, {"choices": ["a", "b"]}),
        ([], "name*", {"type": "list", "elements": "str"}),
        (["a", "b"], "name+", {"type": "list", "elements": "str"}),
        ({"a": 1}, ["name", "port"], {"type": "dict"}),
        ({"a": {"n": "b"}}, ["name", {"n": "name"}], {"type": "dict"}),
        ({"a": ["b"]}, ["name", "name+"], {"type": "dict"}),
        ({"n": "a"}, {"n": "name"}, {"type": "dict", "options": {"n": {"type": "str"}}}),
        ({"n": None}, {"n": "name"}, {"type": "dict", "options": {"n": {"type": "str"}}}),
        ({"anything": [1]}, "free", {"type": "dict"}),
        ("Call the clinic: 'now'; please", "message", {}),
    ],
)
def test_what_is_of_its_kind_has_no_fault(value, rule, spec):
    assert faults(value, rule, **spec) == []


@pytest.mark.parametrize("value", ["", "abcdef", "Abc", "a\n", 5, True, ["a"], None])
def test_a_text_of_another_kind_is_a_fault_that_tells_the_kind(value):
    ((path, found, expected),) = faults(value, "name")
    assert (path, expected) == ("x", "small letters") and found


@pytest.mark.parametrize("value", [0, 11, "0", "1_0", "\u0661", 1.0000001, True, math.nan, math.inf, 10**400, "", [5]])
def test_a_number_outside_its_range_is_a_fault(value):
    assert [fault.expected for fault in faults(value, "port", type="int")] == ["a port"]


def test_nothing_at_all_is_a_fault_although_ansible_passes_it_over():
    assert faults(None, "port", type="int") == [Fault("x", "nothing (null)", "a port")]


def test_text_for_a_list_is_a_fault_although_ansible_splits_it():
    (fault,) = faults("a,b", "name*", type="list", elements="str")
    assert fault == Fault("x", "'a,b'", "a list: small letters")


def test_an_empty_list_is_a_fault_where_one_is_wanted():
    assert faults([], "name+", type="list", elements="str")[0].expected == "a list of one or more: small letters"


def test_a_fault_below_tells_its_path():
    spec = {"type": "list", "elements": "dict", "options": {"n": {"type": "str"}}}
    assert [one.path for one in faults([{"n": "a"}, {"n": "B"}], {"n": "name"}, **spec)] == ["x[1].n"]
    assert [one.path for one in faults({"a": {"n": "B"}}, ["name", {"n": "name"}], type="dict")] == ["x.a.n"]
    assert [one.path for one in faults({"A": 1}, ["name", "port"], type="dict")] == ["x (a key)"]


def test_an_unknown_key_is_a_fault_and_the_near_one_is_named():
    spec = {"type": "dict", "options": {"minimum": {"type": "int"}}}
    (fault,) = faults({"minimun": 1}, {"minimum": "port"}, **spec)
    assert fault == Fault("x.minimun", "a key that nothing reads", "one of minimum; minimum is near")


def test_a_secret_is_not_told():
    assert "hunter" not in str(faults("hunter 2", "name", no_log=True))


def test_a_long_value_is_cut_and_no_control_character_is_shown():
    (fault,) = faults("\x1b[2J\u202e" + "x" * 9000, "name")
    assert len(fault.found) < 150 and fault.found.isprintable() and fault.found.isascii()


@pytest.mark.parametrize("value", ["", " a", "a" * 501, "a\x00", "{{ x }}", "{% x %}", "a\u202e"])
def test_a_text_beyond_the_services_model_is_a_fault(value):
    assert len(faults(value, "message")) == 1
