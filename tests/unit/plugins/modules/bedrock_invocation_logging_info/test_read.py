# SPDX-License-Identifier: GPL-3.0-or-later
from types import SimpleNamespace

from ansible_collections.medzen.multiregion.plugins.modules import bedrock_invocation_logging_info as module

BUCKET = {
    "option": "s3.bucket",
    "kind": "bucket",
    "name": "b",
    "exists": True,
    "region": "eu-central-1",
    "kms_key": "k",
}


def test_no_configuration_asks_for_no_bucket(monkeypatch):
    monkeypatch.setattr(module.bedrock, "connect", lambda _module: None)
    monkeypatch.setattr(module.logging, "get_logging", lambda _connection: {})
    result = module.read(SimpleNamespace(region="eu-central-1"))
    assert (result["enabled"], result["places"], result["unencrypted"]) == (False, [], [])


def test_a_place_without_a_key_or_in_another_region_is_named():
    gone = {**BUCKET, "name": "gone", "exists": False, "region": None, "kms_key": None}
    abroad = {**BUCKET, "name": "abroad", "region": "eu-west-1"}
    result = module.build_result({"s3Config": {"bucketName": "b"}}, [BUCKET, gone, abroad], "eu-central-1")
    assert result["unencrypted"] == ["gone"] and result["misplaced"] == ["gone", "abroad"]
    assert result["enabled"] and result["logging_config"] == {"s3_config": {"bucket_name": "b"}}
