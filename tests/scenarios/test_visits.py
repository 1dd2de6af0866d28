# SPDX-License-Identifier: GPL-3.0-or-later
"""Video visits in the move: the cutover lets them end, the decommission keeps what they left."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest

AF, EU = "af-south-1", "eu-central-1"
TABLE, ACCOUNT = "medzen-meeting-audit", "123456789012"
GONE = "11111111-1111-4111-8111-111111111111"
VISITS = {"multiregion_chime_regions": [EU]}


def bucket_of(region):
    return f"medzen-meeting-recordings-{ACCOUNT}-{region}"


def put_row(world, region, meeting, action="CREATED", minutes_ago=1):
    moment = (datetime.now(UTC) - timedelta(minutes=minutes_ago)).isoformat(timespec="milliseconds")
    item = {"pk": {"S": f"MEETING#{meeting}"}, "sk": {"S": f"{action}#{moment.replace('+00:00', 'Z')}"}}
    world.client("dynamodb", region).put_item(TableName=TABLE, Item=item)
    return item


@pytest.fixture
def provisioned(stage):
    return stage.at("provisioned")


@pytest.fixture(scope="module")
def moved(stage):
    return stage.at("moved")


@pytest.fixture
def before(stage):
    return stage.at("before")


def test_check_mode_tells_who_would_be_waited_for_and_waits_for_nobody(before):
    put_row(before, AF, "left-open", minutes_ago=600)
    outcome = before.play("cutover_dns", "--check", **VISITS)
    assert outcome.code == 0, str(outcome)
    assert "See which visits are under way" in outcome.output and outcome.writes == []


def test_a_cutover_lets_visits_end_and_fences_nothing_while_one_goes_on(provisioned):
    meeting = provisioned.client("chime-sdk-meetings", AF).create_meeting(
        ClientRequestToken="visit-1", ExternalMeetingId="visit-1", MediaRegion=AF
    )["Meeting"]["MeetingId"]
    put_row(provisioned, AF, meeting)
    # Its meeting is no more, though nobody put that on record.
    put_row(provisioned, AF, GONE)
    provisioned.control("chime", {"joined": meeting, "idle_s": 86400})
    provisioned.control("chime", {"joined": meeting})
    outcome = provisioned.play("cutover_dns", cutover_drain_timeout_s=1, **VISITS)
    assert outcome.code != 0, str(outcome)
    assert re.search(f"no visit is interrupted.*1 open: {meeting}.*Nothing was fenced", outcome.error), outcome.error
    assert GONE not in outcome.error
    assert provisioned.takes_writes(f"medzen-ehrbase-db-{AF}") and provisioned.serves_from(AF)
    put_row(provisioned, AF, meeting, "ENDED")


def test_a_cutover_goes_on_when_the_visits_have_ended(provisioned):
    outcome = provisioned.play("cutover_dns", "--limit", EU, **VISITS)
    assert outcome.code == 0, str(outcome)
    provisioned.step = "moved"


def decommission(world):
    return world.play(
        "decommission_af_south", confirm=AF, decommission_soak_s=0, decommission_soak_override="0", **VISITS
    )


def assert_refused(outcome, *texts):
    assert outcome.code != 0 and outcome.writes == [], str(outcome)
    pattern = ".*".join(map(re.escape, ("audit rows and recordings are in another region as well", *texts)))
    assert re.search(pattern, outcome.error), outcome.error


def test_a_region_that_alone_has_audit_rows_is_not_taken_down(moved):
    item = put_row(moved, AF, "only-here")
    assert_refused(decommission(moved), f"are not in {EU}, as MEETING#", f"everything in {EU}", "provision_video_ai")
    for row in moved.client("dynamodb", AF).scan(TableName=TABLE)["Items"]:
        moved.client("dynamodb", EU).put_item(TableName=TABLE, Item=row)
    assert item in moved.client("dynamodb", EU).scan(TableName=TABLE)["Items"]


def test_a_region_that_alone_has_recordings_is_not_taken_down(moved):
    moved.client("s3", AF).put_object(Bucket=bucket_of(AF), Key="m-1/visit.mp4", Body=b"film")
    assert_refused(decommission(moved), f"bucket {bucket_of(AF)}:", f"are not in {EU}, as m-1/visit.mp4")


def test_rows_that_cannot_be_read_are_unknown_and_refused(moved):
    with moved.fault("error", {"service": "dynamodb", "operation": "Scan"}, code="AccessDeniedException", status=400):
        outcome = decommission(moved)
    assert_refused(outcome, "AccessDenied")


def test_copies_of_everything_lift_that_refusal(moved):
    for row in moved.client("s3", AF).list_objects_v2(Bucket=bucket_of(AF)).get("Contents", []):
        body = moved.client("s3", AF).get_object(Bucket=bucket_of(AF), Key=row["Key"])["Body"].read()
        moved.client("s3", EU).put_object(Bucket=bucket_of(EU), Key=row["Key"], Body=body)
    # Without a typed confirmation it still stops, but not for the copies.
    outcome = moved.play("decommission_af_south", **VISITS)
    refused = outcome.error.partition("fatal:")[0]
    assert "typed confirmation" in refused and "recordings are in another" not in refused, outcome.error
