# SPDX-License-Identifier: GPL-3.0-or-later
"""Values that an option must refuse, and values that it must take, made from its spec and its kind by hypothesis.

What is wrong here is wrong by what AWS, DNS, SQL or Ansible say of it, not because the code under test says so: a text
from HOSTILE is no name of anything, a list is no text, NaN is no number of seconds.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from ansible_collections.medzen.multiregion.plugins.action import option_values as action
from ansible_collections.medzen.multiregion.plugins.plugin_utils.given_options import EXTRA, ROOT
from hypothesis import HealthCheck, settings
from hypothesis import seed as seed_of
from hypothesis import strategies as st

# Another seed tries other values; MEDZEN_OPTIONS_TIMES=20 tries twenty times as many.
SEED = int(os.environ.get("MEDZEN_OPTIONS_SEED", "20261128"))
TIMES = int(os.environ.get("MEDZEN_OPTIONS_TIMES", "1"))
RULES = action.read_rules(ROOT)
OPTIONS = sorted(RULES.specs)
NUMBERS = ("int", "float")
# Kinds of what people read. Quotes and semicolons belong to them: nothing runs or interprets these texts.
PROSE = {
    "text", "guardrail_message", "topic_definition", "topic_example", "word",
    "regex_name", "regex_description", "regex",
}  # fmt: skip
# Wrong in any text at all.
POISON = (
    "a\x00b", "a\x1b[2Jb", "a\x7fb", "\u202etxt.exe", "a\u2066b", "\ud800",
    "{{ 7 * 7 }}", "{% for x in y %}", "{# gone #}",
    "x{{ lookup('ansible.builtin.pipe', 'id') }}",
)  # fmt: skip
# Wrong in any name, address, path, window or word.
HOSTILE = (
    *POISON, " ", "a b ", " a", "a\n", "\na", "a\r\nHost: b", "a\tb", "a'b", 'a"b', "a`id`", "$(id)", "${HOME}",
    "; rm -rf /", "| id", "&& id", "a > /tmp/x", "' OR 1=1 --", "'; DROP TABLE ehr; --", "../../etc/passwd\x00",
    "%s%n$x", "<script>", "a\\b", "medzen\u200behrbase", "x" * 5000,
)  # fmt: skip
# Alike and other letters: wrong wherever AWS, DNS or SQL have to know the name. A folder may be called so.
ALIKE = ("\u0430f-south-1", "eu\u2013central\u20131", "\uff45u-central-1", "\u0661\u0662", "e\u0301u")
WRONG_NUMBERS = (
    math.nan, math.inf, -math.inf, "NaN", "nan", "inf", "-inf", "1e400", "1_000", "0x10", "\u0661\u0662", "many", "",
    " 5", "5\n", "5; id", True, False, [5], {"a": 5}, 10**30, -(10**30), "9" * 400, 1.5e300,
)  # fmt: skip
WRONG_TRUTHS = (
    "perhaps",
    "",
    "tru",
    "y",
    "t",
    "{}",
    2,
    -1,
    0.5,
    math.nan,
    [True],
    {"a": True},
    "true; id",
    "\uff54rue",
)
LABEL = "bad_input"


class Case(NamedTuple):
    """One value that an option must refuse."""

    option: str
    value: Any


def reproducible(examples: int):
    """Hypothesis with a fixed seed and no memory: what failed once fails again, alone as well."""

    def decorate(test):
        quiet = settings(
            max_examples=examples * TIMES, database=None, deadline=None, suppress_health_check=list(HealthCheck)
        )
        return quiet(seed_of(SEED)(test))

    return decorate


def faults_of(option: str, value: Any, place: str = EXTRA) -> list:
    """What the action finds in this value: the way that every playbook goes."""
    return list(action.find_faults(option, [(place, value)], RULES, evaluate=lambda _host, template: template))


def tell(faults: list, option: str) -> list[dict]:
    return [action.describe(fault, [EXTRA], RULES.specs[option]) for fault in faults]


# --- what an option is -----------------------------------------------------------------------------------------------


def kind_of(rule: Any) -> str:
    return rule.rstrip("?*+") if isinstance(rule, str) else ""


def is_free(option: str) -> bool:
    return kind_of(RULES.rules.get(option)) == "free"


def is_prose(rule: Any) -> bool:
    return kind_of(rule) in PROSE


# --- wrong values ----------------------------------------------------------------------------------------------------


def wrong_scalars(spec: Mapping, rule: Any) -> Iterator[Any]:
    """Every wrong value of a list, for a text, a number or a truth."""
    kind = spec.get("type", "str")
    if kind == "bool":
        yield from WRONG_TRUTHS
    elif spec.get("choices"):
        yield from (*HOSTILE, *ALIKE, "", "no_such_word", spec["choices"][0] + " ", [spec["choices"][0]], 1.5)
    elif kind in NUMBERS:
        yield from (*WRONG_NUMBERS, *beyond(RULES.kinds[kind_of(rule)]))
    else:
        yield from POISON if is_prose(rule) else HOSTILE
        yield from () if is_prose(rule) or kind_of(rule) == "file" else ALIKE
        yield from ([], ["a"], {"a": "b"}, True, 1.5, math.nan)
        if not rule.endswith("?"):
            yield ""


def beyond(kind: Any) -> list:
    if kind.one_of:
        return [max(kind.one_of) + 1, 2, 77.5]
    step = 1 if kind.takes == "int" else 0.5
    return [
        kind.least - step,
        kind.most + step,
        str(kind.most + 1),
        *([kind.least + 0.5] if kind.takes == "int" else []),
    ]


def wrong_values(spec: Mapping, rule: Any) -> Iterator[Any]:
    """Wrong values of an option of any type, in each place of it."""
    kind = spec.get("type", "str")
    yield None
    if kind == "list":
        yield from ("", "a", "a,b", 5, True, {"a": 1}, [None])
        if isinstance(rule, str) and rule.endswith("+"):
            yield []
        below = rule.rstrip("*+") if isinstance(rule, str) else rule
        yield from (
            [one] for one in wrong_values({**spec, "type": spec.get("elements", "str")}, below) if one is not None
        )
    elif kind == "dict":
        yield from ("", "a", "a=b", '{"a": 1}', 5, True, [], ["a"])
        yield from wrong_dicts(spec, rule)
    else:
        yield from wrong_scalars(spec, rule)


def wrong_dicts(spec: Mapping, rule: Any) -> Iterator[Any]:
    if isinstance(rule, list):
        right = right_value({}, rule[1])
        yield from ({key: right} for key in wrong_scalars({}, rule[0]) if isinstance(key, str))
        yield from ({RULES.kinds[kind_of(rule[0])].right: one} for one in wrong_values(*below_of(rule[1])))
    elif isinstance(rule, Mapping):
        whole = right_value(spec, rule)
        yield from ({**whole, name: "x"} for name in ("no_such_key", "__class__", "a; id", "\u0430"))
        for name in rule.keys() | (spec.get("options") or {}).keys():
            one = (spec.get("options") or {}).get(name) or below_of(rule[name])[0]
            # What is nothing there is not given.
            yield from ({**whole, name: value} for value in wrong_values(one, rule.get(name)) if value is not None)
        for name, one in (spec.get("options") or {}).items():
            if one.get("required"):
                yield {other: value for other, value in whole.items() if other != name} or {"x": 1}


def below_of(rule: Any) -> tuple[dict, Any]:
    """Spec and rule of what stands below the keys of a dict."""
    if isinstance(rule, str) and rule[-1] in "*+":
        return {"type": "list", "elements": RULES.kinds[kind_of(rule)].takes}, rule
    if isinstance(rule, str):
        return {"type": RULES.kinds[kind_of(rule)].takes}, rule
    return {"type": "dict"}, rule


def wrong_of(option: str) -> list[Case]:
    """Of a free dict, what is wrong is what is no dict."""
    spec, rule = RULES.specs[option], RULES.rules.get(option)
    if is_free(option) and spec.get("type") == "dict":
        return [Case(option, value) for value in (None, "", "a", 5, [], ["a"], "{{ x }}")]
    if is_free(option):
        return [Case(option, value) for value in (None, "", "a", 5, {"a": 1}, ["a"], [["a"]])]
    return [Case(option, value) for value in wrong_values(spec, rule)]


# --- right values ----------------------------------------------------------------------------------------------------


def right_value(spec: Mapping, rule: Any) -> Any:
    """The plainest value that an option takes."""
    if isinstance(rule, Mapping):
        options = spec.get("options") or dict.fromkeys(rule, {})
        wanted = [name for name, one in options.items() if one.get("required")] or list(rule)
        item = {name: right_value(options.get(name) or {}, rule.get(name)) for name in wanted}
        return [item] if spec.get("type") == "list" else item
    if isinstance(rule, list):
        return {RULES.kinds[kind_of(rule[0])].right: right_value({}, rule[1])}
    if spec.get("type") == "bool":
        return True
    if spec.get("choices"):
        return [spec["choices"][0]] if spec.get("type") == "list" else spec["choices"][0]
    if kind_of(rule) == "free":
        return [] if spec.get("type") == "list" else {}
    right = RULES.kinds[kind_of(rule)].right
    return [right] if rule[-1] in "*+" else right


def right_strategy(kind: Any) -> st.SearchStrategy:
    """Any value of a kind, of those that have a pattern or limits."""
    if kind.one_of:
        return st.sampled_from(kind.one_of)
    if kind.is_number and kind.takes == "float":
        return st.floats(kind.least, kind.most)
    if kind.is_number:
        return st.integers(kind.least, kind.most)
    return st.from_regex(kind.pattern, fullmatch=True).filter(lambda text: 0 < len(text) <= kind.longest)


# --- anything at all -------------------------------------------------------------------------------------------------


def json_values() -> st.SearchStrategy:
    """What -e or an inventory can hold, of any shape."""
    scalars = st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.sampled_from((*HOSTILE, *ALIKE)),
    )  # fmt: skip
    return st.recursive(
        scalars,
        lambda below: st.lists(below, max_size=3) | st.dictionaries(st.text(max_size=9), below, max_size=3),
        max_leaves=6,
    )
