#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

DOCUMENTATION = r"""
---
module: video_ai_preflight_info
version_added: 1.0.0
short_description: Compare a plan for video visits and the assistant with what its regions and the account can do
description:
  - Judges a whole plan at once and returns one list of checks, each with what was found, what was expected, what to do,
    and a reason that stays the same. What cannot work is found before anything is built.
  - What the plan alone tells is judged from tables, as M(medzen.multiregion.chime_region_info) has them. What the
    account tells is read in parallel, of regions, models, data retention, capture buckets, pipelines, and the stacks
    that a way back needs.
  - A check is C(ok), C(warn), C(refuse), or C(unknown) when it could not be made. The module itself does not fail for
    any of them; M(medzen.multiregion.gate) decides, and takes the list as it is.
  - Works on an empty account, where what the plan will make does not exist yet.
options:
  account:
    description:
      - The account's number, 12 digits, as text.
    type: str
    required: true
  allowed_regions:
    description:
      - The regions in which data may be, and be worked on, by their whole names. Control, media, transcription,
        destinations of models and of the guardrail are compared with it.
    type: list
    elements: str
    required: true
  visits:
    description:
      - The plan for video visits. Not given, there are none.
    type: dict
    suboptions:
      control_regions:
        description: Regions whose endpoints make meetings.
        type: list
        elements: str
        required: true
      media_region:
        description: Region that carries the media. Empty, each control region does.
        type: str
        default: ""
      dr:
        description:
          - Region that makes meetings when the control region does not, or V(none), which records the decision that
            there is no such region. Empty is no decision, and refused.
        type: str
        default: ""
      messaging_region:
        description: Region of chat and its identities. Empty, there is no chat.
        type: str
        default: ""
      messaging_dr:
        description: As O(visits.dr), for chat.
        type: str
        default: ""
      languages:
        description: Languages that are transcribed while a visit lasts, as V(fr-FR).
        type: list
        elements: str
        default: []
      transcription_region:
        description: Region that transcribes. Empty, the one that carries the media.
        type: str
        default: ""
      medical_transcription:
        description: Whether Amazon Transcribe Medical transcribes while a visit lasts.
        type: bool
        default: false
      medical_languages:
        description: Languages of medical transcription.
        type: list
        elements: str
        default: [en-US]
      phi_detection_region:
        description: Region in which Comprehend Medical is called. Empty, it is not used.
        type: str
        default: ""
      verified:
        description: Test meetings that somebody takes as proof for a control region.
        type: list
        elements: dict
        default: []
        suboptions:
          region:
            description: The control region that is taken as proved.
            type: str
            required: true
          meeting_arn:
            description: The meeting's ARN, which names the region that controlled it.
            type: str
            default: ""
          telemetry_code:
            description: The code of the region in the name of the host that took the client's events, as V(ec1).
            type: str
            default: ""
      app_instance:
        description: What becomes of the app instance, the home of chat.
        type: dict
        suboptions:
          move:
            description: V(stay), V(recreate) in the region of messaging, or V(copy), which does not exist.
            type: str
            choices: [stay, recreate, copy]
            default: stay
          source_region:
            description: Where it is now. Empty, it is where messaging is planned, or nowhere.
            type: str
            default: ""
  recording:
    description:
      - The plan for recordings of visits. Not given, nothing is recorded.
    type: dict
    suboptions:
      bucket:
        description: Name of the bucket; C({region}) in it stands for the control region.
        type: str
        required: true
      bucket_region:
        description: Region of the bucket. Empty, the control region, where it has to be.
        type: str
        default: ""
      concurrent:
        description: Visits that are to be recorded at the same time, in each control region.
        type: int
        required: true
      pipeline_quota_code:
        description: Code of the quota of capture pipelines in Service Quotas.
        type: str
        default: L-7F583998
  models:
    description:
      - The models of the assistant.
    type: list
    elements: dict
    default: []
    suboptions:
      model_id:
        description: Identifier or ARN of a model or inference profile, as the assistant calls it.
        type: str
        required: true
      region:
        description: Region in which it is called.
        type: str
        required: true
      failover_region:
        description: Region in which it is called when the first does not answer. Empty is a warning.
        type: str
        default: ""
      failover_model_id:
        description: Identifier in the failover region. Empty, the same.
        type: str
        default: ""
      through_profile:
        description: Whether the identifier is that of an inference profile. Not given, either is taken.
        type: bool
  eol_within_days:
    description:
      - In how many days the end of a model's life is a warning.
    type: int
    default: 90
  guardrail:
    description:
      - The plan for the assistant's guardrail. Not given, it is not judged.
    type: dict
    suboptions:
      tier:
        description: Its tier.
        type: str
        choices: [CLASSIC, STANDARD]
        required: true
      languages:
        description: Languages in which the assistant answers, as V(fr).
        type: list
        elements: str
        required: true
      accepted_languages:
        description: Languages in which it answers although its guardrail does not understand them. A recorded decision.
        type: list
        elements: str
        default: []
      cross_region_profile:
        description: Guardrail profile, as V(eu.guardrail.v1:0). Empty, none.
        type: str
        default: ""
      regions:
        description: Regions that have the guardrail.
        type: list
        elements: str
        required: true
  data_retention:
    description:
      - What Bedrock may keep of prompts and answers. Not given, it is not judged.
    type: dict
    suboptions:
      mode:
        description: The planned mode.
        type: str
        choices: [default, none, aws_review, provider_data_share, inherit]
        required: true
      regions:
        description: Regions in which the mode that holds now is read.
        type: list
        elements: str
        required: true
  functions:
    description:
      - Functions that the plan makes, and what they run on.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Name of the function.
        type: str
        required: true
      runtime:
        description: Its runtime.
        type: str
        required: true
      library:
        description: AWS's library that it uses, where support for it has an end, as V(aws-sdk-js-v2).
        type: str
        default: ""
  runtime_ends:
    description:
      - Days (ISO 8601) on which runtimes end, by runtime, where AWS has moved them.
    type: dict
    default: {}
  audit:
    description:
      - How long rows of the audit are kept. Not given, it is not judged.
    type: dict
    suboptions:
      retention_years:
        description: Years that the plan keeps them.
        type: int
        required: true
      required_years:
        description: Years that they have to be kept.
        type: int
        default: 7
      example:
        description: A row as the plan writes it.
        type: dict
        suboptions:
          created:
            description: Its time, ISO 8601, alone or after the last C(#) of a key.
            type: str
            required: true
          ttl:
            description: Its end, in seconds since 1970.
            type: int
            required: true
  rollbacks:
    description:
      - The ways back that the plan counts on.
    type: list
    elements: dict
    default: []
    suboptions:
      region:
        description: The region that would serve again.
        type: str
        required: true
      method:
        description: How clients are led there, as V(dns).
        type: str
        default: dns
      functions:
        description: Functions that have to be there.
        type: list
        elements: str
        default: []
      tables:
        description: DynamoDB tables that have to be there.
        type: list
        elements: str
        default: []
      deleted:
        description: What the plan deletes there before anybody would go back, by name.
        type: list
        elements: str
        default: []
  extra_regions:
    description:
      - Regions that are newer than the tables, by capability. One of C(identity), C(media), C(media_pipelines),
        C(medical_transcription), C(meetings), C(messaging), C(transcription), C(voice), C(bedrock) and
        C(comprehendmedical), each with a list of regions.
    type: dict
    default: {}
notes:
  - Operations used are C(sts:GetCallerIdentity), C(ec2:DescribeRegions), C(s3:GetBucketLocation),
    C(servicequotas:GetServiceQuota), C(servicequotas:GetAWSDefaultServiceQuota), C(chime:ListMediaCapturePipelines),
    C(chime:GetMediaCapturePipeline), C(bedrock:ListFoundationModels), C(bedrock:ListInferenceProfiles),
    C(bedrock:GetFoundationModel), C(bedrock:GetFoundationModelAvailability), C(bedrock:GetAccountDataRetention),
    C(lambda:ListFunctions) and C(dynamodb:ListTables). Each needs the permission of its name.
  - Needs boto3 1.44.0 or newer for the data retention, 1.43.0 for the dates of a model's life.
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
attributes:
  check_mode:
    description: Can run in check mode and returns the same.
    support: full
  diff_mode:
    description: Changes nothing and has no diff.
    support: none
  idempotent:
    description: Only reads.
    support: full
seealso:
  - module: medzen.multiregion.region_preflight_info
  - module: medzen.multiregion.chime_recording_preflight_info
  - module: medzen.multiregion.bedrock_model_access_info
author:
  - MedZen platform team (@medzen)
"""

EXAMPLES = r"""
- name: Can Frankfurt run the visits and the assistant?
  medzen.multiregion.video_ai_preflight_info:
    region: eu-central-1
    account: "123456789012"
    allowed_regions: [eu-central-1, eu-west-1]
    visits:
      control_regions: [eu-central-1]
      dr: none
      messaging_region: eu-central-1
      messaging_dr: none
      languages: [en-GB, fr-FR]
      phi_detection_region: eu-west-1
    recording: {bucket: "medzen-meeting-recordings-123456789012-{region}", concurrent: 8}
    models:
      - {model_id: "anthropic.claude-3-haiku-20240307-v1:0", region: eu-central-1, failover_region: eu-west-1}
    guardrail: {tier: CLASSIC, languages: [en, fr], regions: [eu-central-1, eu-west-1]}
    data_retention: {mode: none, regions: [eu-central-1, eu-west-1]}
    functions:
      - {name: medzen-meeting-manager, runtime: python3.13}
    audit: {retention_years: 7}
  register: plan

- name: Refuse a plan that cannot work
  medzen.multiregion.gate:
    name: video visits and assistant
    checks: "{{ plan.checks }}"
"""

RETURN = r"""
checks:
  description: The checks in a fixed order.
  returned: always
  type: list
  elements: dict
  contains:
    name:
      description: What was checked.
      type: str
      sample: control region
    region:
      description: The region; empty when the check is about all.
      type: str
    verdict:
      description: C(ok), C(warn), C(refuse) or C(unknown).
      type: str
    found:
      description: What was found.
      type: str
    expected:
      description: What was expected.
      type: str
    next_step:
      description: What to do about it.
      type: str
    reason:
      description: Why it is not C(ok), in a word that stays the same; empty for C(ok).
      type: str
      sample: control_region_unsupported
verdict:
  description: The worst of the checks, of which C(refuse) is worse than C(unknown).
  returned: always
  type: str
  sample: ok
refused:
  description: The reasons of the checks that refuse, sorted, each once.
  returned: always
  type: list
  elements: str
  sample: [control_region_unsupported, provider_data_share]
"""

import re
from datetime import UTC, date, datetime
from functools import partial

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.medzen.multiregion.plugins.module_utils import (
    chime_regions,
    chime_sdk,
    preflight,
    recording_reads,
    residency,
)
from ansible_collections.medzen.multiregion.plugins.module_utils import model_access as access
from ansible_collections.medzen.multiregion.plugins.module_utils import video_ai_preflight as visits
from ansible_collections.medzen.multiregion.plugins.module_utils import video_ai_preflight_assistant as assistant
from ansible_collections.medzen.multiregion.plugins.module_utils import video_ai_preflight_operation as operation
from ansible_collections.medzen.multiregion.plugins.module_utils import video_ai_preflight_reads as reads
from ansible_collections.medzen.multiregion.plugins.module_utils.bucket_location import get_bucket_region
from ansible_collections.medzen.multiregion.plugins.module_utils.clients import Clients, in_parallel
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import refuse_faults
from ansible_collections.medzen.multiregion.plugins.module_utils.preflight_reads import (
    look,
    read_account,
    read_regions,
)
from ansible_collections.medzen.multiregion.plugins.module_utils.runner import run
from ansible_collections.medzen.multiregion.plugins.module_utils.service_model import check_members
from ansible_collections.medzen.multiregion.plugins.module_utils.service_regions import has_endpoint

IDENTIFIER = "inferenceProfileIdentifier"
PROFILE = "crossRegionConfig.guardrailProfileIdentifier"
EXTRA = (*chime_regions.CAPABILITIES, "bedrock", visits.PHI_SERVICE)


def strings(**more):
    return {"type": "list", "elements": "str", **more}


def text(**more):
    return {"type": "str", **({} if more.get("required") else {"default": ""}), **more}


VERIFIED = {"region": text(required=True), "meeting_arn": text(), "telemetry_code": text()}
APP_INSTANCE = {"move": text(choices=[*visits.MOVES], default=visits.STAY), "source_region": text()}
VISITS = {
    "control_regions": strings(required=True),
    "media_region": text(),
    "dr": text(),
    "messaging_region": text(),
    "messaging_dr": text(),
    "languages": strings(default=[]),
    "transcription_region": text(),
    "medical_transcription": {"type": "bool", "default": False},
    "medical_languages": strings(default=[*chime_regions.MEDICAL_LANGUAGES]),
    "phi_detection_region": text(),
    "verified": {"type": "list", "elements": "dict", "default": [], "options": VERIFIED},
    "app_instance": {"type": "dict", "options": APP_INSTANCE},
}
RECORDING = {
    "bucket": text(required=True),
    "bucket_region": text(),
    "concurrent": {"type": "int", "required": True},
    "pipeline_quota_code": text(default="L-7F583998"),
}
MODEL = {
    "model_id": text(required=True),
    "region": text(required=True),
    "failover_region": text(),
    "failover_model_id": text(),
    "through_profile": {"type": "bool"},
}
GUARDRAIL = {
    "tier": text(required=True, choices=["CLASSIC", "STANDARD"]),
    "languages": strings(required=True),
    "accepted_languages": strings(default=[]),
    "cross_region_profile": text(),
    "regions": strings(required=True),
}
RETENTION = {
    "mode": text(required=True, choices=["default", "none", "aws_review", "provider_data_share", "inherit"]),
    "regions": strings(required=True),
}
FUNCTION = {"name": text(required=True), "runtime": text(required=True), "library": text()}
EXAMPLE = {"created": text(required=True), "ttl": {"type": "int", "required": True}}
AUDIT = {
    "retention_years": {"type": "int", "required": True},
    "required_years": {"type": "int", "default": 7},
    "example": {"type": "dict", "options": EXAMPLE},
}
ROLLBACK = {
    "region": text(required=True),
    "method": text(default="dns"),
    "functions": strings(default=[]),
    "tables": strings(default=[]),
    "deleted": strings(default=[]),
}
SPEC = {
    "account": text(required=True),
    "allowed_regions": strings(required=True),
    "visits": {"type": "dict", "options": VISITS},
    "recording": {"type": "dict", "options": RECORDING},
    "models": {"type": "list", "elements": "dict", "default": [], "options": MODEL},
    "eol_within_days": {"type": "int", "default": 90},
    "guardrail": {"type": "dict", "options": GUARDRAIL},
    "data_retention": {"type": "dict", "options": RETENTION},
    "functions": {"type": "list", "elements": "dict", "default": [], "options": FUNCTION},
    "runtime_ends": {"type": "dict", "default": {}},
    "audit": {"type": "dict", "options": AUDIT},
    "rollbacks": {"type": "list", "elements": "dict", "default": [], "options": ROLLBACK},
    "extra_regions": {"type": "dict", "default": {}},
}


# --- options ---------------------------------------------------------------------------------------------------------


def find_faults(params):
    """What is wrong with the options themselves, before any of them is taken for a plan."""
    if not re.fullmatch(r"[0-9]{12}", params["account"]):
        yield f"account is {params['account']!r}; expected 12 digits, as text in quotes"
    if unknown := sorted(set(params["extra_regions"]) - set(EXTRA)):
        yield f"extra_regions: {', '.join(unknown)}; expected some of {', '.join(sorted(EXTRA))}"
    if params["eol_within_days"] < 0:
        yield f"eol_within_days is {params['eol_within_days']}; expected 0 or more"
    if params["recording"] and params["recording"]["concurrent"] < 1:
        yield f"recording.concurrent is {params['recording']['concurrent']}; expected 1 or more"
    for runtime, day in params["runtime_ends"].items():
        if not is_day(day):
            yield f"runtime_ends: {runtime} ends on {day!r}; expected a day in ISO 8601"
    for name in ("retention_years", "required_years"):
        if params["audit"] and params["audit"][name] < 1:
            yield f"audit.{name} is {params['audit'][name]}; expected 1 or more"
    if params["recording"] and not params["visits"]:
        yield "recording is given without visits; expected visits whose meetings are recorded"


def is_day(text):
    try:
        return bool(date.fromisoformat(str(text)))
    except ValueError:
        return False


def check_names(params):
    """Identifiers that nothing can have: looked for, they would seem not to be there."""
    for number, model in enumerate(params["models"]):
        for option, given in (
            ("model_id", model["model_id"]),
            ("failover_model_id", model["failover_model_id"] or None),
        ):
            names = {IDENTIFIER: f"models[{number}].{option}"}
            check_members("bedrock", "GetInferenceProfile", {IDENTIFIER: given and access.bare_id(given)}, names)
    profile = {PROFILE: (params["guardrail"] or {}).get("cross_region_profile") or None}
    check_members("bedrock", "CreateGuardrail", profile, {PROFILE: "guardrail.cross_region_profile"})
    quota = {"QuotaCode": (params["recording"] or {}).get("pipeline_quota_code")}
    names = {"QuotaCode": "recording.pipeline_quota_code"}
    check_members("service-quotas", "GetServiceQuota", quota, names)
    for number, function in enumerate(params["functions"]):
        names = {"FunctionName": f"functions[{number}].name"}
        check_members("lambda", "CreateFunction", {"FunctionName": function["name"]}, names)


def check_options(params):
    residency.check_allowed_regions(params["allowed_regions"])
    refuse_faults("The options are not usable", find_faults(params))


def build_visits(params):
    plan = params["visits"]
    return visits.Visits(
        control_regions=tuple(plan["control_regions"]),
        media_region=plan["media_region"],
        transcription_region=plan["transcription_region"],
        languages=tuple(plan["languages"]),
        medical=plan["medical_transcription"],
        medical_languages=tuple(plan["medical_languages"]),
        is_recorded=bool(params["recording"]),
        allowed_regions=tuple(params["allowed_regions"]),
        extra_regions=params["extra_regions"],
    )


def build_models(params):
    return [assistant.Model(**model) for model in params["models"]]


def build_guardrail(given):
    return assistant.Guardrail(
        given["tier"],
        tuple(given["languages"]),
        tuple(given["accepted_languages"]),
        given["cross_region_profile"],
    )


def build_rollback(given):
    lists = {key: tuple(given[key]) for key in ("functions", "tables", "deleted")}
    return operation.Rollback(given["region"], given["method"], **lists)


def regions_of(params):
    """Regions in which the plan calls something of the account's; those must be enabled."""
    plan, guardrail = params["visits"] or {}, params["guardrail"] or {}
    named = [
        *plan.get("control_regions", []),
        plan.get("messaging_region"),
        *(region for model in build_models(params) for region, _model_id in model.targets),
        *guardrail.get("regions", []),
        *(params["data_retention"] or {}).get("regions", []),
        *(one["region"] for one in params["rollbacks"]),
    ]
    return sorted({region for region in named if region})


# --- what the plan alone tells ---------------------------------------------------------------------------------------


def check_visits(params):
    if not params["visits"]:
        return []
    given, plan = params["visits"], build_visits(params)
    allowed, extra = plan.allowed_regions, params["extra_regions"]
    messaging = visits.Messaging(given["messaging_region"], allowed, extra)
    checks = [
        *visits.check_visits(plan),
        visits.check_dr("visits", given["dr"], plan, plan.control_regions),
        *visits.check_messaging(messaging),
    ]
    if messaging.region:
        checks.append(visits.check_dr("messaging", given["messaging_dr"], messaging, [messaging.region]))
    if given["app_instance"]:
        moved = given["app_instance"]
        checks.append(visits.check_app_instance(moved["move"], moved["source_region"], messaging.region))
    checks += [check for one in given["verified"] for check in visits.check_verified(one, allowed)]
    phi_regions = extra.get(visits.PHI_SERVICE, ())
    return [*checks, visits.check_phi_detection(given["phi_detection_region"], allowed, phi_regions)]


def check_assistant(params):
    checks = [assistant.check_failover(model) for model in build_models(params)]
    if params["guardrail"]:
        guardrail, allowed = build_guardrail(params["guardrail"]), params["allowed_regions"]
        checks.append(assistant.check_guardrail_languages(guardrail))
        checks += [assistant.check_guardrail_profile(guardrail, one, allowed) for one in params["guardrail"]["regions"]]
    if params["data_retention"]:
        checks.append(assistant.check_planned_retention(params["data_retention"]["mode"]))
    return checks


def check_operation(params, today):
    checks, audit = [], params["audit"]
    for one in params["functions"]:
        checks.append(operation.check_function(one["name"], one["runtime"], today, params["runtime_ends"]))
        checks += operation.check_library(one["name"], one["library"], today)
    if audit:
        checks.append(operation.check_audit_years(audit["retention_years"], audit["required_years"]))
    if audit and audit["example"]:
        years = max(audit["retention_years"], audit["required_years"])
        checks.append(operation.check_audit_ttl(audit["example"]["created"], audit["example"]["ttl"], years))
    return checks


# --- what the account tells ------------------------------------------------------------------------------------------


def check_bucket(clients, params, account, region):
    """The bucket of a control region, planned and real. Whose it is, is asked of one that is there."""
    recording = params["recording"]
    bucket, planned = recording["bucket"].replace("{region}", region), recording["bucket_region"] or region
    if refused := visits.check_planned_bucket(region, bucket, planned):
        return [refused]
    s3 = clients("s3", region)
    place = look(get_bucket_region, s3, bucket)
    checks = [visits.check_bucket(region, bucket, place)]
    if isinstance(place, str):
        owned = account
        if not isinstance(account, preflight.Unknown):
            owned = look(recording_reads.is_owned, s3, bucket, account)
        checks.append(visits.check_owner(region, bucket, owned, account))
    return checks


def check_pipelines(clients, params, region):
    extra = params["extra_regions"].get("media_pipelines", ())
    if not has_endpoint(chime_sdk.PIPELINES, region, extra):
        return []  # refused already, with the visits
    recording = params["recording"]
    limit = look(recording_reads.read_quota, clients, region, recording["pipeline_quota_code"])
    active = look(recording_reads.count_active, clients(chime_sdk.PIPELINES, region))
    return [visits.check_pipelines(region, active, limit, recording["concurrent"])]


def check_models(clients, params, now, region, model_ids):
    rules = access.Rules(region, now, params["eol_within_days"], True, params["allowed_regions"])
    entries = reads.read_models(clients, rules, model_ids, params["extra_regions"].get("bedrock", []))
    kinds = {
        target: model.through_profile
        for model in build_models(params)
        for target in model.targets
        if model.through_profile is not None
    }
    found = (assistant.check_model(one, kinds.get((region, one["model_id"])), rules.allowed_regions) for one in entries)
    return [check for checks in found for check in checks]


def check_retention(clients, params, region):
    if not has_endpoint("bedrock", region, params["extra_regions"].get("bedrock", ())):
        told = preflight.Unknown(f"Bedrock has no endpoint in {region} that this botocore knows")
        return [assistant.check_retention(region, told)]
    return [assistant.check_retention(region, look(reads.read_retention, clients, region))]


def check_rollback(clients, rollback):
    """Nothing is asked where the plan itself says no already."""
    functions, tables = [], []
    if not rollback.deleted:
        functions = look(reads.read_functions, clients, rollback.region) if rollback.functions else []
        tables = look(reads.read_tables, clients, rollback.region) if rollback.tables else []
    return [operation.check_rollback(rollback, functions, tables)]


def iter_jobs(clients, params, now, account):
    """Region and what to do there, in the order of the result; the jobs run side by side."""
    controls = (params["visits"] or {}).get("control_regions", []) if params["recording"] else []
    for region in controls:
        yield region, partial(check_bucket, clients, params, account, region)
        yield region, partial(check_pipelines, clients, params, region)
    for region, model_ids in assistant.group_targets(build_models(params)).items():
        yield region, partial(check_models, clients, params, now, region, model_ids)
    for region in (params["data_retention"] or {}).get("regions", []):
        yield region, partial(check_retention, clients, params, region)
    for one in params["rollbacks"]:
        yield one["region"], partial(check_rollback, clients, build_rollback(one))


def check_account(found, params):
    account = preflight.check_account("", found, params["account"])
    return visits.reasoned(account, "account_differs")


def check_plan(module):
    params, now = module.params, datetime.now(UTC)
    check_options(params)
    clients = Clients(module)
    check_names(params)
    account, statuses = in_parallel(
        lambda job: job(), [partial(look, read_account, clients, module.region), partial(look, read_regions, clients)]
    )
    enabled = {region: visits.check_enabled(region, statuses) for region in regions_of(params)}
    jobs = [job for region, job in iter_jobs(clients, params, now, account) if enabled[region].verdict != "refuse"]
    checks = [
        check_account(account, params),
        *enabled.values(),
        *check_visits(params),
        *check_assistant(params),
        *check_operation(params, now.date()),
        *(check for found in in_parallel(lambda job: job(), jobs) for check in found),
    ]
    return build_result(checks)


def build_result(checks):
    return {
        "changed": False,
        "checks": [check.as_dict() for check in checks],
        "verdict": preflight.worst(checks),
        "refused": sorted({check.reason for check in checks if check.verdict == preflight.REFUSE}),
    }


def main():
    run(AnsibleAWSModule(argument_spec=SPEC, supports_check_mode=True), check_plan)


if __name__ == "__main__":
    main()
