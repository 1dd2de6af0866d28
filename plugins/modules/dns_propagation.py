#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

DOCUMENTATION = r"""
---
module: dns_propagation
version_added: 1.0.0
short_description: Prove at every name server that a DNS record is what it should be
description:
  - Asks every authoritative server of a zone, each by itself, and the recursive resolvers that are named, and waits
    until all of them give the expected answer.
  - A server that does not answer is unknown, which is not agreement.
  - An alias, or a CNAME to a balancer, is compared by addresses. Each server's answer must consist of addresses that
    the expected name has at that moment.
  - Questions go over UDP, and over TCP when an answer does not fit.
  - It only reads. The operations used are C(route53:ListHostedZonesByName) and C(route53:GetHostedZone), with the IAM
    permissions of the same names, and none when O(name_servers) is given.
author:
  - MedZen platform team (@medzen)
options:
  record:
    description:
      - Name of the record.
    type: str
    required: true
  type:
    description:
      - Type of the question.
    type: str
    default: CNAME
  values:
    description:
      - The expected values, in any order. Exactly one of O(values), O(same_addresses_as) and O(absent) is needed.
    type: list
    elements: str
  same_addresses_as:
    description:
      - A name, such as a balancer's own, whose addresses the record must lead to. The question is then for O(type=A).
    type: str
  absent:
    description:
      - Whether the record must not exist.
    type: bool
    default: false
  zone:
    description:
      - Name or id of the hosted zone whose name servers are asked. Needed unless O(name_servers) is given.
    type: str
  name_servers:
    description:
      - The authoritative servers, as names or addresses. Without it those of O(zone), as Route 53 tells them.
    type: list
    elements: str
  nameserver_port:
    description:
      - Port of the authoritative servers.
    type: int
    default: 53
  ask_resolvers:
    description:
      - Whether the servers of O(resolvers), or else the system's, must agree too. They may keep an older answer for as
        long as its TTL says. Who asks through them, such as M(medzen.multiregion.http_probe), goes where it leads.
    type: bool
    default: true
  more_resolvers:
    description:
      - More recursive resolvers that must agree, as C(address) or C(address:port).
    type: list
    elements: str
    default: []
  client_subnets:
    description:
      - Networks such as V(102.244.0.0/24) of clients for whom each server is asked, one after the other, by EDNS client
        subnet. A name with geolocation records may answer each of them with something else.
      - Without any, the servers answer for where the question comes from.
    type: list
    elements: str
    default: []
  resolvers:
    description:
      - DNS servers as C(address) or C(address:port) that resolve the names of the name servers and
        O(same_addresses_as). Empty means the system's.
    type: list
    elements: str
    default: []
requirements:
  - dnspython
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
  - medzen.multiregion.wait
attributes:
  check_mode:
    description: Can run in check mode and predict changes without making them.
    support: full
    details: In check mode it asks once and does not fail, because the record may only be planned.
  diff_mode:
    description: Returns what has changed when in diff mode.
    support: none
    details: It changes nothing.
  idempotent:
    description: A second run with the same options changes nothing.
    support: full
"""

EXAMPLES = r"""
- name: Prove that every name server sends clients to the new balancer
  medzen.multiregion.dns_propagation:
    record: ehr.medzenhealth.app
    zone: medzenhealth.app
    same_addresses_as: medzen-ehrbase-alb-eu-central-1-1.eu-central-1.elb.amazonaws.com
    more_resolvers: [1.1.1.1, 8.8.8.8, 9.9.9.9]
    wait_timeout: 300
    poll_seconds: 2

- name: Prove that clients in Cameroon and in Germany are sent there
  medzen.multiregion.dns_propagation:
    record: ehr.medzenhealth.app
    zone: medzenhealth.app
    same_addresses_as: medzen-ehrbase-alb-eu-central-1-1.eu-central-1.elb.amazonaws.com
    client_subnets: [102.244.0.0/24, 91.0.0.0/24]
"""

RETURN = r"""
verdict:
  description: V(pass) when all agree, V(refuse) when one differs, V(unknown) when one does not answer and none differs.
  type: str
  returned: always
  sample: pass
servers:
  description: The last answer of each server, and when it first agreed in seconds since the beginning.
  type: list
  elements: dict
  returned: always
  sample:
    - name: ns-101.awsdns-12.com
      server: 192.0.2.3:53
      kind: authoritative
      client_subnet: ""
      answers: [192.0.2.30]
      agrees: true
      first_seen_s: 0.4
      ttl: 60
      error: ""
expected:
  description: What was expected in the end.
  type: list
  elements: str
  returned: always
propagation_s:
  description: Seconds from the beginning until all servers agreed.
  type: float
  returned: when all agree
gate:
  description: The verdict with its evidence, for the report.
  type: dict
  returned: always
"""

import ipaddress
import time
from concurrent.futures import ThreadPoolExecutor

from ansible.module_utils.basic import missing_required_lib
from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.medzen.multiregion.plugins.module_utils import route53
from ansible_collections.medzen.multiregion.plugins.module_utils.aws import client, describe
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import Refused, WaitTimeout
from ansible_collections.medzen.multiregion.plugins.module_utils.postgresql import resolvers_option
from ansible_collections.medzen.multiregion.plugins.module_utils.progress import Progress
from ansible_collections.medzen.multiregion.plugins.module_utils.resolver import (
    HAS_DNSPYTHON,
    ResolveError,
    ask,
    normalize,
    resolve,
    split_server,
    system_servers,
)
from ansible_collections.medzen.multiregion.plugins.module_utils.runner import run
from ansible_collections.medzen.multiregion.plugins.module_utils.wait import wait_arguments

ARGUMENTS = wait_arguments() | {
    "record": {"type": "str", "required": True},
    "type": {"type": "str", "default": "CNAME"},
    "values": {"type": "list", "elements": "str"},
    "same_addresses_as": {"type": "str"},
    "absent": {"type": "bool", "default": False},
    "zone": {"type": "str"},
    "name_servers": {"type": "list", "elements": "str"},
    "nameserver_port": {"type": "int", "default": 53},
    "ask_resolvers": {"type": "bool", "default": True},
    "more_resolvers": {"type": "list", "elements": "str", "default": []},
    "client_subnets": {"type": "list", "elements": "str", "default": []},
    "resolvers": resolvers_option(),
}


@describe("get the name servers of hosted zone {zone_id}")
def get_name_servers(connection, zone_id):
    zone = connection.get_hosted_zone(Id=zone_id, aws_retry=True)
    return zone.get("DelegationSet", {}).get("NameServers", [])


def check_expectation(params):
    """Three ways to say what is expected, of which one is needed: without any, no record at all would do."""
    given = [name for name in ("values", "same_addresses_as", "absent") if params[name]]
    if len(given) != 1:
        raise Refused(
            "What the record should be is not clear.",
            f"{' and '.join(given) or 'none'} of values, same_addresses_as and absent",
            "exactly one of them",
        )


def check_subnets(params):
    for subnet in params["client_subnets"]:
        try:
            ipaddress.ip_network(subnet, strict=False)
        except ValueError as error:
            raise Refused(
                f"{subnet} is no network of clients.", str(error), "a network such as 102.244.0.0/24"
            ) from error


def find_name_servers(module):
    if module.params["name_servers"]:
        return module.params["name_servers"]
    connection = client(module, "route53")
    zone = route53.find_zone(connection, module.params["zone"])
    servers = get_name_servers(connection, zone["Id"])
    if not servers:
        raise Refused("The zone has no public name server.", module.params["zone"], "a public hosted zone")
    return servers


def build_servers(params, name_servers):
    """Whom to ask, and for whom: each address of each name server, then the recursive resolvers."""
    servers = []
    for name in name_servers:
        host, port = split_server(name, params["nameserver_port"])
        servers += [
            {"name": name, "server": f"{address}:{port}", "kind": "authoritative"}
            for address in resolve(host, params["resolvers"])
            if ":" not in address
        ]
    asked = (params["resolvers"] or system_servers()) if params["ask_resolvers"] else []
    recursive = [*asked, *params["more_resolvers"]]
    servers += [{"name": name, "server": name, "kind": "recursive"} for name in dict.fromkeys(recursive)]
    return [server | {"client_subnet": subnet} for server in servers for subnet in params["client_subnets"] or [""]]


def build_question(params):
    return "A" if params["same_addresses_as"] else params["type"].upper()


def build_expected(params):
    """The expected values; None when they cannot be told at the moment."""
    if params["same_addresses_as"]:
        try:
            return tuple(sorted(resolve(params["same_addresses_as"], params["resolvers"])))
        except ResolveError:
            return None
    kind = params["type"].upper()
    return tuple(sorted(normalize(value, kind) for value in params["values"] or []))


def is_agreed(answer, expected, params):
    """True, False, or None for unknown. A balancer may hand out a part of its addresses at a time."""
    if answer.values is None or expected is None:
        return None
    if params["same_addresses_as"]:
        if params["same_addresses_as"].rstrip(".").lower() in answer.chain:
            return True
        return bool(answer.values) and set(answer.values) <= set(expected)
    return answer.values == expected


def look(servers, params, question):
    """One question to each server at the same time, beside the expectation as it is now."""
    expected = build_expected(params)

    def ask_one(server):
        recurse = server["kind"] == "recursive"
        return ask(server["server"], params["record"], question, recurse=recurse, client_subnet=server["client_subnet"])

    with ThreadPoolExecutor(max_workers=min(16, len(servers))) as pool:
        answers = list(pool.map(ask_one, servers))
    return expected, [(answer, is_agreed(answer, expected, params)) for answer in answers]


def note(servers, seen, elapsed_s):
    """The servers with their present answer. Who agreed, and then does not, has not been convinced yet."""
    return [
        server
        | {
            "answers": list(answer.values or []),
            "chain": list(answer.chain),
            "agrees": agrees,
            "ttl": answer.ttl,
            "error": answer.error,
            "first_seen_s": _first_seen(server, elapsed_s) if agrees else None,
        }
        for server, (answer, agrees) in zip(servers, seen, strict=True)
    ]


def _first_seen(server, elapsed_s):
    return round(elapsed_s, 3) if server.get("first_seen_s") is None else server["first_seen_s"]


def judge(servers):
    if any(server["agrees"] is False for server in servers):
        return "refuse"
    return "unknown" if any(server["agrees"] is None for server in servers) else "pass"


def build_result(servers, expected, params):
    verdict = judge(servers)
    result = {"changed": False, "verdict": verdict, "servers": servers, "expected": list(expected or [])}
    if verdict == "pass":
        result["propagation_s"] = max(server["first_seen_s"] for server in servers)
    evidence = {
        "record": params["record"],
        "expected": result["expected"],
        "agree": sum(server["agrees"] is True for server in servers),
        "servers": len(servers),
    }
    gate = {"name": "dns propagation", "verdict": "pass" if verdict == "pass" else "refuse", "evidence": evidence}
    return result | {"gate": gate}


def describe_dissent(servers):
    return "; ".join(
        f"{_describe_server(server)} answers {server['error'] or server['answers'] or 'nothing'}"
        for server in servers
        if not server["agrees"]
    )


def _describe_server(server):
    client = f" for a client in {server['client_subnet']}" if server["client_subnet"] else ""
    return f"{server['name']} {server['server']}{client}"


def watch(servers, params, *, wait, clock=time.monotonic, sleep=time.sleep):
    """Ask until all agree or the time is over; the servers with their answers, and the expectation."""
    question = build_question(params)
    progress = Progress(f"{params['record']} at {len(servers)} name servers", clock=clock)
    started = clock()
    while True:
        expected, seen = look(servers, params, question)
        servers = note(servers, seen, clock() - started)
        agreed = sum(server["agrees"] is True for server in servers)
        if agreed == len(servers) or not wait or clock() - started >= params["wait_timeout"]:
            return servers, expected
        progress.report(100 * agreed / len(servers), detail=f"{agreed} of {len(servers)} agree")
        sleep(params["poll_seconds"])


def ensure(module):
    if not HAS_DNSPYTHON:
        module.fail_json(msg=missing_required_lib("dnspython"))
    params = module.params
    check_expectation(params)
    check_subnets(params)
    servers = build_servers(params, find_name_servers(module))
    wait = params["wait"] and not module.check_mode
    servers, expected = watch(servers, params, wait=wait)
    result = build_result(servers, expected, params)
    if result["verdict"] != "pass" and wait:
        raise WaitTimeout(
            f"Not all name servers agree on {params['record']} after {params['wait_timeout']} s. "
            f"Expected: {result['expected'] or 'no record'}. Found: {describe_dissent(servers)}. "
            "Next: run again; a resolver may keep an older answer for as long as its TTL says.",
            result["verdict"],
            result,
        )
    return result


def main():
    module = AnsibleAWSModule(
        argument_spec=ARGUMENTS,
        supports_check_mode=True,
        required_one_of=[("zone", "name_servers")],
    )
    run(module, ensure)


if __name__ == "__main__":
    main()
