# SPDX-License-Identifier: GPL-3.0-or-later
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from ansible_collections.medzen.multiregion.plugins.modules import cloudwatch_metric_info as module

DAY_S = 86400
OURS = [{"Name": "LoadBalancer", "Value": "app/x/1"}]
OF_A_ZONE = [{"Name": "AvailabilityZone", "Value": "eu-central-1a"}, *OURS]


class CloudWatch:
    """Requests at a balancer, so many days ago; a listing knows two weeks, and not the last minutes."""

    def __init__(self, *days_ago, dimensions=OURS):
        self.times = [datetime.now(UTC) - timedelta(days=days) for days in days_ago]
        self.dimensions, self.asked = dimensions, []

    def get_paginator(self, operation):
        return self

    def paginate(self, Namespace, MetricName, Dimensions):
        recent = any(age_s(one) < 14 * DAY_S for one in self.times)
        listed = recent and all(one in self.dimensions for one in Dimensions)
        found = [{"MetricName": MetricName, "Dimensions": self.dimensions}] if listed else []
        return SimpleNamespace(build_full_result=lambda: {"Metrics": found})

    def get_metric_statistics(self, MetricName, Dimensions, StartTime, EndTime, Period, Statistics, **_named):
        self.asked.append((EndTime - StartTime).total_seconds() / DAY_S)
        assert (EndTime - StartTime).total_seconds() / Period <= 1440
        days = age_s(StartTime) / DAY_S
        has = Period % (60 if days < 15 else 300 if days < 63 else 3600) == 0 and Dimensions == self.dimensions
        found = [one for one in self.times if StartTime <= one < EndTime] if has else []
        return {"Datapoints": [{"Timestamp": one, Statistics[0]: 2.0} for one in found]}


def age_s(moment):
    return (datetime.now(UTC) - moment).total_seconds()


def read(cloudwatch, days, **more):
    options = {
        "namespace": "AWS/ApplicationELB",
        "metric": "RequestCount",
        "dimensions": {"LoadBalancer": "app/x/1"},
        "statistic": "Sum",
        "window_s": int(days * DAY_S),
        "absent_is_zero": True,
        **more,
    }
    return module.read_metric(SimpleNamespace(params=options, client=lambda *_, **__: cloudwatch))


def test_requests_in_the_window_are_counted_and_tell_that_the_metric_is_known():
    found = read(CloudWatch(0.5, 2), days=1)
    assert (found["known"], found["total"], len(found["datapoints"])) == (True, 2.0, 1)


@pytest.mark.parametrize(("days", "seen"), [(16, 15.5), (64, 20), (400, 399)])
def test_an_old_window_is_no_false_silence(days, seen):
    assert read(CloudWatch(seen, 1), days=days)["total"] == 4.0


def test_a_balancer_that_is_quiet_for_weeks_is_known_and_had_no_request():
    cloudwatch = CloudWatch(40)
    found = read(cloudwatch, days=7)
    assert (found["known"], found["total"]) == (True, 0.0)
    assert cloudwatch.asked == [7, 455]


def test_a_metric_that_was_never_published_stays_unknown():
    found = read(CloudWatch(), days=7)
    assert (found["known"], found["total"]) == (False, None)
    assert read(CloudWatch(), days=7, absent_is_zero=False)["total"] is None


def test_the_long_look_is_only_taken_where_the_listing_knows_nothing():
    cloudwatch = CloudWatch(9)
    assert read(cloudwatch, days=7)["total"] == 0.0 and cloudwatch.asked == [7]


def test_a_metric_with_further_dimensions_is_another_one():
    found = read(CloudWatch(1, dimensions=OF_A_ZONE), days=7)
    assert (found["known"], found["total"]) == (False, None)
