#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

DOCUMENTATION = r"""
---
module: acm_certificate_request
version_added: 1.0.0
short_description: Request a certificate from ACM and validate it by DNS
description:
  - Requests a public certificate, writes the records that prove the domain into its Route 53 zone, and waits until the
    certificate is issued.
  - A certificate with exactly these names that is issued or being validated is used; an issued one is preferred, then
    the newest. One that failed, expired or was revoked is not, nor one whose names are not all validated by DNS, since
    it has no records that could be written.
  - The validation records are written whenever they are missing, also for an issued certificate, because its renewal
    needs them. They are never deleted, because the same record validates the same name in every region.
  - Deletes the certificate, and only the certificate, with O(state=absent). One that is in use is refused, naming its
    users.
  - Operations used are C(acm:ListCertificates), C(acm:DescribeCertificate), C(acm:ListTagsForCertificate),
    C(acm:RequestCertificate), C(acm:AddTagsToCertificate), C(acm:RemoveTagsFromCertificate),
    C(acm:DeleteCertificate), C(route53:ListHostedZonesByName), C(route53:GetHostedZone),
    C(route53:ListResourceRecordSets) and C(route53:ChangeResourceRecordSets), with the IAM permissions of the same
    names.
author:
  - MedZen platform team (@medzen)
options:
  domain:
    description:
      - Name of the certificate.
    type: str
    required: true
  sans:
    description:
      - Further names of the certificate.
    type: list
    elements: str
    default: []
  state:
    description:
      - Whether the certificate is to be there.
    type: str
    choices: [present, absent]
    default: present
  zone:
    description:
      - Name or id of the public hosted zone that gets the validation records. Required when O(state=present).
      - The records are written with O(wait=false) too, which only leaves out the wait for the certificate.
    type: str
  key_algorithm:
    description:
      - Algorithm of the certificate's key.
    type: str
    choices: [RSA_2048, EC_prime256v1, EC_secp384r1]
    default: RSA_2048
  validation_ttl:
    description:
      - TTL of the validation records that are written, in seconds.
    type: int
    default: 300
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
  - amazon.aws.tags
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
seealso:
  - module: medzen.multiregion.route53_record_sets
"""

EXAMPLES = r"""
- name: Request the certificate of a region
  medzen.multiregion.acm_certificate_request:
    region: eu-central-1
    domain: ehr.medzenhealth.app
    sans: [ehr-dr.medzenhealth.app]
    zone: medzenhealth.app
    wait_timeout: 1800
  register: certificate

- name: Delete the certificate of a region that is given up
  medzen.multiregion.acm_certificate_request:
    region: af-south-1
    domain: ehr.medzenhealth.app
    state: absent
"""

RETURN = r"""
certificate_arn:
  description: ARN of the certificate. Missing in check mode for one that is not there yet.
  type: str
  returned: when it exists
status:
  description: Status of the certificate when the task ended.
  type: str
  returned: when it exists
  sample: ISSUED
certificate:
  description: The certificate as ACM describes it, in snake_case.
  type: dict
  returned: when it exists
validation_records:
  description:
    - The records that prove the names, in the form of the option C(record) of
      M(medzen.multiregion.route53_record_sets).
  type: list
  elements: dict
  returned: when O(state=present)
  sample:
    - name: _a79865eb4cd1a6ab990a45779b4e0b96.ehr.medzenhealth.app
      type: CNAME
      ttl: 300
      values: [_424c7224e9b0146f9a8808af955727d0.acm-validations.aws.]
"""

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.medzen.multiregion.plugins.module_utils import route53
from ansible_collections.medzen.multiregion.plugins.module_utils import tags as tagging
from ansible_collections.medzen.multiregion.plugins.module_utils.aws import client, describe, snake, token
from ansible_collections.medzen.multiregion.plugins.module_utils.certificates import list_certificates
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import MultiregionError, Refused
from ansible_collections.medzen.multiregion.plugins.module_utils.record_sets import (
    build_record,
    build_record_set,
    canonical,
    normalise_name,
)
from ansible_collections.medzen.multiregion.plugins.module_utils.runner import run
from ansible_collections.medzen.multiregion.plugins.module_utils.wait import TimeLeft, wait_arguments, wait_until

KEY_ALGORITHMS = ["RSA_2048", "EC_prime256v1", "EC_secp384r1"]
USABLE = ("ISSUED", "PENDING_VALIDATION")
GONE = ("ResourceNotFoundException",)


@describe("describe certificate {arn}", missing=GONE)
def describe_certificate(connection, arn):
    return connection.describe_certificate(CertificateArn=arn, aws_retry=True)["Certificate"]


@describe("list the tags of certificate {arn}", missing=GONE, default={})
def list_tags(connection, arn):
    return tagging.from_boto(connection.list_tags_for_certificate(CertificateArn=arn, aws_retry=True)["Tags"])


@describe("request a certificate for {domain}")
def request_certificate(connection, domain, request):
    return connection.request_certificate(DomainName=domain, **request, aws_retry=True)["CertificateArn"]


@describe("tag certificate {arn}")
def add_tags(connection, arn, tags):
    connection.add_tags_to_certificate(CertificateArn=arn, Tags=tags, aws_retry=True)


@describe("remove tags from certificate {arn}")
def remove_tags(connection, arn, tags):
    connection.remove_tags_from_certificate(CertificateArn=arn, Tags=tags, aws_retry=True)


@describe("delete certificate {arn}", missing=GONE)
def delete_certificate(connection, arn):
    connection.delete_certificate(CertificateArn=arn, aws_retry=True)


def names_of(certificate):
    return {name.lower() for name in [certificate["DomainName"], *certificate.get("SubjectAlternativeNames", [])]}


def wanted_names(params):
    return {name.lower() for name in [params["domain"], *params["sans"]]}


def is_ours(certificate, params):
    """Same names, and made by ACM: an imported certificate is never renewed by it."""
    return (
        certificate["DomainName"].lower() == params["domain"].lower()
        and names_of(certificate) == wanted_names(params)
        and certificate.get("Type", "AMAZON_ISSUED") == "AMAZON_ISSUED"
    )


def find_certificates(connection, params):
    """Every certificate of these names, the best first: issued, then newest."""
    summaries = [
        summary
        for summary in list_certificates(connection)
        if summary.get("DomainName", "").lower() == params["domain"].lower()
    ]
    described = [describe_certificate(connection, summary["CertificateArn"]) for summary in summaries]
    mine = [certificate for certificate in described if certificate and is_ours(certificate, params)]
    return sorted(mine, key=rank, reverse=True)


def rank(certificate):
    created = certificate.get("CreatedAt")
    return certificate["Status"] == "ISSUED", created.timestamp() if created else 0


def choose_certificate(certificates, key_algorithm):
    """The one to use, or None. ACM spells the algorithm with a hyphen in one place, an underscore in the other."""
    usable = [
        certificate
        for certificate in certificates
        if certificate["Status"] in USABLE
        and is_validated_by_dns(certificate)
        and certificate.get("KeyAlgorithm", key_algorithm).replace("-", "_") == key_algorithm
    ]
    return usable[0] if usable else None


def is_validated_by_dns(certificate):
    """Validated by e-mail or HTTP it never gets records to wait for. A fresh request tells no method for a moment."""
    options = certificate.get("DomainValidationOptions", [])
    return all(option.get("ValidationMethod", "DNS") == "DNS" for option in options)


def build_request(params):
    request = {
        "ValidationMethod": "DNS",
        "KeyAlgorithm": params["key_algorithm"],
        # Within an hour ACM answers the same token with the same certificate.
        "IdempotencyToken": token("request", *sorted(wanted_names(params)), params["key_algorithm"]),
    }
    sans = sorted(wanted_names(params) - {params["domain"].lower()})
    if sans:
        request["SubjectAlternativeNames"] = sans
    if params["tags"]:
        request["Tags"] = tagging.to_boto(params["tags"])
    return request


def has_validation_records(certificate):
    options = certificate.get("DomainValidationOptions", [])
    return bool(options) and all("ResourceRecord" in option for option in options)


def build_validation_records(certificate, ttl):
    """The record sets that prove the names, each once: a wildcard shares its record with the name it is of."""
    records = [
        option["ResourceRecord"]
        for option in certificate.get("DomainValidationOptions", [])
        if "ResourceRecord" in option
    ]
    built = [
        build_record_set({"name": record["Name"], "type": record["Type"], "ttl": ttl, "values": [record["Value"]]})
        for record in records
    ]
    return list({(record_set["Name"], record_set["Type"]): record_set for record_set in built}.values())


def missing_records(wanted, present):
    """The validation records that are not served. Their TTL is whatever the zone already has."""
    answers = {answer(record_set) for record_set in present}
    return [record_set for record_set in wanted if answer(record_set) not in answers]


def answer(record_set):
    form = canonical(record_set)
    return form["Name"], form["Type"], tuple(form.get("ResourceRecords", []))


def find_missing_records(connection, zone, wanted):
    names = [record_set["Name"] for record_set in wanted]
    return missing_records(wanted, route53.list_record_sets(connection, zone["Id"], names))


def failure_of(certificate):
    if certificate is None:
        return "the certificate was deleted meanwhile"
    if certificate["Status"] in USABLE:
        return None
    reason = certificate.get("FailureReason", "no reason given")
    return f"certificate {certificate['CertificateArn']} is {certificate['Status']} ({reason})"


def wait_for_records(connection, arn, params, left):
    """A request is answered before ACM has worked out the records, and before every look finds it."""
    return wait_until(
        lambda: describe_certificate(connection, arn),
        lambda certificate: certificate is not None and has_validation_records(certificate),
        f"the validation records of the certificate for {params['domain']}",
        left.seconds(),
        min(params["poll_seconds"], 2),
        failed=lambda certificate: failure_of(certificate) if certificate else None,
    )


def wait_issued(connection, arn, params, left):
    return wait_until(
        lambda: describe_certificate(connection, arn),
        lambda certificate: certificate is not None and certificate["Status"] == "ISSUED",
        f"the certificate for {params['domain']}",
        left.seconds(),
        params["poll_seconds"],
        failed=failure_of,
    )


def write_records(connection, zone, records):
    """UPSERT: another region may be writing the same record at this moment."""
    changes = [{"Action": "UPSERT", "ResourceRecordSet": record_set} for record_set in records]
    if changes:
        route53.change_record_sets(connection, zone["Id"], changes)


def converge_tags(connection, arn, to_set, to_remove):
    if to_set:
        add_tags(connection, arn, tagging.to_boto(to_set))
    if to_remove:
        remove_tags(connection, arn, [{"Key": key} for key in to_remove])


def diff_of(certificate, records, tags):
    if certificate is None and not records:
        return {}
    served = {record["name"]: record["values"] for record in map(build_record, records)}
    return {"names": sorted(names_of(certificate)) if certificate else [], "validation_records": served, "tags": tags}


def plan(connection, dns, zone, current, params):
    """What is there, what is missing, as values: also the answer of check mode."""
    wanted = build_validation_records(current, params["validation_ttl"]) if current else []
    missing = find_missing_records(dns, zone, wanted) if wanted else []
    present_tags = list_tags(connection, current["CertificateArn"]) if current else {}
    to_set, to_remove = tagging.diff_tags(present_tags, params["tags"], params["purge_tags"])
    tags = {**{key: value for key, value in present_tags.items() if key not in to_remove}, **to_set}
    served = [record_set for record_set in wanted if record_set not in missing]
    after = current or {"DomainName": params["domain"], "SubjectAlternativeNames": params["sans"]}
    # A certificate whose records ACM has not worked out yet will get them from this task.
    incomplete = current is not None and not has_validation_records(current)
    return {
        "missing": missing,
        "tags": (to_set, to_remove),
        "changed": bool(current is None or missing or to_set or to_remove or incomplete),
        "diff": {"before": diff_of(current, served, present_tags), "after": diff_of(after, wanted, tags)},
    }


def describe_result(certificate, params):
    records = build_validation_records(certificate, params["validation_ttl"]) if certificate else []
    result = {"validation_records": [build_record(record_set) for record_set in records]}
    if certificate:
        result.update(
            certificate_arn=certificate["CertificateArn"],
            status=certificate["Status"],
            certificate=snake(certificate),
        )
    return result


def ensure_present(module, connection):
    params, left = module.params, TimeLeft(module.params["wait_timeout"])
    dns = client(module, "route53")
    zone = route53.find_zone(dns, params["zone"])
    check_zone_covers(zone, params)
    current = choose_certificate(find_certificates(connection, params), params["key_algorithm"])
    planned = plan(connection, dns, zone, current, params)
    result = {"changed": planned["changed"], "diff": planned["diff"]}
    if module.check_mode:
        return {**result, **describe_result(current, params)}
    if current is None:
        arn = request_certificate(connection, params["domain"], build_request(params))
    else:
        arn = current["CertificateArn"]
        converge_tags(connection, arn, *planned["tags"])
    certificate = wait_for_records(connection, arn, params, left)
    wanted = build_validation_records(certificate, params["validation_ttl"])
    write_records(dns, zone, find_missing_records(dns, zone, wanted))
    if params["wait"]:
        certificate = wait_issued(connection, arn, params, left)
    return {**result, **describe_result(certificate, params)}


def check_zone_covers(zone, params):
    """A name outside the zone could never be proven there."""
    name = normalise_name(zone["Name"])
    outside = [
        wanted for wanted in sorted(wanted_names(params)) if not f".{normalise_name(wanted)}".endswith(f".{name}")
    ]
    if outside:
        raise Refused(
            "A name of the certificate is not in the zone", found=", ".join(outside), expected=f"names in {name}"
        )


def ensure_absent(module, connection):
    params = module.params
    certificates = find_certificates(connection, params)
    users = sorted({user for certificate in certificates for user in certificate.get("InUseBy", [])})
    if users:
        raise Refused(
            f"The certificate for {params['domain']} is in use",
            found=", ".join(users),
            expected="no user",
            next_step="delete those listeners or give them another certificate",
        )
    before = {certificate["CertificateArn"]: sorted(names_of(certificate)) for certificate in certificates}
    result = {"changed": bool(certificates), "diff": {"before": before, "after": {}}}
    if module.check_mode or not certificates:
        return result
    for certificate in certificates:
        delete_certificate(connection, certificate["CertificateArn"])
    if left := find_certificates(connection, params):
        arns = ", ".join(certificate["CertificateArn"] for certificate in left)
        raise MultiregionError(f"Certificates are still listed after their deletion: {arns}", result)
    return result


def ensure(module):
    connection = client(module, "acm")
    return (ensure_present if module.params["state"] == "present" else ensure_absent)(module, connection)


def main():
    argument_spec = {
        "domain": {"required": True},
        "sans": {"type": "list", "elements": "str", "default": []},
        "state": {"choices": ["present", "absent"], "default": "present"},
        "zone": {},
        "key_algorithm": {"choices": KEY_ALGORITHMS, "default": "RSA_2048"},
        "validation_ttl": {"type": "int", "default": 300},
        **tagging.ARGUMENTS,
        **wait_arguments(),
    }
    module = AnsibleAWSModule(
        argument_spec=argument_spec,
        required_if=[("state", "present", ["zone"])],
        supports_check_mode=True,
    )
    run(module, ensure)


if __name__ == "__main__":
    main()
