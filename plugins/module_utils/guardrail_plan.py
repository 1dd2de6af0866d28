# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a guardrail's options may say, and what has to change: refusals and plan, as values, without a call."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ansible_collections.medzen.multiregion.plugins.module_utils import guardrail_shapes as shapes
from ansible_collections.medzen.multiregion.plugins.module_utils import tags as tagging
from ansible_collections.medzen.multiregion.plugins.module_utils.aws import snake
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import Refused, refuse_faults
from ansible_collections.medzen.multiregion.plugins.module_utils.guardrail_profiles import check_profile
from ansible_collections.medzen.multiregion.plugins.module_utils.service_model import check_members, check_request

# The model says 200, which holds for CLASSIC:
# https://docs.aws.amazon.com/bedrock/latest/userguide/guardrails-tiers.html
DEFINITION_CHARS_MAX_STANDARD = 1000
# https://docs.aws.amazon.com/bedrock/latest/userguide/guardrails-contextual-grounding-check.html
THRESHOLD_MAX = 0.99
# https://docs.aws.amazon.com/bedrock/latest/userguide/guardrails-sensitive-filters.html
LOOK_AROUND = re.compile(r"\(\?<?[=!]")
# Stands for what an existing guardrail has, where the options do not say it.
KEPT = {"name": "kept", "blockedInputMessaging": "kept", "blockedOutputsMessaging": "kept"}
CONTRADICTION = "The options contradict each other or the service"
REQUIRED = ("blocked_input_messaging", "blocked_outputs_messaging")


# --- refusals --------------------------------------------------------------------------------------------------------


def check_options(connection: Any, params: Mapping[str, Any], region: str) -> None:
    """Refuse, before any call, what the service would refuse or what would not be what it seems to be."""
    looks = (iter_duplicates, iter_strength_faults, iter_tier_faults, iter_pattern_faults, iter_threshold_faults)
    refuse_faults(CONTRADICTION, (fault for look in looks for fault in look(params)))
    check_profile(params["cross_region_profile"], region)
    request = shapes.build_request(params)
    # A policy of which only the tier is given takes its items from the guardrail that is there.
    alone = [
        policy.put for policy in shapes.POLICIES if set(request.get(policy.put, ())) <= {"tierConfig", policy.number}
    ]
    given = {name: value for name, value in request.items() if name not in alone}
    lone = {f"{policy}.{name}": value for policy in alone for name, value in request.get(policy, {}).items()}
    check_members("bedrock", "CreateGuardrail", lone, shapes.option_names())
    check_form(
        connection, "CreateGuardrail", {**KEPT, **given, "tags": tagging.to_boto(params["tags"], "key", "value")}
    )
    if params["version_description"]:
        version = {"guardrailIdentifier": "kept", "description": params["version_description"]}
        check_request(connection, "CreateGuardrailVersion", version, {"description": "version_description"})


def check_form(connection: Any, operation: str, request: Mapping[str, Any]) -> None:
    """A whole request against the service's model."""
    is_standard = shapes.tiers(request).get("topic_policy") == shapes.STANDARD
    skip = (shapes.TOPIC_DEFINITION,) if is_standard else ()
    if is_standard:
        refuse_faults(CONTRADICTION, iter_definition_faults(request))
    check_request(connection, operation, request, shapes.option_names(), skip)


def iter_version_faults(params: Mapping[str, Any]) -> Iterator[str]:
    keep = params["keep_versions"]
    if keep is not None and keep < 1:
        yield f"keep_versions: is {keep}; expected 1 or more"
    for number in params["pinned_versions"]:
        if number < 1:
            yield f"pinned_versions: has {number}; expected 1 or more, as the service numbers them"


def iter_duplicates(params: Mapping[str, Any]) -> Iterator[str]:
    for option, items, listed in shapes.given_items(params):
        names = [item[items.key] if items.key else item for item in listed]
        # The service does not tell "Law" from "law".
        counted = Counter(name.lower() for name in names)
        for folded in sorted(name for name, times in counted.items() if times > 1):
            spelt = sorted({name for name in names if name.lower() == folded})
            yield f"{option}: {' and '.join(map(repr, spelt))} stands there {counted[folded]} times"


def iter_strength_faults(params: Mapping[str, Any]) -> Iterator[str]:
    filters = (params["content_policy"] or {}).get("filters") or []
    for item in filters:
        if item["type"] == "PROMPT_ATTACK" and item["output_strength"] not in (None, "NONE"):
            yield (
                f"content_policy.filters: PROMPT_ATTACK has output_strength {item['output_strength']}; expected NONE, "
                "because it looks at prompts only"
            )


def iter_tier_faults(params: Mapping[str, Any]) -> Iterator[str]:
    for option, tier in shapes.given_tiers(params).items():
        if tier == shapes.STANDARD and not params["cross_region_profile"]:
            yield f"{option}.tier: STANDARD needs cross_region_profile in the same task"


def iter_pattern_faults(params: Mapping[str, Any]) -> Iterator[str]:
    for item in (params["sensitive_information_policy"] or {}).get("regexes") or []:
        if LOOK_AROUND.search(item["pattern"]):
            yield (
                f"sensitive_information_policy.regexes: the pattern of {item['name']!r} looks ahead or behind, which "
                "the service does not know"
            )


def iter_threshold_faults(params: Mapping[str, Any]) -> Iterator[str]:
    for item in (params["contextual_grounding_policy"] or {}).get("filters") or []:
        if item["threshold"] > THRESHOLD_MAX:
            yield (
                f"contextual_grounding_policy.filters: {item['type']} has the threshold {item['threshold']:g}; "
                f"expected {THRESHOLD_MAX} at most, since 1 blocks everything"
            )


def iter_definition_faults(request: Mapping[str, Any]) -> Iterator[str]:
    for topic in request["topicPolicyConfig"].get("topicsConfig", []):
        length = len(topic["definition"])
        if not 1 <= length <= DEFINITION_CHARS_MAX_STANDARD:
            yield (
                f"topic_policy.topics: the definition of {topic['name']!r} has {length} characters; expected 1 to "
                f"{DEFINITION_CHARS_MAX_STANDARD}"
            )


def check_complete(connection: Any, params: Mapping[str, Any], request: Mapping[str, Any], is_new: bool) -> None:
    """Refuse a whole that cannot be: the options fit, and yet not with what is there or, for a new one, not alone."""
    lacking = [option for option in REQUIRED if is_new and not request.get(shapes.PLAIN[option])]
    if lacking:
        raise Refused(
            f"Guardrail {params['name']} is not there and cannot be created",
            found=f"no {' and no '.join(lacking)}",
            expected="both messages",
            next_step="give them",
            result={"reason": "invalid_option"},
        )
    refuse_faults(CONTRADICTION, iter_whole_faults(request))
    check_form(connection, "CreateGuardrail", request)


def iter_whole_faults(request: Mapping[str, Any]) -> Iterator[str]:
    if not any(policy.put in request for policy in shapes.POLICIES):
        yield f"no policy is left; expected one of {', '.join(policy.option for policy in shapes.POLICIES)}"
    if "crossRegionConfig" in request:
        return
    for option, tier in shapes.tiers(request).items():
        if tier == shapes.STANDARD:
            yield f"{option} has the tier STANDARD, which needs a cross_region_profile"
    if "automatedReasoningPolicyConfig" in request:
        yield "automated_reasoning_policy needs a cross_region_profile"


# --- plan ------------------------------------------------------------------------------------------------------------


def has_changed(present: Mapping[str, Any] | None, wanted: Mapping[str, Any]) -> bool:
    return present is not None and not shapes.is_same(shapes.comparable(present), shapes.comparable(wanted))


def is_to_publish(mode: str, newest: Mapping[str, Any] | None, wanted: Mapping[str, Any]) -> bool:
    """Whether a version is to be made. `newest` is the request form of the newest one.

    Contents are compared, so a run that ended between update and publication is made up for.
    """
    if mode != "on_change":
        return mode == "always"
    return newest is None or not shapes.is_same(shapes.content(newest), shapes.content(wanted))


def find_superfluous(versions: list[int], keep: int | None, pinned: Iterable[int], publishing: bool) -> list[int]:
    """Versions beyond the newest `keep`, one that is about to be made included; oldest first, never a pinned one."""
    if keep is None:
        return []
    newest_first = sorted(versions, reverse=True)
    return sorted(set(newest_first[keep - 1 if publishing else keep :]) - set(pinned))


# --- showing ---------------------------------------------------------------------------------------------------------


def hide(shape: Any, value: Any, path: str = "") -> Any:
    """A request without the texts that the model marks as sensitive; a mark of each stays, so that a change is seen.

    Names and enums, which it marks as well, are what a diff is read for.
    """
    kind = shape.type_name
    if kind == "structure" and isinstance(value, Mapping):
        return {name: hide(shape.members[name], item, name) for name, item in value.items() if name in shape.members}
    if kind == "list" and isinstance(value, list):
        return [hide(shape.member, item, path) for item in value]
    if isinstance(value, str) and shape.metadata.get("sensitive") and not shape.enum and path != "name":
        return f"hidden, sha256 {hashlib.sha256(value.encode()).hexdigest()[:12]}"
    return value


def diff_side(connection: Any, request: Mapping[str, Any] | None, tags: Mapping, versions: list, bare: bool) -> dict:
    """One side of the diff; with `bare`, sensitive texts as they are."""
    if request is None:
        return {}
    shown = shapes.comparable(request)
    if not bare:
        shape = connection.meta.service_model.operation_model("CreateGuardrail").input_shape
        shown = hide(shape, shown)
    return {**snake(shapes.answer_from_request(shown)), "tags": dict(tags), "versions": versions}
