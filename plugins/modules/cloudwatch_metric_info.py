#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: cloudwatch_metric_info
short_description: Read one CloudWatch metric over a window
version_added: 1.0.0
description:
  - Reads the datapoints of one metric from some time ago until now and adds them up.
  - A metric that was never published has no datapoints. That is not zero, so RV(total) is then V(null);
    for metrics that AWS publishes only when there is something to count, say so with O(absent_is_zero).
  - Whether it was published is asked of the window, then of C(cloudwatch:ListMetrics), which knows the last two weeks,
    then of the datapoints of all 455 days that CloudWatch keeps.
  - Operations used are C(cloudwatch:GetMetricStatistics) and C(cloudwatch:ListMetrics), with the IAM permissions of the
    same names.
author:
  - MedZen platform team (@medzen)
attributes:
  check_mode: {description: Can run in check mode and does the same., support: full}
  diff_mode: {description: Changes nothing., support: N/A}
options:
  namespace:
    description: Namespace of the metric, such as V(AWS/ApplicationELB).
    type: str
    required: true
  metric:
    description: Name of the metric, such as V(RequestCount).
    type: str
    required: true
  dimensions:
    description:
      - Dimensions by name. All that the metric is published with must be given; a metric with more is another one.
    type: dict
    required: true
  statistic:
    description: What is read of each period.
    type: str
    choices: [Sum, Average, Maximum, Minimum, SampleCount]
    default: Sum
  window_s:
    description:
      - Length of the window that ends now, in seconds, up to the 455 days that CloudWatch keeps.
      - CloudWatch keeps minutes for 15 days and five minutes for 63, then hours, and begins a window at a whole one of
        those, so that the window may be longer by as much.
    type: int
    default: 3600
  absent_is_zero:
    description:
      - Take a window without datapoints for zero, provided that the metric was published before, see RV(known).
      - C(RequestCount) of a balancer is published only for minutes with requests.
    type: bool
    default: false
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
"""

EXAMPLES = r"""
- name: Count the requests of the last hour at the old balancer
  medzen.multiregion.cloudwatch_metric_info:
    region: af-south-1
    namespace: AWS/ApplicationELB
    metric: RequestCount
    dimensions: {LoadBalancer: app/medzen-ehrbase-alb-af-south-1/50dc6c495c0c9188}
    window_s: 3600
    absent_is_zero: true
"""

RETURN = r"""
total:
  description: Sum over the datapoints, or their extreme for V(Maximum) and V(Minimum). V(null) when it is unknown.
  returned: always
  type: float
known:
  description: Whether the metric was published in the 455 days that CloudWatch keeps.
  returned: always
  type: bool
datapoints:
  description: Time and value of each period, oldest first. The longer the window, the longer its periods.
  returned: always
  type: list
  elements: dict
  contains:
    time: {description: Start of the period., type: str}
    value: {description: Value of the statistic., type: float}
window_s:
  description: Length of the window in seconds.
  returned: always
  type: int
"""

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.medzen.multiregion.plugins.module_utils.aws import client, describe, paginate
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import refuse_faults
from ansible_collections.medzen.multiregion.plugins.module_utils.runner import run

DATAPOINTS_MAX = 1440
DAY_S = 86400
KEPT_S = 455 * DAY_S
# Age up to which CloudWatch has datapoints of a period. A window that begins earlier, asked for with a period that is
# no multiple of what is left, gets no datapoint at all: it would look like silence.
# https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricStatistics.html
RESOLUTIONS_S = ((15 * DAY_S, 60), (63 * DAY_S, 300), (KEPT_S, 3600))
# The age counts when the request arrives, after retries and by CloudWatch's clock.
AGE_MARGIN_S = 3600
COMBINE = {"Maximum": max, "Minimum": min}


def resolution_s(age_s: int) -> int:
    """The finest period that CloudWatch has of this long ago."""
    return next((period for age_max, period in RESOLUTIONS_S if age_s + AGE_MARGIN_S <= age_max), RESOLUTIONS_S[-1][1])


def period_s(window_s: int) -> int:
    """The shortest period that CloudWatch has of the whole window, and with which it fits into one answer.

    CloudWatch moves the window's start down to a whole step of what it has.
    """
    step = resolution_s(window_s)
    return step * math.ceil((window_s + step) / (DATAPOINTS_MAX * step))


def check_window(window_s: int) -> None:
    fault = f"window_s: is {window_s}; expected 1 to {KEPT_S}, the 455 days that CloudWatch keeps"
    refuse_faults("No such window can be read", [] if 1 <= window_s <= KEPT_S else [fault])


def combine(values: list[float], statistic: str, known: bool, absent_is_zero: bool) -> float | None:
    """One number for the window. No datapoint is zero only where the caller knows that the metric is real."""
    if values:
        return float(COMBINE.get(statistic, sum)(values))
    return 0.0 if absent_is_zero and known else None


@dataclass(frozen=True)
class Metric:
    """A metric is its name together with its exact dimensions."""

    namespace: str
    name: str
    dimensions: tuple[tuple[str, str], ...]

    def request(self) -> dict:
        return {
            "Namespace": self.namespace,
            "MetricName": self.name,
            "Dimensions": [{"Name": name, "Value": value} for name, value in self.dimensions],
        }


def build_metric(options: dict) -> Metric:
    dimensions = tuple((name, str(value)) for name, value in sorted(options["dimensions"].items()))
    return Metric(options["namespace"], options["metric"], dimensions)


def is_listed(found: list[dict], metric: Metric) -> bool:
    """Whether a listing has this metric. CloudWatch lists those with further dimensions, which are others, as well."""
    return any(
        sorted((one["Name"], one["Value"]) for one in row.get("Dimensions", [])) == sorted(metric.dimensions)
        for row in found
    )


@describe("list the metric {metric.name}")
def list_metrics(cloudwatch: Any, metric: Metric) -> list[dict]:
    return paginate(cloudwatch, "list_metrics", "Metrics", **metric.request())


@describe("read the metric {metric.name}")
def read_datapoints(cloudwatch: Any, metric: Metric, statistic: str, window_s: int, now: datetime) -> list[dict]:
    answer = cloudwatch.get_metric_statistics(
        **metric.request(),
        StartTime=now - timedelta(seconds=window_s),
        EndTime=now,
        Period=period_s(window_s),
        Statistics=[statistic],
        aws_retry=True,
    )
    return sorted(answer["Datapoints"], key=lambda point: point["Timestamp"])


def is_published(cloudwatch: Any, metric: Metric, now: datetime) -> bool:
    """A listing leaves out what was quiet for two weeks; its datapoints are kept for longer."""
    if is_listed(list_metrics(cloudwatch, metric), metric):
        return True
    return bool(read_datapoints(cloudwatch, metric, "SampleCount", KEPT_S, now))


def read_metric(module: AnsibleAWSModule) -> dict:
    options = module.params
    check_window(options["window_s"])
    cloudwatch, metric, now = client(module, "cloudwatch"), build_metric(options), datetime.now(UTC)
    points = read_datapoints(cloudwatch, metric, options["statistic"], options["window_s"], now)
    known = bool(points) or is_published(cloudwatch, metric, now)
    values = [point[options["statistic"]] for point in points]
    return {
        "changed": False,
        "known": known,
        "total": combine(values, options["statistic"], known, options["absent_is_zero"]),
        "datapoints": [
            {"time": point["Timestamp"].isoformat(), "value": value}
            for point, value in zip(points, values, strict=True)
        ],
        "window_s": options["window_s"],
    }


def main() -> None:
    module = AnsibleAWSModule(
        argument_spec={
            "namespace": {"type": "str", "required": True},
            "metric": {"type": "str", "required": True},
            "dimensions": {"type": "dict", "required": True},
            "statistic": {
                "type": "str",
                "choices": ["Sum", "Average", "Maximum", "Minimum", "SampleCount"],
                "default": "Sum",
            },
            "window_s": {"type": "int", "default": 3600},
            "absent_is_zero": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    run(module, read_metric)


if __name__ == "__main__":
    main()
