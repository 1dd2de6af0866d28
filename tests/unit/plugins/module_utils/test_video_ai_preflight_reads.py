# SPDX-License-Identifier: GPL-3.0-or-later
"""What the preflight asks the account, and what it does not ask."""

from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from ansible_collections.medzen.multiregion.plugins.module_utils import video_ai_preflight_reads as reads
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import AwsError, Refused
from ansible_collections.medzen.multiregion.plugins.module_utils.model_access import Rules
from botocore.exceptions import ClientError

HOME = "eu-central-1"


def client(operations=(), **answers):
    """A client that knows these operations and gives these answers; an exception is raised."""

    def answer(value):
        if isinstance(value, Exception):
            raise value
        return value

    methods = {name: lambda *_given, value=value, **_request: answer(value) for name, value in answers.items()}
    model = SimpleNamespace(operation_names=list(operations), service_name="bedrock")
    return SimpleNamespace(meta=SimpleNamespace(service_model=model), **methods)


def test_the_mode_that_holds_is_read():
    bedrock = client(["GetAccountDataRetention"], get_account_data_retention={"mode": "none"})
    assert reads.read_retention(lambda _service, _region: bedrock, HOME) == "none"


def test_a_botocore_that_does_not_know_the_data_retention_has_not_read_it():
    with pytest.raises(Refused, match=r"1\.44\.0"):
        reads.read_retention(lambda _service, _region: client(), HOME)


def test_a_botocore_that_does_not_know_the_models_availability_is_refused():
    with pytest.raises(Refused, match=r"1\.39\.0"):
        reads.read_models(lambda _service, _region: client(), Rules(HOME, datetime.now(UTC)), ["a"], [])


def test_a_region_without_bedrock_gets_no_call():
    def nobody(_service, _region):
        raise AssertionError("a client was made")

    (entry,) = reads.read_models(nobody, Rules("eu-nowhere-1", datetime.now(UTC)), ["a"], [])
    assert [one["code"] for one in entry["reasons"]] == ["region_unsupported"]


def test_a_listing_that_is_refused_names_its_region():
    error = ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "ListFunctions")
    functions = client(get_paginator=error)
    with pytest.raises(AwsError, match=f"list the functions of {HOME}"):
        reads.read_functions(lambda _service, _region: functions, HOME)
