# SPDX-License-Identifier: GPL-3.0-or-later
import pytest
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import Refused
from ansible_collections.medzen.multiregion.plugins.modules import s3_replication_probe as module
from botocore.exceptions import ClientError

HOME, COPY = "recordings-eu-central-1", "recordings-eu-west-1"


def refusal(code, status=404):
    return ClientError({"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}, "Any")


class Store:
    """Both buckets; `copying` says whether what is put arrives in the other."""

    def __init__(self, copying=True, encryption="aws:kms", locked=()):
        self.copying, self.encryption, self.locked = copying, encryption, locked
        self.objects, self.calls = {}, []

    def put_object(self, Bucket, Key, Body, IfNoneMatch, aws_retry):
        self.calls.append("put")
        if (Bucket, Key) in self.objects:
            raise refusal("PreconditionFailed", 412)
        self.objects[Bucket, Key] = self.objects[COPY, Key] = "v1"
        if not self.copying:
            del self.objects[COPY, Key]
        return {"VersionId": "v1"}

    def head_object(self, Bucket, Key, aws_retry):
        if (Bucket, Key) not in self.objects:
            raise refusal("404")
        return {"VersionId": self.objects[Bucket, Key], "ServerSideEncryption": self.encryption}

    def delete_object(self, Bucket, Key, aws_retry, VersionId):
        if Bucket in self.locked:
            raise refusal("AccessDenied", 403)
        self.objects.pop((Bucket, Key), None)


class Module:
    region = "eu-central-1"

    def __init__(self, store, check_mode=False, **given):
        self.store, self.check_mode = store, check_mode
        copies = [{"bucket": COPY, "region": "eu-west-1"}]
        self.params = {"bucket": HOME, "copies": copies, "prefix": "probe", "require_kms": True, "require_ok": True}
        self.params |= {"wait_timeout": 0, "poll_seconds": 0.0, "extra_regions": [], **given}

    def client(self, service, **_options):
        return self.store


def test_an_object_that_arrives_is_deleted_in_both_buckets():
    store = Store()
    result = module.probe(Module(store))
    assert (result["verdict"], result["deleted"], result["changed"]) == ("ok", True, False)
    assert [one["bucket"] for one in result["arrived"]] == [COPY]
    assert store.objects == {}


def test_an_object_that_does_not_arrive_is_refused_and_deleted():
    store = Store(copying=False)
    with pytest.raises(Refused, match=f"not_copied: {COPY}"):
        module.probe(Module(store))
    assert store.objects == {}


def test_an_object_without_a_key_of_kms_is_refused_where_one_is_wanted():
    with pytest.raises(Refused, match="not_encrypted.*AES256"):
        module.probe(Module(Store(encryption="AES256")))
    assert module.probe(Module(Store(encryption="AES256"), require_kms=False))["verdict"] == "ok"


def test_what_cannot_be_deleted_fails_and_is_named():
    with pytest.raises(Refused, match="could not be deleted") as refused:
        module.probe(Module(Store(locked=(COPY,)), require_ok=False))
    assert [one.partition("/")[0] for one in refused.value.result["left"]] == [COPY]


def test_check_mode_makes_no_call():
    store = Store()
    assert module.probe(Module(store, check_mode=True))["skipped_call"]
    assert store.calls == []


def test_an_older_version_of_the_same_name_is_no_copy():
    assert not module.is_copy({"VersionId": "v0"}, {"VersionId": "v1"})


def test_events_of_recordings_do_not_fire():
    assert module.build_key({"prefix": "probe/", "bucket": HOME}).endswith(".probe")


def test_an_object_whose_answer_was_lost_is_not_put_again():
    store = Store()
    key = module.build_key(Module(store).params)
    store.put_object(HOME, key, b"", "*", True)
    assert module.put_once(store, HOME, key)["VersionId"] == "v1"
