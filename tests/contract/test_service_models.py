# SPDX-License-Identifier: GPL-3.0-or-later
"""Modules of single services against botocore's model: operations, permissions, choices and error codes that exist.

Nothing is declared for it. A module's documentation names its operations as C(service:Operation), which says what its
services are; calls are found by the `aws_retry` that each takes, codes by their form, choices by their values.
"""

import ast
import builtins
import functools
import re
from pathlib import Path

import botocore.exceptions
import botocore.session
import pytest
import yaml
from botocore import xform_name

ROOT = Path(__file__).resolve().parents[2]
PLUGINS = ROOT / "plugins"
FAMILIES = ("bedrock_*.py", "chime_*.py", "copies_*.py", "dynamodb_*.py", "s3_replication_*.py", "video_ai_*.py")
MODULES = sorted(path for family in FAMILIES for path in (PLUGINS / "modules").glob(family))
CHIME = ("meetings", "identity", "messaging", "media-pipelines", "voice")
# Services behind a prefix, where it is not the service's own name in botocore.
SERVICES = {
    "bedrock": ("bedrock", "bedrock-runtime"),
    "chime": tuple(f"chime-sdk-{name}" for name in CHIME),
    "servicequotas": ("service-quotas",),
}
# Permissions that no operation is named after; source: the Service Authorization Reference.
PERMISSIONS = {
    "dynamodb:CreateTableReplica",
    "dynamodb:DeleteTableReplica",
    "iam:PassRole",
    "bedrock:InvokeModel",
    "s3:DeleteObjectVersion",
    "s3:GetEncryptionConfiguration",
    "s3:GetLifecycleConfiguration",
    "s3:GetBucketObjectLockConfiguration",
    "s3:ListAllMyBuckets",
    "s3:ListBucket",
}
# Codes of every service: docs.aws.amazon.com/IAM/latest/APIReference/CommonErrors.html and of the signature's check.
COMMON_CODES = {
    "AccessDeniedException",
    "ExpiredTokenException",
    "InvalidSignatureException",
    "ThrottlingException",
    "TooManyRequestsException",
    "UnrecognizedClientException",
    "ValidationException",
}
# Shared by the modules of all services, so its codes are of all services.
OF_ALL_SERVICES = {"aws", "errors", "clients", "wait", "runner", "preflight_reads"}
NAMED = re.compile(r"C\(([a-z0-9-]+):([A-Z]\w+)\)")
CODE = re.compile(r"[A-Z][A-Za-z]+(Exception|Fault)")
SERVICE_WORD = re.compile(r"[A-Z][A-Z0-9_]+")


@functools.cache
def model_of(service):
    return botocore.session.Session().get_service_model(service)


@functools.cache
def known_services():
    return set(botocore.session.Session().get_available_services())


def services_of(prefix):
    return [one for one in SERVICES.get(prefix, (prefix,)) if one in known_services()]


@functools.cache
def tree_of(path):
    return ast.parse(path.read_text(encoding="utf-8"))


@functools.cache
def documentation_of(path):
    for node in tree_of(path).body:
        if isinstance(node, ast.Assign) and node.targets[0].id == "DOCUMENTATION":
            return ast.literal_eval(node.value)
    raise AssertionError(f"{path} has no documentation")


def named_in(path):
    """Prefix and name of every operation and permission that the documentation tells."""
    return sorted(set(NAMED.findall(documentation_of(path))))


def models_of(path):
    return [model_of(service) for prefix, _ in named_in(path) for service in services_of(prefix)]


def imported(path):
    """The module_utils that a file imports, of this collection."""
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.ImportFrom) and "medzen.multiregion.plugins.module_utils" in (node.module or ""):
            _, _, below = node.module.partition("module_utils")
            yield from [below.strip(".")] if below else [alias.name for alias in node.names]


def files_of(path):
    """The module, and the module_utils that it stands on, without those of all services."""
    found, left = [], [path]
    while left:
        one = left.pop()
        if one in found or one.stem in OF_ALL_SERVICES or not one.exists():
            continue
        found.append(one)
        left += [PLUGINS / "module_utils" / f"{name.replace('.', '/')}.py" for name in imported(one)]
    return found


def literals(path):
    return {node.value for node in ast.walk(tree_of(path)) if isinstance(node, ast.Constant)}


def calls_of(path):
    """Names of the client's methods that a file calls: those that take `aws_retry`, and those that are paginated."""
    for node in ast.walk(tree_of(path)):
        if not isinstance(node, ast.Call):
            continue
        if isinstance(node.func, ast.Attribute) and any(word.arg == "aws_retry" for word in node.keywords):
            yield node.func.attr
        elif getattr(node.func, "id", getattr(node.func, "attr", "")) == "paginate" and len(node.args) > 1:
            yield ast.literal_eval(node.args[1])


def choices_in(options, path=""):
    for name, option in (options or {}).items():
        if option.get("choices"):
            yield f"{path}{name}", option["choices"]
        yield from choices_in(option.get("suboptions"), f"{path}{name}.")


def enums_of(model):
    shapes = (model.shape_for(name) for name in model.shape_names)
    return [set(shape.enum) for shape in shapes if getattr(shape, "enum", None)]


def unknown_choices(choices, enums):
    """What no enum has beside the others. Words of ours, as V(present), are in no enum and not asked about."""
    wanted = {str(choice) for choice in choices}
    near = [enum for enum in enums if enum & wanted]
    if not near and not any(SERVICE_WORD.fullmatch(choice) for choice in wanted):
        return set()
    return min((wanted - enum for enum in near), key=len, default=wanted)


def is_pythons(code):
    return hasattr(builtins, code) or hasattr(botocore.exceptions, code)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_documented_operations_and_permissions_exist(path):
    operations = {
        (prefix, name)
        for prefix, _ in named_in(path)
        for service in services_of(prefix)
        for name in model_of(service).operation_names
    }
    unknown = {f"{prefix}:{name}" for prefix, name in set(named_in(path)) - operations}
    assert unknown - PERMISSIONS == set()


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_the_operations_that_a_module_calls_are_documented(path):
    documented = {xform_name(name) for _, name in named_in(path)}
    assert set(calls_of(path)) - documented == set()


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_what_a_module_calls_through_module_utils_exists(path):
    # A file of reads serves several modules, each of which uses some of them.
    known = {xform_name(name) for one in MODULES for model in models_of(one) for name in model.operation_names}
    shared = {other: set(calls_of(other)) - known for other in files_of(path) if other.parent.name == "module_utils"}
    assert {str(other): missing for other, missing in shared.items() if missing} == {}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_choices_stand_in_the_services_model(path):
    enums = [enum for model in models_of(path) for enum in enums_of(model)]
    options = yaml.safe_load(documentation_of(path))["options"]
    unknown = {name: unknown_choices(choices, enums) for name, choices in choices_in(options)}
    assert {name: missing for name, missing in unknown.items() if missing} == {}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_handled_error_codes_are_the_services_own(path):
    models = list(models_of(path))
    if path.stem.startswith("chime_"):
        # One file of codes serves the family, whose members spell them differently.
        models += [model_of(f"chime-sdk-{one}") for one in ("meetings", "identity", "messaging", "media-pipelines")]
    shapes = {shape.name for model in models for shape in model.error_shapes}
    codes = {
        value
        for one in files_of(path)
        for value in literals(one)
        if isinstance(value, str) and CODE.fullmatch(value) and not is_pythons(value)
    }
    assert codes - shapes - COMMON_CODES == set()


def test_each_of_these_tests_can_fail():
    bedrock = model_of("bedrock")
    assert unknown_choices(["SYSTEM_DEFINED", "APPLICATIONS"], enums_of(bedrock)) == {"APPLICATIONS"}
    assert unknown_choices(["NONSENSE"], enums_of(bedrock)) == {"NONSENSE"}
    assert unknown_choices(["present", "absent"], enums_of(bedrock)) == set()
    assert "CreateGuardrails" not in bedrock.operation_names
    assert MODULES and all(models_of(path) for path in MODULES), "a module without a service escapes"
