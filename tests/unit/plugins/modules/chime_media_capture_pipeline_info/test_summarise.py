# SPDX-License-Identifier: GPL-3.0-or-later
"""Recordings counted for a drain."""

from types import SimpleNamespace

import botocore.session
import pytest
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import Refused
from ansible_collections.medzen.multiregion.plugins.modules.chime_media_capture_pipeline_info import (
    check_options,
    summarise,
)

CLIENT = SimpleNamespace(
    meta=SimpleNamespace(
        service_model=botocore.session.get_session().get_service_model("chime-sdk-media-pipelines"),
    )
)


def pipeline(name, status):
    return {"media_pipeline_id": name, "status": status}


def test_a_region_without_pipelines_is_drained():
    assert summarise([]) == {"changed": False, "pipelines": [], "by_status": {}, "active_count": 0}


def test_everything_that_has_not_ended_counts_as_active():
    found = [pipeline("2", "InProgress"), pipeline("1", "Stopping"), pipeline("3", "Stopped"), pipeline("4", "Failed")]
    result = summarise(found)
    assert result["active_count"] == 2 and result["by_status"] == {
        "Failed": 1,
        "InProgress": 1,
        "Stopped": 1,
        "Stopping": 1,
    }
    assert [one["media_pipeline_id"] for one in result["pipelines"]] == ["1", "2", "3", "4"]


@pytest.mark.parametrize("option", ["meeting_arn", "sink_bucket"])
@pytest.mark.parametrize("value", ["", "a b"])
def test_a_filter_that_can_match_nothing_is_a_mistake(option, value):
    given = {"meeting_arn": None, "sink_bucket": None, option: value}
    with pytest.raises(Refused, match=option):
        check_options(CLIENT, given)


def test_filters_may_be_left_out():
    check_options(CLIENT, {"meeting_arn": None, "sink_bucket": None})
