# SPDX-License-Identifier: GPL-3.0-or-later
"""Tables, buckets and HTTP APIs against the stand-in: check, read back, do, do again, and what must be refused."""

import json
import zipfile

import pytest

REGION, OTHER = "eu-central-1", "eu-west-1"
ACCOUNT = "123456789012"
QUICK = {"poll_seconds": 0.1, "wait_timeout": 60}


# --- tables ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def table(step):
    """A step for a table of this name."""

    def build(name, *faults, **options):
        keys = {} if options.get("state") == "absent" else {"hash_key": {"name": "pk"}, "range_key": {"name": "sk"}}
        return step("dynamodb_table", *faults, name=name, **{**QUICK, **keys, **options})

    return build


def test_a_table_from_its_creation_to_its_end(services, table):
    given = {"ttl_attribute": "ttl", "tags": {"Workload": "medzen"}}
    checked, made, checked_again, again, kept, opened, gone, nothing = services.play(
        table("life", check=True, **given), table("life", **given),
        table("life", check=True, **given), table("life", **given),
        table("life", state="absent"), table("life", deletion_protection=False, **given),
        table("life", state="absent"), table("life", state="absent"),
    )  # fmt: skip
    assert checked.changed and checked.writes == []
    assert made.changed and made["diff"] == checked["diff"]
    assert made.writes == [
        f"dynamodb:{name}" for name in ("CreateTable", "UpdateTimeToLive", "UpdateContinuousBackups")
    ]
    assert [(one.changed, one.writes) for one in (checked_again, again)] == [(False, []), (False, [])]
    assert "deletion protection on" in kept.error and kept.writes == []
    assert opened.writes == ["dynamodb:UpdateTable"] and gone.changed
    assert not nothing.changed and nothing.writes == []


def test_replicas_come_and_go_one_at_a_time(services, table):
    three = {"replica_regions": [REGION, OTHER, "eu-north-1"]}
    one = {"replica_regions": ["eu-north-1"]}
    checked, made, again, left, purged = services.play(
        table("worldwide", check=True, **three), table("worldwide", **three), table("worldwide", **three),
        table("worldwide", **one), table("worldwide", purge_replicas=True, **one),
    )  # fmt: skip
    assert checked["table"]["replicas"] == {OTHER: "PLANNED", "eu-north-1": "PLANNED"} and checked.writes == []
    assert made["table"]["replicas"] == {OTHER: "ACTIVE", "eu-north-1": "ACTIVE"}
    assert made.writes.count("dynamodb:UpdateTable") == 2
    assert [(done.changed, done.writes) for done in (again, left)] == [(False, []), (False, [])]
    assert purged.writes == ["dynamodb:UpdateTable"] and purged["table"]["replicas"] == {"eu-north-1": "ACTIVE"}


def test_a_replica_is_run_from_its_own_region_too(services, table):
    both = {"replica_regions": [REGION, OTHER]}
    made, over_there, again = services.play(
        table("symmetric", **both), table("symmetric", region=OTHER, **both), table("symmetric", region=OTHER, **both)
    )
    assert made.changed and over_there["table"]["replicas"] == {REGION: "ACTIVE"}
    assert "dynamodb:CreateTable" not in over_there.writes and not again.changed


def test_a_table_of_a_stack_is_converged(services, table):
    services.client("dynamodb").create_table(
        TableName="adopted",
        AttributeDefinitions=[
            {"AttributeName": "pk", "AttributeType": "S"},
            {"AttributeName": "sk", "AttributeType": "S"},
        ],
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        ProvisionedThroughput={"ReadCapacityUnits": 1, "WriteCapacityUnits": 1},
    )
    adopted, again, refused = services.play(
        table("adopted"), table("adopted"), table("adopted", hash_key={"name": "id"})
    )
    assert adopted.changed and "dynamodb:CreateTable" not in adopted.writes
    assert adopted["table"]["billing_mode"] == "PAY_PER_REQUEST"
    assert not again.changed and again.writes == []
    assert "pk (S)" in refused.error and "id (S)" in refused.error and refused.writes == []


def test_lost_answers_and_throttling_make_nothing_twice(services, table, fault):
    create, update = "dynamodb:CreateTable", "dynamodb:UpdateTable"
    lost, replica, throttled = services.play(
        table("lost", fault("lost_response", create, count=1)),
        table("lost", fault("lost_response", update, count=2), replica_regions=[OTHER]),
        table("lost", fault("throttle", update, count=2), deletion_protection=False),
    )
    assert lost.changed and lost.writes.count(create) == 2
    assert replica["table"]["replicas"] == {OTHER: "ACTIVE"}
    assert throttled.changed and throttled["table"]["deletion_protection"] is False


def test_a_denied_look_at_a_table_is_no_absence(services, table, fault):
    denied = fault("error", "dynamodb:DescribeTable", code="AccessDeniedException", status=400)
    [refused] = services.play(table("denied", denied))
    assert "AccessDeniedException" in refused.error and refused.writes == []


# --- HTTP APIs -------------------------------------------------------------------------------------------------------

VISITS, AUDIT = (f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:medzen-{name}" for name in ("visits", "audit"))
LOG = {"log_group_arn": f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/aws/apigateway/medzen"}


@pytest.fixture
def api(step):
    """A step for an HTTP API of this name."""

    def build(name, *faults, **options):
        return step("apigatewayv2_http_api", *faults, name=name, **{**QUICK, **options})

    return build


@pytest.fixture(scope="module")
def certificate(services, step):
    """An issued certificate for *.stores.example."""
    zone = services.client("route53").create_hosted_zone(Name="stores.example", CallerReference="stores")
    made = services.play(
        step("acm_certificate_request", domain="*.stores.example", zone=zone["HostedZone"]["Id"], **QUICK)
    )
    return made[0]["certificate"]["certificate_arn"]


def routes(*keys, function=VISITS):
    return [{"key": key, "function_arn": function} for key in keys]


def api_calls(*names):
    return [f"apigatewayv2:{name}" for name in names]


def test_an_api_from_its_creation_to_its_end(services, api):
    given = {
        "routes": routes("POST /meetings", "GET /health"),
        "access_log": LOG,
        "throttling": {"rate_per_s": 50, "burst": 100},
        "cors": {"allow_origins": ["https://app.example.org"], "allow_methods": ["POST", "GET"]},
        "tags": {"Workload": "medzen"},
    }
    checked, made, checked_again, again, more, purged, gone, nothing = services.play(
        api("life", check=True, **given), api("life", **given), api("life", check=True, **given), api("life", **given),
        api("life", **{**given, "routes": routes("GET /audit", function=AUDIT)}),
        api("life", **{**given, "purge_routes": True}), api("life", state="absent"), api("life", state="absent"),
    )  # fmt: skip
    assert checked.changed and checked.writes == [] and checked["api"]["api_id"] is None
    assert made.writes == api_calls("CreateApi", "CreateIntegration", "CreateRoute", "CreateRoute", "CreateStage")
    assert made["diff"] == checked["diff"]
    assert made["api"]["execute_arn"] == f"arn:aws:execute-api:{REGION}:{ACCOUNT}:{made['api']['api_id']}"
    assert [(one.changed, one.writes) for one in (checked_again, again)] == [(False, []), (False, [])]
    assert more.writes == api_calls("CreateIntegration", "CreateRoute") and len(more["api"]["routes"]) == 3
    assert purged.writes == api_calls("DeleteRoute", "DeleteIntegration")
    assert gone.writes == api_calls("DeleteApi") and not nothing.changed and nothing.writes == []


def test_settings_of_an_api_change_one_by_one(services, api):
    given = {"routes": routes("GET /health")}
    changes = [
        {"throttling": {"rate_per_s": 5, "burst": 10}},
        {"cors": {"allow_origins": ["*"]}},
        {"cors": {}},
        {"tags": {"Workload": "medzen"}},
        {"routes": routes("GET /health", function=AUDIT)},
        {"routes": [{**routes("GET /health", function=AUDIT)[0], "timeout_ms": 5000}]},
    ]
    steps = [api("settings", **{**given, **one}) for one in changes for _ in (1, 2)]
    _made, *done = services.play(api("settings", **given), *steps)
    assert [one.writes for one in done[::2]] == [
        api_calls("UpdateStage"), api_calls("UpdateApi"), api_calls("DeleteCorsConfiguration"),
        api_calls("TagResource"), api_calls("CreateIntegration", "UpdateRoute"),
        api_calls("UpdateIntegration"),
    ]  # fmt: skip
    assert [one.writes for one in done[1::2]] == [[]] * len(changes)


def test_an_api_serves_under_its_domain_name_only(services, api, certificate):
    domain = {"name": "meet.stores.example", "certificate_arn": certificate}
    given = {"routes": routes("GET /health"), "domain": domain, "disable_execute_api_endpoint": True}
    checked, made, again, other, kept, gone = services.play(
        api("served", check=True, **given), api("served", **given), api("served", **given), api("other", **given),
        api("served", state="absent"), api("served", state="absent", domain=domain),
    )  # fmt: skip
    assert checked["api"]["domain"]["hosted_zone_id"] is None and checked.writes == []
    assert made.writes[-3:] == api_calls("CreateDomainName", "CreateApiMapping", "UpdateApi")
    assert made["api"]["domain"]["regional_domain_name"].endswith(f".execute-api.{REGION}.amazonaws.com")
    assert made["api"]["domain"]["hosted_zone_id"] == "Z1U9ULNL0V5AJ3"
    assert not again.changed and again.writes == []
    assert "serves another API" in other.error and other.writes == []
    assert "meet.stores.example" in kept.error and kept.writes == []
    assert gone.writes == api_calls("DeleteApiMapping", "DeleteDomainName", "DeleteApi")


CREATIONS = ("CreateApi", "CreateIntegration", "CreateRoute", "CreateStage", "CreateDomainName", "CreateApiMapping")


@pytest.mark.parametrize("operation", CREATIONS)
def test_a_lost_answer_makes_no_second_one(services, api, fault, certificate, operation):
    name = f"lost-{operation.lower()}"
    domain = {"name": f"{name}.stores.example", "certificate_arn": certificate}
    given = {"routes": routes("GET /health"), "domain": domain}
    lost, again = services.play(
        api(name, fault("lost_response", f"apigatewayv2:{operation}", count=1), **given), api(name, **given)
    )
    assert lost.changed and not again.changed and again.writes == []
    gateway, api_id = services.client("apigatewayv2"), lost["api"]["api_id"]
    assert len([one for one in gateway.get_apis()["Items"] if one["Name"] == name]) == 1
    assert len(gateway.get_integrations(ApiId=api_id)["Items"]) == len(gateway.get_routes(ApiId=api_id)["Items"]) == 1


def test_what_an_api_cannot_be_is_refused_before_any_write(services, api, fault):
    denied = fault("error", "apigatewayv2:GetApis", code="AccessDeniedException", status=403)
    elsewhere = VISITS.replace(REGION, "af-south-1")
    unread, abroad, key, timeout, throttled = services.play(
        api("refused", denied), api("refused", routes=routes("GET /a", function=elsewhere)),
        api("refused", routes=routes("get /a")), api("refused", routes=[{**routes("GET /a")[0], "timeout_ms": 1}]),
        api("refused", fault("throttle", "apigatewayv2:CreateApi", count=2)),
    )  # fmt: skip
    assert "AccessDeniedException" in unread.error
    assert "routes[0].function_arn" in abroad.error and "routes[0].key" in key.error
    assert "routes[0].timeout_ms" in timeout.error
    assert [one.writes for one in (unread, abroad, key, timeout)] == [[]] * 4
    assert throttled.changed and throttled.writes.count("apigatewayv2:CreateApi") == 3


# --- buckets ---------------------------------------------------------------------------------------------------------

COPIES = "medzen-copies"
RULE = {"id": "seven-years", "transitions": [{"days": 90, "storage_class": "GLACIER_IR"}], "expiration_days": 2557}


@pytest.fixture
def bucket(step):
    """A step for a bucket of this name."""

    def build(name, *faults, **options):
        return step("s3_private_bucket", *faults, name=name, **options)

    return build


def s3_calls(*names):
    return [f"s3:{name}" for name in names]


@pytest.fixture(scope="module")
def keys(services):
    """A key of each region, as ARN."""
    clients = {region: services.client("kms", region) for region in (REGION, OTHER)}
    return {region: kms.create_key()["KeyMetadata"]["Arn"] for region, kms in clients.items()}


@pytest.fixture(scope="module")
def role(services):
    allowed = {"Effect": "Allow", "Principal": {"Service": ["s3.amazonaws.com", "lambda.amazonaws.com"]}}
    trust = json.dumps({"Version": "2012-10-17", "Statement": [{**allowed, "Action": "sts:AssumeRole"}]})
    made = services.client("iam").create_role(RoleName="medzen-stores", AssumeRolePolicyDocument=trust)
    return made["Role"]["Arn"]


@pytest.fixture(scope="module")
def function(services, step, role, tmp_path_factory):
    """A function that S3 may invoke on behalf of buckets of this account."""
    package = tmp_path_factory.mktemp("package") / "code.zip"
    with zipfile.ZipFile(package, "w") as archive:
        archive.writestr("index.py", "def handler(event, context):\n    return {}\n")
    bucket = {"id": "s3", "principal": "s3.amazonaws.com", "source_arn": "arn:aws:s3:::medzen-*"}
    options = {"runtime": "python3.13", "handler": "index.handler", "role_arn": role, "package": str(package)}
    [made] = services.play(
        step(
            "lambda_function",
            name="medzen-recordings",
            permissions=[{**bucket, "source_account": ACCOUNT}],
            **options,
            **QUICK,
        )
    )
    return made["function"]["arn"]


@pytest.fixture(scope="module")
def copies(services, step, keys):
    """A versioned bucket in the other region."""
    [made] = services.play(step("s3_private_bucket", name=COPIES, region=OTHER, kms_key_id=keys[OTHER]))
    return made["bucket"]["arn"]


def test_a_bucket_from_its_creation_to_its_end(services, bucket, keys):
    name = "medzen-life"
    given = {"kms_key_id": keys[REGION], "lifecycle_rules": [RULE], "tags": {"Workload": "medzen"}}
    checked, made, checked_again, again = services.play(
        bucket(name, check=True, **given), bucket(name, **given),
        bucket(name, check=True, **given), bucket(name, **given),
    )  # fmt: skip
    assert checked.changed and checked.writes == []
    assert made["diff"] == checked["diff"] and made.writes[:2] == s3_calls("CreateBucket", "PutPublicAccessBlock")
    assert [(one.changed, one.writes) for one in (checked_again, again)] == [(False, []), (False, [])]
    s3 = services.client("s3")
    s3.put_object(Bucket=name, Key="visit.mp4", Body=b"one")
    s3.put_object(Bucket=name, Key="visit.mp4", Body=b"two")
    s3.delete_object(Bucket=name, Key="visit.mp4")
    [full] = services.play(bucket(name, state="absent"))
    assert "2 versions of objects and 1 delete markers" in full.error and full.writes == []
    found = s3.list_object_versions(Bucket=name)
    for one in [*found["Versions"], *found["DeleteMarkers"]]:
        s3.delete_object(Bucket=name, Key=one["Key"], VersionId=one["VersionId"])
    gone, nothing = services.play(bucket(name, state="absent"), bucket(name, state="absent"))
    assert gone.writes == s3_calls("DeleteBucket") and not nothing.changed and nothing.writes == []


def test_a_bucket_of_a_stack_is_closed_and_keeps_what_others_put_there(services, bucket):
    name = "medzen-adopted"
    s3 = services.client("s3")
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
    statement = {"Sid": "Reader", "Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}}
    statement |= {"Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{name}/*"}
    s3.put_bucket_policy(Bucket=name, Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
    adopted, again, purged = services.play(bucket(name), bucket(name), bucket(name, purge_statements=True))
    assert adopted.changed and "s3:CreateBucket" not in adopted.writes and adopted["bucket"]["public_access_blocked"]
    assert [one["Sid"] for one in adopted["bucket"]["policy"]] == ["Reader", "DenyInsecureTransport"]
    assert not again.changed and again.writes == []
    assert purged.writes == s3_calls("PutBucketPolicy")


def test_new_objects_call_a_function_and_have_a_copy(services, bucket, keys, role, function, copies):
    name = "medzen-copied"
    given = {
        "kms_key_id": keys[REGION],
        "notifications": [{"id": "recordings", "function_arn": function, "suffix": ".mp4"}],
        "replication": {"role_arn": role, "bucket_arn": copies, "kms_key_arn": keys[OTHER]},
    }
    checked, made, again = services.play(
        bucket(name, check=True, **given), bucket(name, **given), bucket(name, **given)
    )
    assert checked.writes == [] and made["diff"] == checked["diff"]
    assert set(made["bucket"]["notifications"]["functions"]) == {"recordings"}
    assert not again.changed and again.writes == []
    services.client("s3").put_object(Bucket=name, Key="visit.mp4", Body=b"film")
    services.advance(3600)
    copy = services.client("s3", OTHER).get_object(Bucket=COPIES, Key="visit.mp4")
    assert copy["Body"].read() == b"film" and copy["SSEKMSKeyId"] == keys[OTHER]


def test_a_replication_ends_and_versioning_after_it(services, bucket, role, copies):
    name, copied = "medzen-ended", {"replication": {"role_arn": role, "bucket_arn": copies}}
    _made, refused, ended, again = services.play(
        bucket(name, **copied), bucket(name, versioning=False),
        bucket(name, versioning=False, replication={"enabled": False}), bucket(name, versioning=False),
    )  # fmt: skip
    assert "is replicated" in refused.error and refused.writes == []
    assert ended.writes == s3_calls("DeleteBucketReplication", "PutBucketVersioning")
    assert not again.changed and again.writes == []


def test_settings_of_a_bucket_survive_lost_answers_and_throttling(services, bucket, fault, keys):
    given = {"kms_key_id": keys[REGION], "lifecycle_rules": [RULE], "tags": {"Workload": "medzen"}}
    operations = ("CreateBucket", "PutBucketEncryption", "PutBucketPolicy", "PutBucketLifecycleConfiguration")
    lost = [fault("lost_response", f"s3:{name}", count=1) for name in operations]
    throttled = fault("throttle", "s3:PutBucketTagging", count=2)
    made, again = services.play(bucket("medzen-faults", *lost, throttled, **given), bucket("medzen-faults", **given))
    assert made.changed and not again.changed and again.writes == []


def test_a_lock_comes_with_the_bucket_or_later(services, bucket):
    lock = {"object_lock": {"mode": "GOVERNANCE", "days": 30}}
    made, again, _plain, later, still = services.play(
        bucket("medzen-locked", **lock), bucket("medzen-locked", **lock),
        bucket("medzen-unlocked"), bucket("medzen-unlocked", **lock), bucket("medzen-unlocked", **lock),
    )  # fmt: skip
    for locked in (made, later):
        assert locked["bucket"]["object_lock"] == {"mode": "GOVERNANCE", "days": 30, "years": None}
    assert not again.changed and again.writes == []
    assert later.writes == s3_calls("PutObjectLockConfiguration") and not still.changed


def test_what_a_bucket_cannot_be_is_refused_before_any_write(services, bucket, fault, role, copies):
    forbidden = fault("error", "s3:HeadBucket", code="AccessDenied", status=403)
    missing = {"replication": {"role_arn": role, "bucket_arn": "arn:aws:s3:::medzen-nowhere"}}
    unseen, unseen_end, moved, nowhere, planned, name = services.play(
        bucket("medzen-unseen", forbidden), bucket("medzen-unseen", forbidden, state="absent"),
        bucket(COPIES), bucket("medzen-new", **missing), bucket("medzen-new", check=True, **missing), bucket("No"),
    )  # fmt: skip
    assert "not to be seen" in unseen.error and "not to be seen" in unseen_end.error
    assert f"Found: {OTHER}" in moved.error and "no bucket medzen-nowhere" in nowhere.error
    assert planned.changed and "name: is 'No'" in name.error
    assert [one.writes for one in (unseen, unseen_end, moved, nowhere, planned, name)] == [[]] * 6
