# SPDX-License-Identifier: GPL-3.0-or-later
"""Control API of Bedrock, /_rehearsal/bedrock: GET shows, POST changes; everything in a POST holds from the next call.

{"knobs": {"not_found_reads": 2}}                            see Knobs
{"model": {"id": ..., "regions": {...}, ...}}                add a model or change members of one
{"lifecycle": {"model": ..., "end": "-1d"}}                  dates, relative to now
{"profile": {"id": ..., "sources": [...], "destinations": [...]}}
{"remove": "<model or profile id>"}
{"deny" | "throttle" | "silence" | "agreement": {"model": ..., "region": ..., "on": true}}    no region: everywhere
{"in_use": ["<guardrail or profile id>", "<id>:<version>"]}  replaces what is in use
{"fail": ["<reason>", ...]}                                  the next guardrail change ends as FAILED
{"endpoint": {"region": ..., "on": false}}                   the region has no Bedrock

GET /_rehearsal/bedrock/answers[?since=<n>&allowed=eu-central-1,eu-west-1] tells which region answered what was asked.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from typing import Any

from rehearsal.cloud.bedrock.catalogue import (
    CatalogueError,
    SystemProfile,
    build_model,
    read_lifecycle,
)
from rehearsal.cloud.bedrock.state import Bedrock
from rehearsal.cloud.control import ControlError

RULES = {"deny": "denied", "throttle": "throttled", "silence": "silent", "agreement": "pending_agreement"}


def control(bedrock: Bedrock, method: str, body: dict[str, Any]) -> dict[str, Any]:
    with bedrock.world.lock:
        if method == "POST":
            unknown = sorted(set(body) - set(CHANGES))
            if unknown or not body:
                raise ControlError(f"Bedrock settings {unknown or 'none'}; expected {', '.join(sorted(CHANGES))}.")
            for name, value in body.items():
                try:
                    CHANGES[name](bedrock, value)
                except (CatalogueError, KeyError, TypeError) as problem:
                    raise ControlError(f"Bedrock {name}: {problem}") from problem
        return show(bedrock)


def show(bedrock: Bedrock) -> dict[str, Any]:
    return {
        "knobs": asdict(bedrock.knobs),
        "models": {name: {"regions": model.regions} for name, model in bedrock.catalogue.models.items()},
        "profiles": {name: asdict(profile) for name, profile in bedrock.catalogue.profiles.items()},
        "in_use": sorted(bedrock.in_use),
        **{name: sorted(map(list, getattr(bedrock, held))) for name, held in RULES.items()},
    }


def answers(bedrock: Bedrock, query: dict[str, str]) -> dict[str, Any]:
    """Who answered: after `since`, counted by region; `allowed` (regions with commas) counts what came from others."""
    with bedrock.world.lock:
        rows = bedrock.answers[int(query.get("since", 0)) :]
        last = len(bedrock.answers)
    regions = Counter(row["answered_in"] for row in rows if row["answered_in"])
    shown: dict[str, Any] = {"answers": rows, "last": last, "by_region": dict(sorted(regions.items()))}
    if "allowed" in query:
        allowed = set(query["allowed"].split(","))
        shown["outside"] = sum(count for region, count in regions.items() if region not in allowed)
    return shown


def change_knobs(bedrock: Bedrock, body: dict[str, Any]) -> None:
    known = asdict(bedrock.knobs)
    unknown = sorted(set(body) - set(known))
    if unknown:
        raise ControlError(f"Bedrock knobs {', '.join(unknown)}; expected {', '.join(sorted(known))}.")
    for name, value in body.items():
        setattr(bedrock.knobs, name, type(known[name])(value))


def change_model(bedrock: Bedrock, body: dict[str, Any]) -> None:
    row = dict(body)
    model_id = row.pop("id")
    present = bedrock.catalogue.models.get(model_id)
    base: dict[str, Any] = {"name": model_id.split(".")[-1][:20], "provider": "Amazon", "input": ["TEXT"]}
    if present is not None:
        base = {name: value for name, value in vars(present).items() if name not in ("id", "lifecycle")}
    made = build_model(model_id, {**base, **row}, bedrock.now())
    if present is not None and "lifecycle" not in row:
        made.lifecycle = present.lifecycle
    bedrock.catalogue.models[model_id] = made


def change_lifecycle(bedrock: Bedrock, body: dict[str, Any]) -> None:
    """Dates that are named change, null takes one away."""
    row = dict(body)
    model = bedrock.catalogue.models[row.pop("model")]
    dates = read_lifecycle(row, bedrock.now())
    model.lifecycle = {
        name: moment for name, moment in (model.lifecycle | dates).items() if row.get(name, "") is not None
    }


def change_profile(bedrock: Bedrock, body: dict[str, Any]) -> None:
    row = dict(body)
    profile_id = row.pop("id")
    present = bedrock.catalogue.profiles.get(profile_id)
    base = vars(present) if present is not None else {"id": profile_id, "name": profile_id.partition(".")[2]}
    bedrock.catalogue.profiles[profile_id] = SystemProfile(**{**base, **row})


def remove(bedrock: Bedrock, name: str) -> None:
    if not (bedrock.catalogue.models.pop(name, None) or bedrock.catalogue.profiles.pop(name, None)):
        raise ControlError(f"Bedrock has no model or profile {name}.")


def change_in_use(bedrock: Bedrock, names: list[str]) -> None:
    bedrock.in_use = set(names)


def add_failure(bedrock: Bedrock, reasons: list[str]) -> None:
    bedrock.failures.append([str(reason) for reason in reasons])


def change_endpoint(bedrock: Bedrock, body: dict[str, Any]) -> None:
    (bedrock.endpoints.add if body.get("on", True) else bedrock.endpoints.discard)(body["region"])


def build_rule(attribute: str) -> Any:
    def change(bedrock: Bedrock, body: dict[str, Any]) -> None:
        rules: set[tuple[str, str]] = getattr(bedrock, attribute)
        rule = (body["model"], body.get("region", "*"))
        (rules.add if body.get("on", True) else rules.discard)(rule)

    return change


CHANGES = {
    "knobs": change_knobs,
    "model": change_model,
    "lifecycle": change_lifecycle,
    "profile": change_profile,
    "remove": remove,
    "in_use": change_in_use,
    "endpoint": change_endpoint,
    "fail": add_failure,
    **{name: build_rule(attribute) for name, attribute in RULES.items()},
}
