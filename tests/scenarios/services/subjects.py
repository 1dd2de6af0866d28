# SPDX-License-Identifier: GPL-3.0-or-later
"""The modules for visits and the assistant, each with the tasks that test_every_module.py runs it by."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

REGION, COPY = "eu-central-1", "eu-west-1"
PROFILE, MODEL = "eu.amazon.nova-lite-v1:0", "anthropic.claude-3-haiku-20240307-v1:0"
PLACES = ["eu-central-1", "eu-north-1", "eu-west-1", "eu-west-3"]
ACCOUNT, TABLE = "123456789012", "sweep-audit"
BEGAN = datetime.now(UTC).isoformat()
QUICK = {"poll_seconds": 0.1, "wait_timeout": 60}
# Regions without the service; the last one is nowhere.
NO_BEDROCK, NO_CHIME, NOWHERE = "ap-east-1", "eu-west-1", "eu-moon-1"
# How each service says that somebody may not.
DENIALS = {"s3": "AccessDenied", "chime": "ForbiddenException", "iam": "AccessDenied", "sts": "AccessDenied"}


@dataclass(frozen=True)
class Subject:
    """A module, its tasks in their order, and what it says where it does not fail."""

    module: str
    tasks: Callable[[Place, str], dict[str, dict]]
    elsewhere: str
    # Judges what came of a denied call, and of the region without the service; none means that the task fails.
    doubts: Callable[[Any], bool] | None = None
    refuses: Callable[[Any], bool] | None = None
    writes: bool = False
    # Where the service's absence is told of another option than the region.
    away: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.module


@dataclass
class Place:
    """What the modules find: made once, shared by all."""

    services: Any
    values: dict[str, Any]

    def __getitem__(self, name: str) -> Any:
        return self.values[name]

    def meeting(self, name: str) -> str:
        """The ARN of a meeting of this name."""
        made = self.services.client("chime-sdk-meetings").create_meeting(
            ClientRequestToken=name, ExternalMeetingId=name, MediaRegion=REGION
        )
        return made["Meeting"]["MeetingArn"]


# --- the subjects ----------------------------------------------------------------------------------------------------


def guardrail(place, name):
    base = {"name": name, "kms_key_id": "alias/sweep", "publish_version": "on_change", **QUICK}
    filters = {"filters": [{"type": "HATE", "input_strength": "HIGH", "output_strength": "LOW"}]}
    texts = {"blocked_input_messaging": "No prompt.", "blocked_outputs_messaging": "No answer."}
    changed = {**base, "blocked_input_messaging": "No.", "tags": {"Owner": "b"}, "keep_versions": 1}
    return {
        "create": {**base, **texts, "content_policy": filters, "tags": {"Workload": "a"}},
        "change": changed,
        "remove": {"name": name, "state": "absent", "force": True, **QUICK},
    }


def inference_profile(place, name):
    base = {"name": name, "model_source": PROFILE, "allowed_regions": PLACES, **QUICK}
    return {
        "create": {**base, "tags": {"Workload": "a"}},
        "change": {**base, "tags": {"Owner": "b"}},
        "replace": {**base, "description": "Another one", "replace": True},
        "remove": {"name": name, "state": "absent", **QUICK},
    }


def invocation_logging(place, name):
    base = {"cloudwatch": {"log_group": "/sweep", "role_arn": place["role"]}, "s3": {"bucket": place["bucket"]}}
    return {"create": base, "change": {**base, "image_enabled": False}, "remove": {"state": "absent"}}


def data_retention(place, name):
    return {"create": {"mode": "none"}, "change": {"mode": "default"}}


def app_instance(place, name):
    stream = [{"data_type": "Channel", "resource_arn": place["stream"]}]
    base = {"name": name, "streaming_configurations": stream, "retention_days": 90, "tags": {"Workload": "a"}}
    changed = {"metadata": "m", "retention_days": 91, "streaming_configurations": [], "tags": {"Owner": "b"}}
    return {
        "create": base,
        "change": {**base, **changed},
        "remove": {"name": name, "state": "absent", "force": True, **QUICK},
    }


def capture_pipeline(place, name):
    base = {"meeting_arn": place.meeting(name), "sink_bucket": place["bucket"], **QUICK}
    return {
        "create": {**base, "tags": {"Workload": "a"}},
        "change": {**base, "tags": {"Owner": "b"}},
        "remove": {**base, "state": "stopped"},
    }


def reads(**options):
    return lambda place, _name: {"read": {key: place.values.get(value, value) if isinstance(value, str) else value
                                          for key, value in options.items()}}  # fmt: skip


def plan(place, _name):
    visits = {"control_regions": [REGION], "dr": "none", "messaging_region": REGION, "messaging_dr": "none"}
    return {
        "read": {
            "account": ACCOUNT,
            "allowed_regions": PLACES,
            "visits": visits,
            "recording": {"bucket": place["bucket"], "concurrent": 1},
            "models": [{"model_id": MODEL, "region": REGION, "failover_region": COPY}],
            "data_retention": {"mode": "none", "regions": [REGION]},
            "rollbacks": [{"region": REGION, "functions": ["sweep"], "tables": [TABLE]}],
        }
    }


def verdict(word):
    return lambda done: done["verdict"] == word


def has_check(word, name=None):
    return lambda done: any(one["verdict"] == word and name in (None, one["name"]) for one in done["checks"])


def fails_for(word):
    """A probe's failure, which tells what it is by a word of its own."""
    return lambda done: done.failed and word in json.dumps(done.result)


CASES = [{"name": "word", "text": "This is forbidden.", "expect": "GUARDRAIL_INTERVENED"}]
SUBJECTS = [
    Subject("bedrock_guardrail", guardrail, NO_BEDROCK, writes=True),
    Subject("bedrock_inference_profile", inference_profile, NO_BEDROCK, writes=True),
    Subject("bedrock_invocation_logging", invocation_logging, NO_BEDROCK, writes=True),
    Subject("bedrock_data_retention", data_retention, NO_BEDROCK, writes=True),
    Subject("chime_app_instance", app_instance, NO_CHIME, writes=True),
    Subject("chime_media_capture_pipeline", capture_pipeline, NO_CHIME, writes=True),
    Subject("bedrock_guardrail_info", reads(name="sweep", all_versions=True), NO_BEDROCK),
    Subject("bedrock_inference_profile_info", reads(), NO_BEDROCK),
    Subject("bedrock_invocation_logging_info", reads(region=COPY), NO_BEDROCK),
    Subject(
        "bedrock_model_access_info", reads(model_ids=[PROFILE, MODEL]), NO_BEDROCK, verdict("fail"), verdict("fail"),
    ),
    Subject(
        "bedrock_converse_probe",
        reads(targets=[{"region": REGION, "model": PROFILE}], allowed_regions=PLACES), NO_BEDROCK,
        lambda done: done.failed and not done["ok"], fails_for("region_unsupported"),
        away={"targets": [{"region": NO_BEDROCK, "model": PROFILE}]},
    ),
    Subject(
        "bedrock_guardrail_probe", reads(targets=[{"name": "sweep", "version": "1"}], cases=CASES), NO_BEDROCK,
        lambda done: done.failed and "AccessDeniedException" in done.error,
    ),
    Subject("chime_app_instance_info", reads(name="sweep"), NO_CHIME),
    Subject("chime_media_capture_pipeline_info", reads(include_tags=True, meeting_arn="meeting"), NO_CHIME),
    Subject("chime_meeting_probe", reads(media_region=REGION, with_attendee=True), NO_CHIME),
    Subject(
        "chime_open_visits_info", reads(table=TABLE, control_region=REGION), NO_CHIME, away={"control_region": NO_CHIME}
    ),
    Subject(
        "chime_recording_preflight_info",
        reads(bucket="bucket", meeting_region=REGION, retention_days=1, kms_key="alias/sweep"), NO_CHIME,
        has_check("unknown"), has_check("refuse", "pipeline region"),
    ),
    Subject("chime_region_info", reads(), NO_CHIME, None, lambda done: not done["compliant"]),
    Subject("copies_info", reads(copy_region=COPY, tables=[TABLE], bucket_prefixes=["sweep-copied"]), NOWHERE,
            verdict("unknown")),
    Subject("dynamodb_item_info", reads(table=TABLE, key={"pk": "MEETING#1", "sk": "ENDED#1"}), NOWHERE),
    Subject("s3_replication_probe", reads(bucket="bucket", wait_timeout=10, poll_seconds=0.1), NOWHERE),
    Subject(
        "video_ai_preflight_info", plan, NO_CHIME, has_check("unknown"), has_check("refuse", "control region"),
        away={"visits": {"control_regions": [NO_CHIME], "dr": "none"}},
    ),
]  # fmt: skip
WRITERS = [one for one in SUBJECTS if one.writes]
