# SPDX-License-Identifier: GPL-3.0-or-later
"""Every module for visits and the assistant through the same weather: throttled, denied, unanswered, and elsewhere.

What a module calls is not listed here: it runs once, the ledger tells its calls, and each of them gets the faults.
All modules share a play for each fault, so that the whole takes about as long as its tasks do.
"""

from __future__ import annotations

import contextlib
import importlib
import json

import pytest
import yaml
from subjects import ACCOUNT, BEGAN, COPY, DENIALS, QUICK, REGION, SUBJECTS, TABLE, WRITERS, Place

# --- the place -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def place(services, step):
    found = Place(services, {"bucket": "sweep-recordings"})
    idle_s = services.control("chime")["idle_s"]
    services.control("chime", {"idle_s": 86400})
    found.values["meeting"] = found.meeting("sweep-read")
    make_stores(found)
    make_service_role(services.client("iam"))
    services.advance(3600)
    set_logging(found)
    made = services.play(
        step("bedrock_guardrail", **word_guardrail()),
        step("chime_app_instance", name="sweep", retention_days=90),
        step("chime_media_capture_pipeline", meeting_arn=found["meeting"], sink_bucket=found["bucket"], **QUICK),
    )
    assert all(one.changed for one in made)
    yield found
    stop_recordings(services.client("chime-sdk-media-pipelines"))
    services.control("chime", {"idle_s": idle_s})


def stop_recordings(pipelines):
    """The quota of pipelines is the account's: other files of this world count them."""
    for one in pipelines.list_media_capture_pipelines(MaxResults=50)["MediaCapturePipelines"]:
        with contextlib.suppress(pipelines.exceptions.NotFoundException):  # it has ended
            pipelines.delete_media_capture_pipeline(MediaPipelineId=one["MediaPipelineId"])


def word_guardrail():
    texts = {"blocked_input_messaging": "no", "blocked_outputs_messaging": "no"}
    return {"name": "sweep", "word_policy": {"words": [{"text": "forbidden"}]}, "publish_version": "on_change",
            **texts, **QUICK}  # fmt: skip


def make_service_role(iam):
    names = [one["RoleName"] for one in iam.list_roles()["Roles"]]
    if "AWSServiceRoleForAmazonChimeSDKMediaPipelines" not in names:
        iam.create_service_linked_role(AWSServiceName="mediapipelines.chime.amazonaws.com")


def make_stores(found):
    client = found.services.client
    key = client("kms").create_key()["KeyMetadata"]
    client("kms").create_alias(AliasName="alias/sweep", TargetKeyId=key["KeyId"])
    make_bucket(client("s3"), found["bucket"], key["Arn"])
    client("logs").create_log_group(logGroupName="/sweep")
    found.values |= {"role": make_role(client("iam")), "stream": make_stream(client("kinesis"))}
    for region in (REGION, COPY):
        make_table(client("dynamodb", region), found["meeting"].rpartition("/")[2])
        make_copied(client("s3", region), f"sweep-copied-{region}", region)


def set_logging(found):
    """In the region of the copies, where no module changes it."""
    found.services.client("logs", COPY).create_log_group(logGroupName="/sweep")
    config = {
        "s3Config": {"bucketName": f"sweep-copied-{COPY}"},
        "cloudWatchConfig": {"logGroupName": "/sweep", "roleArn": found["role"]},
    }
    found.services.client("bedrock", COPY).put_model_invocation_logging_configuration(loggingConfig=config)


def make_bucket(s3, name, key):
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}}
    s3.put_bucket_encryption(Bucket=name, ServerSideEncryptionConfiguration={"Rules": [rule]})
    allow = {
        "Effect": "Allow",
        "Principal": {"Service": "mediapipelines.chime.amazonaws.com"},
        "Action": ["s3:PutObject", "s3:PutObjectAcl"],
        "Resource": f"arn:aws:s3:::{name}/*",
        "Condition": {"StringEquals": {"aws:SourceAccount": ACCOUNT}},
    }
    s3.put_bucket_policy(Bucket=name, Policy=json.dumps({"Version": "2012-10-17", "Statement": [allow]}))


def make_copied(s3, name, region):
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": region})
    s3.put_object(Bucket=name, Key="visit.mp4", Body=b"film")


def make_role(iam):
    allowed = {"Effect": "Allow", "Principal": {"Service": "bedrock.amazonaws.com"}, "Action": "sts:AssumeRole"}
    trust = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
    return iam.create_role(RoleName="sweep", AssumeRolePolicyDocument=trust)["Role"]["Arn"]


def make_stream(kinesis):
    kinesis.create_stream(StreamName="chime-messaging-sweep", ShardCount=2)
    kinesis.start_stream_encryption(StreamName="chime-messaging-sweep", EncryptionType="KMS", KeyId="alias/aws/kinesis")
    return kinesis.describe_stream(StreamName="chime-messaging-sweep")["StreamDescription"]["StreamARN"]


def make_table(dynamodb, meeting):
    """A visit that is under way, the same in both regions."""
    keys = [{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}]
    types = [{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk")]
    dynamodb.create_table(TableName=TABLE, KeySchema=keys, AttributeDefinitions=types, BillingMode="PAY_PER_REQUEST")
    item = {"pk": {"S": f"MEETING#{meeting}"}, "sk": {"S": f"CREATED#{BEGAN}"}}
    dynamodb.put_item(TableName=TABLE, Item=item)


# --- one play a weather ----------------------------------------------------------------------------------------------


class Script:
    """Steps of many modules for one play; what came of each is found again by its key."""

    def __init__(self, services, step):
        self.services, self._step, self.keys, self.steps = services, step, [], []

    def add(self, key, module, options, *faults, **more):
        self.keys.append(key)
        self.steps.append(self._step(module, *faults, **more, **options))

    def play(self):
        done = dict(zip(self.keys, self.services.play(*self.steps), strict=True))
        assert len(done) == len(self.steps), "two steps have one key"
        return done


@pytest.fixture(scope="module")
def learned(services, step, place):
    """Each module in fair weather: check, do, check again, do again. Its calls are those that the others disturb."""
    script = Script(services, step)
    for subject in SUBJECTS:
        for phase, options in subject.tasks(place, f"fair-{subject}").items():
            for turn in ("check", "do", "check again", "again") if subject.writes else ("do",):
                script.add((str(subject), phase, turn), subject.module, options, check=turn.startswith("check"))
    return script.play()


def operations_of(learned, subject, phase):
    """The calls of a task in fair weather, each once, in their order."""
    return list(dict.fromkeys(learned[str(subject), phase, "do"].operations))


def new_operations_of(learned, subject, phase):
    """Those of them that no task before has made."""
    phases = [one for module, one, turn in learned if (module, turn) == (str(subject), "do")]
    before = {name for one in phases[: phases.index(phase)] for name in operations_of(learned, subject, one)}
    return [name for name in operations_of(learned, subject, phase) if name not in before]


def writes_of(learned, subject, phase):
    return list(dict.fromkeys(learned[str(subject), phase, "do"].writes))


@pytest.fixture(scope="module")
def throttled(services, step, fault, place, learned):
    script = Script(services, step)
    for subject in SUBJECTS:
        for phase, options in subject.tasks(place, f"throttled-{subject}").items():
            faults = [fault("throttle", one, count=1) for one in new_operations_of(learned, subject, phase)]
            script.add((str(subject), phase), subject.module, options, *faults)
    return script.play()


@pytest.fixture(scope="module")
def denied(services, step, fault, place, learned):
    """Each call of each task refused by itself; a creation has a name of its own each time.

    A change is refused what only it calls: its reads are those of the creation.
    """
    script = Script(services, step)
    for subject in SUBJECTS:
        tasks = subject.tasks(place, f"denied-{subject}")
        for phase, options in tasks.items():
            whole = phase in ("create", "remove", "read")
            for number, operation in enumerate(
                (operations_of if whole else new_operations_of)(learned, subject, phase)
            ):
                refusal = fault("error", operation, code=denial_of(operation), status=403)
                own = subject.tasks(place, f"denied-{subject}-{number}")[phase] if phase == "create" else options
                script.add((str(subject), phase, operation), subject.module, own, refusal)
            if subject.writes:
                script.add((str(subject), phase, ""), subject.module, options)
    return script.play()


def denial_of(operation):
    codes = (code for prefix, code in DENIALS.items() if operation.startswith(prefix))
    return next(codes, "AccessDeniedException")


@pytest.fixture(scope="module")
def unanswered(services, step, fault, place, learned):
    """The first answer of each write is lost; then the same task once more."""
    script = Script(services, step)
    for subject in WRITERS:
        for phase, options in subject.tasks(place, f"lost-{subject}").items():
            faults = [fault("lost_response", one, count=1) for one in writes_of(learned, subject, phase)]
            script.add((str(subject), phase, "lost"), subject.module, options, *faults)
            script.add((str(subject), phase, "again"), subject.module, options)
    return script.play()


@pytest.fixture(scope="module")
def elsewhere(services, step, place):
    script = Script(services, step)
    for subject in SUBJECTS:
        options = next(iter(subject.tasks(place, f"elsewhere-{subject}").values()))
        where = {} if subject.away else {"region": subject.elsewhere}
        script.add(str(subject), subject.module, {**options, **where, **subject.away})
    return script.play()


# --- what must hold --------------------------------------------------------------------------------------------------


def turns(done, subject, place):
    for phase in subject.tasks(place, "any"):
        yield phase, [done[str(subject), phase, turn] for turn in ("check", "do", "check again", "again")]


@pytest.mark.parametrize("subject", WRITERS, ids=str)
def test_check_do_check_again_and_do_again(learned, place, subject):
    for phase, (check, do, check_again, again) in turns(learned, subject, place):
        assert check.changed and check.writes == [] and check["diff"] == do["diff"], phase
        assert do.changed and do.writes, phase
        assert not check_again.changed and not again.changed, phase
        assert check_again.writes == again.writes == [], phase


@pytest.mark.parametrize("subject", [one for one in SUBJECTS if not one.writes], ids=str)
def test_what_only_looks_changes_nothing(learned, subject):
    done = learned[str(subject), "read", "do"]
    assert not done.changed and (done.writes == [] or subject.module.endswith("_probe"))


@pytest.mark.parametrize("subject", [one for one in SUBJECTS if one.doubts or one.refuses], ids=str)
def test_in_fair_weather_there_is_no_doubt(learned, subject):
    """Otherwise what is asked of a refusal below would hold of everything."""
    done = learned[str(subject), "read", "do"]
    assert not any(judge(done) for judge in (subject.doubts, subject.refuses) if judge), done


@pytest.mark.parametrize("subject", SUBJECTS, ids=str)
def test_a_throttled_call_is_made_again(learned, throttled, place, subject):
    for phase in subject.tasks(place, "any"):
        done = throttled[str(subject), phase]
        assert not done.failed and done.changed == subject.writes, phase
        for operation in new_operations_of(learned, subject, phase):
            assert done.operations.count(operation) > 1, (phase, operation)


def cases_of(done, subject):
    """Task, call and result of everything that was refused and called."""
    for (module, phase, operation), one in done.items():
        if module == str(subject) and operation in one.operations:
            yield phase, operation, one


@pytest.mark.parametrize("subject", [one for one in SUBJECTS if one.module != "chime_region_info"], ids=str)
def test_a_missing_permission_is_told_and_never_taken_for_absence(denied, subject):
    found = [(f"{phase} {operation}", done) for phase, operation, done in cases_of(denied, subject)]
    assert found
    for what, done in found:
        operation = what.rpartition(" ")[2]
        if subject.doubts and not (done.failed and operation.partition(":")[2] in done.error):
            assert subject.doubts(done), (what, done)
        else:
            assert done.failed and operation.partition(":")[2] in done.error, (what, done)


@pytest.mark.parametrize("subject", WRITERS, ids=str)
def test_a_refused_read_ends_the_task_before_it_writes(denied, learned, subject):
    for phase, operation, done in cases_of(denied, subject):
        before = learned[str(subject), phase, "do"].operations
        first_write = before.index(writes_of(learned, subject, phase)[0])
        if operation in before[:first_write]:
            assert done.writes == [], (phase, operation)


@pytest.mark.parametrize("subject", WRITERS, ids=str)
def test_after_the_refusals_the_task_is_done(denied, place, subject):
    for phase in subject.tasks(place, "any"):
        assert not denied[str(subject), phase, ""].failed, phase


@pytest.mark.parametrize("subject", WRITERS, ids=str)
def test_a_lost_answer_makes_nothing_twice(unanswered, place, subject):
    """Two of one name would be ambiguous to the second task."""
    for phase in subject.tasks(place, "any"):
        lost, again = unanswered[str(subject), phase, "lost"], unanswered[str(subject), phase, "again"]
        assert lost.changed and not again.changed and again.writes == [], phase


@pytest.mark.parametrize("subject", SUBJECTS, ids=str)
def test_a_region_without_the_service_is_refused(elsewhere, subject):
    done = elsewhere[str(subject)]
    if subject.refuses:
        assert subject.refuses(done), done
    else:
        assert done.failed and done["reason"] == "region_unsupported" and done["supported_regions"], done
        assert done.calls == []


# --- probes leave nothing --------------------------------------------------------------------------------------------


def test_a_lost_answer_leaves_no_version_of_the_probes_object(services, step, fault, place):
    """S3 keeps each version of what is put twice."""
    s3 = services.client("s3")
    s3.put_bucket_versioning(Bucket=place["bucket"], VersioningConfiguration={"Status": "Enabled"})
    options = {"bucket": place["bucket"], "prefix": "lost", "poll_seconds": 0.1, "wait_timeout": 10}
    (done,) = services.play(step("s3_replication_probe", fault("lost_response", "s3:PutObject", count=1), **options))
    assert done["deleted"] and done["verdict"] == "ok" and done.writes.count("s3:PutObject") == 2
    left = s3.list_object_versions(Bucket=place["bucket"], Prefix="lost/")
    assert left.get("Versions", []) == left.get("DeleteMarkers", []) == []


# --- what is documented ----------------------------------------------------------------------------------------------

# What every result may have, whatever its module says.
USUAL = {"changed", "diff", "failed", "msg", "warnings", "deprecations", "invocation", "ansible_facts"}


def undocumented(value, documented, path=""):
    """Names in a result that its module's RETURN does not have; a dict without `contains` is its owner's."""
    for name, below in value.items():
        if name not in documented:
            yield f"{path}{name}"
            continue
        contains = documented[name].get("contains")
        for one in below if isinstance(below, list) else [below]:
            if contains and isinstance(one, dict):
                yield from undocumented(one, contains, f"{path}{name}.")


@pytest.mark.parametrize("subject", SUBJECTS, ids=str)
def test_what_a_module_returns_is_documented(learned, subject):
    documented = yaml.safe_load(
        importlib.import_module(f"ansible_collections.medzen.multiregion.plugins.modules.{subject}").RETURN
    )
    for (module, phase, turn), done in learned.items():
        if module == str(subject):
            own = {name: value for name, value in done.result.items() if name not in USUAL and name[:1] != "_"}
            assert list(undocumented(own, documented)) == [], (phase, turn)
