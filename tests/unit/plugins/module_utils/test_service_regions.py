# SPDX-License-Identifier: GPL-3.0-or-later
import pytest
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import Refused
from ansible_collections.medzen.multiregion.plugins.module_utils.service_regions import (
    endpoint_regions,
    has_endpoint,
    require_region,
)


def test_ireland_has_no_control_endpoint_of_chime_meetings():
    assert has_endpoint("chime-sdk-meetings", "eu-central-1")
    assert not has_endpoint("chime-sdk-meetings", "eu-west-1")


def test_the_runtime_of_bedrock_stands_where_bedrock_does():
    assert endpoint_regions("bedrock-runtime") == endpoint_regions("bedrock") != ()


def test_a_region_newer_than_botocore_can_be_named():
    assert has_endpoint("bedrock", "eu-moon-1", extra_regions=["eu-moon-1"])


def test_a_refusal_lists_where_the_service_is():
    with pytest.raises(Refused, match="eu-central-1") as refused:
        require_region("chime-sdk-identity", "eu-west-1")
    assert refused.value.result["reason"] == "region_unsupported"
    assert refused.value.result["supported_regions"] == ["eu-central-1", "us-east-1"]
