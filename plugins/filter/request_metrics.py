# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: request_metrics
short_description: Name the CloudWatch metrics that count the requests at what a teardown deletes
version_added: 1.0.0
author: MedZen platform team (@medzen)
description:
  - Takes a census of M(medzen.multiregion.region_census_info) and gives options of
    M(medzen.multiregion.cloudwatch_metric_info) for each load balancer and each API that its plan does not keep.
  - An application load balancer counts in C(RequestCount) only requests for which it found a target. Without one it
    answers itself, and counts in C(HTTPCode_ELB_5XX_Count).
options:
  _input:
    description: The census.
    type: dict
    required: true
  own:
    description: ARN of the balancer that has served production, so that it must have been asked at some time.
    type: str
    default: ""
"""

EXAMPLES = r"""
- name: Count what still arrives
  medzen.multiregion.cloudwatch_metric_info:
    namespace: "{{ counted.namespace }}"
    metric: "{{ counted.metric }}"
    dimensions: "{{ counted.dimensions }}"
    window_s: 302400
    absent_is_zero: true
  loop: "{{ census | medzen.multiregion.request_metrics }}"
  loop_control: {loop_var: counted}
  register: requests
"""

RETURN = r"""
_value:
  description: One entry a metric, in the order of the census.
  type: list
  elements: dict
  sample:
    - what: load balancer medzen-ehrbase-alb-af-south-1
      namespace: AWS/ApplicationELB
      metric: RequestCount
      dimensions: {LoadBalancer: app/medzen-ehrbase-alb-af-south-1/50dc6c495c0c9188}
      required: true
"""

KEPT = ("foreign", "keep")
# Kind of a balancer, as it stands in its ARN, with its namespace and what counts requests.
# https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-cloudwatch-metrics.html
BALANCERS = {
    "app": ("AWS/ApplicationELB", ("RequestCount", "HTTPCode_ELB_5XX_Count")),
    "net": ("AWS/NetworkELB", ("NewFlowCount",)),
}
# https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-metrics.html, and of REST APIs by their name.
APIS = {"http_api": ("HTTP API", "ApiId", "id"), "rest_api": ("REST API", "ApiName", "name")}


def request_metrics(census: dict, own: str = "") -> list[dict]:
    items = [item for kind in census["kinds"] for item in kind["items"] if item["plan"] not in KEPT]
    return [row for item in items for row in [*of_balancer(item, own), *of_api(item)]]


def of_balancer(item: dict, own: str) -> list[dict]:
    if item["kind"] != "load_balancer":
        return []
    name = item["id"].partition(":loadbalancer/")[2]
    namespace, metrics = BALANCERS.get(name.partition("/")[0], ("", ()))
    what = f"load balancer {item['name']}"
    return [
        row(what, namespace, metric, {"LoadBalancer": name}, item["id"] == own and metric == metrics[0])
        for metric in metrics
    ]


def of_api(item: dict) -> list[dict]:
    if item["kind"] not in APIS:
        return []
    title, dimension, key = APIS[item["kind"]]
    return [row(f"{title} {item['name']}", "AWS/ApiGateway", "Count", {dimension: item[key]}, False)]


def row(what: str, namespace: str, metric: str, dimensions: dict, required: bool) -> dict:
    return {
        "what": what,
        "namespace": namespace,
        "metric": metric,
        "dimensions": dimensions,
        "required": required,
    }


class FilterModule:
    def filters(self) -> dict:
        return {"request_metrics": request_metrics}
