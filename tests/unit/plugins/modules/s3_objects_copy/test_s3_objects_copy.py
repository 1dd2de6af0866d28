# SPDX-License-Identifier: GPL-3.0-or-later
import boto3
import pytest
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import AwsError, Refused
from ansible_collections.medzen.multiregion.plugins.modules import s3_objects_copy as module
from botocore.exceptions import ClientError

pytestmark = pytest.mark.usefixtures("moto_cloud")

OLD, NEW = "af-south-1", "eu-central-1"
FROM, TO = f"medzen-meeting-recordings-{OLD}", f"medzen-meeting-recordings-{NEW}"


class Retrying:
    """A client that takes aws_retry, remembers what it copied, and refuses the operations in `denied`."""

    def __init__(self, client, denied, copied):
        self.client, self.denied, self.copied = client, denied, copied

    def __getattr__(self, name):
        def call(*args, aws_retry=False, **request):
            if name in self.denied:
                answer = {"Error": {"Code": "AccessDenied"}, "ResponseMetadata": {"HTTPStatusCode": 403}}
                raise ClientError(answer, name)
            if name == "copy":
                self.copied.append(request["Key"])
            return getattr(self.client, name)(*args, **request)

        return call


class Module:
    region = NEW

    def __init__(self, check_mode=False, denied=(), **params):
        self.check_mode, self.denied, self.copied = check_mode, denied, []
        given = {"bucket": FROM, "source_region": OLD, "copy_bucket": TO, "prefix": "", "max_objects": 10}
        self.params = {**given, **params}

    def client(self, service, region=NEW, **_options):
        return Retrying(boto3.client(service, region_name=region), self.denied, self.copied)


def bucket(name, **objects):
    region = OLD if name == FROM else NEW
    s3 = boto3.client("s3", region_name=region)
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": region})
    for key, body in objects.items():
        put(name, key, body)


def put(name, key, body, **more):
    boto3.client("s3", region_name=NEW).put_object(Bucket=name, Key=key, Body=body, **more)


def get(name, key):
    return boto3.client("s3", region_name=NEW).get_object(Bucket=name, Key=key)


def keys(name):
    return [row["Key"] for row in boto3.client("s3").list_objects_v2(Bucket=name).get("Contents", [])]


def test_objects_that_are_missing_are_copied_with_what_describes_them():
    bucket(FROM, b=b"film")
    bucket(TO, c=b"other")
    put(FROM, "a", b"long film", ContentType="video/mp4", Metadata={"visit": "1"})
    result = module.ensure(Module())
    assert (result["changed"], result["copied_count"], result["copied_bytes"]) == (True, 2, 13)
    copied = get(TO, "a")
    assert (copied["Body"].read(), copied["ContentType"], copied["Metadata"]["visit"]) == (
        b"long film",
        "video/mp4",
        "1",
    )
    assert keys(TO) == ["a", "b", "c"] and keys(FROM) == ["a", "b"]


def test_a_copy_carries_the_etag_of_its_original():
    bucket(FROM, a=b"film")
    bucket(TO)
    module.ensure(Module())
    assert f'"{get(TO, "a")["Metadata"]["copied-from-etag"]}"' == get(FROM, "a")["ETag"]


def test_a_second_run_copies_nothing_though_the_etag_is_another_one(monkeypatch):
    bucket(FROM, a=b"film")
    bucket(TO)
    module.ensure(Module())
    found = module.read_objects

    def listed(s3, name, prefix):
        return {key: (size, "other" if name == TO else etag) for key, (size, etag) in found(s3, name, prefix).items()}

    monkeypatch.setattr(module, "read_objects", listed)
    again = Module()
    assert not module.ensure(again)["changed"] and again.copied == []


def test_check_mode_counts_and_copies_nothing():
    bucket(FROM, a=b"film")
    bucket(TO)
    result = module.ensure(Module(check_mode=True))
    assert (result["changed"], result["copied_count"]) == (True, 1) and keys(TO) == []


def test_in_check_mode_the_bucket_that_takes_them_may_be_planned():
    bucket(FROM, a=b"film")
    assert module.ensure(Module(check_mode=True))["copied_count"] == 1


def test_another_content_under_the_same_key_refuses_before_anything_is_copied():
    bucket(FROM, a=b"film", b=b"more")
    bucket(TO, a=b"FILM")
    tried = Module()
    with pytest.raises(Refused, match="another content.*1, as a"):
        module.ensure(tried)
    assert tried.copied == []


def test_only_keys_with_the_prefix_count():
    bucket(FROM)
    bucket(TO)
    put(FROM, "visits/1", b"film")
    put(FROM, "tests/1", b"film")
    module.ensure(Module(prefix="visits/"))
    assert keys(TO) == ["visits/1"]


def test_a_bucket_that_is_not_there_has_nothing_to_bring():
    bucket(TO)
    assert module.ensure(Module())["changed"] is False


def test_a_bucket_for_the_copies_is_needed():
    bucket(FROM, a=b"film")
    with pytest.raises(Refused, match="no such bucket"):
        module.ensure(Module())


def test_a_bucket_of_another_region_is_refused():
    bucket(FROM)
    bucket(TO)
    with pytest.raises(Refused, match="not where it is said to be.*eu-central-1"):
        module.ensure(Module(bucket=TO, copy_bucket=FROM))


def test_too_many_objects_are_left_to_batch_replication():
    bucket(FROM, a=b"1", b=b"2")
    bucket(TO)
    with pytest.raises(Refused, match="2 objects are missing.*Batch Replication"):
        module.ensure(Module(max_objects=1))
    assert keys(TO) == []


def test_a_bucket_that_may_not_be_read_is_no_absence():
    with pytest.raises(AwsError, match="AccessDenied"):
        module.ensure(Module(denied=["get_bucket_location"]))


@pytest.mark.parametrize("given", [{"source_region": NEW}, {"copy_bucket": FROM}])
def test_a_bucket_is_no_copy_of_itself(given):
    with pytest.raises(Refused, match="no copy in itself"):
        module.ensure(Module(**given))
