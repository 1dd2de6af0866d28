# SPDX-License-Identifier: GPL-3.0-or-later
"""Every option and returned value of the modules for visits and the assistant exists in botocore's model.

Names, types, choices, words, limits and patterns that a module documents are compared with the shapes that shapes.yml
leads to. A name that is neither in the model nor in that table is a fault, as is a row of the table that leads nowhere.
"""

import copy
import re
from collections import ChainMap

import module_shapes as shapes
import pytest
from module_shapes import MODULES, OPTIONS, RETURNS

TYPES = {
    "str": {"string", "timestamp", "character"},
    "int": {"integer", "long"},
    "float": {"float", "double", "integer", "long"},
    "bool": {"boolean"},
    "list": {"list"},
    "dict": {"structure", "map"},
}
# Numbers of standards, which are no limits of anything.
STANDARDS = {8601, 1970}
MACRO = re.compile(r"\b[A-Z]+\(([^()]*(?:\([^()]*\))?[^()]*)\)")
NUMBER = re.compile(r"(?<![\w.:-])\d+(?:\.\d+)?(?![\w-]|\.\d)")
WORD = re.compile(r"\b[CV]\(([A-Za-z_]+)\)")
MEMBER = re.compile(r"\bC\(([a-z][a-z0-9_]*)\)")
CLASS = re.compile(r"C\((\[[^()]+\])\)")
# Words of Ansible's and YAML's own.
PLAIN_WORDS = {"true", "false", "null"}


def text_of(value):
    given = value.get("description", "")
    return given if isinstance(given, str) else " ".join(given)


def numbers_in(text):
    """Numbers of a text that stand for themselves, not those in a name such as eu-west-1 or C(sha256)."""
    bare = MACRO.sub(lambda found: found[1] if NUMBER.fullmatch(found[1]) else " ", text)
    return {float(number) for number in NUMBER.findall(bare)}


def limits_of(meaning):
    """Every number that may stand in a value's text."""
    own = {float(meaning.own[name]) for name in ("min", "max") if name in meaning.own}
    own |= {float(number) for number in meaning.own.get("numbers", {})}
    found = [meaning.shape, shapes.scalar_of(meaning.shape)] if meaning.shape is not None else []
    return own | {float(shape.metadata[name]) for shape in found for name in ("min", "max") if name in shape.metadata}


def enum_of(meaning):
    return set(getattr(shapes.scalar_of(meaning.shape), "enum", None) or ())


def type_faults(value, meaning):
    if meaning.shape is None:
        return
    told, elements, shape = value.get("type", "str"), value.get("elements"), meaning.shape
    if meaning.own.get("many"):
        if told != "list":
            yield f"is a {told}; the table says that it is a list"
        told, elements = elements or "str", None
    if told != "raw" and shape.type_name not in TYPES[told] and not is_list_of(told, elements, shape):
        yield f"is a {told}; {shape.name} is a {shape.type_name}"
    elif shape.type_name == "list" and elements and shape.member.type_name not in TYPES[elements]:
        yield f"is a list of {elements}; {shape.name} is one of {shape.member.type_name}"


def is_list_of(told, elements, shape):
    """A list of ours of what the service gives one by one, as the guardrails of a region."""
    return told == "list" and elements == "dict" and shape.type_name == "structure"


def word_faults(value, meaning):
    enum = enum_of(meaning)
    if not enum:
        return
    for place in ("choices", "default", "sample"):
        given = value.get(place)
        listed = given if isinstance(given, list) else [] if given in (None, "") else [given]
        for word in listed:
            if word not in enum:
                yield f"has the {place} {word}; the model has {', '.join(sorted(enum))}"
    known = {*enum, *PLAIN_WORDS, *meaning.own.get("words", ())}
    for word in sorted(set(WORD.findall(text_of(value))) - known):
        yield f"tells of {word}; the model has {', '.join(sorted(enum))}"


def number_faults(value, meaning):
    for number in sorted(numbers_in(text_of(value)) - limits_of(meaning) - STANDARDS):
        yield f"tells of {number:g}, which is no limit of the model"
    for number in sorted(meaning.own.get("numbers", {})):
        if float(number) not in numbers_in(text_of(value)):
            yield f"has {number} in the table, and not in its text"


def pattern_faults(value, meaning):
    for found in CLASS.findall(text_of(value)):
        pattern = shapes.scalar_of(meaning.shape).metadata.get("pattern", "") if meaning.shape is not None else ""
        if found not in pattern:
            yield f"tells of the pattern {found}; the model has {pattern or 'none'}"


def member_faults(value, meaning, kind):
    """What a text and a sample say of the members of a dict that has no list of its own."""
    below, shape = value.get(shapes.BELOW[kind]), meaning.shape
    if shape is not None and shape.type_name == "structure" and not below:
        for name in MEMBER.findall(text_of(value)):
            try:
                shapes.member_named(shape, name)
            except shapes.Unmapped as fault:
                yield f"tells of {name}: {fault}"
    sample = value.get("sample")
    for one in sample if isinstance(sample, list) else [sample]:
        if isinstance(one, dict) and below:
            yield from (f"has the sample {name}, which it does not contain" for name in sorted(set(one) - set(below)))


def content_faults(value, meaning, kind):
    """A dict says what is in it, unless the model does, or its keys are names of their owner."""
    opaque = value.get("type") == "dict" or value.get("elements") == "dict"
    if kind == RETURNS and opaque and not value.get("contains") and meaning.shape is None and "keys" not in meaning.own:
        yield "is a dict that does not say what it contains"


def faults_of(values, kind, rows):
    """Everything that documentation says and the model does not, as path and fault."""
    for path, value in shapes.iter_documented(values, kind):
        try:
            meaning = shapes.meaning_of(rows, path)
        except shapes.Unmapped as fault:
            yield path, str(fault)
            continue
        looks = (type_faults, word_faults, number_faults, pattern_faults)
        yield from ((path, fault) for look in looks for fault in look(value, meaning))
        yield from ((path, fault) for look in (member_faults, content_faults) for fault in look(value, meaning, kind))


def stale_rows(values, kind, rows):
    return set(rows) - {path for path, _value in shapes.iter_documented(values, kind)}


def rows_of(module, kind):
    return shapes.table()[module][kind]


def test_the_table_has_every_module():
    assert sorted(shapes.table()) == MODULES


@pytest.mark.parametrize("kind", [OPTIONS, RETURNS])
@pytest.mark.parametrize("module", MODULES)
def test_what_a_module_documents_is_in_the_model(module, kind):
    values, rows = shapes.documented(module, kind), rows_of(module, kind)
    assert [f"{path}: {fault}" for path, fault in faults_of(values, kind, rows)] == []
    assert stale_rows(values, kind, rows) == set()


# --- each of them can fail -------------------------------------------------------------------------------------------


def renamed(values, old, new):
    return {new if name == old else name: value for name, value in values.items()}


def changed(value, **more):
    return {**value, **more}


def with_text(value, old, new):
    text = text_of(value)
    assert old in text, text
    return changed(value, description=text.replace(old, new))


MUTATIONS = {
    "an option that the model does not have": (
        "bedrock_guardrail", OPTIONS, "content_policy.filters",
        lambda found: changed(found, suboptions=renamed(found["suboptions"], "input_strength", "prompt_strength")),
        "has no prompt_strength",
    ),
    "an option that nobody has heard of": (
        "chime_app_instance", OPTIONS, "", lambda found: renamed(found, "metadata", "meta"), "neither in the model nor",
    ),
    "a choice": (
        "bedrock_data_retention", OPTIONS, "mode",
        lambda found: changed(found, choices=[*found["choices"], "forever"]), "has the choices forever",
    ),
    "a default": (
        "bedrock_guardrail", OPTIONS, "topic_policy.topics.type", lambda found: changed(found, default="ALLOW"),
        "has the default ALLOW",
    ),
    "a word in a text": (
        "bedrock_guardrail", OPTIONS, "content_policy.filters.type",
        lambda found: with_text(found, "C(SEXUAL)", "C(RUDE)"), "tells of RUDE",
    ),
    "a length": (
        "bedrock_guardrail", OPTIONS, "description", lambda found: with_text(found, "200", "300"), "tells of 300",
    ),
    "a range": (
        "chime_app_instance", OPTIONS, "retention_days", lambda found: with_text(found, "5475", "5476"),
        "tells of 5476",
    ),
    "a number of items": (
        "bedrock_guardrail", OPTIONS, "topic_policy.topics", lambda found: with_text(found, "30", "31"),
        "tells of 31",
    ),
    "a pattern": (
        "bedrock_guardrail", OPTIONS, "name", lambda found: with_text(found, "[0-9a-zA-Z-_]", "[a-z]"),
        "tells of the pattern",
    ),
    "a type": (
        "chime_app_instance", OPTIONS, "retention_days", lambda found: changed(found, type="str"), "is a str",
    ),
    "a returned value that the model does not have": (
        "chime_app_instance", RETURNS, "app_instance",
        lambda found: changed(found, contains=renamed(found["contains"], "name", "title")), "has no title",
    ),
    "a returned word": (
        "bedrock_inference_profile", RETURNS, "inference_profile.status",
        lambda found: with_text(found, "ACTIVE", "READY"), "tells of READY",
    ),
    "a member in a text": (
        "bedrock_guardrail", RETURNS, "guardrail.topic_policy",
        lambda found: with_text(found, "C(topics)", "C(themes)"), "tells of themes",
    ),
    "a member in a sample": (
        "bedrock_guardrail", RETURNS, "guardrail",
        lambda found: changed(found, sample={"guardrail_identifier": "a1"}), "has the sample guardrail_identifier",
    ),
    "a dict that says nothing": (
        "bedrock_guardrail_probe", RETURNS, "results",
        lambda found: {name: value for name, value in found.items() if name != "contains"}, "does not say what",
    ),
}  # fmt: skip


def mutated(values, kind, path, change):
    """A copy of the documentation in which one value is changed."""
    found = copy.deepcopy(values)
    if not path:
        return change(found)
    *above, name = path.split(".")
    place = found
    for step in above:
        place = place[step][shapes.BELOW[kind]]
    place[name] = change(place[name])
    return found


@pytest.mark.parametrize("what", MUTATIONS)
def test_a_fault_is_found(what):
    module, kind, path, change, expected = MUTATIONS[what]
    values = mutated(shapes.documented(module, kind), kind, path, change)
    assert any(expected in fault for _path, fault in faults_of(values, kind, rows_of(module, kind)))


def test_a_row_that_leads_nowhere_is_found():
    values, rows = shapes.documented("chime_app_instance", OPTIONS), rows_of("chime_app_instance", OPTIONS)
    assert stale_rows(values, OPTIONS, {**rows, "gone": "ours, nothing"}) == {"gone"}
    wrong = ChainMap({"name": "chime-sdk-identity:CreateAppInstanceRequest.Title"}, rows)
    assert [fault for path, fault in faults_of(values, OPTIONS, wrong) if path == "name"]
