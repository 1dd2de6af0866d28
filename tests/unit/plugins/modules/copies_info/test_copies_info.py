# SPDX-License-Identifier: GPL-3.0-or-later
from types import SimpleNamespace

import boto3
import pytest
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import Refused
from ansible_collections.medzen.multiregion.plugins.modules import copies_info as module
from botocore.exceptions import ClientError

pytestmark = pytest.mark.usefixtures("moto_cloud")

OLD, NEW, TABLE, BUCKETS = "af-south-1", "eu-central-1", "medzen-meeting-audit", "medzen-meeting-recordings"
OLD_BUCKET, NEW_BUCKET = f"{BUCKETS}-{OLD}", f"{BUCKETS}-{NEW}"


class Retrying:
    """A client that takes aws_retry, and refuses the operations in `denied`."""

    def __init__(self, client, denied):
        self.client, self.denied = client, denied

    def __getattr__(self, name):
        if name in self.denied:
            return self._refuse
        found = getattr(self.client, name)
        return lambda *args, aws_retry=False, **request: found(*args, **request)

    @staticmethod
    def _refuse(**_request):
        raise ClientError({"Error": {"Code": "AccessDenied"}, "ResponseMetadata": {"HTTPStatusCode": 403}}, "Any")


class Paging(Retrying):
    """Gives one thing a page."""

    PAGES = {"scan": "Limit", "list_objects_v2": "MaxKeys"}

    def __getattr__(self, name):
        found = super().__getattr__(name)
        one = {self.PAGES[name]: 1} if name in self.PAGES else {}
        return lambda **request: found(**one, **request)


class Module:
    region, check_mode = OLD, False

    def __init__(self, denied=(), **params):
        self.denied = denied
        self.params = {"copy_region": NEW, "tables": [], "bucket_prefixes": [], "extra_regions": [], **params}

    def client(self, service, region=OLD, **_options):
        return Retrying(boto3.client(service, region_name=region), self.denied)


def table(region, *items, keys=("pk", "sk")):
    resource = boto3.resource("dynamodb", region_name=region)
    made = resource.create_table(
        TableName=TABLE,
        KeySchema=[{"AttributeName": n, "KeyType": k} for n, k in zip(keys, ("HASH", "RANGE"), strict=False)],
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in keys],
        BillingMode="PAY_PER_REQUEST",
    )
    for item in items:
        made.put_item(Item=item)


def bucket(region, name, **objects):
    s3 = boto3.client("s3", region_name=region)
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": region})
    for key, body in objects.items():
        s3.put_object(Bucket=name, Key=key, Body=body)


def row(number, **more):
    return {"pk": f"MEETING#{number}", "sk": "CREATED#2026", **more}


def compare_tables(**given):
    return module.report(Module(tables=[TABLE], **given))


def compare_buckets(**given):
    return module.report(Module(bucket_prefixes=[BUCKETS], **given))


def test_rows_that_are_in_both_regions_are_copied():
    table(OLD, row(1, parts={"a", "b"}))
    table(NEW, row(1, parts={"b", "a"}), row(2))
    result = compare_tables()
    assert (result["verdict"], result["all_copied"], result["changed"]) == ("copied", True, False)


def test_a_row_that_only_the_old_region_has_is_named():
    table(OLD, row(1), row(2))
    table(NEW, row(1))
    result = compare_tables()
    assert (result["verdict"], result["all_copied"]) == ("missing", False)
    assert result["summary"] == f"table {TABLE}: 1 of 2 are not in {NEW}, as MEETING#2 CREATED#2026"


def test_a_row_with_another_content_is_no_copy():
    table(OLD, row(1, action="CREATED"))
    table(NEW, row(1, action="ENDED"))
    assert compare_tables()["comparisons"][0]["different"] == ["MEETING#1 CREATED#2026"]


def test_a_table_without_a_copy_is_missing_altogether():
    table(OLD, row(1))
    result = compare_tables()
    assert (result["verdict"], result["comparisons"][0]["missing_count"]) == ("missing", 1)


def test_a_table_with_other_keys_is_no_copy():
    table(OLD, row(1))
    table(NEW, row(1), keys=("pk",))
    assert compare_tables()["verdict"] == "missing"


@pytest.mark.parametrize("items", [None, []])
def test_where_the_old_region_holds_nothing_nothing_is_missing(items):
    if items is not None:
        table(OLD, *items)
    result = compare_tables()
    assert (result["verdict"], result["all_copied"]) == ("nothing", True)


@pytest.mark.parametrize("denied", ["describe_table", "scan"])
def test_a_table_that_may_not_be_read_is_unknown(denied):
    table(OLD, row(1))
    result = compare_tables(denied=[denied])
    assert (result["verdict"], result["all_copied"]) == ("unknown", None)
    assert "AccessDenied" in result["summary"]


def test_objects_that_are_in_both_regions_are_copied():
    bucket(OLD, OLD_BUCKET, a=b"film")
    bucket(NEW, NEW_BUCKET, a=b"film")
    assert compare_buckets()["verdict"] == "copied"


def test_an_object_may_lie_in_any_bucket_of_the_prefix():
    bucket(OLD, OLD_BUCKET, a=b"film")
    bucket(NEW, f"{BUCKETS}-archive", a=b"film")
    bucket(NEW, NEW_BUCKET, a=b"another")
    assert compare_buckets()["verdict"] == "copied"


def test_an_object_that_only_the_old_region_has_is_named():
    bucket(OLD, OLD_BUCKET, a=b"film", b=b"film")
    bucket(NEW, NEW_BUCKET, a=b"film")
    assert compare_buckets()["comparisons"][0]["missing"] == ["b"]


def test_a_bucket_of_a_third_region_is_no_copy():
    bucket(OLD, OLD_BUCKET, a=b"film")
    bucket("us-west-2", f"{BUCKETS}-us", a=b"film")
    assert compare_buckets()["verdict"] == "missing"


def test_an_object_of_another_size_is_another_one():
    bucket(OLD, OLD_BUCKET, a=b"film")
    bucket(NEW, NEW_BUCKET, a=b"half")
    assert compare_buckets()["comparisons"][0]["different"] == ["a"]


def test_under_another_key_the_version_tells_a_replica(monkeypatch):
    bucket(OLD, OLD_BUCKET, a=b"film")
    bucket(NEW, NEW_BUCKET, a=b"FILM")
    monkeypatch.setattr(module, "read_head", lambda s3, bucket, key: {"ContentLength": 4, "VersionId": "v1"})
    assert compare_buckets()["verdict"] == "copied"


def test_under_another_key_a_copy_carries_the_originals_etag():
    bucket(OLD, OLD_BUCKET, a=b"film")
    bucket(NEW, NEW_BUCKET, a=b"FILM")
    s3 = boto3.client("s3", region_name=OLD)
    etag = s3.head_object(Bucket=OLD_BUCKET, Key="a")["ETag"].strip('"')
    s3.put_object(Bucket=NEW_BUCKET, Key="a", Body=b"FILM", Metadata={"copied-from-etag": etag})
    assert compare_buckets()["verdict"] == "copied"


@pytest.mark.parametrize("denied", ["list_buckets", "get_bucket_location", "list_objects_v2"])
def test_a_bucket_that_may_not_be_read_is_unknown(denied):
    bucket(OLD, OLD_BUCKET, a=b"film")
    assert compare_buckets(denied=[denied])["all_copied"] is None


def test_what_is_missing_wins_over_what_is_unknown():
    table(OLD, row(1))
    result = module.report(Module(["list_buckets"], tables=[TABLE], bucket_prefixes=[BUCKETS]))
    assert (result["verdict"], result["all_copied"]) == ("missing", False)


def test_a_region_is_no_copy_of_itself():
    with pytest.raises(Refused, match="no copy of itself"):
        module.report(Module(copy_region=OLD))


def test_every_page_is_read(monkeypatch):
    table(OLD, row(1), row(2), row(3))
    table(NEW, row(1), row(2))
    bucket(OLD, OLD_BUCKET, a=b"1", b=b"2", c=b"3")
    bucket(NEW, NEW_BUCKET, a=b"1", c=b"3")

    def paging(_module, service, region=OLD, **_options):
        return Paging(boto3.client(service, region_name=region), ())

    monkeypatch.setattr(Module, "client", paging)
    rows, objects = module.report(Module(tables=[TABLE], bucket_prefixes=[BUCKETS]))["comparisons"]
    assert (rows["count"], rows["missing"]) == (3, ["MEETING#3 CREATED#2026"])
    assert (objects["count"], objects["missing"]) == (3, ["b"])


def test_sets_are_compared_at_any_depth_whatever_their_order():
    table(OLD, row(1, doctors=[{"roles": {"a", "b", "c"}}], key=b"\x01"))
    table(NEW, row(1, doctors=[{"roles": {"c", "b", "a"}}], key=b"\x01"))
    assert compare_tables()["verdict"] == "copied"


def test_every_page_of_buckets_is_read():
    pages = {None: {"Buckets": [{"Name": "a"}], "ContinuationToken": "2"}, "2": {"Buckets": [{"Name": "b"}]}}
    s3 = SimpleNamespace(list_buckets=lambda aws_retry, ContinuationToken=None: pages[ContinuationToken])
    assert module.list_bucket_names(s3) == ["a", "b"]
