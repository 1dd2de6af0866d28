# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the value of an option is of its kind: specs, kinds and a value in, faults out. No I/O but botocore's models.

Ansible's argument specs know types, words to choose from and names of suboptions. What they take without a word, and
what is told here: a text that is no name of DNS, a list where a text is wanted, a number out of its range, true for 1,
"a, b" for a list, nothing at all. Where a value is used as it was given, nothing converts it on the way.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from ansible_collections.medzen.multiregion.plugins.module_utils.service_model import iter_faults as iter_shape_faults
from ansible_collections.medzen.multiregion.plugins.module_utils.service_model import member_at, model_of

FREE = "free"
LONGEST = 255
SHOWN_MAX = 80
TRUTHS = frozenset({"true", "false", "yes", "no", "on", "off", "1", "0"})
# What int() and float() take beyond this, as 1_000 and digits of other scripts, Jinja does not, or nobody means.
WHOLE, DECIMAL = re.compile(r"-?[0-9]{1,18}", re.ASCII), re.compile(r"-?[0-9]{1,18}(\.[0-9]{1,18})?", re.ASCII)


class Fault(NamedTuple):
    """What is wrong: the path of the value from the option on, what was found and what was expected."""

    path: str
    found: str
    expected: str


@dataclass(frozen=True)
class Kind:
    """What a text or a number must look like."""

    name: str
    says: str
    right: Any
    pattern: str = ""
    longest: int = LONGEST
    type: str = ""
    least: float | None = None
    most: float | None = None
    one_of: tuple = ()
    shape: str = ""

    @property
    def is_number(self) -> bool:
        return self.least is not None or bool(self.one_of)

    @property
    def takes(self) -> str:
        """The type of Ansible's that goes with it."""
        return (self.type or "int") if self.is_number else "str"


def read_kinds(described: Mapping[str, Mapping]) -> dict[str, Kind]:
    return {name: Kind(name, **{**one, "one_of": tuple(one.get("one_of", ()))}) for name, one in described.items()}


def iter_faults(option: str, value: Any, spec: Mapping, rule: Any, kinds: Mapping[str, Kind]) -> Iterator[Fault]:
    """Every fault of an option's value. `spec` is its argument spec, `rule` its entry of option_kinds.yml, or None."""
    yield from _Check(kinds).iter_value(option, value, spec, rule)


@dataclass(frozen=True)
class _Check:
    kinds: Mapping[str, Kind]

    def iter_value(self, path: str, value: Any, spec: Mapping, rule: Any) -> Iterator[Fault]:
        kind = spec.get("type", "str")
        if value is None:
            yield Fault(path, "nothing (null)", self.expected(spec, rule))
        elif kind == "list":
            yield from self.iter_list(path, value, spec, rule)
        elif kind == "dict":
            yield from self.iter_dict(path, value, spec, rule)
        else:
            yield from self.iter_scalar(path, value, spec, rule)

    def iter_list(self, path: str, value: Any, spec: Mapping, rule: Any) -> Iterator[Fault]:
        if not isinstance(value, (list, tuple)):
            yield Fault(path, shown(value), self.expected(spec, rule))
            return
        if isinstance(rule, str) and rule.endswith("+") and not value:
            yield Fault(path, "an empty list", self.expected(spec, rule))
        item = {**spec, "type": spec.get("elements", "str")}
        below = rule.rstrip("*+") if isinstance(rule, str) else rule
        for number, one in enumerate(value):
            yield from self.iter_value(f"{path}[{number}]", one, item, below)

    def iter_dict(self, path: str, value: Any, spec: Mapping, rule: Any) -> Iterator[Fault]:
        if not isinstance(value, Mapping):
            yield Fault(path, shown(value), self.expected(spec, rule))
        elif isinstance(rule, (list, tuple)):
            yield from self.iter_entries(path, value, rule)
        elif isinstance(rule, Mapping):
            yield from self.iter_options(path, value, spec.get("options") or {}, rule)

    def iter_entries(self, path: str, value: Mapping, rule: Any) -> Iterator[Fault]:
        """A dict of which the keys are values as well."""
        for key, one in value.items():
            yield from self.iter_scalar(f"{path} (a key)", key, {}, rule[0])
            yield from self.iter_value(f"{path}.{shown_key(key)}", one, self.spec_of(rule[1]), rule[1])

    def iter_options(self, path: str, value: Mapping, specs: Mapping, rule: Mapping) -> Iterator[Fault]:
        known = sorted({*specs, *rule})
        for key, one in value.items():
            below = f"{path}.{shown_key(key)}"
            if key not in known:
                near = difflib.get_close_matches(str(key), known, n=1)
                hint = f"; {near[0]} is near" if near else ""
                yield Fault(below, "a key that nothing reads", f"one of {', '.join(known)}{hint}")
            elif one is not None:
                yield from self.iter_value(below, one, specs.get(key) or self.spec_of(rule[key]), rule.get(key))

    def iter_scalar(self, path: str, value: Any, spec: Mapping, rule: Any) -> Iterator[Fault]:
        kind = self.kinds.get(rule.rstrip("?")) if isinstance(rule, str) else None
        if value == "" and isinstance(rule, str) and rule.endswith("?"):
            return
        if spec.get("type") == "bool":
            wrong = not (isinstance(value, bool) or str(value).lower() in TRUTHS)
        elif kind is None:
            wrong = bool(spec.get("choices")) and not (isinstance(value, str) and value in spec["choices"])
        else:
            wrong = not (number_fits(kind, value) if kind.is_number else text_fits(kind, value))
        if wrong:
            told = "a value that is not told" if spec.get("no_log") else shown(value)
            yield Fault(path, told, self.expected(spec, rule))

    def spec_of(self, rule: Any) -> dict:
        """The spec of a value below a dict's keys, which argument specs cannot describe."""
        if isinstance(rule, str) and rule[-1] in "*+":
            return {"type": "list", "elements": self.spec_of(rule[:-1])["type"]}
        if isinstance(rule, str):
            return {"type": self.kinds[rule.rstrip("?")].takes}
        return {"type": "dict"}

    def expected(self, spec: Mapping, rule: Any) -> str:
        kind = spec.get("type", "str")
        if kind == "list":
            many = "a list of one or more" if isinstance(rule, str) and rule.endswith("+") else "a list"
            below = rule.rstrip("*+") if isinstance(rule, str) else rule
            return f"{many}: {self.expected({**spec, 'type': spec.get('elements', 'str')}, below)}"
        if kind == "dict":
            keys = ", ".join(spec.get("options") or (rule if isinstance(rule, Mapping) else ()))
            return f"a dict of {keys}" if keys else "a dict"
        if kind == "bool":
            return "true or false"
        if spec.get("choices"):
            return f"one of {', '.join(map(str, spec['choices']))}"
        if isinstance(rule, str) and rule.rstrip("?") in self.kinds:
            return self.kinds[rule.rstrip("?")].says + (", or nothing" if rule.endswith("?") else "")
        return f"a value of type {kind}"


def number_fits(kind: Kind, value: Any) -> bool:
    """Whether it is a number in its range, or the text of one, as -e name=value gives it. NaN is in no range."""
    if isinstance(value, str):
        if not (DECIMAL if kind.takes == "float" else WHOLE).fullmatch(value):
            return False
        value = float(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or (kind.takes == "int" and value != value // 1):
        return False
    if kind.one_of:
        return value in kind.one_of
    return kind.least <= value <= kind.most


def text_fits(kind: Kind, value: Any) -> bool:
    """Whether it is a text of this kind. A whole number is its digits; 16.10 is none, because YAML makes 16.1 of it."""
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        return False
    text = str(value)
    if kind.shape:
        return text == text.strip() and not has_forbidden(text) and fits_shape(kind.shape, text)
    return 0 < len(text) <= kind.longest and re.fullmatch(kind.pattern, text) is not None


def has_forbidden(text: str) -> bool:
    """Control characters, halves of characters, what turns the direction of writing, and beginnings of templates."""
    return re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]|\{[{%#]", text) is not None


def fits_shape(place: str, text: str) -> bool:
    service, operation, member = place.split()
    shape = member_at(model_of(service).operation_model(operation).input_shape, member)
    return bool(text) and not list(iter_shape_faults(shape, text, ""))


def cut(text: str, most: int = SHOWN_MAX) -> str:
    """The text as it can stand in a message: short, and without a character that a terminal would obey."""
    told = text.encode("ascii", "backslashreplace").decode()
    told = re.sub(r"[\x00-\x1f\x7f]", lambda found: f"\\x{ord(found.group()):02x}", told)
    return told if len(told) <= most else f"{told[:most]}... ({len(told)} characters)"


def shown(value: Any) -> str:
    names = ((str, ""), (bool, ", true or false"), ((int, float), ", a number"), ((list, tuple), ", a list"))
    return cut(ascii(value)) + next(
        (name for kind, name in names if isinstance(value, kind)), f", a {type(value).__name__}"
    )


def shown_key(key: Any) -> str:
    return key if isinstance(key, str) and re.fullmatch(r"[A-Za-z0-9_.:-]{1,64}", key) else shown(key)
