# SPDX-License-Identifier: GPL-3.0-or-later
import datetime
from types import SimpleNamespace

import botocore.session
import pytest
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import Refused
from ansible_collections.medzen.multiregion.plugins.modules import bedrock_data_retention as module

TIME = datetime.datetime(2026, 11, 25, tzinfo=datetime.UTC)


class Bedrock:
    def __init__(self, model, mode):
        self.meta, self.mode, self.writes = SimpleNamespace(service_model=model), mode, []

    def get_account_data_retention(self, aws_retry):
        return {"mode": self.mode}

    def put_account_data_retention(self, mode, aws_retry):
        self.mode = mode
        self.writes.append(mode)
        return {"mode": mode, "updatedAt": TIME}


@pytest.fixture
def ensure(monkeypatch):
    model = botocore.session.get_session().get_service_model("bedrock")
    bedrock = Bedrock(model, "default")
    monkeypatch.setattr(module.bedrock, "connect", lambda _module: bedrock)

    def run(mode, allow=False, check_mode=False):
        params = {"mode": mode, "allow_provider_share": allow, "extra_regions": []}
        return module.ensure(SimpleNamespace(region="eu-central-1", check_mode=check_mode, params=params))

    run.bedrock = bedrock
    return run


def test_a_mode_is_set_once(ensure):
    first, second = ensure("none"), ensure("none")
    assert first["changed"] and first["previous_mode"] == "default" and first["updated_at"].startswith("2026-11-25")
    assert first["diff"] == {"before": {"mode": "default"}, "after": {"mode": "none"}}
    assert not second["changed"] and ensure.bedrock.writes == ["none"]


def test_check_mode_sets_nothing(ensure):
    result = ensure("none", check_mode=True)
    assert result["changed"] and result["mode"] == "none" and ensure.bedrock.writes == []


def test_sharing_with_providers_is_refused_unless_it_is_meant(ensure):
    with pytest.raises(Refused, match="allow_provider_share"):
        ensure("provider_data_share")
    ensure.bedrock.mode = "provider_data_share"
    with pytest.raises(Refused, match="allow_provider_share"):
        ensure("provider_data_share")
    assert not ensure("provider_data_share", allow=True)["changed"] and ensure.bedrock.writes == []


def test_the_choices_are_those_of_the_model(ensure):
    shape = ensure.bedrock.meta.service_model.operation_model("PutAccountDataRetention").input_shape
    assert set(module.MODES) == set(shape.members["mode"].enum)


def test_an_older_botocore_is_refused(ensure):
    names = [name for name in ensure.bedrock.meta.service_model.operation_names if "DataRetention" not in name]
    ensure.bedrock.meta.service_model = SimpleNamespace(service_name="bedrock", operation_names=names)
    with pytest.raises(Refused, match="boto3 1.44.0 or newer"):
        ensure("none")
