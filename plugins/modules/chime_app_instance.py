#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

DOCUMENTATION = r"""
---
module: chime_app_instance
version_added: 1.0.0
short_description: Manage an app instance of Chime SDK messaging
description:
  - Creates, changes and deletes an app instance, with the retention of its messages, the export of its messages to
    Kinesis, its administrators and its tags. What is not given is left alone.
  - An app instance belongs to its region for good, and AWS has no call that copies one. Names are not unique; several
    of one name fail the task with C(ambiguous_name), and O(app_instance_arn) tells them apart.
  - Deleting an app instance deletes its users, channels and messages. Lowering the retention deletes the messages that
    are older. Both must be asked for.
  - An app instance is absent when C(chime-sdk-identity:ListAppInstances) does not have it. A refused call is a failure,
    never absence.
  - Operations used are C(chime-sdk-identity:ListAppInstances), C(chime-sdk-identity:DescribeAppInstance),
    C(chime-sdk-identity:CreateAppInstance), C(chime-sdk-identity:UpdateAppInstance),
    C(chime-sdk-identity:DeleteAppInstance), C(chime-sdk-identity:GetAppInstanceRetentionSettings),
    C(chime-sdk-identity:PutAppInstanceRetentionSettings), C(chime-sdk-identity:ListAppInstanceAdmins),
    C(chime-sdk-identity:CreateAppInstanceAdmin), C(chime-sdk-identity:DeleteAppInstanceAdmin),
    C(chime-sdk-identity:ListTagsForResource), C(chime-sdk-identity:TagResource), C(chime-sdk-identity:UntagResource),
    C(chime-sdk-messaging:GetMessagingStreamingConfigurations),
    C(chime-sdk-messaging:PutMessagingStreamingConfigurations) and
    C(chime-sdk-messaging:DeleteMessagingStreamingConfigurations). The IAM permissions have the same names with the
    prefix C(chime). Streaming needs C(kinesis:DescribeStream) as well.
options:
  state:
    description:
      - Whether the app instance is to be there.
    type: str
    choices: [present, absent]
    default: present
  name:
    description:
      - Name of the app instance, 1 to 256 characters. One is created by its name only.
      - With O(app_instance_arn) it is the name that the app instance is to have.
    type: str
  app_instance_arn:
    description:
      - ARN of an app instance that is there.
    type: str
    aliases: [arn]
  metadata:
    description:
      - Text that the app instance carries, at most 1024 characters. Empty removes it.
    type: str
  retention_days:
    description:
      - Number of days that messages of channels are kept, 1 to 5475. Without a setting they are kept for ever.
      - There is no call that takes the setting away again.
    type: int
  allow_data_deletion:
    description:
      - Whether the retention may be lowered, which deletes the messages that are older. From no setting to any number
        of days is lower as well.
    type: bool
    default: false
  streaming_configurations:
    description:
      - Where messages and events of channels are exported to; exactly these, at most one for each kind of data. An
        empty list ends the export.
      - AWS takes Kinesis streams of the same account and region whose name begins with V(chime-messaging-), with two
        shards or more and server-side encryption.
    type: list
    elements: dict
    suboptions:
      data_type:
        description: Kind of data.
        type: str
        choices: [Channel, ChannelMessage]
        required: true
      resource_arn:
        description: ARN of the Kinesis stream.
        type: str
        required: true
  admins:
    description:
      - ARNs of the users and bots that administer the app instance; exactly these. They must be its own.
    type: list
    elements: str
  force:
    description:
      - Whether to delete an app instance, with everything in it.
    type: bool
    default: false
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
  - amazon.aws.tags
  - medzen.multiregion.chime
  - medzen.multiregion.wait
notes:
  - With O(wait=true) a deletion ends when the app instance is listed no more. Until then AWS does not tell that it is
    being deleted, and it counts as there.
  - The values of tags must not be empty.
attributes:
  check_mode:
    description: Can run in check mode and predict changes without making them.
    support: full
  diff_mode:
    description: Returns what has changed when in diff mode.
    support: full
    details: AWS calls the metadata sensitive; the diff tells its length only.
  idempotent:
    description: A second run with the same options changes nothing.
    support: full
author:
  - MedZen platform team (@medzen)
"""

EXAMPLES = r"""
- name: Keep the messages of visits seven years and export them
  medzen.multiregion.chime_app_instance:
    region: eu-central-1
    name: medzen-messaging
    retention_days: 2557
    streaming_configurations:
      - data_type: ChannelMessage
        resource_arn: arn:aws:kinesis:eu-central-1:123456789012:stream/chime-messaging-medzen
    tags:
      Workload: medzen

- name: Delete it with all messages
  medzen.multiregion.chime_app_instance:
    region: us-east-1
    name: medzen-messaging
    state: absent
    force: true
"""

RETURN = r"""
app_instance:
  description: The app instance; in check mode as it would be.
  type: dict
  returned: when O(state=present)
  contains:
    app_instance_arn:
      description: ARN; absent in check mode while there is none.
      type: str
      sample: arn:aws:chime:eu-central-1:123456789012:app-instance/5bd0d7cb-2ea2-4e0c-9c34-e9a2d3d4b5f6
    name:
      description: Name.
      type: str
    metadata:
      description: The text that it carries.
      type: str
    created_timestamp:
      description: When it was created, in ISO 8601.
      type: str
    last_updated_timestamp:
      description: When it was last changed, in ISO 8601.
      type: str
    retention_days:
      description: Days that messages of channels are kept; none means for ever.
      type: int
    initiate_deletion_timestamp:
      description: When AWS begins to delete what is older than the retention, in ISO 8601.
      type: str
    streaming_configurations:
      description: Where messages and events are exported to, sorted by kind of data.
      type: list
      elements: dict
      contains:
        data_type: {description: V(Channel) or V(ChannelMessage)., type: str}
        resource_arn: {description: ARN of the Kinesis stream., type: str}
    admins:
      description: ARNs of the administrators, sorted.
      type: list
      elements: str
    tags:
      description: Tags.
      type: dict
reason:
  description: Why the task was refused, as C(retention_lowered), C(force_missing), C(ambiguous_name), C(not_found),
    C(invalid_option) or C(region_unsupported).
  type: str
  returned: when it was refused
"""

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.medzen.multiregion.plugins.module_utils import chime_app_instance as instances
from ansible_collections.medzen.multiregion.plugins.module_utils import chime_sdk
from ansible_collections.medzen.multiregion.plugins.module_utils import tags as tagging
from ansible_collections.medzen.multiregion.plugins.module_utils.aws import describe, token
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import AwsError, Refused
from ansible_collections.medzen.multiregion.plugins.module_utils.runner import run
from ansible_collections.medzen.multiregion.plugins.module_utils.service_model import check_request
from ansible_collections.medzen.multiregion.plugins.module_utils.wait import wait_arguments, wait_until

# Stands for the ARN in requests that are only compared with the model.
SOME_ARN = "arn:aws:chime:eu-central-1:123456789012:app-instance/new"
RETENTION = "AppInstanceRetentionSettings"
OPTIONS = {
    "AppInstanceArn": "app_instance_arn",
    "Name": "name",
    "Metadata": "metadata",
    f"{RETENTION}.ChannelRetentionSettings.RetentionDays": "retention_days",
    "StreamingConfigurations": "streaming_configurations",
    "AppInstanceAdminArn": "admins",
}
EMPTY = {
    "metadata": "",
    "created_timestamp": None,
    "last_updated_timestamp": None,
    "retention_days": None,
    "initiate_deletion_timestamp": None,
    "streaming_configurations": [],
    "admins": [],
    "tags": {},
}

# --- calls -----------------------------------------------------------------------------------------------------------


@describe("create app instance {request[Name]}")
def create_instance(identity, request):
    return identity.create_app_instance(**request, aws_retry=True)["AppInstanceArn"]


@describe("update app instance {arn}")
def update_instance(identity, arn, request):
    identity.update_app_instance(AppInstanceArn=arn, **request, aws_retry=True)


@describe("set the retention of app instance {arn}")
def put_retention(identity, arn, request):
    identity.put_app_instance_retention_settings(AppInstanceArn=arn, **request, aws_retry=True)


@describe("set the streaming configurations of app instance {arn}")
def put_streaming(messaging, arn, request):
    messaging.put_messaging_streaming_configurations(AppInstanceArn=arn, **request, aws_retry=True)


@describe("end the streaming of app instance {arn}", missing=chime_sdk.NOT_FOUND)
def delete_streaming(messaging, arn):
    messaging.delete_messaging_streaming_configurations(AppInstanceArn=arn, aws_retry=True)


@describe("make {admin} an administrator of app instance {arn}")
def create_admin(identity, arn, admin):
    identity.create_app_instance_admin(AppInstanceArn=arn, AppInstanceAdminArn=admin, aws_retry=True)


@describe("take {admin} from the administrators of app instance {arn}")
def delete_admin(identity, arn, admin):
    identity.delete_app_instance_admin(AppInstanceArn=arn, AppInstanceAdminArn=admin, aws_retry=True)


@describe("tag app instance {arn}")
def tag_instance(identity, arn, tags):
    identity.tag_resource(ResourceARN=arn, Tags=tagging.to_boto(tags), aws_retry=True)


@describe("remove tags from app instance {arn}")
def untag_instance(identity, arn, keys):
    identity.untag_resource(ResourceARN=arn, TagKeys=keys, aws_retry=True)


@describe("delete app instance {arn}")
def delete_instance(identity, arn):
    identity.delete_app_instance(AppInstanceArn=arn, aws_retry=True)


# --- pure ------------------------------------------------------------------------------------------------------------


def build_create_request(params):
    request = {
        "Name": params["name"],
        "Metadata": params["metadata"] or None,
        "ClientRequestToken": token("create app instance", params["name"]),
        "Tags": tagging.to_boto(params["tags"]),
    }
    return chime_sdk.without_nothing(request)


def build_update_request(current, after):
    """Name and metadata, both or neither: the one that is left out would be cleared. None when both are as wanted."""
    if (current["name"], current["metadata"]) == (after["name"], after["metadata"]):
        return None
    return {"Name": after["name"], "Metadata": after["metadata"]}


def build_retention_request(days):
    return {RETENTION: {"ChannelRetentionSettings": {"RetentionDays": days}}}


def build_streaming_request(configurations):
    return {
        "StreamingConfigurations": [
            {"DataType": one["data_type"], "ResourceArn": one["resource_arn"]} for one in configurations
        ]
    }


def build_after(current, params):
    """The app instance as it is to be: what is not given stays."""
    wanted = {key: params[key] for key in ("name", "metadata", "retention_days") if params[key] is not None}
    if params["streaming_configurations"] is not None:
        wanted["streaming_configurations"] = sorted(
            (dict(one) for one in params["streaming_configurations"]), key=lambda one: one["data_type"]
        )
    if params["admins"] is not None:
        wanted["admins"] = sorted(set(params["admins"]))
    to_set, to_remove = tagging.diff_tags(current["tags"], params["tags"], params["purge_tags"])
    kept = {key: value for key, value in current["tags"].items() if key not in to_remove}
    return {**current, **wanted, "tags": {**kept, **to_set}}


def is_lowered(current_days, wanted_days):
    """Whether messages would be deleted: none set means kept for ever."""
    if wanted_days is None or wanted_days == current_days:
        return False
    return current_days is None or wanted_days < current_days


def diff_side(instance):
    if instance is None:
        return {}
    shown = ("name", "retention_days", "streaming_configurations", "admins", "tags")
    return {**{key: instance[key] for key in shown}, "metadata": f"{len(instance['metadata'])} characters"}


def build_diff(current, after):
    before = diff_side(current)
    later = diff_side(after)
    if current and after and current["metadata"] != after["metadata"]:
        later["metadata"] += ", changed"
    return {"before": before, "after": later}


# --- refusals --------------------------------------------------------------------------------------------------------


def check_options(identity, messaging, params):
    """All options against the model, whatever is there: a fault is found in check mode, before anything is made."""
    request = {
        "AppInstanceArn": SOME_ARN if params["app_instance_arn"] is None else params["app_instance_arn"],
        "Name": "any" if params["name"] is None else params["name"],
        "Metadata": params["metadata"] or "",
    }
    check_request(identity, "UpdateAppInstance", request, OPTIONS)
    if params["retention_days"] is not None:
        request = build_retention_request(params["retention_days"])
        check_request(identity, "PutAppInstanceRetentionSettings", some(request), OPTIONS)
    if params["streaming_configurations"]:
        request = build_streaming_request(params["streaming_configurations"])
        check_request(messaging, "PutMessagingStreamingConfigurations", some(request), OPTIONS)
        check_streaming_kinds(params["streaming_configurations"])
    for admin in params["admins"] or []:
        check_request(identity, "CreateAppInstanceAdmin", some({"AppInstanceAdminArn": admin}), OPTIONS)
    chime_sdk.check_tags(identity, params["tags"])


def some(request):
    return {"AppInstanceArn": SOME_ARN, **request}


def check_streaming_kinds(configurations):
    kinds = [one["data_type"] for one in configurations]
    twice = sorted({kind for kind in kinds if kinds.count(kind) > 1})
    if twice:
        raise Refused(
            "streaming_configurations has a kind of data more than once",
            found=", ".join(twice),
            expected="one stream for each kind of data",
            next_step="choose one stream",
            result={"reason": "invalid_option"},
        )


def check_streaming_regions(configurations, region):
    """A stream elsewhere is refused by AWS with less to go by."""
    arns = [one["resource_arn"] for one in configurations or []]
    elsewhere = [arn for arn in arns if chime_sdk.region_of(arn) != region]
    if elsewhere:
        raise Refused(
            "streaming_configurations names a stream of another region",
            found=", ".join(elsewhere),
            expected=f"Kinesis streams of {region}",
            next_step="make a stream in the region of the app instance",
            result={"reason": "invalid_option"},
        )


def check_retention(current, params):
    if params["allow_data_deletion"] or not is_lowered(current["retention_days"], params["retention_days"]):
        return
    found = "kept for ever" if current["retention_days"] is None else f"{current['retention_days']} days"
    raise Refused(
        "Lowering the retention deletes messages",
        found=found,
        expected=f"at least {params['retention_days']} days, so that nothing is lost",
        next_step="set allow_data_deletion: true if older messages may go for good, or if there are none yet",
        result={"reason": "retention_lowered", "app_instance_arn": current["app_instance_arn"]},
    )


def check_force(found, params):
    if not params["force"]:
        raise Refused(
            f"Deleting app instance {found['Name']} deletes its users, channels and messages",
            found=found["AppInstanceArn"],
            expected="force: true",
            next_step="make sure that its messages are exported, then set force: true",
            result={"reason": "force_missing", "app_instance_arn": found["AppInstanceArn"]},
        )


# --- ensure ----------------------------------------------------------------------------------------------------------


def write(identity, messaging, current, after, params):
    """Bring what is there to what is wanted, and return its ARN."""
    arn = current.get("app_instance_arn")
    if arn is None:
        arn = create_instance(identity, build_create_request(params))
        # Its tags and metadata came with it.
        current = {**current, "name": after["name"], "metadata": after["metadata"], "tags": after["tags"]}
    if request := build_update_request(current, after):
        update_instance(identity, arn, request)
    if after["retention_days"] != current["retention_days"]:
        put_retention(identity, arn, build_retention_request(after["retention_days"]))
    if after["streaming_configurations"] != current["streaming_configurations"]:
        write_streaming(messaging, arn, after["streaming_configurations"])
    write_admins(identity, arn, current["admins"], after["admins"])
    write_tags(identity, arn, current["tags"], params)
    return arn


def write_streaming(messaging, arn, configurations):
    if configurations:
        put_streaming(messaging, arn, build_streaming_request(configurations))
    else:
        delete_streaming(messaging, arn)


def write_admins(identity, arn, present, wanted):
    """New ones first: an app instance is not left without an administrator in between."""
    for admin in (one for one in wanted if one not in present):
        chime_sdk.unless_so(
            lambda admin=admin: create_admin(identity, arn, admin),
            lambda admin=admin: admin in instances.list_admins(identity, arn),
        )
    for admin in (one for one in present if one not in wanted):
        chime_sdk.unless_so(
            lambda admin=admin: delete_admin(identity, arn, admin),
            lambda admin=admin: admin not in instances.list_admins(identity, arn),
        )


def write_tags(identity, arn, present, params):
    to_set, to_remove = tagging.diff_tags(present, params["tags"], params["purge_tags"])
    if to_remove:
        untag_instance(identity, arn, to_remove)
    if to_set:
        tag_instance(identity, arn, to_set)


def find_current(identity, messaging, params):
    found = instances.find(identity, params["name"], params["app_instance_arn"])
    if found is not None:
        return instances.read(identity, messaging, found["AppInstanceArn"])
    if params["app_instance_arn"]:
        raise Refused(
            "There is no such app instance",
            found=f"{params['app_instance_arn']} is not listed",
            expected="an app instance of this region and account",
            next_step="leave out app_instance_arn to create one by its name",
            result={"reason": "not_found"},
        )
    return None


def ensure_present(module, identity, messaging):
    params = module.params
    check_streaming_regions(params["streaming_configurations"], module.region)
    current = find_current(identity, messaging, params)
    if current:
        check_retention(current, params)
    base = current or {"name": params["name"], **EMPTY}
    after = build_after(base, params)
    result = {
        "changed": current is None or after != current,
        "app_instance": after,
        "diff": build_diff(current, after),
    }
    if module.check_mode or not result["changed"]:
        return result
    arn = write(identity, messaging, base, after, params)
    return {**result, "app_instance": instances.read(identity, messaging, arn)}


def ensure_absent(module, identity, messaging):
    params = module.params
    found = instances.find(identity, params["name"], params["app_instance_arn"])
    if found is None:
        return {"changed": False, "diff": {"before": {}, "after": {}}}
    check_force(found, params)
    arn = found["AppInstanceArn"]
    result = {"changed": True, "diff": build_diff(instances.read(identity, messaging, arn), None)}
    if module.check_mode:
        return result
    chime_sdk.unless_so(lambda: delete_instance(identity, arn), lambda: not instances.is_listed(identity, arn))
    if params["wait"]:
        wait_until(
            lambda: instances.is_listed(identity, arn),
            lambda listed: not listed,
            f"app instance {arn} to be gone",
            params["wait_timeout"],
            params["poll_seconds"],
            text=lambda listed: "still listed" if listed else "gone",
        )
    return result


def ensure(module):
    identity = chime_sdk.chime_client(module, chime_sdk.IDENTITY)
    messaging = chime_sdk.chime_client(module, chime_sdk.MESSAGING)
    check_options(identity, messaging, module.params)
    try:
        return (ensure_present if module.params["state"] == "present" else ensure_absent)(module, identity, messaging)
    except AwsError as error:
        raise chime_sdk.explained(error) from error


def main():
    argument_spec = {
        "state": {"choices": ["present", "absent"], "default": "present"},
        "name": {"type": "str"},
        "app_instance_arn": {"type": "str", "aliases": ["arn"]},
        "metadata": {"type": "str"},
        "retention_days": {"type": "int"},
        "allow_data_deletion": {"type": "bool", "default": False},
        "streaming_configurations": {
            "type": "list",
            "elements": "dict",
            "options": {
                "data_type": {"type": "str", "choices": ["Channel", "ChannelMessage"], "required": True},
                "resource_arn": {"type": "str", "required": True},
            },
        },
        "admins": {"type": "list", "elements": "str"},
        "force": {"type": "bool", "default": False},
        **chime_sdk.ARGUMENTS,
        **tagging.ARGUMENTS,
        **wait_arguments(),
    }
    module = AnsibleAWSModule(
        argument_spec=argument_spec,
        supports_check_mode=True,
        required_one_of=[("name", "app_instance_arn")],
    )
    run(module, ensure)


if __name__ == "__main__":
    main()
