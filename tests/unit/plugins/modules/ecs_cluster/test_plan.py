# SPDX-License-Identifier: GPL-3.0-or-later
import pytest
from ansible_collections.medzen.multiregion.plugins.modules.ecs_cluster import build_after, build_settings, plan

ON = {"name": "containerInsights", "value": "enabled"}
OFF = {"name": "containerInsights", "value": "disabled"}
ENHANCED = {"name": "containerInsights", "value": "enhanced"}
PARAMS = {"name": "c", "container_insights": True, "tags": {"W": "x"}, "purge_tags": True}


@pytest.mark.parametrize(
    ("wanted", "present", "written"),
    [
        (True, [OFF], [ON]),
        (True, [ON], []),
        (True, [ENHANCED], []),
        (False, [ENHANCED], [OFF]),
        (False, [], []),
        # The account's default may be on: a cluster that is made is always told.
        (False, None, [OFF]),
        (None, None, []),
        (None, [ON], []),
    ],
)
def test_the_setting_is_written_where_it_differs(wanted, present, written):
    assert build_settings(wanted, present) == written


def test_a_cluster_as_wanted_needs_nothing():
    assert not any(plan({"settings": [ON], "tags": {"W": "x"}}, PARAMS).values())


def test_the_cluster_after_the_change():
    current = {"clusterName": "c", "settings": [OFF], "tags": {"old": "1"}}
    after = build_after(current, PARAMS, plan(current, PARAMS))
    assert after["settings"] == [ON] and after["tags"] == {"W": "x"}
