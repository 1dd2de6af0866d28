# SPDX-License-Identifier: GPL-3.0-or-later
"""The preflight of video visits and the assistant, as an operator runs it: the old plan, and the inventory's own.

The old plan lies in ../regression/old_documents, with the fact behind each fault in ../regression/README.md.
"""

from __future__ import annotations

import contextlib
import json
import re
import subprocess
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest

from rehearsal import playbooks
from rehearsal import settings as world_settings

ROOT = Path(__file__).resolve().parents[3]
OLD, OWN = "tests/scenarios/regression/old_documents", "inventories/rehearsal"
HOME, DR, SOUTH, VIRGINIA = "eu-central-1", "eu-west-1", "af-south-1", "us-east-1"
PLAY_S_MAX = 120
# A condition in the text of a gate: its number, its name and its reason.
CONDITION = re.compile(
    r"(?<= )\d+\. (?:(?P<region>[a-z]+(?:-[a-z]+)+-\d): )?(?P<name>[^\[\]]+?) \[(?P<reason>[a-z_]+)\]"
)
SONNET, HAIKU = "anthropic.claude-3-5-sonnet-20240620-v1:0", "anthropic.claude-3-5-haiku-20241022-v1:0"
GLOBAL, NOVA = "global.anthropic.claude-sonnet-4-5-20250929-v1:0", "amazon.nova-micro-v1:0"


@dataclass(frozen=True)
class Judged:
    """How the playbook ended, the refusals of its gate, and the calls that were made."""

    code: int
    output: str
    calls: list[dict]

    @property
    def text(self) -> str:
        return " ".join(self.output.split())

    @property
    def refusals(self) -> set[tuple[str, str]]:
        """Reason and region of each condition that does not hold; the region is empty where it is about all."""
        found = CONDITION.finditer(self.text.partition("PLAY RECAP")[0])
        return {(one["reason"], one["region"] or "") for one in found}

    @property
    def writes(self) -> list[str]:
        return [f"{one['service']}:{one['operation']}" for one in self.calls if one["write"]]


@pytest.fixture
def judge(services):
    """Run preflight_video_ai.yml with an inventory and these variables."""

    def run(inventory, *arguments, **variables):
        given = {
            "multiregion_endpoint_url": services.settings.api_url,
            "multiregion_aws_access_key": world_settings.ACCESS_KEY,
            "multiregion_aws_secret_key": world_settings.SECRET_KEY,
            **variables,
        }
        since = services.control("ledger/mark", {"name": "preflight"})["n"]
        command = [playbooks._ansible_playbook(), "preflight_video_ai.yml", "-i", inventory, "-e", json.dumps(given)]
        done = subprocess.run(
            [*command, *arguments],
            cwd=ROOT, env=environment(services), capture_output=True, text=True, timeout=PLAY_S_MAX,
            stdin=subprocess.DEVNULL, check=False,
        )  # fmt: skip
        calls = services.control(f"ledger?since={since}")["calls"]
        return Judged(done.returncode, done.stdout + done.stderr, calls)

    return run


def environment(services):
    kept = services._environment()
    own = {key: value for key, value in kept.items() if not key.startswith(("STEPS_", "ANSIBLE_CALLBACK"))}
    return {**own, "MEDZEN_MULTIREGION_REPORTS": str(services.folder / "reports")}


@contextlib.contextmanager
def retention(services, region, mode):
    """The data retention of a region, for a while."""
    bedrock = services.client("bedrock", region)
    before = bedrock.get_account_data_retention()["mode"]
    bedrock.put_account_data_retention(mode=mode)
    try:
        yield
    finally:
        bedrock.put_account_data_retention(mode=before)


# ---- the old plan ----


@pytest.fixture(scope="module")
def old_plan():
    """What the old plan is refused for: reason and region."""
    return {
        ("control_region_unsupported", DR),
        ("verified_elsewhere", DR),
        ("verified_elsewhere", SOUTH),
        ("region_not_allowed", VIRGINIA),
        ("dr_region_unsupported", DR),
        ("messaging_dr_region_unsupported", DR),
        ("app_instance_copy", HOME),
        ("runtime_unsupported", ""),
        ("library_unsupported", ""),
        ("model_not_in_region", SOUTH),
        ("model_not_in_region", DR),
        ("model_end_of_life", HOME),
        ("model_end_of_life", VIRGINIA),
        ("model_outside_allowed_regions", SOUTH),
        ("model_outside_allowed_regions", DR),
        ("model_outside_allowed_regions", VIRGINIA),
        ("model_not_on_demand", DR),
        ("model_not_on_demand", HOME),
        ("language_unsupported", HOME),
        ("medical_language_unsupported", HOME),
        ("medical_region_unsupported", HOME),
        ("phi_detection_unsupported", HOME),
        ("media_pipelines_region_unsupported", DR),
        ("bucket_region_differs", DR),
        ("bucket_region_differs", VIRGINIA),
        ("pipeline_quota", HOME),
        ("ttl_short", ""),
        ("way_back_without_stack", SOUTH),
        ("guardrail_language_unsupported", ""),
    }


@pytest.mark.parametrize("arguments", [(), ("--check",)], ids=["run", "check"])
def test_the_old_plan_is_refused_for_each_of_its_faults_in_one_run(judge, old_plan, arguments):
    judged = judge(OLD, *arguments)
    assert judged.code != 0 and judged.refusals == old_plan, judged.output[-9000:]
    assert judged.writes == [], judged.output[-3000:]


def test_each_fault_of_the_old_plan_has_a_message_of_its_own(judge):
    text = judge(OLD).text
    for found in (
        f"no endpoint of meetings in {DR}",
        f"the meeting was controlled by {VIRGINIA}",
        f"control in {VIRGINIA}",
        f"no meetings and no media_pipelines in {DR}",
        f"no identity and no messaging in {DR}",
        f"copy from {VIRGINIA} to {HOME}",
        "nodejs18.x: its end was",
        "aws-sdk-js-v2, without support since 2025-09-08",
        f"{SOUTH} does not list it",
        f"{DR} does not list it",
        "its life has ended; the region lists it no more",
        "requests may go to",
        "it cannot be called on demand by this identifier",
        "no live transcription of sw-KE",
        "no live medical transcription of fr-FR",
        f"no live medical transcription in {HOME}",
        f"Comprehend Medical is not offered in {HOME}",
        f"is planned in {HOME}",
        "of 10 pipelines in use",
        "2.0 days short of 7 calendar years",
        "the plan deletes medzen-ai-chat-handler, medzen-chime-sdk-af-south-1 there",
        "not known to understand ar, camfranglais, ha, pcm, rw, sg, sw, yo",
    ):
        assert found in text, found


# ---- the inventory's own plan ----


@pytest.mark.parametrize("inventory", [OWN, "inventories/staging", "inventories/prod"])
def test_the_plan_of_every_environment_passes(judge, inventory):
    judged = judge(inventory, multiregion_account="123456789012")
    assert judged.code == 0, judged.output[-6000:]
    assert judged.writes == [] and judged.refusals == set()


def test_a_plan_may_have_neither_visits_nor_an_assistant(judge):
    judged = judge(OWN, multiregion_chime_regions=[], multiregion_bedrock_regions=[])
    assert judged.code == 0, judged.output[-6000:]
    asked = {call["service"] for call in judged.calls}
    assert asked == {"sts", "ec2"}


def test_a_share_with_providers_that_holds_in_the_account_is_refused(judge, services):
    with retention(services, DR, "provider_data_share"):
        judged = judge(OWN)
    assert judged.code != 0 and judged.refusals == {("provider_data_share", DR)}


def test_a_bucket_that_is_elsewhere_is_refused(judge, services):
    bucket = f"medzen-meeting-recordings-123456789012-{HOME}"
    s3 = services.client("s3", DR)
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": DR})
    try:
        judged = judge(OWN)
    finally:
        s3.delete_bucket(Bucket=bucket)
    assert judged.refusals == {("bucket_region_differs", HOME)}


def test_a_quota_of_pipelines_that_is_too_small_is_refused(judge, services):
    services.control("chime", {"quotas": {"pipelines": {HOME: 7}}})
    try:
        judged = judge(OWN)
    finally:
        services.control("chime", {"quotas": {"pipelines": {HOME: 10}}})
    assert judged.refusals == {("pipeline_quota", HOME)} and "0 of 7 pipelines in use" in judged.text


def test_what_cannot_be_read_refuses_as_unknown(judge, services, fault):
    with services.fault(fault("error", "bedrock:GetAccountDataRetention", code="AccessDeniedException", status=403)):
        judged = judge(OWN)
    assert judged.code != 0 and judged.refusals == {("unreadable", HOME), ("unreadable", DR)}
    assert "unknown, which is not yes" in judged.text


def test_a_region_that_is_not_enabled_is_refused(judge):
    judged = judge(OWN, multiregion_chime_regions=["il-central-1"], video_ai_preflight_live_languages=[])
    assert ("region_not_enabled", "il-central-1") in judged.refusals
    assert Counter(reason for reason, _region in judged.refusals)["unreadable"] == 0
