#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

DOCUMENTATION = r"""
---
module: route53_record_sets
version_added: 1.0.0
short_description: Change several Route 53 record sets in one atomic change batch
description:
  - Sends every change of the task in one change batch, so that a CNAME becomes an alias, or a simple record a failover
    pair, without a moment in between.
  - A record set that changes is deleted as it was read and created as it is wanted, in the same batch. Route 53 takes
    the deletion only when it matches exactly, so a record that someone changes in the meantime makes the whole batch
    fail; nothing is overwritten unseen. A zone's own NS and SOA records are upserted.
  - A record is created before the aliases that lead to it and deleted after them, so that a tree of aliases comes and
    goes in one batch.
  - Names are compared as Route 53 keeps them (lower case, trailing dot, V(*) as V(\\052)); the order of values does
    not count.
  - Refuses before anything is sent, in check mode too, what Route 53 would refuse (a CNAME beside other records, two
    routing policies for one name and type, two primaries, a location twice), an alias that would lead nowhere, a set
    of weights that are all 0, a name left without any record, geolocation records without a default, and more changes
    than O(max_changes).
  - Operations used are C(route53:ListHostedZonesByName), C(route53:GetHostedZone),
    C(route53:ListResourceRecordSets), C(route53:ChangeResourceRecordSets) and C(route53:GetChange), with the IAM
    permissions of the same names.
author:
  - MedZen platform team (@medzen)
options:
  zone:
    description:
      - Name or id of the hosted zone.
    type: str
    required: true
  private_zone:
    description:
      - Whether O(zone) names a private hosted zone.
    type: bool
    default: false
  changes:
    description:
      - What is to be true of the zone's record sets afterwards.
    type: list
    elements: dict
    required: true
    suboptions:
      action:
        description:
          - V(present) makes the record set be there exactly so; V(absent) makes it not be there.
          - V(absent) with values or an alias refuses to delete a record set that is another one by now; without
            O(changes[].record.set_identifier) it deletes all record sets of the name and type.
        type: str
        choices: [present, absent]
        default: present
      record:
        description:
          - The record set. What RV(before) and RV(after) return has this form too.
        type: dict
        required: true
        suboptions: &record
          name:
            description:
              - Name of the record, with or without the trailing dot.
            type: str
            required: true
          type:
            description:
              - Type of the record.
            type: str
            required: true
            choices: [A, AAAA, CAA, CNAME, DS, HTTPS, MX, NAPTR, NS, PTR, SOA, SPF, SRV, SSHFP, SVCB, TLSA, TXT]
          ttl:
            description:
              - For how long resolvers keep the answer, in seconds. Required with values.
              - An alias has the TTL of its target (60 seconds for a load balancer), which cannot be set here.
            type: int
          values:
            description:
              - The answers. Their order does not matter.
            type: list
            elements: str
          alias:
            description:
              - The AWS resource or record whose answer is given.
            type: dict
            suboptions:
              dns_name:
                description:
                  - DNS name of the target.
                type: str
                required: true
              zone_id:
                description:
                  - Hosted zone of the target. For a load balancer it is its C(CanonicalHostedZoneId), which differs
                    from region to region.
                  - The default is O(zone) itself, for an alias of another record of the zone.
                type: str
              evaluate_target_health:
                description:
                  - Whether the record counts as unhealthy while its target is.
                type: bool
                default: false
          set_identifier:
            description:
              - Tells record sets of one name and type apart. Required by every routing policy.
            type: str
          weight:
            description:
              - Share of the answers, relative to the other weights, from 0 to 255. V(0) is not off; it is served
                when every record with a weight above 0 is unhealthy.
            type: int
          failover:
            description:
              - Whether this is the primary or the secondary of a failover pair.
            type: str
            choices: [PRIMARY, SECONDARY]
          geo:
            description:
              - The place whose queries this record answers.
            type: dict
            suboptions:
              continent_code:
                description:
                  - Two letters for the continent, such as V(AF) or V(EU).
                type: str
              country_code:
                description:
                  - Two letters for the country, or V(*) for everywhere else.
                type: str
              subdivision_code:
                description:
                  - Two letters for the subdivision of the country.
                type: str
          latency_region:
            description:
              - Region of the resource, for latency routing.
            type: str
          multivalue:
            description:
              - Whether this is one of several multivalue answers.
            type: bool
          health_check_id:
            description:
              - Health check that decides whether the record is served. Without one it always counts as healthy.
            type: str
          other:
            description:
              - Attributes that have no option of their own, named as Route 53 names them, such as
                C(CidrRoutingConfig).
            type: dict
  expect:
    description:
      - Record sets as the change was planned on. For each name and type given here the zone must hold exactly these,
        or the task refuses and names what it found. With O(replace_names) the types A, AAAA and CNAME of a name that
        is given addresses count as one, because all of them are replaced.
      - A zone that is already as wanted is not refused.
    type: list
    elements: dict
    default: []
    suboptions: *record
  expect_absent:
    description:
      - Names that must have no record at all before the change.
    type: list
    elements: str
    default: []
  replace_names:
    description:
      - Whether the names with V(present) changes are to have exactly these record sets.
      - Other record sets of the same name and type are deleted in the same batch, and so is a CNAME where another type
        is wanted. Record sets of type A, AAAA and CNAME give way to each other; an AAAA left beside a new A would keep
        the clients of IPv6 where they were.
      - Other types (MX, TXT) are never deleted this way. HTTPS and SVCB records may hint at addresses too; they stay.
    type: bool
    default: false
  allow_empty:
    description:
      - Whether a name may be left without any record.
    type: bool
    default: false
  allow_no_default:
    description:
      - Whether a name may be left with geolocation records that have no default among them. Route 53 then answers
        nothing to the rest of the world.
    type: bool
    default: false
  max_changes:
    description:
      - How many record sets the task may create, change and delete, counted together.
    type: int
    default: 10
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
  - medzen.multiregion.wait
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
  - Waiting ends when Route 53 says C(INSYNC), which is when its own name servers have the change. Resolvers keep the
    previous answer for its TTL. Module M(medzen.multiregion.dns_propagation) proves what is served.
seealso:
  - module: medzen.multiregion.dns_propagation
  - module: medzen.multiregion.route53_health_check
"""

EXAMPLES = r"""
- name: Move the public name to the new balancer, if it still points at the old one
  medzen.multiregion.route53_record_sets:
    zone: medzenhealth.app
    replace_names: true
    changes:
      - record:
          name: ehr.medzenhealth.app
          type: A
          alias:
            dns_name: "{{ balancer.dns_name }}"
            zone_id: "{{ balancer.canonical_hosted_zone_id }}"
            evaluate_target_health: true
    expect:
      - name: ehr.medzenhealth.app
        type: CNAME
        ttl: 60
        values: [medzen-ehrbase-alb-af-south-1-1234567890.af-south-1.elb.amazonaws.com]
  register: switch

- name: Send every location to one failover name, which is an alias of the balancer in charge
  medzen.multiregion.route53_record_sets:
    zone: medzenhealth.app
    replace_names: true
    changes: "{{ failover_pair + locations }}"
  vars:
    failover_pair:
      - record: "{{ primary | combine({'name': 'ehr-failover.medzenhealth.app', 'failover': 'PRIMARY'}) }}"
      - record: "{{ secondary | combine({'name': 'ehr-failover.medzenhealth.app', 'failover': 'SECONDARY'}) }}"
    locations:
      - record:
          name: ehr.medzenhealth.app
          type: A
          set_identifier: africa
          geo: {continent_code: AF}
          alias: {dns_name: ehr-failover.medzenhealth.app, evaluate_target_health: true}
      - record:
          name: ehr.medzenhealth.app
          type: A
          set_identifier: elsewhere
          geo: {country_code: "*"}
          alias: {dns_name: ehr-failover.medzenhealth.app, evaluate_target_health: true}

- name: Go back
  medzen.multiregion.route53_record_sets:
    zone: medzenhealth.app
    changes: "{{ switch.rollback }}"

- name: Lower a TTL before a move
  medzen.multiregion.route53_record_sets:
    zone: medzenhealth.app
    changes:
      - record: "{{ present | combine({'ttl': 60}) }}"
    expect: ["{{ present }}"]
"""

RETURN = r"""
before:
  description:
    - The record sets of all names concerned as they were, each in the form of O(changes[].record), so that they can be
      given back.
  type: list
  elements: dict
  returned: always
  sample:
    - name: ehr.medzenhealth.app
      type: CNAME
      ttl: 300
      values: [medzen-ehrbase-alb-af-south-1-1234567890.af-south-1.elb.amazonaws.com]
after:
  description:
    - The record sets of all names concerned as they are after the change, or would be in check mode, in the same form.
  type: list
  elements: dict
  returned: always
rollback:
  description: What to give as O(changes) to undo this change.
  type: list
  elements: dict
  returned: always
changes:
  description: The change batch, sent or planned.
  type: list
  elements: dict
  returned: always
  contains:
    action:
      description: What Route 53 is asked to do.
      type: str
      sample: create
    record:
      description: The record set, in the form of O(changes[].record).
      type: dict
effective_ttls:
  description: For how long resolvers keep each answer after the change.
  type: list
  elements: dict
  returned: always
  contains:
    name:
      description: Name of the record.
      type: str
    type:
      description: Type of the record.
      type: str
    set_identifier:
      description: Set identifier, empty for a simple record.
      type: str
    ttl_s:
      description: Seconds; null for an alias whose target alone knows.
      type: int
zone_id:
  description: Id of the hosted zone.
  type: str
  returned: always
  sample: Z1D633PJN98FT9
change_id:
  description: Id of the change at Route 53.
  type: str
  returned: when a change batch was sent
status:
  description: Status of the change when the task ended, C(PENDING) or C(INSYNC).
  type: str
  returned: when a change batch was sent
"""

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.medzen.multiregion.plugins.module_utils import route53
from ansible_collections.medzen.multiregion.plugins.module_utils.aws import client
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import MultiregionError
from ansible_collections.medzen.multiregion.plugins.module_utils.record_sets import (
    build_record,
    record_arguments,
    strip_zone_id,
)
from ansible_collections.medzen.multiregion.plugins.module_utils.runner import run
from ansible_collections.medzen.multiregion.plugins.module_utils.wait import TimeLeft, wait_arguments


def build_result(batch, zone):
    """Everything a plan and a change have in common."""
    return {
        "changed": batch.changed,
        "zone_id": zone["Id"],
        "before": batch.records_before(),
        "after": batch.records_after(),
        "rollback": batch.rollback() if batch.changed else [],
        "changes": [
            {"action": change["Action"].lower(), "record": build_record(change["ResourceRecordSet"])}
            for change in batch.changes
        ],
        "effective_ttls": batch.ttls(),
        "diff": batch.diff(),
    }


def plan(connection, zone, params):
    names = route53.names_of(params["changes"], params["expect"], params["expect_absent"])
    return route53.plan_batch(
        route53.list_record_sets(connection, zone["Id"], names),
        params["changes"],
        params["expect"],
        params["replace_names"],
        params["max_changes"],
        expect_absent=params["expect_absent"],
        allow_empty=params["allow_empty"],
        allow_no_default=params["allow_no_default"],
        zone_name=zone["Name"],
        zone_id=zone["Id"],
    )


def send(connection, zone, batch, params, result):
    """Send the batch and wait for it; a failed wait keeps what was sent, for the way back."""
    left = TimeLeft(params["wait_timeout"])
    change = route53.apply_batch(connection, zone["Id"], batch)
    if change is None:
        return result
    result.update(change_id=strip_zone_id(change["Id"]), status=change["Status"])
    if params["wait"]:
        try:
            change = route53.wait_insync(connection, change["Id"], left.seconds(), params["poll_seconds"])
        except MultiregionError as error:
            error.result.update(result)
            raise
        result["status"] = change["Status"]
    return result


def ensure(module):
    connection = client(module, "route53")
    zone = route53.find_zone(connection, module.params["zone"], private=module.params["private_zone"])
    batch = plan(connection, zone, module.params)
    result = build_result(batch, zone)
    if module.check_mode or not batch.changed:
        return result
    return send(connection, zone, batch, module.params, result)


def main():
    change = {
        "action": {"choices": ["present", "absent"], "default": "present"},
        "record": {"type": "dict", "required": True, "options": record_arguments()},
    }
    argument_spec = {
        "zone": {"required": True},
        "private_zone": {"type": "bool", "default": False},
        "changes": {"type": "list", "elements": "dict", "required": True, "options": change},
        "expect": {"type": "list", "elements": "dict", "default": [], "options": record_arguments()},
        "expect_absent": {"type": "list", "elements": "str", "default": []},
        "replace_names": {"type": "bool", "default": False},
        "allow_empty": {"type": "bool", "default": False},
        "allow_no_default": {"type": "bool", "default": False},
        "max_changes": {"type": "int", "default": 10},
        **wait_arguments(),
    }
    run(AnsibleAWSModule(argument_spec=argument_spec, supports_check_mode=True), ensure)


if __name__ == "__main__":
    main()
