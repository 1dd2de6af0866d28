# SPDX-License-Identifier: GPL-3.0-or-later
"""No option of a role, and no variable of the collection, takes a wrong value; each error says what to do.

The code under test is what the action option_values does in every playbook: the roles' argument specs in Ansible's own
ArgumentSpecValidator, and the kinds beside them. See option_cases.py for what is wrong, and docs/testing.md.
"""

import re

import pytest
from ansible_collections.medzen.multiregion.plugins.action import option_names as names_action
from ansible_collections.medzen.multiregion.plugins.module_utils import option_names
from ansible_collections.medzen.multiregion.plugins.module_utils.service_model import iter_faults, member_at, model_of
from ansible_collections.medzen.multiregion.plugins.plugin_utils.given_options import ROOT, read_specs, read_yaml
from hypothesis import given
from hypothesis import strategies as st
from option_cases import (
    LABEL,
    NUMBERS,
    OPTIONS,
    RULES,
    faults_of,
    is_free,
    json_values,
    kind_of,
    reproducible,
    right_strategy,
    right_value,
    tell,
    wrong_of,
)

SPECS = read_specs(ROOT)
OWNERS = {**{role: sorted(options) for role, options in SPECS.items() if options}}
OWNERS["multiregion"] = sorted(read_yaml(ROOT / "roles/option_check/files/shared.yml")["options"])
KNOWN = names_action.read_known(ROOT)
CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def assert_clear(faults, option):
    """The error names the option, what was found, what was expected and what to do, and hides no control character."""
    for told in tell(faults, option):
        assert told["name"].startswith(option) and told["condition"] is False and not told["overridable"]
        assert told["found"] and told["expected"] and option in told["next_step"] + told["name"]
        assert not CONTROL.search(told["name"] + told["found"])
        assert len(told["found"]) < 2000


@pytest.mark.parametrize("owner", OWNERS)
def test_every_wrong_value_of_every_option_is_refused_by_its_name(owner, record_property):
    tried, taken = 0, []
    for option in OWNERS[owner]:
        for case in wrong_of(option):
            faults = faults_of(*case)
            tried += 1
            if not faults:
                taken.append(case)
            assert_clear(faults, option)
    record_property(LABEL, {"wrong values of options": tried, "options": len(OWNERS[owner])})
    assert taken == []


@pytest.mark.parametrize("owner", OWNERS)
def test_anything_at_all_is_taken_or_refused_and_never_breaks(owner, record_property):
    tried = []

    @reproducible(len(OWNERS[owner]) * 2)
    @given(st.sampled_from(OWNERS[owner]), json_values())
    def run(option, value):
        tried.append(option)
        faults = faults_of(option, value)
        assert_clear(faults, option)
        if value is None or (isinstance(value, float) and value != value):
            assert faults

    run()
    record_property(LABEL, {"values of any shape": len(tried)})


@pytest.mark.parametrize("option", [one for one in OPTIONS if not is_free(one)])
def test_a_right_value_is_taken(option):
    """Otherwise the tests above would hold for a check that refuses everything."""
    value = right_value(RULES.specs[option], RULES.rules.get(option))
    assert faults_of(option, value) == []
    if RULES.specs[option].get("type") in NUMBERS:
        assert faults_of(option, str(value)) == [], "as -e name=value gives it"


@pytest.mark.parametrize("option", OPTIONS)
def test_a_default_is_of_its_kind(option):
    default = RULES.specs[option].get("default")
    if default is None or "{" in str(default) or is_free(option):
        return
    assert faults_of(option, default) == []


def test_every_option_has_a_kind_of_its_type():
    lacking = []
    for option in OPTIONS:
        spec, rule = RULES.specs[option], RULES.rules.get(option)
        kind = spec.get("elements") if spec["type"] == "list" else spec["type"]
        if rule is None:
            lacking += [option] if kind != "bool" and not spec.get("choices") else []
        elif isinstance(rule, str) and kind_of(rule) != "free":
            assert RULES.kinds[kind_of(rule)].takes == {"path": "str"}.get(kind, kind), option
            assert (rule[-1] in "*+") == (spec["type"] == "list"), option
    assert lacking == []


def test_every_kind_and_every_row_of_kinds_is_used():
    def words(rule):
        below = rule.values() if isinstance(rule, dict) else rule if isinstance(rule, list) else None
        return {kind_of(rule)} if below is None else {word for one in below for word in words(one)}

    used = {word for rule in RULES.rules.values() for word in words(rule)} - {"free"}
    assert used == set(RULES.kinds)
    assert set(RULES.rules) <= set(RULES.specs)


def test_the_kinds_of_a_role_stand_beside_its_options():
    for role, options in SPECS.items():
        assert set(read_yaml(ROOT / "roles" / role / "meta" / "option_kinds.yml") if options else {}) <= set(options)


def test_shared_variables_are_those_that_the_collection_reads():
    described = {name for name in OWNERS["multiregion"] if name.startswith("multiregion_")}
    assert described == {name for name in KNOWN.shared if name.startswith("multiregion_")}


# --- kinds beside AWS's own models -----------------------------------------------------------------------------------

SHAPES = {
    "role_name": "iam CreateRole RoleName",
    "tag_key": "iam TagRole Tags[].Key",
    "tag_value": "iam TagRole Tags[].Value",
    "log_group": "logs CreateLogGroup logGroupName",
    "table": "dynamodb CreateTable TableName",
    "function": "lambda CreateFunction FunctionName",
    "handler": "lambda CreateFunction Handler",
    "function_timeout_s": "lambda CreateFunction Timeout",
    "memory_mb": "lambda CreateFunction MemorySize",
    "secret": "secretsmanager CreateSecret Name",
    "app_instance": "chime-sdk-identity CreateAppInstance Name",
    "region": "secretsmanager ReplicateSecretToRegions AddReplicaRegions[].Region",
    "key": "secretsmanager CreateSecret KmsKeyId",
    "ttl_s": "route53 ChangeResourceRecordSets ChangeBatch.Changes[].ResourceRecordSet.TTL",
    "domain": "route53 ChangeResourceRecordSets ChangeBatch.Changes[].ResourceRecordSet.Name",
    "health_check_s": "route53 CreateHealthCheck HealthCheckConfig.RequestInterval",
    "health_failures": "route53 CreateHealthCheck HealthCheckConfig.FailureThreshold",
    "url_path": "route53 CreateHealthCheck HealthCheckConfig.ResourcePath",
    "certificate_name": "acm RequestCertificate DomainName",
}


@pytest.mark.parametrize("name", SHAPES)
def test_what_a_kind_takes_the_services_model_takes(name):
    service, operation, member = SHAPES[name].split()
    shape = member_at(model_of(service).operation_model(operation).input_shape, member)

    @reproducible(15)
    @given(right_strategy(RULES.kinds[name]))
    def run(value):
        assert list(iter_faults(shape, value, "")) == []

    run()


# --- names -----------------------------------------------------------------------------------------------------------


def misspell(name, position, way):
    """One slip of a finger, or of an editor."""
    position %= len(name) - 1
    before, letter, after = name[:position], name[position], name[position + 1 :]
    return {
        "drop": before + after,
        "double": before + letter + letter + after,
        "swap": before + after[0] + letter + after[1:],
        "upper": before + letter.upper() + after,
        "hyphen": name.replace("_", "-"),
        "script": before + {"a": "\u0430", "e": "\u0435", "o": "\u043e", "c": "\u0441"}.get(letter, "\u0456") + after,
        "suffix": name + "; id",
        "nul": name + "\x00",
    }[way]


WAYS = ("drop", "double", "swap", "upper", "hyphen", "script", "suffix", "nul")


def test_a_misspelt_name_is_refused_and_a_known_one_is_proposed(record_property):
    tried = []

    @reproducible(150)
    @given(st.sampled_from([one for one in OPTIONS if len(one) > 11]), st.integers(0, 60), st.sampled_from(WAYS))
    def run(name, position, way):
        typed = misspell(name, position, way)
        tried.append(typed)
        if typed in KNOWN.names:
            return
        assert option_names.find_unknown({typed: 1}, KNOWN) == [typed]
        told = option_names.describe(typed, "with -e", KNOWN, "medzen.multiregion")
        assert told["next_step"].removeprefix("write ") in KNOWN.names and not CONTROL.search(told["name"])

    run()
    record_property(LABEL, {"misspelt names": len(tried)})


def test_a_name_of_somebody_else_passes():
    others = [
        "confirm",
        "ansible_user",
        "ansible_python_interpreter",
        "env",
        "app_version",
        "http_proxy",
        "rehearsal_world",
    ]
    assert option_names.find_unknown(dict.fromkeys(others, 1), KNOWN) == []


# --- truths ----------------------------------------------------------------------------------------------------------


def test_a_truth_that_was_typed_is_read_as_one():
    """-e name=false gives text, which is true to Jinja and refused by `when`."""
    truths = {name for specs in SPECS.values() for name, spec in specs.items() if spec["type"] == "bool"}
    reading = []
    for path in sorted((ROOT / "roles").glob("*/*/*.yml")):
        if path.parent.name in ("meta", "defaults"):
            continue
        for line in path.read_text(encoding="utf-8").splitlines():
            # What a text tells an operator to type is not read here.
            for name in re.findall(r"\b[a-z_]+\b", re.sub(r" -e \S+", " ", line)):
                handed = re.fullmatch(rf' *-? ?[\w.]+: "?\{{\{{ {name} \}}\}}"?', line)
                if name in truths and not handed and not re.search(rf"\b{name} \| bool\b|^ *{name}:", line):
                    reading.append(f"{path.relative_to(ROOT)}: {line.strip()}")
    assert reading == []
