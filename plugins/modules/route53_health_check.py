#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

DOCUMENTATION = r"""
---
module: route53_health_check
version_added: 1.0.0
short_description: Manage a Route 53 health check of an endpoint, with SNI, inversion and checker regions
description:
  - Creates, changes and deletes a health check that asks an endpoint. Unlike M(amazon.aws.route53_health_check) it sets
    C(EnableSNI), C(Inverted) and C(Regions), and refuses to delete a health check that a record still uses, which
    Route 53 itself allows.
  - A health check is recognised by O(name), through its caller reference or its C(Name) tag, so that a second run after
    a lost answer does not make another one.
  - The kind of check, the interval and the latency measurement of an existing health check cannot be changed. Where
    they differ the task refuses, or replaces the health check with O(replace).
  - Operations used are C(route53:ListHealthChecks), C(route53:ListTagsForResources), C(route53:CreateHealthCheck),
    C(route53:UpdateHealthCheck), C(route53:ChangeTagsForResource), C(route53:DeleteHealthCheck),
    C(route53:ListHostedZones) and C(route53:ListResourceRecordSets), with the IAM permissions of the same names
    (C(route53:ListTagsForResource) for the tags).
author:
  - MedZen platform team (@medzen)
options:
  name:
    description:
      - Name of the health check, kept as its C(Name) tag.
    type: str
    required: true
  state:
    description:
      - Whether the health check is to be there.
    type: str
    choices: [present, absent]
    default: present
  type:
    description:
      - What is asked. The kinds with C(_STR_MATCH) also look for O(search_string) at the start of the answer (5120
        bytes).
      - Required when O(state=present). Cannot be changed.
    type: str
    choices: [HTTP, HTTPS, HTTP_STR_MATCH, HTTPS_STR_MATCH, TCP]
  fqdn:
    description:
      - Name of the endpoint. It is looked up at each check, and sent as the Host header and, with O(enable_sni), in the
        TLS handshake.
      - The name of one balancer, not the public name, which answers for whichever region is served.
    type: str
  ip_address:
    description:
      - Public address of the endpoint, asked instead of looking O(fqdn) up.
      - Another address can be given later. To give one where there was none, or none where there was one, takes
        O(replace).
    type: str
  port:
    description:
      - Port of the endpoint. V(443) or V(80) by default, after O(type); TCP needs one.
    type: int
  path:
    description:
      - Path that is asked, such as V(/ehrbase/management/health).
    type: str
  search_string:
    description:
      - Text that the answer must contain.
    type: str
  request_interval:
    description:
      - Seconds between two checks from one checker. Cannot be changed.
    type: int
    choices: [10, 30]
    default: 30
  failure_threshold:
    description:
      - After how many checks in a row, from 1 to 10, the state turns.
    type: int
    default: 3
  measure_latency:
    description:
      - Whether CloudWatch gets the latency. Cannot be changed.
    type: bool
    default: false
  enable_sni:
    description:
      - Whether the TLS handshake carries O(fqdn). By default V(true) for the HTTPS kinds.
    type: bool
  inverted:
    description:
      - Whether healthy counts as unhealthy and the other way round.
    type: bool
    default: false
  disabled:
    description:
      - Whether the check rests. A health check that rests counts as healthy.
    type: bool
    default: false
  regions:
    description:
      - Regions of the checkers, at least three. By default Route 53 chooses; an existing choice is left alone.
    type: list
    elements: str
  replace:
    description:
      - Whether a health check that differs in what cannot be changed is replaced by a new one, with a new id.
      - The old one is deleted as soon as no record uses it, on a later run if need be.
    type: bool
    default: false
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
  - amazon.aws.tags
attributes:
  check_mode:
    description: Can run in check mode and predict changes without making them.
    support: full
  diff_mode:
    description: Returns what has changed when in diff mode.
    support: full
  idempotent:
    description: A second run with the same options changes nothing.
    support: full
notes:
  - Route 53's checkers come from the internet. An internal balancer needs a health check of a CloudWatch alarm instead.
"""

EXAMPLES = r"""
- name: Check the balancer of the primary region by its own name
  medzen.multiregion.route53_health_check:
    name: medzen-ehrbase-primary
    type: HTTPS
    fqdn: "{{ balancer.dns_name }}"
    path: /ehrbase/management/health
    request_interval: 10
    failure_threshold: 3
    measure_latency: true
    tags:
      Workload: medzen-ehrbase

- name: Give it up
  medzen.multiregion.route53_health_check:
    name: medzen-ehrbase-primary
    state: absent
"""

RETURN = r"""
health_check:
  description: The health check; in check mode as it would be.
  type: dict
  returned: when O(state=present)
  contains:
    id:
      description: Id of the health check. Missing in check mode for one that is not there yet.
      type: str
      sample: 2d3cb7b8-0b6b-4a8f-8d5e-0c6b2a4ad2d0
    name:
      description: Name of the health check.
      type: str
    health_check_config:
      description: Its settings, in snake_case.
      type: dict
      sample:
        enable_sni: true
        failure_threshold: 3
        fully_qualified_domain_name: medzen-ehrbase-alb-eu-central-1-1.eu-central-1.elb.amazonaws.com
        type: HTTPS
    tags:
      description: Its tags.
      type: dict
superseded:
  description: Health checks of this name that were replaced and are still used, each with its users.
  type: list
  elements: dict
  returned: when O(state=present)
  contains:
    id:
      description: Id of the old health check.
      type: str
    used_by:
      description: The records that use it.
      type: list
      elements: str
"""

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.medzen.multiregion.plugins.module_utils import tags as tagging
from ansible_collections.medzen.multiregion.plugins.module_utils.aws import client, describe, snake
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import MultiregionError, Refused
from ansible_collections.medzen.multiregion.plugins.module_utils.health_checks import (
    build_reference,
    find_named,
    find_users,
)
from ansible_collections.medzen.multiregion.plugins.module_utils.runner import run

FIXED = ("Type", "RequestInterval", "MeasureLatency")
# What a health check that lacks the setting does.
DEFAULTS = {"EnableSNI": False, "Inverted": False, "Disabled": False, "MeasureLatency": False}


@describe("create health check {name}")
def create_health_check(connection, name, reference, config):
    answer = connection.create_health_check(CallerReference=reference, HealthCheckConfig=config, aws_retry=True)
    return answer["HealthCheck"]


@describe("update health check {check_id}")
def update_health_check(connection, check_id, request):
    return connection.update_health_check(HealthCheckId=check_id, **request, aws_retry=True)["HealthCheck"]


@describe("delete health check {check_id}", missing=("NoSuchHealthCheck",))
def delete_health_check(connection, check_id):
    connection.delete_health_check(HealthCheckId=check_id, aws_retry=True)


@describe("tag health check {check_id}")
def change_tags(connection, check_id, request):
    connection.change_tags_for_resource(ResourceType="healthcheck", ResourceId=check_id, **request, aws_retry=True)


def build_config(params):
    """The settings as Route 53 takes them. Options that are not given are left out, and so left alone."""
    config = {
        "Type": params["type"],
        "FullyQualifiedDomainName": params["fqdn"],
        "IPAddress": params["ip_address"],
        "Port": params["port"] or default_port(params["type"]),
        "ResourcePath": params["path"],
        "SearchString": params["search_string"],
        "RequestInterval": params["request_interval"],
        "FailureThreshold": params["failure_threshold"],
        "MeasureLatency": params["measure_latency"],
        "EnableSNI": build_sni(params),
        "Inverted": params["inverted"],
        "Disabled": params["disabled"],
        "Regions": sorted(params["regions"]) if params["regions"] else None,
    }
    return {key: value for key, value in config.items() if value is not None}


def default_port(kind):
    return None if kind == "TCP" else 443 if kind.startswith("HTTPS") else 80


def build_sni(params):
    """SNI belongs to HTTPS; Route 53 refuses it elsewhere."""
    if not params["type"].startswith("HTTPS"):
        return None
    return True if params["enable_sni"] is None else params["enable_sni"]


def find_drift(present, wanted):
    """Settings that differ, as Route 53 takes them."""
    found = {**DEFAULTS, **present}
    if "Regions" in found:
        found["Regions"] = sorted(found["Regions"])
    return {key: value for key, value in wanted.items() if found.get(key) != value}


def split_existing(existing, wanted):
    """The one that can become the wanted one, and those that cannot."""
    usable = [check for check in existing if not fixed_drift(check, wanted)]
    if len(usable) > 1:
        raise Refused(
            "Several health checks have this name",
            found=", ".join(check["Id"] for check in usable),
            expected="one",
            next_step="delete those that are not in use",
        )
    return (usable[0] if usable else None), [check for check in existing if check not in usable]


def fixed_drift(check, wanted):
    """Settings that differ and cannot be changed. An address can be, but neither be added nor be taken away."""
    present = check["HealthCheckConfig"]
    fixed = {key: value for key, value in find_drift(present, wanted).items() if key in FIXED}
    if bool(present.get("IPAddress")) != ("IPAddress" in wanted):
        fixed["IPAddress"] = wanted.get("IPAddress")
    return fixed


def check_replaceable(current, old, wanted, params):
    if current is not None or not old or params["replace"]:
        return
    found = {**DEFAULTS, **old[0]["HealthCheckConfig"]}
    differing = fixed_drift(old[0], wanted)
    raise Refused(
        f"Health check {params['name']} differs in what cannot be changed",
        found=", ".join(f"{key} {found.get(key)}" for key in differing),
        expected=", ".join(f"{key} {value}" for key, value in differing.items()),
        next_step="set replace: true, which makes a health check with a new id",
    )


def wanted_tags(params):
    """Tags to bring about and whether others go. The name is always one of them."""
    purge = params["purge_tags"] if params["tags"] is not None else False
    return {**(params["tags"] or {}), "Name": params["name"]}, purge


def build_after(current, wanted, tags_to_set, tags_to_remove):
    present = current or {"HealthCheckConfig": {}, "Tags": {}}
    kept = {key: value for key, value in present["Tags"].items() if key not in tags_to_remove}
    return {
        **present,
        "HealthCheckConfig": {**present["HealthCheckConfig"], **wanted},
        "Tags": {**kept, **tags_to_set},
    }


def shown(check, name):
    """A health check as it is returned and compared in the diff."""
    if check is None:
        return {}
    kept = {
        key: check[key] for key in ("Id", "CallerReference", "HealthCheckVersion", "HealthCheckConfig") if key in check
    }
    return {**snake(kept), "name": name, "tags": check["Tags"]}


def diff_side(check):
    return {} if not check else {**snake(check["HealthCheckConfig"]), "tags": check["Tags"]}


def list_superseded(connection, old):
    return [{"id": check["Id"], "used_by": find_users(connection, check["Id"])} for check in old]


def write(connection, name, current, wanted, tags_to_set, tags_to_remove):
    """Create or update, then tag; what the check is then."""
    if current is None:
        check = create_health_check(connection, name, build_reference(name), wanted)
    elif drift := find_drift(current["HealthCheckConfig"], wanted):
        version = {"HealthCheckVersion": current["HealthCheckVersion"]}
        check = update_health_check(connection, current["Id"], {**version, **drift})
    else:
        check = current
    request = {}
    if tags_to_set:
        request["AddTags"] = tagging.to_boto(tags_to_set)
    if tags_to_remove:
        request["RemoveTagKeys"] = tags_to_remove
    if request:
        change_tags(connection, check["Id"], request)
    return check


def ensure_present(module, connection):
    params, name = module.params, module.params["name"]
    wanted = build_config(params)
    current, old = split_existing(find_named(connection, name), wanted)
    check_replaceable(current, old, wanted, params)
    superseded = list_superseded(connection, old)
    removable = [item["id"] for item in superseded if not item["used_by"]] if params["replace"] else []
    tags, purge = wanted_tags(params)
    to_set, to_remove = tagging.diff_tags(current["Tags"] if current else {}, tags, purge)
    drift = find_drift(current["HealthCheckConfig"], wanted) if current else wanted
    after = build_after(current, wanted, to_set, to_remove)
    result = {
        "changed": bool(current is None or drift or to_set or to_remove or removable),
        "health_check": shown(after, name),
        "superseded": [item for item in superseded if item["id"] not in removable],
        "diff": {"before": diff_side(current or (old[0] if old else None)), "after": diff_side(after)},
    }
    if module.check_mode or not result["changed"]:
        return result
    check = write(connection, name, current, wanted, to_set, to_remove)
    for check_id in removable:
        delete_health_check(connection, check_id)
    return {**result, "health_check": shown({**check, "Tags": after["Tags"]}, name)}


def ensure_absent(module, connection):
    name = module.params["name"]
    existing = find_named(connection, name)
    used = {check["Id"]: find_users(connection, check["Id"]) for check in existing}
    if any(used.values()):
        raise Refused(
            f"Health check {name} is in use",
            found="; ".join(user for users in used.values() for user in users),
            expected="no user",
            next_step="change those records first",
        )
    before = diff_side(existing[0]) if existing else {}
    result = {"changed": bool(existing), "diff": {"before": before, "after": {}}}
    if module.check_mode or not existing:
        return result
    for check in existing:
        delete_health_check(connection, check["Id"])
    if left := find_named(connection, name):
        raise MultiregionError(f"Health check {name} is still listed after its deletion: {left[0]['Id']}", result)
    return result


def ensure(module):
    connection = client(module, "route53")
    return (ensure_present if module.params["state"] == "present" else ensure_absent)(module, connection)


def main():
    argument_spec = {
        "name": {"required": True},
        "state": {"choices": ["present", "absent"], "default": "present"},
        "type": {"choices": ["HTTP", "HTTPS", "HTTP_STR_MATCH", "HTTPS_STR_MATCH", "TCP"]},
        "fqdn": {},
        "ip_address": {},
        "port": {"type": "int"},
        "path": {},
        "search_string": {},
        "request_interval": {"type": "int", "choices": [10, 30], "default": 30},
        "failure_threshold": {"type": "int", "default": 3},
        "measure_latency": {"type": "bool", "default": False},
        "enable_sni": {"type": "bool"},
        "inverted": {"type": "bool", "default": False},
        "disabled": {"type": "bool", "default": False},
        "regions": {"type": "list", "elements": "str"},
        "replace": {"type": "bool", "default": False},
        **tagging.ARGUMENTS,
    }
    module = AnsibleAWSModule(
        argument_spec=argument_spec,
        required_if=[
            ("state", "present", ["type"]),
            ("state", "present", ["fqdn", "ip_address"], True),
            ("type", "TCP", ["port"]),
        ],
        supports_check_mode=True,
    )
    run(module, ensure)


if __name__ == "__main__":
    main()
