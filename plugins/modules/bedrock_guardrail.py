#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: bedrock_guardrail
version_added: 1.0.0
short_description: Manage a Bedrock guardrail, its policies, versions and tags
description:
  - Creates, changes and deletes a guardrail, and publishes and removes its numbered versions.
  - What is not given stays as it is. C(bedrock:UpdateGuardrail) replaces the whole guardrail, so the module sends again
    what is to stay. What is given empty, as C(topic_policy={}), C(words=[]) or an empty O(description), is removed.
  - Lists are compared by the name or type of their items whatever their order, numbers with a tolerance, a KMS alias by
    the key that it names. Values that the service fills in (actions C(BLOCK), evaluation enabled, modality C(TEXT),
    tier C(CLASSIC)) count as given.
  - An application that uses the C(DRAFT) gets every change at once. Production uses a number, see O(publish_version).
  - A guardrail has at least one policy, so the last one cannot be removed.
  - Every enum, pattern and limit is checked against botocore's model before the first call, in check mode as well.
  - Operations used are C(bedrock:ListGuardrails), C(bedrock:GetGuardrail), C(bedrock:CreateGuardrail),
    C(bedrock:UpdateGuardrail), C(bedrock:CreateGuardrailVersion), C(bedrock:DeleteGuardrail),
    C(bedrock:ListTagsForResource), C(bedrock:TagResource), C(bedrock:UntagResource) and, for an alias in
    O(kms_key_id), C(kms:DescribeKey), with the IAM permissions of the same names. A key of your own needs
    C(kms:CreateGrant) as well; O(cross_region_profile) needs C(bedrock:CreateGuardrail) and
    C(bedrock:UpdateGuardrail) on the profile's ARN.
author:
  - MedZen platform team (@medzen)
options:
  name:
    description:
      - Name of the guardrail, up to 50 characters of C([0-9a-zA-Z-_]).
      - It finds the guardrail, unless O(guardrail_id) is given; then the guardrail gets this name.
      - One of O(name) and O(guardrail_id) is required.
    type: str
  guardrail_id:
    description:
      - Id or ARN of a guardrail that is there. Needed where several carry one name.
    type: str
  state:
    description:
      - Whether the guardrail is to be there.
    type: str
    choices: [present, absent]
    default: present
  description:
    description:
      - What the guardrail is for, up to 200 characters.
    type: str
  blocked_input_messaging:
    description:
      - Answer to a prompt that is blocked, up to 500 characters. Required to create the guardrail.
    type: str
  blocked_outputs_messaging:
    description:
      - Stands for a model's answer that is blocked, up to 500 characters. Required to create the guardrail.
    type: str
  topic_policy:
    description:
      - Topics that are denied.
    type: dict
    suboptions:
      topics:
        description:
          - Up to 30 topics.
        type: list
        elements: dict
        suboptions:
          name:
            description:
              - Name of the topic, up to 100 characters.
            type: str
            required: true
          definition:
            description:
              - What belongs to the topic, up to 200 characters, 1000 with the tier C(STANDARD).
            type: str
            required: true
          examples:
            description:
              - Up to 5 prompts that belong to it, of up to 100 characters.
            type: list
            elements: str
          type:
            description:
              - What is done with the topic; C(DENY) is all there is.
            type: str
            default: DENY
          input_action:
            description: &action
              - C(BLOCK) or C(NONE), which only reports what was detected. C(BLOCK) when not given.
            type: str
          output_action:
            description: *action
            type: str
          input_enabled:
            description: &enabled
              - Whether this side is evaluated at all. V(true) when not given.
            type: bool
          output_enabled:
            description: *enabled
            type: bool
      tier:
        description: &tier
          - C(CLASSIC) understands English, French and Spanish. C(STANDARD) understands more and needs
            O(cross_region_profile) in the same task.
          - Not given leaves it alone; a new policy gets C(CLASSIC).
        type: str
  content_policy:
    description:
      - Filters for harmful content.
    type: dict
    suboptions:
      filters:
        description:
          - One filter a type.
        type: list
        elements: dict
        suboptions:
          type:
            description:
              - C(SEXUAL), C(VIOLENCE), C(HATE), C(INSULTS), C(MISCONDUCT) or C(PROMPT_ATTACK).
            type: str
            required: true
          input_strength:
            description: &strength
              - C(NONE), C(LOW), C(MEDIUM) or C(HIGH).
            type: str
          output_strength:
            description:
              - C(NONE), C(LOW), C(MEDIUM) or C(HIGH). A filter C(type=PROMPT_ATTACK) takes C(NONE) only,
                which it has when not given.
            type: str
          input_modalities:
            description: &modalities
              - C(TEXT), C(IMAGE) or both. C(TEXT) when not given.
            type: list
            elements: str
          output_modalities:
            description: *modalities
            type: list
            elements: str
          input_action:
            description: *action
            type: str
          output_action:
            description: *action
            type: str
          input_enabled:
            description: *enabled
            type: bool
          output_enabled:
            description: *enabled
            type: bool
      tier:
        description: *tier
        type: str
  word_policy:
    description:
      - Words that are blocked.
    type: dict
    suboptions:
      words:
        description:
          - Up to 10000 words or phrases.
        type: list
        elements: dict
        suboptions:
          text:
            description:
              - The word or phrase, up to 100 characters.
            type: str
            required: true
          input_action:
            description: *action
            type: str
          output_action:
            description: *action
            type: str
          input_enabled:
            description: *enabled
            type: bool
          output_enabled:
            description: *enabled
            type: bool
      managed_word_lists:
        description:
          - Lists that AWS keeps.
        type: list
        elements: dict
        suboptions:
          type:
            description:
              - C(PROFANITY) is all there is.
            type: str
            required: true
          input_action:
            description: *action
            type: str
          output_action:
            description: *action
            type: str
          input_enabled:
            description: *enabled
            type: bool
          output_enabled:
            description: *enabled
            type: bool
  sensitive_information_policy:
    description:
      - What is blocked or masked because it tells who somebody is.
    type: dict
    suboptions:
      pii_entities:
        description:
          - One entry a kind of personal data. The national ones are those of the US, the UK and Canada; others need a
            regular expression.
        type: list
        elements: dict
        suboptions:
          type:
            description:
              - The kind, as C(NAME), C(EMAIL), C(PHONE), C(ADDRESS) or C(AGE).
            type: str
            required: true
          action:
            description: &pii_action
              - C(BLOCK), C(ANONYMIZE) or C(NONE), which only reports.
            type: str
            required: true
          input_action:
            description: &pii_side
              - The same for one side. As O(sensitive_information_policy.pii_entities[].action) or
                O(sensitive_information_policy.regexes[].action) when not given.
            type: str
          output_action:
            description: *pii_side
            type: str
          input_enabled:
            description: *enabled
            type: bool
          output_enabled:
            description: *enabled
            type: bool
      regexes:
        description:
          - Up to 30 regular expressions.
        type: list
        elements: dict
        suboptions:
          name:
            description:
              - Name of the expression, up to 100 characters.
            type: str
            required: true
          description:
            description:
              - What it finds, up to 1000 characters.
            type: str
          pattern:
            description:
              - The expression, up to 500 characters.
            type: str
            required: true
          action:
            description: *pii_action
            type: str
            required: true
          input_action:
            description: *pii_side
            type: str
          output_action:
            description: *pii_side
            type: str
          input_enabled:
            description: *enabled
            type: bool
          output_enabled:
            description: *enabled
            type: bool
  contextual_grounding_policy:
    description:
      - Answers that their sources do not support.
    type: dict
    suboptions:
      filters:
        description:
          - One filter a type.
        type: list
        elements: dict
        suboptions:
          type:
            description:
              - C(GROUNDING) or C(RELEVANCE).
            type: str
            required: true
          threshold:
            description:
              - Score below which an answer is blocked, from 0 to 0.99.
            type: float
            required: true
          action:
            description: *action
            type: str
          enabled:
            description:
              - Whether it is evaluated at all. V(true) when not given.
            type: bool
      tier:
        description: *tier
        type: str
  automated_reasoning_policy:
    description:
      - Policies by which answers are proven.
    type: dict
    suboptions:
      policies:
        description:
          - ARNs of policies, 1 or 2.
        type: list
        elements: str
      confidence_threshold:
        description:
          - Confidence from 0 to 1 that a finding needs.
        type: float
  cross_region_profile:
    description:
      - Guardrail profile, as C(eu.guardrail.v1:0) or its ARN in the region of the task. Prompts and answers are then
        evaluated in any of its regions.
      - A profile that the region cannot use is refused. Empty removes it.
    type: str
  kms_key_id:
    description:
      - Key that encrypts the guardrail, as ARN, id or alias. Empty goes back to the key of AWS.
    type: str
  publish_version:
    description:
      - V(on_change) makes a numbered version when what the guardrail does differs from the newest one, also when that
        was left over by a run that was interrupted. Its name, description and key do not count.
      - V(always) makes one in every run.
    type: str
    choices: [never, on_change, always]
    default: never
  version_description:
    description:
      - Description of a version that is made, up to 200 characters.
    type: str
  keep_versions:
    description:
      - How many of the newest numbered versions stay; older ones are deleted. Not given leaves all of them.
    type: int
  pinned_versions:
    description:
      - Versions that something uses. They are never deleted, and neither is the guardrail while one of them is there.
    type: list
    elements: int
    default: []
  force:
    description:
      - Whether O(state=absent) deletes a guardrail that has numbered versions, with all of them.
    type: bool
    default: false
  diff_sensitive:
    description:
      - Whether the diff shows messages, descriptions, definitions and examples, which the service treats as sensitive.
        Otherwise it shows a checksum of each.
    type: bool
    default: false
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
  - amazon.aws.tags
  - medzen.multiregion.bedrock
  - medzen.multiregion.wait
attributes:
  check_mode:
    description: Can run in check mode and predict changes without making them.
    support: full
  diff_mode:
    description: Returns what has changed when in diff mode.
    support: full
  idempotent:
    description: A second run with the same options changes nothing, unless O(publish_version=always).
    support: full
notes:
  - Publishing waits for the guardrail whatever O(wait) says, since only a ready one can be published.
seealso:
  - module: medzen.multiregion.bedrock_guardrail_info
  - module: medzen.multiregion.bedrock_guardrail_probe
"""

EXAMPLES = r"""
- name: Keep the assistant of a region within its bounds, and publish what has changed
  medzen.multiregion.bedrock_guardrail:
    region: eu-central-1
    name: medzen-assistant
    blocked_input_messaging: I cannot help with that. Please ask your doctor.
    blocked_outputs_messaging: I cannot answer that. Please ask your doctor.
    cross_region_profile: eu.guardrail.v1:0
    content_policy:
      tier: STANDARD
      filters:
        - type: PROMPT_ATTACK
          input_strength: HIGH
        - type: MISCONDUCT
          input_strength: HIGH
          output_strength: HIGH
    sensitive_information_policy:
      pii_entities:
        - type: NAME
          action: ANONYMIZE
    publish_version: on_change
    keep_versions: 5
    pinned_versions: [7]
    tags:
      Workload: medzen-assistant

- name: Take the denied topics away and leave everything else
  medzen.multiregion.bedrock_guardrail:
    region: eu-central-1
    name: medzen-assistant
    topic_policy: {}

- name: Delete it with its versions
  medzen.multiregion.bedrock_guardrail:
    region: af-south-1
    name: medzen-assistant
    state: absent
    force: true
"""

RETURN = r"""
guardrail:
  description:
    - The draft as C(bedrock:GetGuardrail) describes it, in snake_case, its tags as a dict.
    - In check mode as it would be.
  type: dict
  returned: when O(state=present)
  contains:
    name: {description: Name., type: str}
    description: {description: What it is for., type: str}
    guardrail_id: {description: Identifier; the service gives it., type: str}
    guardrail_arn: {description: ARN., type: str}
    version: {description: "C(DRAFT), or the number.", type: str}
    status:
      description: C(READY), C(CREATING), C(UPDATING), C(VERSIONING), C(FAILED) or C(DELETING).
      type: str
    status_reasons: {description: Why it is C(FAILED)., type: list, elements: str}
    failure_recommendations: {description: What the service recommends then., type: list, elements: str}
    blocked_input_messaging: {description: Answer to a prompt that is blocked., type: str}
    blocked_outputs_messaging: {description: Stands for an answer that is blocked., type: str}
    topic_policy: {description: Denied C(topics) and their C(tier)., type: dict}
    content_policy: {description: Content C(filters) and their C(tier)., type: dict}
    word_policy: {description: "C(words), and C(managed_word_lists) of AWS.", type: dict}
    sensitive_information_policy: {description: C(pii_entities) and C(regexes)., type: dict}
    contextual_grounding_policy: {description: Grounding C(filters) and their C(tier)., type: dict}
    automated_reasoning_policy: {description: C(policies) and their C(confidence_threshold)., type: dict}
    cross_region_details:
      description: C(guardrail_profile_id) and C(guardrail_profile_arn) of its guardrail profile.
      type: dict
    kms_key_arn: {description: Key that encrypts it; not there with the key of AWS., type: str}
    created_at: {description: When it was created in ISO 8601., type: str}
    updated_at: {description: When it was last changed in ISO 8601., type: str}
    tags: {description: Tags., type: dict}
  sample:
    guardrail_id: a1b2c3d4e5f6
    guardrail_arn: arn:aws:bedrock:eu-central-1:123456789012:guardrail/a1b2c3d4e5f6
    name: medzen-assistant
    status: READY
    tags:
      Workload: medzen-assistant
version:
  description: The newest numbered version, C(DRAFT) when there is none. In check mode, that before the run.
  type: str
  returned: when O(state=present)
  sample: "8"
publishes:
  description: Whether a version was made; in check mode whether one would be.
  type: bool
  returned: when O(state=present)
published_version:
  description: The version that was made.
  type: str
  returned: when one was made; not in check mode, since the service numbers it
  sample: "8"
deleted_versions:
  description: Versions that were deleted because of O(keep_versions), oldest first; in check mode those that would be.
  type: list
  elements: str
  returned: when O(state=present)
  sample: ["1", "2"]
"""

from dataclasses import dataclass, field

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.medzen.multiregion.plugins.module_utils import bedrock
from ansible_collections.medzen.multiregion.plugins.module_utils import guardrail_plan as planning
from ansible_collections.medzen.multiregion.plugins.module_utils import guardrail_shapes as shapes
from ansible_collections.medzen.multiregion.plugins.module_utils import tags as tagging
from ansible_collections.medzen.multiregion.plugins.module_utils.aws import client, describe, snake, token
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import AwsError, Refused, refuse_faults
from ansible_collections.medzen.multiregion.plugins.module_utils.kms import describe_key
from ansible_collections.medzen.multiregion.plugins.module_utils.runner import run
from ansible_collections.medzen.multiregion.plugins.module_utils.service_model import require_operations
from ansible_collections.medzen.multiregion.plugins.module_utils.wait import TimeLeft, wait_arguments

CONFLICT = "ConflictException"


@dataclass(frozen=True)
class Present:
    """What is there: the draft as described and in the request's form, its versions newest first, its tags."""

    guardrail: dict | None = None
    request: dict | None = None
    versions: list[int] = field(default_factory=list)
    newest: dict | None = None
    tags: dict = field(default_factory=dict)


@dataclass(frozen=True)
class Work:
    """What is to be done, for whom, until when."""

    params: dict
    left: TimeLeft
    plan: dict
    wanted: dict


@describe("create guardrail {name}")
def create_guardrail(connection, name, request):
    return connection.create_guardrail(**request, aws_retry=True)["guardrailId"]


@describe("update guardrail {guardrail_id}")
def update_guardrail(connection, guardrail_id, request):
    connection.update_guardrail(guardrailIdentifier=guardrail_id, **request, aws_retry=True)


@describe("publish a version of guardrail {guardrail_id}")
def create_version(connection, guardrail_id, request):
    return connection.create_guardrail_version(guardrailIdentifier=guardrail_id, **request, aws_retry=True)["version"]


@describe("delete version {version} of guardrail {guardrail_id}", missing=bedrock.NOT_FOUND)
def delete_version(connection, guardrail_id, version):
    connection.delete_guardrail(guardrailIdentifier=guardrail_id, guardrailVersion=version, aws_retry=True)


@describe("delete guardrail {guardrail_id}", missing=bedrock.NOT_FOUND)
def delete_guardrail(connection, guardrail_id):
    connection.delete_guardrail(guardrailIdentifier=guardrail_id, aws_retry=True)


# --- reading ---------------------------------------------------------------------------------------------------------


def read_current(module, connection, left):
    """The guardrail and its rows; what is under way is joined first, a deletion is waited for."""
    params = module.params
    current = bedrock.find_guardrail(connection, params["name"], params["guardrail_id"])
    if current is None:
        return None, []
    guardrail_id, waits = current["guardrailId"], params["wait"] and not module.check_mode
    if bedrock.status_of(current) == bedrock.DELETING:
        if waits:
            bedrock.wait_for_absence(connection, guardrail_id, left.seconds(), params["poll_seconds"])
        return None, []
    rows = bedrock.list_rows(connection, guardrail_id)
    if bedrock.is_busy(rows) and waits:
        rows = bedrock.wait_while_busy(connection, guardrail_id, left.seconds(), params["poll_seconds"])
        current = bedrock.get_guardrail(connection, guardrail_id)
    return current, rows


def wait_for(connection, guardrail_id, version, params, left, is_new=False):
    return bedrock.wait_for_ready(
        connection, guardrail_id, version, left.seconds(), params["poll_seconds"], is_new=is_new
    )


def resolve_key(module):
    """The options with the ARN of the key, which is what the service answers with."""
    name = module.params["kms_key_id"]
    if not name or ":key/" in name:
        return module.params
    key = describe_key(client(module, "kms"), name)
    if key is None:
        raise Refused(
            f"There is no key {name} in {module.region}",
            expected="a key of the guardrail's region",
            next_step="correct kms_key_id",
            result={"reason": "invalid_option"},
        )
    return {**module.params, "kms_key_id": key["Arn"]}


def read_newest(connection, guardrail_id, versions):
    """The newest numbered version in the request's form, if it is worth comparing with: one that failed is not."""
    newest = bedrock.get_guardrail(connection, guardrail_id, str(versions[0])) if versions else None
    return None if bedrock.status_of(newest) in (None, bedrock.FAILED) else shapes.request_from_answer(newest)


def read_present(module, connection, left):
    """Everything that is there, from which the plan is made."""
    current, rows = read_current(module, connection, left)
    if current is None:
        return Present()
    versions = bedrock.find_versions(rows)
    compares = module.params["publish_version"] == "on_change"
    return Present(
        guardrail=current,
        request=shapes.request_from_answer(current),
        versions=versions,
        newest=read_newest(connection, current["guardrailId"], versions) if compares else None,
        tags=bedrock.list_tags(connection, current["guardrailArn"]),
    )


# --- planning --------------------------------------------------------------------------------------------------------


def build_plan(params, present, wanted):
    """What has to change, as values."""
    publish = planning.is_to_publish(params["publish_version"], present.newest, wanted)
    to_set, to_remove = tagging.diff_tags(present.tags, params["tags"], params["purge_tags"])
    # What failed is sent again, even if it reads as wanted.
    failed = bedrock.status_of(present.guardrail) == bedrock.FAILED
    return {
        "create": present.guardrail is None,
        "update": failed or planning.has_changed(present.request, wanted),
        "publish": publish,
        "delete": planning.find_superfluous(
            present.versions, params["keep_versions"], params["pinned_versions"], publish
        ),
        "to_set": to_set,
        "to_remove": to_remove,
    }


def tags_after(present, plan):
    return {**{key: value for key, value in present.tags.items() if key not in plan["to_remove"]}, **plan["to_set"]}


def build_diff(connection, params, present, plan, wanted):
    bare = params["diff_sensitive"]
    left = [str(number) for number in present.versions if number not in plan["delete"]]
    after = (["new"] if plan["publish"] else []) + left
    before = [str(number) for number in present.versions]
    return {
        "before": planning.diff_side(connection, present.request, present.tags, before, bare),
        "after": planning.diff_side(connection, wanted, tags_after(present, plan), after, bare),
    }


def build_result(connection, params, present, plan, wanted):
    kept = {key: value for key, value in (present.guardrail or {}).items() if key not in shapes.ANSWER_MEMBERS}
    guardrail = {**kept, **shapes.answer_from_request(wanted)}
    return {
        "changed": any(plan.values()),
        "guardrail": {**snake(guardrail), "tags": tags_after(present, plan)},
        "version": str(present.versions[0]) if present.versions else bedrock.DRAFT,
        "publishes": plan["publish"],
        "deleted_versions": [str(number) for number in plan["delete"]],
        "diff": build_diff(connection, params, present, plan, wanted),
    }


# --- writing ---------------------------------------------------------------------------------------------------------


def create(connection, params, wanted):
    request = {
        **wanted,
        "tags": tagging.to_boto(params["tags"], "key", "value"),
        "clientRequestToken": token("create guardrail", connection.meta.region_name, params["name"]),
    }
    return create_guardrail(connection, params["name"], {key: value for key, value in request.items() if value})


def update(connection, work, guardrail_id):
    """An update takes no token: repeated after a lost answer it conflicts with itself, which is seen by its effect."""
    try:
        update_guardrail(connection, guardrail_id, work.wanted)
    except AwsError as error:
        if error.code != CONFLICT:
            raise
        bedrock.wait_while_busy(connection, guardrail_id, work.left.seconds(), work.params["poll_seconds"])
        found = bedrock.get_guardrail(connection, guardrail_id)
        if found is None or planning.has_changed(shapes.request_from_answer(found), work.wanted):
            raise


def delete(connection, guardrail_id, version=None):
    """Delete the guardrail or a version; one that is on its way out already, after a lost answer, is no conflict."""
    try:
        if version:
            delete_version(connection, guardrail_id, version)
        else:
            delete_guardrail(connection, guardrail_id)
    except AwsError as error:
        found = bedrock.get_guardrail(connection, guardrail_id, version or bedrock.DRAFT)
        if error.code != CONFLICT or bedrock.status_of(found) not in (None, bedrock.DELETING):
            raise


def publish(connection, work, guardrail_id):
    """Make a version and see it ready; the token keeps a lost answer from making two."""
    params = work.params
    request = {"clientRequestToken": token("publish guardrail", connection.meta.region_name, guardrail_id)}
    if params["version_description"]:
        request["description"] = params["version_description"]
    version = create_version(connection, guardrail_id, request)
    if params["wait"] or work.plan["delete"]:
        wait_for(connection, guardrail_id, version, params, work.left, is_new=True)
        wait_for(connection, guardrail_id, bedrock.DRAFT, params, work.left)
        bedrock.wait_for_listing(connection, guardrail_id, version, work.left.seconds(), params["poll_seconds"])
    return version


def write(connection, work, present):
    """Do what the plan says; returns the guardrail's id and the version that was made, if any."""
    params, plan = work.params, work.plan
    if plan["create"]:
        guardrail_id = create(connection, params, work.wanted)
    else:
        guardrail_id = present.guardrail["guardrailId"]
        if plan["update"]:
            update(connection, work, guardrail_id)
        bedrock.converge_tags(connection, present.guardrail["guardrailArn"], plan["to_set"], plan["to_remove"])
    if (plan["create"] or plan["update"]) and (params["wait"] or plan["publish"]):
        wait_for(connection, guardrail_id, bedrock.DRAFT, params, work.left, is_new=plan["create"])
    published = publish(connection, work, guardrail_id) if plan["publish"] else None
    delete_versions(connection, work, guardrail_id)
    return guardrail_id, published


def delete_versions(connection, work, guardrail_id):
    """One after the other: while one is on its way out, the service deletes no other."""
    numbers, poll_seconds = work.plan["delete"], work.params["poll_seconds"]
    for number in numbers:
        delete(connection, guardrail_id, str(number))
        if work.params["wait"] or number != numbers[-1]:
            bedrock.wait_for_absence(connection, guardrail_id, work.left.seconds(), poll_seconds, str(number))


def check_found(module, present):
    guardrail_id = module.params["guardrail_id"]
    if present.guardrail is None and guardrail_id:
        raise Refused(
            f"There is no guardrail {guardrail_id} in {module.region}",
            expected="the id of one that is there: the service gives ids",
            next_step="leave guardrail_id out to create one by its name",
            result={"reason": "not_found"},
        )


def ensure_present(module, connection):
    planning.check_options(connection, module.params, module.region)
    left = TimeLeft(module.params["wait_timeout"])
    present = read_present(module, connection, left)
    check_found(module, present)
    params = resolve_key(module)
    wanted = shapes.build_request(params, present.request)
    planning.check_complete(connection, params, wanted, is_new=present.guardrail is None)
    plan = build_plan(params, present, wanted)
    result = build_result(connection, params, present, plan, wanted)
    if module.check_mode or not result["changed"]:
        return result
    guardrail_id, published = write(connection, Work(params, left, plan, wanted), present)
    guardrail = bedrock.get_guardrail(connection, guardrail_id)
    if guardrail:
        # Tags are converged already; a creation sets those of the options.
        result["guardrail"] = {**snake(guardrail), "tags": tags_after(present, plan)}
    if published:
        result |= {"published_version": published, "version": published}
    return result


def check_deletable(params, guardrail_id, versions):
    pinned = sorted(set(params["pinned_versions"]) & {int(version) for version in versions})
    if pinned:
        raise Refused(
            f"Guardrail {guardrail_id} has versions that are pinned",
            found=", ".join(map(str, pinned)),
            expected="none of pinned_versions",
            next_step="take them out of pinned_versions once nothing uses them",
            result={"reason": "versions_pinned", "versions": versions},
        )
    if versions and not params["force"]:
        raise Refused(
            f"Guardrail {guardrail_id} has numbered versions, which something may use",
            found=f"versions {', '.join(versions)}",
            expected="the draft alone",
            next_step="set force: true to delete them with it",
            result={"reason": "versions_there", "versions": versions},
        )


def ensure_absent(module, connection):
    params, left = module.params, TimeLeft(module.params["wait_timeout"])
    current, rows = read_current(module, connection, left)
    if current is None:
        return {"changed": False, "diff": {"before": {}, "after": {}}}
    guardrail_id = current["guardrailId"]
    versions = [str(version) for version in bedrock.find_versions(rows)]
    check_deletable(params, guardrail_id, versions)
    tags = bedrock.list_tags(connection, current["guardrailArn"])
    present = shapes.request_from_answer(current)
    before = planning.diff_side(connection, present, tags, versions, params["diff_sensitive"])
    if not module.check_mode:
        delete(connection, guardrail_id)
        if params["wait"]:
            bedrock.wait_for_absence(connection, guardrail_id, left.seconds(), params["poll_seconds"])
    return {"changed": True, "diff": {"before": before, "after": {}}}


def ensure(module):
    bedrock.check_arn_region("guardrail_id", module.params["guardrail_id"], module.region)
    bedrock.check_arn_region("kms_key_id", module.params["kms_key_id"], module.region)
    refuse_faults(planning.CONTRADICTION, planning.iter_version_faults(module.params))
    connection = bedrock.connect(module)
    bedrock.check_names(module.params["name"], module.params["guardrail_id"])
    require_operations(connection, "CreateGuardrail", "UpdateGuardrail", "CreateGuardrailVersion", since="1.39.0")
    return (ensure_present if module.params["state"] == "present" else ensure_absent)(module, connection)


def items(**options):
    return {"type": "list", "elements": "dict", "options": options}


def build_argument_spec():
    text, needed, flag = {}, {"required": True}, {"type": "bool"}
    texts = {"type": "list", "elements": "str"}
    enabled = {"input_enabled": flag, "output_enabled": flag}
    sides = {"input_action": text, "output_action": text, **enabled}
    topic = {"name": needed, "definition": needed, "examples": texts, "type": {"default": "DENY"}, **sides}
    strengths = {"input_strength": text, "output_strength": text}
    content = {"type": needed, **strengths, "input_modalities": texts, "output_modalities": texts, **sides}
    grounding = {"type": needed, "threshold": {"type": "float", "required": True}, "action": text, "enabled": flag}
    regex = {"name": needed, "description": text, "pattern": needed, "action": needed, **sides}
    pii = {"type": needed, "action": needed, **sides}
    policies = {
        "topic_policy": {"topics": items(**topic), "tier": text},
        "content_policy": {"filters": items(**content), "tier": text},
        "word_policy": {
            "words": items(text=needed, **sides),
            "managed_word_lists": items(type=needed, **sides),
        },
        "sensitive_information_policy": {"pii_entities": items(**pii), "regexes": items(**regex)},
        "contextual_grounding_policy": {"filters": items(**grounding), "tier": text},
        "automated_reasoning_policy": {"policies": texts, "confidence_threshold": {"type": "float"}},
    }
    return {
        "name": text,
        "guardrail_id": text,
        "state": {"choices": ["present", "absent"], "default": "present"},
        "description": text,
        "blocked_input_messaging": text,
        "blocked_outputs_messaging": text,
        **{name: {"type": "dict", "options": options} for name, options in policies.items()},
        "cross_region_profile": text,
        "kms_key_id": text,
        "publish_version": {"choices": ["never", "on_change", "always"], "default": "never"},
        "version_description": text,
        "keep_versions": {"type": "int"},
        "pinned_versions": {"type": "list", "elements": "int", "default": []},
        "force": {"type": "bool", "default": False},
        "diff_sensitive": {"type": "bool", "default": False},
        **bedrock.ARGUMENTS,
        **tagging.ARGUMENTS,
        **wait_arguments(),
    }


def main():
    module = AnsibleAWSModule(
        argument_spec=build_argument_spec(),
        required_one_of=[("name", "guardrail_id")],
        supports_check_mode=True,
    )
    run(module, ensure)


if __name__ == "__main__":
    main()
