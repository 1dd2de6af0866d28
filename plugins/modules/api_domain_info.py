#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

DOCUMENTATION = r"""
---
module: api_domain_info
version_added: 1.0.0
short_description: Tell where the custom domain names of a region's APIs are served
description:
  - Reads custom domain names of API Gateway and the DNS name that a record for each has to lead to. The same custom
    domain name may be there in several regions; its record decides which of them answers.
  - A domain name that is not there in O(region) is told in RV(missing), and never guessed.
  - Operations used are C(apigateway:GetDomainNames) and C(apigateway:GetApiMappings). IAM knows them as
    C(apigateway:GET) on the paths below C(/domainnames).
author:
  - MedZen platform team
options:
  names:
    description:
      - Custom domain names that are looked for. Not given, all of the region's are told.
    type: list
    elements: str
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
attributes:
  check_mode:
    description: Can run in check mode and returns the same.
    support: full
  diff_mode:
    description: Changes nothing and has no diff.
    support: none
  idempotent:
    description: Only reads.
    support: full
seealso:
  - module: medzen.multiregion.apigatewayv2_http_api
  - module: medzen.multiregion.route53_record_sets
"""

EXAMPLES = r"""
- name: Find out where Frankfurt serves visits and the assistant
  medzen.multiregion.api_domain_info:
    region: eu-central-1
    names: [meetings.medzenhealth.app, ai.medzenhealth.app]
  register: domains

- name: Let their records lead there
  medzen.multiregion.route53_record_sets:
    zone: medzenhealth.app
    replace_names: true
    changes: "{{ domains.records | medzen.multiregion.record_changes }}"
"""

RETURN = r"""
domains:
  description: What was found.
  type: list
  elements: dict
  returned: always
  contains:
    name: {description: The custom domain name., type: str, sample: meetings.medzenhealth.app}
    target:
      description: DNS name under which API Gateway serves it in this region.
      type: str
      sample: d-a1b2c3d4e5.execute-api.eu-central-1.amazonaws.com
    zone_id: {description: Hosted zone of that DNS name., type: str}
    status: {description: Its status., type: str, sample: AVAILABLE}
    api_ids: {description: APIs that stand behind it., type: list, elements: str}
records:
  description:
    - For each that is served, an alias record that leads to it, in the form of the option
      O(medzen.multiregion.route53_record_sets#module:changes[].record). One that no API stands behind, or that is not
      available, is not served.
  type: list
  elements: dict
  returned: always
missing:
  description: Those of O(names) that are not served in this region.
  type: list
  elements: str
  returned: always
"""

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.medzen.multiregion.plugins.module_utils import api_domains
from ansible_collections.medzen.multiregion.plugins.module_utils.aws import client
from ansible_collections.medzen.multiregion.plugins.module_utils.runner import run

AVAILABLE = "AVAILABLE"


def build_domain(raw, mappings):
    """A listed domain name with the APIs behind it; one that is being made may have no address yet."""
    configuration = (raw.get("DomainNameConfigurations") or [{}])[0]
    return {
        "name": raw["DomainName"],
        "target": configuration.get("ApiGatewayDomainName"),
        "zone_id": configuration.get("HostedZoneId"),
        "status": configuration.get("DomainNameStatus"),
        "api_ids": sorted({one["ApiId"] for one in mappings}),
    }


def is_served(domain):
    return domain["status"] == AVAILABLE and bool(domain["api_ids"]) and bool(domain["target"] and domain["zone_id"])


def build_record(domain):
    alias = {"dns_name": domain["target"], "zone_id": domain["zone_id"], "evaluate_target_health": False}
    return {"name": domain["name"], "type": "A", "alias": alias}


def find(module):
    connection, names = client(module, "apigatewayv2"), module.params["names"]
    listed = [one for one in api_domains.list_domains(connection) if names is None or one["DomainName"] in names]
    found = [build_domain(one, api_domains.list_mappings(connection, one["DomainName"])) for one in listed]
    served = {one["name"]: build_record(one) for one in found if is_served(one)}
    # In the order that was asked for: whoever merges lists by position gets what belongs together.
    order = list(served) if names is None else names
    return {
        "changed": False,
        "domains": sorted(found, key=lambda one: one["name"]),
        "records": [served[name] for name in order if name in served],
        "missing": [name for name in order if name not in served],
    }


def main():
    argument_spec = {"names": {"type": "list", "elements": "str"}}
    run(AnsibleAWSModule(argument_spec=argument_spec, supports_check_mode=True), find)


if __name__ == "__main__":
    main()
