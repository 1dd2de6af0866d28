# SPDX-License-Identifier: GPL-3.0-or-later
"""Guardrails: a draft that changes, and numbered versions that never do.

https://docs.aws.amazon.com/bedrock/latest/userguide/guardrails-how.html
While a guardrail is not READY it can be read, and nothing else (AWS's rule is not documented; this is the harsher one).
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from rehearsal.cloud.bedrock.policies import convert, iter_problems
from rehearsal.cloud.bedrock.state import (
    Bedrock,
    build_arn,
    build_id,
    conflict,
    invalid,
    not_found,
    over_quota,
    page,
)
from rehearsal.cloud.bedrock.tags import build_tags
from rehearsal.cloud.clock import Timed
from rehearsal.cloud.errors import ApiError
from rehearsal.cloud.kms import find_key
from rehearsal.cloud.operations import Call

DRAFT = "DRAFT"


@dataclass
class Version:
    """One state of a guardrail: its members as Get answers them."""

    number: str
    content: dict[str, Any]
    created: datetime
    updated: datetime
    doing: str = "CREATING"
    timed: Timed | None = None
    # What filters until an update is READY.
    before: dict[str, Any] | None = None
    # Why it ends as FAILED.
    reasons: list[str] = field(default_factory=list)

    def status(self) -> str:
        if self.timed is not None and not self.timed.done():
            return self.doing
        return "FAILED" if self.reasons else "READY"

    def gone(self) -> bool:
        return self.doing == "DELETING" and self.timed is not None and self.timed.done()

    def acting(self) -> dict[str, Any]:
        """What is applied now: an update counts from the moment at which it is READY."""
        return self.before if self.status() != "READY" and self.before is not None else self.content


@dataclass
class Guardrail:
    id: str
    arn: str
    tags: dict[str, str]
    versions: dict[str, Version]
    numbered: int = 0

    @property
    def draft(self) -> Version:
        return self.versions[DRAFT]

    @property
    def name(self) -> str:
        return self.draft.content["name"]

    def gone(self) -> bool:
        return self.draft.gone()

    def present(self) -> dict[str, Version]:
        return {number: version for number, version in self.versions.items() if not version.gone()}


def create(bedrock: Bedrock, call: Call) -> dict[str, Any]:
    check_name(bedrock, call)
    if len(present(bedrock, call)) >= bedrock.knobs.guardrails_max:
        raise over_quota(f"Guardrails per account: the most is {bedrock.knobs.guardrails_max}.")
    content, tags, now = build_content(bedrock, call), build_tags(bedrock, call.get("tags")), bedrock.now()
    guardrail_id = build_id()
    timed = bedrock.world.clock.start("guardrail_create", guardrail_id, call.region)
    made = Guardrail(
        guardrail_id,
        build_arn(call.region, f"guardrail/{guardrail_id}"),
        tags,
        {DRAFT: Version(DRAFT, content, now, now, "CREATING", timed, reasons=bedrock.take_failure())},
    )
    bedrock.region(call).guardrails[guardrail_id] = made
    bedrock.hide(made.arn)
    return {"guardrailId": made.id, "guardrailArn": made.arn, "version": DRAFT, "createdAt": now}


def update(bedrock: Bedrock, call: Call) -> dict[str, Any]:
    """Full replacement: a policy that the request does not carry is gone."""
    made = find_ready(bedrock, call)
    check_name(bedrock, call, made)
    content, now = build_content(bedrock, call), bedrock.now()
    draft = made.draft
    # A failed update leaves in force what was there before it.
    draft.before, draft.content, draft.updated = draft.acting(), content, now
    draft.reasons = bedrock.take_failure()
    draft.doing = "UPDATING"
    draft.timed = bedrock.world.clock.start("guardrail_update", made.id, call.region)
    return {"guardrailId": made.id, "guardrailArn": made.arn, "version": DRAFT, "updatedAt": now}


def create_version(bedrock: Bedrock, call: Call) -> dict[str, Any]:
    """A frozen copy of the draft; numbers are never given twice."""
    made = find_ready(bedrock, call)
    if made.draft.status() == "FAILED":
        raise conflict(f"The guardrail {made.id} is FAILED; update it first.")
    if len(made.present()) - 1 >= bedrock.knobs.guardrail_versions_max:
        raise over_quota(f"Versions per guardrail: the most is {bedrock.knobs.guardrail_versions_max}.")
    made.numbered += 1
    number, now = str(made.numbered), bedrock.now()
    content = copy.deepcopy(made.draft.content)
    content.pop("description", None)
    if call.get("description"):
        content["description"] = call.get("description")
    timed = bedrock.world.clock.start("guardrail_version", f"{made.id}:{number}", call.region)
    made.versions[number] = Version(number, content, now, now, "VERSIONING", timed, reasons=bedrock.take_failure())
    made.draft.doing, made.draft.timed, made.draft.before = "VERSIONING", timed, None
    bedrock.hide(f"{made.arn}:{number}")
    return {"guardrailId": made.id, "version": number}


def delete(bedrock: Bedrock, call: Call) -> dict[str, Any]:
    """A version, or the guardrail with all of them."""
    made, number = find_ready(bedrock, call), call.get("guardrailVersion")
    if number and number not in made.present():
        raise not_found(f"The guardrail {made.id} has no version {number}.")
    refuse_used(bedrock, made, [number] if number else list(made.present()))
    resource = f"{made.id}:{number}" if number else made.id
    timed = bedrock.world.clock.start("guardrail_delete", resource, call.region)
    for version in [made.versions[number]] if number else made.present().values():
        version.doing, version.timed = "DELETING", timed
    return {}


def refuse_used(bedrock: Bedrock, made: Guardrail, numbers: list[str]) -> None:
    used = bedrock.in_use & {made.id, *(f"{made.id}:{number}" for number in numbers)}
    if used:
        text = f"The guardrail {', '.join(sorted(used))} is in use by another resource and cannot be deleted."
        raise ApiError("ResourceInUseException", text, 400)


def get(bedrock: Bedrock, call: Call) -> dict[str, Any]:
    made = find(bedrock, call)
    if not bedrock.seen(made.arn):
        raise missing(call)
    version = find_version(made, call.get("guardrailVersion") or DRAFT)
    if not bedrock.seen(f"{made.arn}:{version.number}"):
        raise not_found(f"The guardrail {made.id} has no version {version.number}.")
    return row(made, version)


def list_guardrails(bedrock: Bedrock, call: Call) -> dict[str, Any]:
    """The draft of each guardrail, or, of one guardrail, its draft and its versions."""
    if call.get("guardrailIdentifier"):
        made = find(bedrock, call)
        if not bedrock.seen(made.arn):
            raise missing(call)
        versions = [one for one in made.present().values() if bedrock.seen(f"{made.arn}:{one.number}")]
        rows = [summary(made, version) for version in versions]
    else:
        rows = [summary(made, made.draft) for made in present(bedrock, call) if bedrock.seen(made.arn)]
    shown, following = page(call, rows)
    return {"guardrails": shown, **following}


def row(made: Guardrail, version: Version) -> dict[str, Any]:
    reasons = version.reasons if version.status() == "FAILED" else []
    return {
        **version.content,
        "guardrailId": made.id,
        "guardrailArn": made.arn,
        "version": version.number,
        "status": version.status(),
        "createdAt": version.created,
        "updatedAt": version.updated,
        "statusReasons": reasons,
        "failureRecommendations": ["Change the guardrail or try again."] if reasons else [],
    }


def summary(made: Guardrail, version: Version) -> dict[str, Any]:
    shown = ("name", "description", "crossRegionDetails")
    return {
        **{name: version.content[name] for name in shown if name in version.content},
        "id": made.id,
        "arn": made.arn,
        "version": version.number,
        "status": version.status(),
        "createdAt": version.created,
        "updatedAt": version.updated,
    }


def present(bedrock: Bedrock, call: Call) -> list[Guardrail]:
    guardrails = bedrock.region(call).guardrails
    for guardrail_id in [name for name, made in guardrails.items() if made.gone()]:
        del guardrails[guardrail_id]
    return list(guardrails.values())


def missing(call: Call) -> ApiError:
    return not_found(f"The guardrail {call.get('guardrailIdentifier')} does not exist in {call.region}.")


def find(bedrock: Bedrock, call: Call) -> Guardrail:
    """The guardrail that a call names by id or ARN."""
    identifier = call.get("guardrailIdentifier")
    for made in present(bedrock, call):
        if identifier in (made.id, made.arn):
            return made
    raise missing(call)


def find_ready(bedrock: Bedrock, call: Call) -> Guardrail:
    """The guardrail when nothing is under way; one that failed can be changed and deleted."""
    made = find(bedrock, call)
    for version in made.present().values():
        if version.status() not in ("READY", "FAILED"):
            raise conflict(f"The guardrail {made.id} version {version.number} is {version.status()}; expected READY.")
    return made


def find_version(made: Guardrail, number: str) -> Version:
    version = made.present().get(number)
    if version is None:
        raise not_found(f"The guardrail {made.id} has no version {number}.")
    return version


def check_name(bedrock: Bedrock, call: Call, own: Guardrail | None = None) -> None:
    for made in present(bedrock, call):
        if made is not own and made.name == call.get("name"):
            raise conflict(f"Another guardrail with the name {call.get('name')} already exists: {made.id}.")


def build_content(bedrock: Bedrock, call: Call) -> dict[str, Any]:
    """The members of a guardrail as Get answers them, from a create or an update."""
    policies = convert(call.parameters)
    if not policies:
        raise invalid("A guardrail needs at least one policy.")
    cross_region = build_cross_region(bedrock, call)
    problems = list(iter_problems(policies, bool(cross_region)))
    if problems:
        raise invalid(f"{len(problems)} validation error(s) detected: {'; '.join(problems)}")
    messages = ("name", "description", "blockedInputMessaging", "blockedOutputsMessaging")
    plain = {name: call.get(name) for name in messages if call.get(name) is not None}
    return copy.deepcopy({**plain, **policies, **cross_region, **build_key(call)})


def build_cross_region(bedrock: Bedrock, call: Call) -> dict[str, Any]:
    """The guardrail profile, which must be one of this region's geography."""
    wanted = (call.get("crossRegionConfig") or {}).get("guardrailProfileIdentifier")
    if not wanted:
        return {}
    profile_id = wanted.rpartition("/")[2]
    profile = bedrock.catalogue.guardrail_profiles.get(profile_id)
    foreign = wanted.startswith("arn:") and wanted.split(":")[3] != call.region
    if profile is None or foreign or call.region not in profile.sources:
        raise invalid(f"The guardrail profile {wanted} is not available in {call.region}.")
    arn = build_arn(call.region, f"guardrail-profile/{profile_id}")
    return {"crossRegionDetails": {"guardrailProfileId": profile_id, "guardrailProfileArn": arn}}


def build_key(call: Call) -> dict[str, str]:
    """The key's ARN; AWS takes an id or alias and answers with the ARN."""
    wanted = call.get("kmsKeyId")
    if not wanted:
        return {}
    key = find_key(call.region, wanted)
    if key is None or key.key_state != "Enabled":
        state = "missing" if key is None else key.key_state
        raise invalid(f"The KMS key {wanted} in {call.region} is {state}; expected Enabled.")
    return {"kmsKeyArn": key.arn}


OPERATIONS = {
    "CreateGuardrail": create,
    "GetGuardrail": get,
    "ListGuardrails": list_guardrails,
    "UpdateGuardrail": update,
    "CreateGuardrailVersion": create_version,
    "DeleteGuardrail": delete,
}
