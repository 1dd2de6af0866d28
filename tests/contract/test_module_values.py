# SPDX-License-Identifier: GPL-3.0-or-later
"""No option of a module takes a wrong type, an unknown word or an unknown key, and no text of any kind breaks one.

A task is the module's first example with one wrong value in it. Modules run as in a playbook, up to their first call;
nothing is connected to. Limits and patterns of the modules for visits and the assistant are in test_bad_options.py.
"""

import copy
import functools
import importlib
import math
import re
import socket
import time

import module_runs
import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from module_runs import PACKAGE, Called
from module_shapes import MODULES_FOLDER, documentation_of
from option_cases import ALIKE, HOSTILE, LABEL, reproducible

# Those without an API's client are documentation of actions.
ACTIONS = {"gate", "option_names", "option_values"}
MODULES = sorted({path.stem for path in MODULES_FOLDER.glob("*.py")} - ACTIONS)
WRONG = {
    "int": ("many", "", "1e400", [1], math.nan, math.inf, "5; id"),
    "float": ("much", "", [1.0], math.nan, math.inf, "-inf"),
    "bool": ("perhaps", [True], 2, "true; id"),
    "dict": ("text", 5, ["a"]),
    "list": ({"a": 1},),
}
RIGHT = {"int": 1, "float": 1.0, "bool": True, "list": [], "dict": {}}
READS = re.compile(r"(Describe|Get|List|Head|BatchGet|Query|Scan|Select|Lookup|Simulate|Decode)[A-Z]|ApplyGuardrail$")


class Seen(Exception):
    pass


@functools.cache
def spec_of(name):
    """The argument spec that a module hands to AnsibleAWSModule."""
    module, found = importlib.import_module(f"{PACKAGE}.{name}"), {}

    def remember(argument_spec, **_more):
        found.update(argument_spec)
        raise Seen

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "AnsibleAWSModule", remember)
        with pytest.raises(Seen):
            module.main()
    return found


@functools.cache
def first_example(name):
    """The arguments of the first example; a template in it is some text, or a value of its type."""
    for task in documentation_of(name, "EXAMPLES"):
        if arguments := task.get(f"medzen.multiregion.{name}"):
            return fill(arguments, spec_of(name))
    raise AssertionError(f"{name} has no example")


def fill(task, specs):
    filled = {}
    for option, value in task.items():
        spec = specs.get(option, {})
        if isinstance(value, str) and "{{" in value:
            value = RIGHT.get(spec.get("type", "str"), value)
        elif isinstance(value, dict):
            value = fill(value, spec.get("options") or {})
        elif isinstance(value, list):
            value = [fill(one, spec.get("options") or {}) if isinstance(one, dict) else one for one in value]
        filled[option] = value
    return filled


def iter_paths(specs, task, above=()):
    """Each option, also below the dicts that the example has, with its spec."""
    for name, spec in specs.items():
        yield (*above, name), spec
        below = (task or {}).get(name) if isinstance(task, dict) else None
        if spec.get("options"):
            item = below[0] if isinstance(below, list) and below else below
            if isinstance(item, dict):
                step = (name, 0) if isinstance(below, list) else (name,)
                yield from iter_paths(spec["options"], item, (*above, *step))


def with_value(name, path, value):
    task = copy.deepcopy(first_example(name))
    place = task
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    return task


def wrong_by_type(spec):
    kind = spec.get("type", "str")
    many = kind == "list"
    values = WRONG.get(spec.get("elements") if many else kind, ())
    yield from ([value] for value in values) if many else values
    yield from WRONG["list"] if many else ()
    if spec.get("choices") and spec.get("elements" if many else "type", "str") == "str":
        words = ("no_such_word", "", f"{spec['choices'][0]} ", f"{str(spec['choices'][0])[:-1]}\u0430")
        yield from ([word] for word in words) if many else words


@pytest.fixture
def cut_off(monkeypatch):
    """No connection is made, and nobody waits."""

    def refuse(*_given, **_more):
        raise OSError("no network here")

    def wake(_seconds):
        raise Called("sleep")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(
        psycopg, "connect", lambda *_a, **_k: (_ for _ in ()).throw(psycopg.OperationalError("no server"))
    )
    monkeypatch.setattr(time, "sleep", wake)


@pytest.mark.parametrize("name", MODULES)
def test_a_wrong_type_word_or_key_is_refused_by_the_options_name_before_any_call(name, run, calls, record_property):
    specs = spec_of(name)
    cases = [
        (path[-1], with_value(name, path, value))
        for path, spec in iter_paths(specs, first_example(name))
        for value in wrong_by_type(spec)
    ]
    for above in {path[:-1] for path, _spec in iter_paths(specs, first_example(name))}:
        cases += [("no_such_option", with_value(name, (*above, "no_such_option"), 1))]
    for option, spec in specs.items():
        if spec.get("required"):
            cases += [(option, {key: one for key, one in first_example(name).items() if key != option})]
    taken = []
    for option, task in cases:
        try:
            result = run(name, task)
        except Called:
            result = {}
        if not result.get("failed") or option not in result["msg"]:
            taken.append((option, task, result.get("msg")))
    record_property(LABEL, {"wrong values of modules": len(cases)})
    assert (taken, calls) == ([], [])


def texts_of(name):
    return [path for path, spec in iter_paths(spec_of(name), first_example(name)) if spec.get("type", "str") == "str"]


@pytest.mark.parametrize("name", [name for name in MODULES if texts_of(name)])
def test_a_hostile_text_is_refused_or_handed_on_as_it_is(name, cut_off, record_property):
    """Never a traceback: a text is refused by a failed task, or is a value of the first request."""
    tried = []

    @reproducible(8)
    @given(st.sampled_from(texts_of(name)), st.sampled_from((*HOSTILE, *ALIKE)) | st.text(max_size=40))
    def check(path, value):
        with pytest.MonkeyPatch.context() as patch:
            calls = module_runs.hold_light_calls(patch)
            tried.append(path)
            try:
                result = module_runs.make_run(patch)(name, with_value(name, path, value))
            except Called:
                return
            assert result.get("failed") or not [one for one in calls if not READS.match(one)], (path, result, calls)
            assert "Traceback" not in result.get("msg", "")

    check()
    record_property(LABEL, {"texts of modules": len(tried)})
