# SPDX-License-Identifier: GPL-3.0-or-later
"""Video visits: what is refused, what is taken over, what is built, a visit through it, and its name in the move.

The regions have what a CloudFormation stack and a person once made under the same names. Two worlds do: one without a
move, and one that is moved and goes back.
"""

from __future__ import annotations

import re
import shutil
from datetime import UTC, datetime, timedelta

import pytest

AF, HOME, DR, ACCOUNT = "af-south-1", "eu-central-1", "eu-west-1", "123456789012"
TABLE, API, MEETINGS = "medzen-meeting-audit", "medzen-chime-api", "meetings.medzenhealth.app"
AI = "ai.medzenhealth.app"
FUNCTIONS = [
    f"medzen-{name}"
    for name in ("meeting-manager", "messaging-handler", "polly-tts", "recording-handler", "transcription-processor")
]
BUCKETS = ("medzen-meeting-recordings", "medzen-transcripts", "medzen-medical-entities")
SEEDED_VISITS, SEEDED_RECORDINGS = 20, 5
FILM = b"\0\0\0\x18ftypmp42"
# Seven calendar years with the most leap days that they can have.
RETENTION_DAYS = 2557


def bucket_of(region, name=BUCKETS[0]):
    return f"{name}-{ACCOUNT}-{region}"


def build(world, *options, **extra_vars):
    with world.quick():
        return world.play("provision_video_ai", *options, **extra_vars)


def rows(world, region):
    pages = world.client("dynamodb", region).get_paginator("scan").paginate(TableName=TABLE)
    return {(item["pk"]["S"], item["sk"]["S"]): item for page in pages for item in page["Items"]}


def describe_table(world, region):
    return world.client("dynamodb", region).describe_table(TableName=TABLE)["Table"]


def keys(world, bucket, region):
    return {row["Key"] for row in world.client("s3", region).list_objects_v2(Bucket=bucket).get("Contents", [])}


def api_of(world, region):
    apis = [one for one in world.client("apigatewayv2", region).get_apis()["Items"] if one["Name"] == API]
    assert len(apis) == 1, apis
    return apis[0]


def meetings_target(world):
    """Where the record of the visits leads."""
    route53 = world.client("route53")
    zone = route53.list_hosted_zones_by_name(DNSName="medzenhealth.app")["HostedZones"][0]["Id"]
    found = route53.list_resource_record_sets(HostedZoneId=zone)["ResourceRecordSets"]
    (record,) = [one for one in found if one["Name"] == f"{MEETINGS}."]
    return record.get("AliasTarget", {}).get("DNSName", "") or record["ResourceRecords"][0]["Value"]


def hold_visit(world, name, appointment):
    """A visit through an API from its beginning to its end; the meeting as it was given."""
    status, begun = world.ask(name, "POST", "/meetings", {"appointmentId": appointment})
    assert status == 201, begun
    meeting = begun["meeting"]
    status, ended = world.ask(name, "DELETE", f"/meetings/{meeting['MeetingId']}")
    assert (status, ended) == (200, {"ended": meeting["MeetingId"]})
    return meeting


def assert_refused(outcome, *texts):
    assert outcome.code != 0, str(outcome)
    assert re.search(".*".join(map(re.escape, texts)), outcome.error), outcome.error


@pytest.fixture(scope="module")
def before(stage):
    return stage.fresh("before")


@pytest.fixture(scope="module")
def built(before):
    if before.step == "before":
        outcome = build(before)
        assert outcome.code == 0, str(outcome)
        before.step, before.built = "with visits", outcome
    return before


# --- refused before anything is changed ------------------------------------------------------------------------------


def test_fewer_than_seven_years_are_refused_before_anything_is_changed(before):
    outcome = build(before, chime_audit_retention_years=6)
    assert_refused(outcome, "retention of the audit", "found: 6 calendar years", "expected: 7 calendar years, or more")
    assert outcome.writes == []


def test_a_missing_package_is_named_with_its_folder(before, tmp_path):
    shutil.copytree(before.settings.packages, tmp_path, dirs_exist_ok=True)
    (tmp_path / "polly_tts.zip").unlink()
    outcome = build(before, multiregion_packages=str(tmp_path))
    assert_refused(outcome, "packages of the functions", f"found: no polly_tts.zip in {tmp_path}", "Build the packages")
    assert outcome.writes == []


def test_no_decision_on_a_standby_is_refused(before):
    outcome = build(before, chime_dr="")
    assert_refused(outcome, "standby of the visits", "found: no decision")
    assert outcome.writes == []


def test_check_mode_writes_nothing_and_nothing_is_there_afterwards(before):
    outcome = build(before, "--check")
    assert outcome.code == 0 and outcome.writes == [], str(outcome)
    made = {one["FunctionName"] for one in before.client("lambda").list_functions()["Functions"]}
    assert "medzen-polly-tts" not in made and "Replicas" not in describe_table(before, HOME)


def test_a_table_of_the_dr_region_gives_way_only_when_its_region_is_named(before):
    outcome = build(before, chime_replaced_tables=[])
    text = f"found: a table of its own in {DR}, with {2 * SEEDED_VISITS} rows"
    assert_refused(outcome, "audit table of the region with the copies", text, "chime_replaced_tables")
    assert {write.split(":")[0] for write in outcome.writes} <= {"kms"}, outcome.writes


# --- built -----------------------------------------------------------------------------------------------------------


def test_what_a_stack_had_made_is_taken_over_and_named(built):
    text = built.built.output.partition("Say what was there already")[2].partition("\nTASK")[0]
    for name in (f"table {TABLE}", "function medzen-meeting-manager", f"bucket {bucket_of(HOME)}"):
        assert name in text, name
    # Made now, so nobody's before.
    assert "function medzen-polly-tts" not in text and f"bucket {bucket_of(HOME, BUCKETS[1])}" not in text


def test_nothing_that_was_there_is_gone(built):
    stacks = built.client("cloudformation").describe_stacks(StackName=f"medzen-chime-sdk-{HOME}")["Stacks"]
    assert stacks[0]["StackStatus"] == "CREATE_COMPLETE"
    seeded = {pk for pk, _sk in rows(built, HOME) if "seeded-" in pk}
    assert seeded == {f"MEETING#seeded-{region}-{n}" for region in (AF, HOME, DR) for n in range(SEEDED_VISITS)}
    assert len(rows(built, AF)) >= 2 * SEEDED_VISITS


def test_the_functions_are_those_of_the_packages(built):
    found = {one["FunctionName"]: one for one in built.client("lambda").list_functions()["Functions"]}
    assert set(FUNCTIONS) <= set(found)
    variables = found["medzen-meeting-manager"]["Environment"]["Variables"]
    assert (variables["MEDIA_REGION"], variables["AUDIT_TABLE"]) == (HOME, TABLE)
    assert variables["RECORDINGS_BUCKET"] == bucket_of(HOME) and "app-instance/" in variables["APP_INSTANCE_ARN"]


def test_the_audit_table_is_protected_and_has_a_replica(built):
    for region in (HOME, DR):
        table = describe_table(built, region)
        assert table["DeletionProtectionEnabled"] and table["SSEDescription"]["SSEType"] == "KMS", region
    replicas = describe_table(built, HOME)["Replicas"]
    assert [one["RegionName"] for one in replicas if one["RegionName"] != HOME] == [DR]
    assert rows(built, DR) == rows(built, HOME)
    expiry = built.client("dynamodb").describe_time_to_live(TableName=TABLE)["TimeToLiveDescription"]
    assert (expiry["AttributeName"], expiry["TimeToLiveStatus"]) == ("ttl", "ENABLED")


def test_the_table_that_made_room_is_in_a_backup(built):
    (backup,) = built.client("dynamodb", DR).list_backups(TableName=TABLE)["BackupSummaries"]
    assert backup["BackupName"] == f"{TABLE}-merged"


@pytest.mark.parametrize("region", [HOME, DR])
@pytest.mark.parametrize("name", BUCKETS)
def test_buckets_are_private_encrypted_versioned_and_kept(built, name, region):
    s3, bucket = built.client("s3", region), bucket_of(region, name)
    assert all(s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"].values())
    assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"
    (rule,) = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"]
    assert rule["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "aws:kms"
    (rule,) = s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
    assert rule["Expiration"]["Days"] == rule["NoncurrentVersionExpiration"]["NoncurrentDays"] == RETENTION_DAYS


def test_the_recordings_of_the_retiring_region_are_here(built):
    expected = {f"seeded-{AF}-{n}/visit.mp4" for n in range(SEEDED_RECORDINGS)}
    assert expected <= keys(built, bucket_of(HOME), HOME) and expected == keys(built, bucket_of(AF), AF)
    # What was brought over has its row from there: no event of a new recording.
    assert not [sk for _pk, sk in rows(built, HOME) if sk.startswith("RECORDING#seeded")]


def test_the_execution_role_may_do_no_more_than_the_functions(built):
    document = built.client("iam").get_role_policy(RoleName="medzen-lambda-execution-role", PolicyName="visits")
    actions = [one for row in document["PolicyDocument"]["Statement"] for one in row["Action"]]
    assert not [one for one in actions if one.endswith(":*") or one == "*"]
    assert {one for one in actions if one.startswith("dynamodb:")} == {"dynamodb:PutItem"}


def test_a_visit_through_the_api_has_its_media_here_and_a_row_in_both_regions(built, until):
    meeting = hold_visit(built, api_of(built, HOME)["ApiEndpoint"].removeprefix("https://"), "first-visit")
    assert meeting["MediaRegion"] == HOME and meeting["MeetingArn"].split(":")[3] == HOME
    known = {one["id"]: one for one in built.control("chime")["meetings"]}
    assert not known[meeting["MeetingId"]]["misplaced"]
    pk = f"MEETING#{meeting['MeetingId']}"

    def both():
        return all(
            {sk.split("#")[0] for key, sk in rows(built, one) if key == pk} == {"CREATED", "ENDED"}
            for one in (HOME, DR)
        )

    until(both, "rows of the visit in both regions")
    row = next(item for (key, sk), item in rows(built, DR).items() if key == pk and sk.startswith("CREATED#"))
    kept = datetime.fromtimestamp(int(row["ttl"]["N"]), UTC) - datetime.now(UTC)
    assert row["appointmentId"]["S"] == "first-visit" and kept > timedelta(days=7 * 365)


def test_a_recording_that_arrives_has_a_row_and_a_copy(built, until):
    built.client("s3").put_object(Bucket=bucket_of(HOME), Key="visit-9/visit.mp4", Body=FILM)
    until(lambda: ("MEETING#visit-9", "RECORDING#visit-9/visit.mp4") in rows(built, HOME), "the row of a recording")
    until(lambda: "visit-9/visit.mp4" in keys(built, bucket_of(DR), DR), "the copy of a recording")


def test_the_name_of_the_visits_is_served_here_and_leads_there_still(built):
    names = {one["DomainName"] for one in built.client("apigatewayv2").get_domain_names()["Items"]}
    assert MEETINGS in names
    assert AF in meetings_target(built)


def lead_meetings_to(world, target):
    """As somebody does it by hand."""
    route53 = world.client("route53")
    zone = route53.list_hosted_zones_by_name(DNSName="medzenhealth.app")["HostedZones"][0]["Id"]
    found = route53.list_resource_record_sets(HostedZoneId=zone)["ResourceRecordSets"]
    present = next(one for one in found if one["Name"] == f"{MEETINGS}.")
    record = {"Name": MEETINGS, "Type": "CNAME", "TTL": 5, "ResourceRecords": [{"Value": target}]}
    changes = [{"Action": "DELETE", "ResourceRecordSet": present}, {"Action": "CREATE", "ResourceRecordSet": record}]
    route53.change_resource_record_sets(HostedZoneId=zone, ChangeBatch={"Changes": changes})


def served_name(world):
    domain = world.client("apigatewayv2").get_domain_name(DomainName=MEETINGS)
    return domain["DomainNameConfigurations"][0]["ApiGatewayDomainName"]


def test_validate_system_finds_visits_and_recordings_as_they_should_be(built, until):
    old = meetings_target(built)
    lead_meetings_to(built, served_name(built))
    until(lambda: built.resolve(MEETINGS) == built.resolve(served_name(built)), "the name of the visits leads here")
    outcome = built.play("validate_system", multiregion_bedrock_regions=[])
    lead_meetings_to(built, old)
    # Production is still elsewhere, and so is the password for its records.
    assert_refused(outcome, "refuses, for 1 of", "a composition is written and read")


@pytest.mark.parametrize("options", [("--check",), ()], ids=["check", "do"])
def test_a_second_run_writes_nothing(built, options):
    outcome = build(built, *options)
    assert outcome.code == 0, str(outcome)
    assert outcome.writes == [] and "function medzen-meeting-manager (" not in outcome.output


def test_what_the_retiring_region_gets_later_is_brought_by_the_next_run(built):
    item = {"pk": {"S": "MEETING#late"}, "sk": {"S": "CREATED#2026-01-01T00:00:00.000Z"}}
    built.client("dynamodb", AF).put_item(TableName=TABLE, Item=item)
    built.client("s3", AF).put_object(Bucket=bucket_of(AF), Key="late/visit.mp4", Body=FILM)
    outcome = build(built)
    assert outcome.code == 0, str(outcome)
    assert sorted(outcome.writes) == [f"dynamodb:PutItem {HOME}", f"s3:CopyObject {HOME}"]
    assert "late/visit.mp4" in keys(built, bucket_of(HOME), HOME)


def test_a_row_with_two_contents_is_refused_and_stays(built):
    key = {"pk": {"S": "MEETING#late"}, "sk": {"S": "CREATED#2026-01-01T00:00:00.000Z"}}
    built.client("dynamodb", AF).put_item(TableName=TABLE, Item={**key, "action": {"S": "changed"}})
    outcome = build(built)
    assert_refused(outcome, "another content", "MEETING#late CREATED#2026-01-01")
    assert outcome.writes == []


# --- the name in the move --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def moved(stage):
    return stage.fresh("moved")


def test_the_cutover_moves_the_name_with_the_public_one(moved):
    assert meetings_target(moved).rstrip(".") == served_name(moved)
    previous = [one["name"] for one in moved.facts()["cutover_previous_record_sets"]]
    assert previous == ["ehr.medzenhealth.app", MEETINGS, AI]


def test_a_visit_by_the_name_is_placed_in_the_new_region(moved):
    meeting = hold_visit(moved, MEETINGS, "after-the-move")
    assert meeting["MediaRegion"] == HOME and meeting["MeetingArn"].split(":")[3] == HOME


def test_what_visits_left_until_the_move_is_here(moved):
    assert rows(moved, AF).items() <= rows(moved, HOME).items()


def test_a_second_cutover_writes_nothing(moved):
    outcome = moved.play("cutover_dns", "--limit", HOME)
    assert outcome.code == 0 and outcome.writes == [], str(outcome)


def test_a_name_that_was_left_behind_follows(moved):
    lead_meetings_to(moved, "old.example.com")
    outcome = moved.play("cutover_dns", "--limit", HOME)
    assert outcome.code == 0, str(outcome)
    assert [write.split()[0] for write in outcome.writes] == ["route53:ChangeResourceRecordSets"]
    assert meetings_target(moved).rstrip(".") == served_name(moved)


def test_a_rollback_takes_the_name_back(moved):
    outcome = moved.play("rollback_dns", "--limit", HOME)
    assert outcome.code == 0, str(outcome)
    moved.step = "went back"
    assert AF in meetings_target(moved) and moved.serves_from(AF)
    assert hold_visit(moved, MEETINGS, "back-again")["MeetingArn"].split(":")[3] == AF
