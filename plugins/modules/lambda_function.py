#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

DOCUMENTATION = r"""
---
module: lambda_function
version_added: 1.0.0
short_description: Manage a Lambda function with its package, settings and invoke permissions
description:
  - Creates, changes and deletes a function from a package (a zip file on the controller), and says who may invoke it.
  - A runtime that Lambda no longer takes is refused before anything is changed. A function keeps running after its
    runtime's end and cannot be made in another region.
  - Values of the environment are never returned. Diffs and RV(function.environment_checksums) show a short checksum of
    each, by which a caller that knows a value can tell whether the function has it.
  - Operations used are C(lambda:GetFunction), C(lambda:GetPolicy), C(lambda:CreateFunction),
    C(lambda:UpdateFunctionCode), C(lambda:UpdateFunctionConfiguration), C(lambda:AddPermission),
    C(lambda:RemovePermission), C(lambda:TagResource), C(lambda:UntagResource) and C(lambda:DeleteFunction), with the
    IAM permissions of the same names, and C(iam:PassRole) on the role.
  - The IAM permission C(lambda:ListTags) as well, without which C(lambda:GetFunction) answers without tags. With
    O(tags) that is refused, since tags that cannot be read cannot be compared.
author:
  - MedZen platform team (@medzen)
options:
  name:
    description:
      - Name of the function.
    type: str
    required: true
  state:
    description:
      - Whether the function is to be there.
    type: str
    choices: [present, absent]
    default: present
  runtime:
    description:
      - Runtime, as V(python3.13). Required with O(state=present).
    type: str
  handler:
    description:
      - Entry point, as V(index.handler). Required with O(state=present).
    type: str
  role_arn:
    description:
      - Role that the function runs under. Required with O(state=present).
      - A role that was made a moment ago is refused by Lambda for some seconds; the module tries for up to a minute.
    type: str
  package:
    description:
      - Path of the zip file on the controller. Required with O(state=present).
      - It is compared by its checksum, so build it in a way that gives the same bytes for the same content.
    type: path
  environment:
    description:
      - Environment variables; exactly these. Secrets belong into Secrets Manager.
    type: dict
    default: {}
  timeout_s:
    description:
      - Longest run in seconds, up to 900.
    type: int
    default: 30
  memory_mb:
    description:
      - Memory in MiB, 128 to 10240.
    type: int
    default: 256
  description:
    description:
      - What the function is for.
    type: str
    default: ""
  permissions:
    description:
      - Who may invoke it, besides what stands in the function's policy under other ids.
      - The function is waited for before, also with O(wait=false), and a permission that meets another change is tried
        for up to a minute.
    type: list
    elements: dict
    default: []
    suboptions:
      id:
        description: Statement id. A statement of this id that says something else is replaced.
        type: str
        required: true
      principal:
        description: Service that invokes, as V(apigateway.amazonaws.com).
        type: str
        required: true
      source_arn:
        description: ARN, or pattern of ARNs, on whose behalf it does. Without one any account's resource could.
        type: str
        required: true
      source_account:
        description: Account that owns the source; needed for S3, whose bucket ARNs name none.
        type: str
  runtime_ends:
    description:
      - Days (ISO 8601) on which runtimes end, by runtime, where AWS has moved them.
    type: dict
    default: {}
  wait_timeout:
    description:
      - How long to wait until the function is active and updated, in seconds. One that Lambda made inactive because it
        was idle is not waited for; a call or a change makes it active again.
    type: int
    default: 300
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
  - amazon.aws.tags
  - medzen.multiregion.wait
attributes:
  check_mode:
    description: Can run in check mode and predict changes without making them.
    support: full
  diff_mode:
    description: Returns what has changed when in diff mode.
    support: full
  idempotent:
    description: A second run with the same options changes nothing.
    support: full
"""

EXAMPLES = r"""
- name: The function that makes meetings
  medzen.multiregion.lambda_function:
    region: eu-central-1
    name: medzen-meeting-manager
    runtime: python3.13
    handler: meeting_manager.handler
    role_arn: arn:aws:iam::123456789012:role/medzen-lambda-execution-role
    package: packages/meeting_manager.zip
    environment:
      MEDIA_REGION: eu-central-1
      AUDIT_TABLE: medzen-meeting-audit
    permissions:
      - id: api
        principal: apigateway.amazonaws.com
        source_arn: arn:aws:execute-api:eu-central-1:123456789012:a1b2c3d4/*

- name: It is not needed any more
  medzen.multiregion.lambda_function:
    region: af-south-1
    name: medzen-meeting-manager
    state: absent
"""

RETURN = r"""
function:
  description: The function; in check mode as it would be.
  type: dict
  returned: when O(state=present)
  contains:
    arn: {description: "ARN of the function, V(null) for one that is only planned.", type: str}
    name: {description: Its name., type: str}
    runtime: {description: Its runtime., type: str}
    handler: {description: Its entry point., type: str}
    code_sha256: {description: Checksum of the package as Lambda gives it., type: str}
    environment_names: {description: Names of its environment variables., type: list, elements: str}
    environment_checksums:
      description: First eight hexadecimal digits of the SHA-256 of each value of its environment, by name.
      type: dict
    permissions: {description: Ids of the statements of its policy., type: list, elements: str}
    tags: {description: "Its tags, V(null) where they cannot be read.", type: dict}
"""

import base64
import datetime
import hashlib
import json
from pathlib import Path

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.medzen.multiregion.plugins.module_utils import tags as tagging
from ansible_collections.medzen.multiregion.plugins.module_utils.aws import client, describe
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import AwsError, Refused
from ansible_collections.medzen.multiregion.plugins.module_utils.lambda_runtimes import check_runtime
from ansible_collections.medzen.multiregion.plugins.module_utils.runner import run
from ansible_collections.medzen.multiregion.plugins.module_utils.service_model import check_request
from ansible_collections.medzen.multiregion.plugins.module_utils.wait import TimeLeft, wait_arguments, wait_until

MISSING = ("ResourceNotFoundException",)
# IAM tells nobody when a new role can be assumed; ten seconds are usual.
ROLE_SECONDS_MAX = 60
# Of whoever changes the function or its policy at the same moment.
CONFLICT_SECONDS_MAX = 60
INVOKE = "lambda:InvokeFunction"
OPTIONS = {"Timeout": "timeout_s", "MemorySize": "memory_mb", "Role": "role_arn", "FunctionName": "name"}
# Lambda takes back what an idle function held (Inactive) and gives it again at the next call or change: it may be
# changed, and waiting alone would never make it Active.
# https://docs.aws.amazon.com/lambda/latest/dg/functions-states.html
READY = ("Active Successful", "Inactive Successful")
COMPARED = ("Runtime", "Handler", "Role", "Timeout", "MemorySize", "Description")


@describe("read function {name}", missing=MISSING)
def get_function(connection, name):
    return connection.get_function(FunctionName=name, aws_retry=True)


@describe("read the policy of function {name}", missing=MISSING)
def get_policy(connection, name):
    return json.loads(connection.get_policy(FunctionName=name, aws_retry=True)["Policy"])


@describe("create function {name}")
def create_function(connection, name, request):
    """A retry after a lost answer meets the function that the first call made."""
    try:
        connection.create_function(FunctionName=name, **request, aws_retry=True)
    except connection.exceptions.ResourceConflictException:
        if get_function(connection, name) is None:
            raise


@describe("update the package of function {name}")
def update_code(connection, name, package):
    connection.update_function_code(FunctionName=name, ZipFile=package, aws_retry=True)


@describe("update the settings of function {name}")
def update_configuration(connection, name, request):
    connection.update_function_configuration(FunctionName=name, **request, aws_retry=True)


@describe("let {statement[Principal]} invoke function {name}")
def add_permission(connection, name, statement):
    connection.add_permission(FunctionName=name, Action=INVOKE, **statement, aws_retry=True)


@describe("remove permission {statement_id} of function {name}", missing=MISSING)
def remove_permission(connection, name, statement_id):
    connection.remove_permission(FunctionName=name, StatementId=statement_id, aws_retry=True)


@describe("tag function {arn}")
def tag(connection, arn, tags):
    connection.tag_resource(Resource=arn, Tags=tags, aws_retry=True)


@describe("remove tags from function {arn}")
def untag(connection, arn, keys):
    connection.untag_resource(Resource=arn, TagKeys=keys, aws_retry=True)


@describe("delete function {name}", missing=MISSING)
def delete_function(connection, name):
    connection.delete_function(FunctionName=name, aws_retry=True)


def read_package(path):
    try:
        return Path(path).read_bytes()
    except OSError as problem:
        raise Refused(
            "The package of the function cannot be read",
            found=str(problem),
            expected="a zip file on the controller",
            next_step="build the package, or correct the option package",
        ) from problem


def checksum(package):
    return base64.b64encode(hashlib.sha256(package).digest()).decode()


def build_configuration(params):
    return {
        "Runtime": params["runtime"],
        "Handler": params["handler"],
        "Role": params["role_arn"],
        "Timeout": params["timeout_s"],
        "MemorySize": params["memory_mb"],
        "Description": params["description"],
        "Environment": {"Variables": {key: str(value) for key, value in params["environment"].items()}},
    }


def build_permission(permission):
    statement = {
        "StatementId": permission["id"],
        "Principal": permission["principal"],
        "SourceArn": permission["source_arn"],
    }
    return {**statement, **({"SourceAccount": permission["source_account"]} if permission["source_account"] else {})}


def normalize_statement(statement):
    """A statement of a policy as the call that made it would say it."""
    conditions = {key.lower(): value for one in statement.get("Condition", {}).values() for key, value in one.items()}
    principal = statement.get("Principal")
    found = {
        "StatementId": statement.get("Sid"),
        "Principal": principal.get("Service", principal.get("AWS")) if isinstance(principal, dict) else principal,
        "SourceArn": conditions.get("aws:sourcearn"),
        "SourceAccount": conditions.get("aws:sourceaccount"),
    }
    return {key: value for key, value in found.items() if value is not None}


def find_function(connection, name):
    """Configuration, tags and statements by id; None when there is no such function.

    Lambda leaves tags out that may not be listed, and says so beside them: they are unknown, not absent.
    """
    found = get_function(connection, name)
    if found is None:
        return None
    return {
        "configuration": found["Configuration"],
        "tags": None if found.get("TagsError") else found.get("Tags") or {},
        "tags_error": found.get("TagsError"),
        "permissions": read_permissions(connection, name),
    }


def read_permissions(connection, name):
    """The statements of the function's policy by id."""
    statements = (get_policy(connection, name) or {}).get("Statement", [])
    return {one.get("Sid"): normalize_statement(one) for one in statements}


def check_tags(current, params):
    """Refuse to compare tags with tags that cannot be read."""
    if current is None or current["tags"] is not None or params["tags"] is None:
        return
    problem = current["tags_error"]
    raise Refused(
        f"The tags of function {params['name']} cannot be read",
        found=f"{problem.get('ErrorCode', 'an error')}: {problem.get('Message', 'no reason given')}",
        expected="its tags, to compare them with the option tags",
        next_step="allow lambda:ListTags, or leave tags out",
        result={"reason": "tags_unreadable"},
    )


def variables_of(configuration):
    return (configuration.get("Environment") or {}).get("Variables", {})


def plan(current, params, sha):
    """What has to change, as values."""
    wanted = build_configuration(params)
    permissions = {one["id"]: build_permission(one) for one in params["permissions"]}
    present = current or {"configuration": {}, "tags": {}, "permissions": {}}
    to_set, to_remove = tagging.diff_tags(present["tags"] or {}, params["tags"], params["purge_tags"])
    differing = {key: value for key, value in permissions.items() if present["permissions"].get(key) != value}
    return {
        "code": present["configuration"].get("CodeSha256") != sha,
        "configuration": wanted if differs(present["configuration"], wanted) else None,
        "add": list(differing.values()),
        "replace": sorted(set(differing) & set(present["permissions"])),
        "to_set": to_set,
        "to_remove": to_remove,
    }


def differs(present, wanted):
    same = all((present.get(key) or "") == (wanted[key] or "") for key in COMPARED)
    return not same or variables_of(present) != variables_of(wanted)


def build_after(current, params, planned, sha):
    present = current or {"configuration": {"FunctionArn": None}, "tags": {}, "permissions": {}}
    kept = {key: value for key, value in (present["tags"] or {}).items() if key not in planned["to_remove"]}
    configuration = {**present["configuration"], "FunctionName": params["name"], **build_configuration(params)}
    return {
        "configuration": {**configuration, "CodeSha256": sha},
        "tags": None if present["tags"] is None else {**kept, **planned["to_set"]},
        "permissions": {**present["permissions"], **{one["StatementId"]: one for one in planned["add"]}},
    }


def shown(function):
    configuration = function["configuration"]
    return {
        "arn": configuration.get("FunctionArn"),
        "name": configuration["FunctionName"],
        "runtime": configuration.get("Runtime"),
        "handler": configuration.get("Handler"),
        "code_sha256": configuration.get("CodeSha256"),
        "environment_names": sorted(variables_of(configuration)),
        "environment_checksums": hide_values(configuration),
        "permissions": sorted(function["permissions"]),
        "tags": function["tags"],
    }


def hide_values(configuration):
    """A short checksum in place of each value of the environment."""
    return {key: hashlib.sha256(value.encode()).hexdigest()[:8] for key, value in variables_of(configuration).items()}


def diff_side(function):
    """The settings of a function without a value of its environment."""
    if function is None:
        return {}
    configuration = function["configuration"]
    hidden = hide_values(configuration)
    settings = {key: configuration.get(key) for key in (*COMPARED, "CodeSha256")}
    return {**settings, "Environment": hidden, "Tags": function["tags"], "Permissions": function["permissions"]}


def wait_ready(connection, params, left):
    """Lambda takes one change at a time; a function in the making or under change refuses the next."""

    def failure(found):
        configuration = (found or {}).get("Configuration", {})
        if "Failed" in (configuration.get("State"), configuration.get("LastUpdateStatus")):
            return configuration.get("StateReason") or configuration.get("LastUpdateStatusReason") or "no reason given"
        return None

    wait_until(
        lambda: get_function(connection, params["name"]),
        lambda found: found is not None and state_of(found) in READY,
        f"function {params['name']}",
        left.seconds(),
        params["poll_seconds"],
        failed=failure,
        text=state_of,
    )


def state_of(found):
    configuration = (found or {}).get("Configuration", {})
    return f"{configuration.get('State', 'Active')} {configuration.get('LastUpdateStatus', 'Successful')}"


def create(connection, params, package, left):
    request = {**build_configuration(params), "Code": {"ZipFile": package}, "PackageType": "Zip"}
    if params["tags"]:
        request["Tags"] = {key: str(value) for key, value in params["tags"].items()}

    def attempt():
        try:
            create_function(connection, params["name"], request)
        except AwsError as error:
            if error.code == "InvalidParameterValueException" and "cannot be assumed" in error.message:
                return error.message
            raise
        return None

    wait_until(
        attempt,
        lambda refused: refused is None,
        f"role {params['role_arn'].rsplit('/', 1)[-1]} to be known to Lambda",
        min(ROLE_SECONDS_MAX, left.seconds()),
        min(params["poll_seconds"], 5),
        text=lambda refused: refused or "known",
    )


def permit(connection, params, statement, left):
    """Lambda gives one code to a statement that is there and to an operation under way: its policy tells which it is.

    A statement as it is wanted is that of a call whose answer was lost; another one of its id was removed before.
    """
    name, statement_id = params["name"], statement["StatementId"]

    def attempt():
        try:
            add_permission(connection, name, statement)
        except AwsError as error:
            if error.code != "ResourceConflictException":
                raise
            if read_permissions(connection, name).get(statement_id) != statement:
                return error.message
        return None

    wait_until(
        attempt,
        lambda conflict: conflict is None,
        f"permission {statement_id} of function {name}",
        min(CONFLICT_SECONDS_MAX, left.seconds()),
        min(params["poll_seconds"], 5),
        text=lambda conflict: conflict or "given",
    )


def write(connection, current, params, planned, package, left):
    name = params["name"]
    if current is None:
        create(connection, params, package, left)
    else:
        if planned["code"]:
            update_code(connection, name, package)
            wait_ready(connection, params, left)
        if planned["configuration"]:
            update_configuration(connection, name, planned["configuration"])
        write_tags(connection, current["configuration"]["FunctionArn"], planned)
    for statement_id in planned["replace"]:
        remove_permission(connection, name, statement_id)
    if planned["add"]:
        wait_ready(connection, params, left)
    for statement in planned["add"]:
        permit(connection, params, statement, left)


def write_tags(connection, arn, planned):
    if planned["to_set"]:
        tag(connection, arn, planned["to_set"])
    if planned["to_remove"]:
        untag(connection, arn, planned["to_remove"])


def ensure_present(module, connection):
    params, left = module.params, TimeLeft(module.params["wait_timeout"])
    package = read_package(params["package"])
    sha = checksum(package)
    warning = check_runtime(params["runtime"], datetime.date.today(), params["runtime_ends"])
    if warning:
        module.warn(warning)
    configuration = build_configuration(params)
    check_request(connection, "UpdateFunctionConfiguration", {"FunctionName": params["name"], **configuration}, OPTIONS)
    current = find_function(connection, params["name"])
    check_tags(current, params)
    planned = plan(current, params, sha)
    after = build_after(current, params, planned, sha)
    result = {
        "changed": current is None or any(planned.values()),
        "function": shown(after),
        "diff": {"before": diff_side(current), "after": diff_side(after)},
    }
    if module.check_mode:
        return result
    if current is not None and result["changed"]:
        wait_ready(connection, params, left)
    if result["changed"]:
        write(connection, current, params, planned, package, left)
    if params["wait"]:
        wait_ready(connection, params, left)
    return {**result, "function": shown(find_function(connection, params["name"]) or after)}


def ensure_absent(module, connection):
    name = module.params["name"]
    current = find_function(connection, name)
    if current is not None and not module.check_mode:
        delete_function(connection, name)
    return {"changed": current is not None, "diff": {"before": diff_side(current), "after": {}}}


def ensure(module):
    connection = client(module, "lambda")
    return (ensure_present if module.params["state"] == "present" else ensure_absent)(module, connection)


PERMISSION = {
    "id": {"required": True},
    "principal": {"required": True},
    "source_arn": {"required": True},
    "source_account": {},
}


def main():
    argument_spec = {
        "name": {"required": True},
        "state": {"choices": ["present", "absent"], "default": "present"},
        "runtime": {},
        "handler": {},
        "role_arn": {},
        "package": {"type": "path"},
        "environment": {"type": "dict", "default": {}},
        "timeout_s": {"type": "int", "default": 30},
        "memory_mb": {"type": "int", "default": 256},
        "description": {"default": ""},
        "permissions": {"type": "list", "elements": "dict", "default": [], "options": PERMISSION},
        "runtime_ends": {"type": "dict", "default": {}},
        **tagging.ARGUMENTS,
        **wait_arguments(300),
    }
    module = AnsibleAWSModule(
        argument_spec=argument_spec,
        required_if=[("state", "present", ["runtime", "handler", "role_arn", "package"])],
        supports_check_mode=True,
    )
    run(module, ensure)


if __name__ == "__main__":
    main()
