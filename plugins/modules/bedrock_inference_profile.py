#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: bedrock_inference_profile
version_added: 1.0.0
short_description: Manage an application inference profile of Amazon Bedrock
description:
  - Creates, tags and deletes an application inference profile, through which the use and the cost of a model are
    told apart by application.
  - A profile cannot be changed. Where its models or its description differ from what is wanted, the task fails with the
    diff, or makes the profile again with O(replace=true).
  - Bedrock does not tell what a profile was copied from. It is compared by the set of its model ARNs with that of
    O(model_source).
  - With O(allowed_regions) nothing is created that may be worked on elsewhere, and a profile that exists and may be
    is a failure, in check mode as well.
  - Operations used are C(bedrock:ListInferenceProfiles), C(bedrock:GetInferenceProfile), C(bedrock:GetFoundationModel),
    C(bedrock:CreateInferenceProfile), C(bedrock:DeleteInferenceProfile), C(bedrock:ListTagsForResource),
    C(bedrock:TagResource) and C(bedrock:UntagResource), with the IAM permissions of the same names.
  - Who then calls a model through the profile needs C(bedrock:InvokeModel) on the ARN of the profile and on the ARN of
    the model in every region that RV(inference_profile.destinations) lists.
author:
  - MedZen platform team (@medzen)
options:
  name:
    description:
      - Name of the profile, 1 to 64 letters and digits, with single blanks, hyphens and underscores between them.
      - Bedrock keys profiles by ARN. Where several carry the name the task fails with reason C(ambiguous_name) and
        lists their ARNs; name one by O(inference_profile_id).
      - Required unless O(inference_profile_id) is given.
    type: str
  inference_profile_id:
    description:
      - ARN or identifier of an application inference profile that exists, instead of its name.
    type: str
    aliases: [arn, id]
  state:
    description:
      - Whether the profile is to be there.
    type: str
    choices: [present, absent]
    default: present
  model_source:
    description:
      - What the profile is copied from. ARN or identifier of a foundation model, which keeps its requests in the
        region, or of a system-defined inference profile, which sends them to the regions of that profile.
      - Required with O(state=present).
    type: str
  description:
    description:
      - Description of the profile, 1 to 200 letters, digits, colons and full stops, with single blanks, hyphens and
        underscores between them; there is no comma.
      - Not given leaves that of an existing profile alone.
    type: str
  allowed_regions:
    description:
      - The regions in which requests may be worked on, and stored, by their whole names. Not given judges nothing; an
        empty list allows nothing.
      - A profile with a global destination is outside of every list.
    type: list
    elements: str
  replace:
    description:
      - Whether to delete and make again a profile whose models or description differ. The new one has another ARN.
      - The old one goes first, so that a run that is interrupted in between is completed by the next one.
    type: bool
    default: false
  diff_sensitive:
    description:
      - Whether the diff shows the description, which Bedrock's model marks as sensitive. Without it the diff
        says only whether it differs.
    type: bool
    default: false
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
  - amazon.aws.tags
  - medzen.multiregion.bedrock
  - medzen.multiregion.wait
notes:
  - Needs boto3 1.36.0 or newer.
  - O(wait=true) waits until the profile is listed, or no longer is, because the next run looks there for its name.
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
seealso:
  - module: medzen.multiregion.bedrock_inference_profile_info
  - name: Bedrock inference profiles
    description: How application inference profiles are made and used.
    link: https://docs.aws.amazon.com/bedrock/latest/userguide/inference-profiles-create.html
"""

EXAMPLES = r"""
- name: A profile of the assistant that stays in the two regions
  medzen.multiregion.bedrock_inference_profile:
    region: eu-central-1
    name: medzen-ai-chat
    model_source: eu.amazon.nova-lite-v1:0
    allowed_regions: [eu-central-1, eu-west-1, eu-west-3, eu-north-1]
    tags:
      Workload: medzen-ai

- name: Copy it from another model; its ARN changes
  medzen.multiregion.bedrock_inference_profile:
    region: eu-central-1
    name: medzen-ai-chat
    model_source: arn:aws:bedrock:eu-central-1::foundation-model/amazon.nova-pro-v1:0
    replace: true

- name: Delete it
  medzen.multiregion.bedrock_inference_profile:
    region: af-south-1
    name: medzen-ai-chat
    state: absent
"""

RETURN = r"""
inference_profile:
  description: The profile; in check mode as it would be, without ARN, identifier and times if it were made.
  type: dict
  returned: when O(state=present)
  contains:
    name: {description: Name of the profile., type: str}
    arn: {description: ARN of the profile; V(null) in check mode if it were made., type: str}
    id: {description: Identifier of the profile; V(null) in check mode if it were made., type: str}
    type: {description: V(APPLICATION)., type: str}
    status: {description: V(ACTIVE)., type: str}
    description: {description: Description of the profile., type: str}
    created_at: {description: Time of its creation in ISO 8601., type: str}
    updated_at: {description: Time of its last change in ISO 8601., type: str}
    models: {description: ARNs of its models sorted., type: list, elements: str}
    destinations:
      description: Regions to which requests may be sent, sorted; V(global) stands for every commercial region.
      type: list
      elements: str
    scope:
      description: V(in_region), V(geo), V(global), or V(unknown) when an ARN cannot be read.
      type: str
    outside:
      description: Destinations, and the region itself, that O(allowed_regions) does not list.
      type: list
      elements: str
    compliant: {description: Whether none is outside; V(null) without O(allowed_regions)., type: bool}
    tags: {description: Tags of the profile., type: dict}
  sample:
    name: medzen-ai-chat
    arn: arn:aws:bedrock:eu-central-1:123456789012:application-inference-profile/a1b2c3d4e5f6
    id: a1b2c3d4e5f6
    type: APPLICATION
    status: ACTIVE
    models:
      - arn:aws:bedrock:eu-central-1::foundation-model/amazon.nova-lite-v1:0
      - arn:aws:bedrock:eu-west-1::foundation-model/amazon.nova-lite-v1:0
    destinations: [eu-central-1, eu-west-1]
    scope: geo
    outside: []
    compliant: true
    tags: {Workload: medzen-ai}
differences:
  description: What cannot be changed in place, V(models) or V(description).
  type: list
  elements: str
  returned: when O(state=present), and on the failure that asks for O(replace)
"""

import hashlib
from dataclasses import dataclass

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.medzen.multiregion.plugins.module_utils import inference_profiles as profiles
from ansible_collections.medzen.multiregion.plugins.module_utils import residency
from ansible_collections.medzen.multiregion.plugins.module_utils import tags as tagging
from ansible_collections.medzen.multiregion.plugins.module_utils.aws import describe, token
from ansible_collections.medzen.multiregion.plugins.module_utils.bedrock import (
    ARGUMENTS,
    NOT_FOUND,
    check_arn_region,
    connect,
    converge_tags,
    list_tags,
)
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import Refused
from ansible_collections.medzen.multiregion.plugins.module_utils.lookup import find_by_name
from ansible_collections.medzen.multiregion.plugins.module_utils.runner import run
from ansible_collections.medzen.multiregion.plugins.module_utils.service_model import (
    check_request,
    require_operations,
)
from ansible_collections.medzen.multiregion.plugins.module_utils.wait import wait_arguments, wait_until

OPERATIONS = ("CreateInferenceProfile", "GetInferenceProfile", "ListInferenceProfiles", "DeleteInferenceProfile")
IDENTIFIER = "inferenceProfileIdentifier"
# Stands for a source that is given by its identifier, whose form is checked apart.
ANY_MODEL = "arn:aws:bedrock:eu-central-1::foundation-model/amazon.nova-lite-v1:0"
OPTIONS = {
    "inferenceProfileName": "name",
    "modelSource.copyFrom": "model_source",
    "description": "description",
    "tags": "tags",
}


@dataclass(frozen=True)
class Source:
    """What a profile is copied from: its ARN, and the models that the copy will have."""

    arn: str
    models: frozenset[str]


@dataclass(frozen=True)
class Plan:
    """The profile as it is and as it will be, with its tags, and the way from one to the other."""

    current: dict | None
    after: dict
    differences: list[str]
    to_set: dict
    to_remove: list[str]

    @property
    def anew(self):
        return self.current is None or bool(self.differences)

    @property
    def changes(self):
        return self.anew or bool(self.to_set or self.to_remove)


@describe("create inference profile {name}")
def create_profile(bedrock, name, request):
    return bedrock.create_inference_profile(**request, aws_retry=True)["inferenceProfileArn"]


@describe("delete inference profile {arn}", missing=NOT_FOUND)
def delete_profile(bedrock, arn):
    bedrock.delete_inference_profile(inferenceProfileIdentifier=arn, aws_retry=True)


def build_request(profile, source_arn):
    """The request that makes a profile; tags that AWS keeps for itself are not to be given."""
    tags = {key: str(value) for key, value in (profile["tags"] or {}).items() if not key.startswith("aws:")}
    request = {
        "inferenceProfileName": profile["inferenceProfileName"],
        "description": profile.get("description"),
        "modelSource": {"copyFrom": source_arn},
        "tags": tagging.to_boto(tags, "key", "value"),
    }
    return {key: value for key, value in request.items() if value not in (None, [])}


def find_differences(current, description, source):
    """What a profile cannot be changed in. The order of its models says nothing."""
    if current is None:
        return []
    found = [] if profiles.model_arns(current) == source.models else ["models"]
    differs = description is not None and description != current.get("description")
    return [*found, "description"] if differs else found


def build_after(current, params, source, tags, anew):
    """The profile as it will be; it has no ARN while it is to be made."""
    present = current or {"inferenceProfileName": params["name"], "type": profiles.APPLICATION, "status": "ACTIVE"}
    lost = ("inferenceProfileArn", "inferenceProfileId", "createdAt", "updatedAt") if anew else ()
    kept = {key: value for key, value in present.items() if key not in lost}
    wanted = {} if params["description"] is None else {"description": params["description"]}
    return {**kept, **wanted, "models": [{"modelArn": arn} for arn in sorted(source.models)], "tags": tags}


def plan(current, params, source):
    present = (current or {}).get("tags", {})
    to_set, to_remove = tagging.diff_tags(present, params["tags"], params["purge_tags"])
    tags = {key: value for key, value in {**present, **to_set}.items() if key not in to_remove}
    differences = find_differences(current, params["description"], source)
    after = build_after(current, params, source, tags, current is None or bool(differences))
    return Plan(current, after, differences, to_set, to_remove)


def diff_side(profile, sensitive):
    if profile is None:
        return {}
    text = profile.get("description")
    return {
        "name": profile.get("inferenceProfileName"),
        "models": sorted(profiles.model_arns(profile)),
        "description": text if sensitive or text is None else conceal(text),
        "tags": profile.get("tags", {}),
    }


def conceal(text):
    """Enough to see whether two texts differ, not what they say."""
    return f"{len(text)} characters, SHA-256 {hashlib.sha256(text.encode()).hexdigest()[:12]}"


def require_same(planned, diff):
    if planned.differences:
        raise Refused(
            f"Inference profile {planned.after['inferenceProfileName']} differs in its "
            f"{' and '.join(planned.differences)}, which cannot be changed",
            found={key: diff["before"][key] for key in planned.differences},
            expected={key: diff["after"][key] for key in planned.differences},
            next_step="set replace: true to delete it and make it again with another ARN, or correct the options",
            result={"reason": "replace_required", "differences": planned.differences, "diff": diff},
        )


def find_source(bedrock, identifier):
    """A system-defined profile or a foundation model, with the ARNs that a copy of it gets."""
    if ":foundation-model/" not in identifier and (found := profiles.look_up_profile(bedrock, identifier)):
        return Source(found["inferenceProfileArn"], frozenset(profiles.model_arns(found)))
    if ":inference-profile/" not in identifier and (found := profiles.get_model(bedrock, identifier)):
        return Source(found["modelArn"], frozenset([found["modelArn"]]))
    raise Refused(
        f"There is no model and no inference profile {identifier} in this region",
        found="neither answers to this identifier",
        expected="model_source names a foundation model or a system-defined inference profile of this region",
        next_step="see what there is with medzen.multiregion.bedrock_inference_profile_info; a model may have ended",
        result={"reason": "unknown_model_source"},
    )


def find_profile(bedrock, params):
    """The application profile with its tags; None when there is none."""
    if params["inference_profile_id"]:
        found = profiles.get_profile(bedrock, params["inference_profile_id"])
    else:
        listed = profiles.list_profiles(bedrock, profiles.APPLICATION)
        keys = ("inferenceProfileName", "inferenceProfileArn")
        found = find_by_name(listed, params["name"], "inference profiles", *keys)
    if found is None:
        return None
    require_application(found)
    return {**found, "tags": list_tags(bedrock, found["inferenceProfileArn"])}


def require_application(found):
    if found["type"] != profiles.APPLICATION:
        raise Refused(
            f"{found['inferenceProfileId']} is not yours to change",
            found=f"an inference profile of type {found['type']}",
            expected=f"one of type {profiles.APPLICATION}",
            next_step="give it as model_source, or name a profile of your own",
        )


def require_existing(current, identifier):
    if current is None and identifier:
        raise Refused(
            f"There is no inference profile {identifier}",
            expected="inference_profile_id names a profile that exists; Bedrock chooses the identifier of a new one",
            next_step="give name alone to make one",
        )


def wait_for_listing(bedrock, params, arn, there):
    """The next run finds the profile in the listing, so that is where it must stand, or must not."""
    wait_until(
        lambda: any(one["inferenceProfileArn"] == arn for one in profiles.list_profiles(bedrock, profiles.APPLICATION)),
        lambda listed: listed is there,
        f"inference profile {arn} to be {'listed' if there else 'gone'}",
        params["wait_timeout"],
        params["poll_seconds"],
        text=lambda listed: "listed" if listed else "not listed",
    )


def remove(bedrock, params, arn):
    delete_profile(bedrock, arn)
    if params["wait"]:
        wait_for_listing(bedrock, params, arn, there=False)


def make(bedrock, params, planned, source):
    wanted, name = planned.after, planned.after["inferenceProfileName"]
    replaced = (planned.current or {}).get("inferenceProfileArn")
    once = token("inference-profile", name, source.arn, replaced)
    request = {**build_request(wanted, source.arn), "clientRequestToken": once}
    arn = create_profile(bedrock, name, request)
    if params["wait"]:
        wait_for_listing(bedrock, params, arn, there=True)
    found = profiles.get_profile(bedrock, arn) or {}
    return {**wanted, "inferenceProfileArn": arn, "inferenceProfileId": arn.rpartition("/")[2], **found}


def write(bedrock, params, planned, source):
    """The profile as it is now."""
    if planned.anew:
        if planned.current is not None:
            remove(bedrock, params, planned.current["inferenceProfileArn"])
        return make(bedrock, params, planned, source)
    arn = planned.current["inferenceProfileArn"]
    converge_tags(bedrock, arn, planned.to_set, planned.to_remove)
    return planned.after


def gate(module, source):
    """Where the copy's requests would go; refused before anything is written."""
    allowed = module.params["allowed_regions"]
    places = residency.build_destinations(source.models, source.arn.rpartition("/")[2])
    judged = residency.judge_residency(module.region, places, allowed)
    residency.require_compliance(f"What is sent through {source.arn}", judged, allowed)


def show(module, profile):
    judged = profiles.judge_profile(profile, module.region, module.params["allowed_regions"])
    return {**profiles.shown(profile, judged), "tags": profile["tags"]}


def ensure_present(module, bedrock):
    source = find_source(bedrock, module.params["model_source"])
    gate(module, source)
    current = find_profile(bedrock, module.params)
    require_existing(current, module.params["inference_profile_id"])
    planned, sensitive = plan(current, module.params, source), module.params["diff_sensitive"]
    diff = {"before": diff_side(current, sensitive), "after": diff_side(planned.after, sensitive)}
    if not module.params["replace"]:
        require_same(planned, diff)
    check_request(bedrock, "CreateInferenceProfile", build_request(planned.after, source.arn), OPTIONS)
    after = planned.after
    if planned.changes and not module.check_mode:
        after = write(bedrock, module.params, planned, source)
    return {
        "changed": planned.changes,
        "inference_profile": show(module, after),
        "differences": planned.differences,
        "diff": diff,
    }


def ensure_absent(module, bedrock):
    current = find_profile(bedrock, module.params)
    if current is not None and not module.check_mode:
        remove(bedrock, module.params, current["inferenceProfileArn"])
    sensitive = module.params["diff_sensitive"]
    return {"changed": current is not None, "diff": {"before": diff_side(current, sensitive), "after": {}}}


def check_options(bedrock, params, region):
    """Every option as given, before the first call: a wrong one must not hide behind a profile that is as it should."""
    residency.check_allowed_regions(params["allowed_regions"])
    for option in ("model_source", "inference_profile_id"):
        check_arn_region(option, params[option], region)
    given = {
        "inferenceProfileName": "any" if params["name"] is None else params["name"],
        "description": params["description"],
    }
    source = ANY_MODEL if params["model_source"] is None else params["model_source"]
    if not source.startswith("arn:"):
        check_request(bedrock, "GetInferenceProfile", {IDENTIFIER: source}, {IDENTIFIER: "model_source"})
        source = ANY_MODEL
    request = build_request({**given, "tags": params["tags"]}, source)
    check_request(bedrock, "CreateInferenceProfile", request, OPTIONS)
    if params["inference_profile_id"] is not None:
        identifier = {IDENTIFIER: params["inference_profile_id"]}
        check_request(bedrock, "GetInferenceProfile", identifier, {IDENTIFIER: "inference_profile_id"})


def ensure(module):
    bedrock = connect(module)
    require_operations(bedrock, *OPERATIONS, since="1.36.0")
    check_options(bedrock, module.params, module.region)
    return (ensure_present if module.params["state"] == "present" else ensure_absent)(module, bedrock)


def main():
    argument_spec = {
        "name": {},
        "inference_profile_id": {"aliases": ["arn", "id"]},
        "state": {"choices": ["present", "absent"], "default": "present"},
        "model_source": {},
        "description": {},
        "allowed_regions": {"type": "list", "elements": "str"},
        "replace": {"type": "bool", "default": False},
        "diff_sensitive": {"type": "bool", "default": False},
        **ARGUMENTS,
        **tagging.ARGUMENTS,
        **wait_arguments(),
    }
    module = AnsibleAWSModule(
        argument_spec=argument_spec,
        required_one_of=[("name", "inference_profile_id")],
        required_if=[("state", "present", ["model_source"])],
        supports_check_mode=True,
    )
    run(module, ensure)


if __name__ == "__main__":
    main()
