#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

DOCUMENTATION = r"""
---
module: route53_health_info
version_added: 1.0.0
short_description: Tell what Route 53's checkers see
description:
  - Reads the verdicts of all checkers of health checks, by name. Route 53 asks from many places in the world, so its
    word does not depend on where this runs.
  - The endpoint counts as reached when more than 18 percent of the checkers have success, and Route 53 calls it healthy
    then. Of an inverted health check it calls healthy what is not reached. Without any observation both are V(null),
    unknown.
  - Operations used are C(route53:ListHealthChecks), C(route53:ListTagsForResources) and
    C(route53:GetHealthCheckStatus), with the IAM permissions of the same names. Route 53 is global; no region is asked.
author:
  - MedZen platform team (@medzen)
options:
  names:
    description:
      - Names of health checks, as M(medzen.multiregion.route53_health_check) gives them.
    type: list
    elements: str
    required: true
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
attributes:
  check_mode:
    description: Can run in check mode and does the same.
    support: full
  diff_mode:
    description: Changes nothing and has no diff.
    support: none
  idempotent:
    description: Changes nothing.
    support: full
"""

EXAMPLES = r"""
- name: Ask Route 53 whether it reaches the primary
  medzen.multiregion.route53_health_info:
    names: [medzen-ehrbase-primary, medzen-ehrbase-secondary]
  register: health
"""

RETURN = r"""
health_checks:
  description:
    - What was found, by name. A name that no health check has is missing. Of several, one that reaches its endpoint is
      returned before one that does not.
    - C(reached) is what the checkers see, C(healthy) what Route 53 makes of it, which is the opposite where C(inverted)
      is V(true).
  type: dict
  returned: always
  sample:
    medzen-ehrbase-primary:
      id: 2d3cb7b8-0b6b-4a8f-8d5e-0c6b2a4ad2d0
      fqdn: medzen-ehrbase-alb-eu-central-1-1.eu-central-1.elb.amazonaws.com
      reached: false
      inverted: false
      healthy: false
      checkers: 16
      successes: 0
      reports: ["Failure: The health checker could not establish a connection within the timeout limit."]
"""

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.medzen.multiregion.plugins.module_utils.aws import client, describe
from ansible_collections.medzen.multiregion.plugins.module_utils.health_checks import find_named
from ansible_collections.medzen.multiregion.plugins.module_utils.runner import run

HEALTHY_ABOVE_PERCENT = 18
# Of several checks of one name the one that is believed first: only if none reaches its endpoint, and none is unknown,
# is it not reached.
BELIEVED = (True, None, False)


@describe("read the status of health check {check_id}")
def read_observations(connection, check_id):
    return connection.get_health_check_status(HealthCheckId=check_id, aws_retry=True)["HealthCheckObservations"]


def judge(observations, inverted=False):
    """Route 53's own rule over what its checkers report; None without any report.

    Its checkers tell what they saw, also for a health check that turns the verdict around.
    """
    reports = [one["StatusReport"]["Status"] for one in observations if one.get("StatusReport")]
    successes = sum(report.startswith("Success") for report in reports)
    reached = successes * 100 > HEALTHY_ABOVE_PERCENT * len(reports) if reports else None
    return {
        "reached": reached,
        "inverted": inverted,
        "healthy": None if reached is None else reached != inverted,
        "checkers": len(reports),
        "successes": successes,
        "reports": sorted(set(reports)),
    }


def read_one(connection, name):
    """The health check of a name, or None. One that is being replaced has another one of the same name."""
    found = [read_check(connection, check) for check in find_named(connection, name)]
    return min(found, key=lambda one: BELIEVED.index(one["reached"]), default=None)


def read_check(connection, check):
    config = check["HealthCheckConfig"]
    judged = judge(read_observations(connection, check["Id"]), bool(config.get("Inverted")))
    return {"id": check["Id"], "fqdn": config.get("FullyQualifiedDomainName", ""), **judged}


def read(module):
    connection = client(module, "route53")
    found = {name: read_one(connection, name) for name in module.params["names"]}
    return {"changed": False, "health_checks": {name: one for name, one in found.items() if one is not None}}


def main():
    argument_spec = {"names": {"type": "list", "elements": "str", "required": True}}
    run(AnsibleAWSModule(argument_spec=argument_spec, supports_check_mode=True), read)


if __name__ == "__main__":
    main()
