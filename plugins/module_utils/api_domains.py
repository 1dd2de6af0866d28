# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Custom domain names of API Gateway, and which API stands behind which part of their paths."""

from __future__ import annotations

from ansible_collections.medzen.multiregion.plugins.module_utils.aws import describe, list_all, paginate
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import AwsError, Refused
from ansible_collections.medzen.multiregion.plugins.module_utils.wait import wait_until

MISSING = ("NotFoundException",)
CONFLICT = "ConflictException"


@describe("read domain name {name}", missing=MISSING)
def get_domain(connection, name):
    return connection.get_domain_name(DomainName=name, aws_retry=True)


@describe("list the custom domain names")
def list_domains(connection):
    return paginate(connection, "get_domain_names", "Items")


@describe("list the API mappings of domain name {name}", missing=MISSING, default=())
def list_mappings(connection, name):
    return list_all(connection.get_api_mappings, "Items", DomainName=name)


@describe("create domain name {name}")
def create_domain(connection, name, request):
    connection.create_domain_name(DomainName=name, **request, aws_retry=True)


@describe("update domain name {name}")
def update_domain(connection, name, configurations):
    connection.update_domain_name(DomainName=name, DomainNameConfigurations=configurations, aws_retry=True)


@describe("map domain name {name} to API {api_id}")
def create_mapping(connection, name, api_id, request):
    connection.create_api_mapping(DomainName=name, ApiId=api_id, **request, aws_retry=True)


@describe("map domain name {name} to stage {stage} of API {api_id}")
def update_mapping(connection, name, api_id, mapping_id, stage):
    connection.update_api_mapping(DomainName=name, ApiId=api_id, ApiMappingId=mapping_id, Stage=stage, aws_retry=True)


@describe("remove a mapping of domain name {name}", missing=MISSING)
def delete_mapping(connection, name, mapping_id):
    connection.delete_api_mapping(DomainName=name, ApiMappingId=mapping_id, aws_retry=True)


@describe("delete domain name {name}", missing=MISSING)
def delete_domain(connection, name):
    connection.delete_domain_name(DomainName=name, aws_retry=True)


def find_domain(connection, name, key):
    """The domain name with what is mapped under one key; None when it is not there."""
    found = get_domain(connection, name)
    if found is None:
        return None
    configuration = (found.get("DomainNameConfigurations") or [{}])[0]
    mapping = find_mapping(list_mappings(connection, name), key)
    return {
        "name": name,
        "certificate_arn": configuration.get("CertificateArn"),
        "api_mapping": key,
        "api_id": (mapping or {}).get("ApiId"),
        "stage": (mapping or {}).get("Stage"),
        "status": configuration.get("DomainNameStatus"),
        "status_message": configuration.get("DomainNameStatusMessage"),
        "regional_domain_name": configuration.get("ApiGatewayDomainName"),
        "hosted_zone_id": configuration.get("HostedZoneId"),
        "endpoint_type": configuration.get("EndpointType", "REGIONAL"),
    }


def find_mapping(mappings, key):
    return next((one for one in mappings if (one.get("ApiMappingKey") or "") == key), None)


def build_configuration(certificate_arn):
    return {"CertificateArn": certificate_arn, "EndpointType": "REGIONAL", "SecurityPolicy": "TLS_1_2"}


def build_after(present, wanted, api_id, stage):
    """The domain name as it is to be; what API Gateway gives to a new one is not known yet."""
    unknown = {"status": None, "status_message": None, "regional_domain_name": None, "hosted_zone_id": None}
    return {
        **(present or {**unknown, "endpoint_type": "REGIONAL"}),
        "name": wanted["name"],
        "certificate_arn": wanted["certificate_arn"],
        "api_mapping": wanted["api_mapping"],
        "api_id": api_id,
        "stage": stage,
    }


def compared(domain):
    """What two looks at a domain name are compared by, and what a diff shows."""
    return domain and {key: domain[key] for key in ("name", "certificate_arn", "api_mapping", "api_id", "stage")}


def check_domain(present, after):
    """Nothing takes a path from another API without being told to, and HTTP APIs have no edge-optimized names."""
    if present is None:
        return
    if present["endpoint_type"] != "REGIONAL":
        raise Refused(
            f"Domain name {present['name']} cannot serve an HTTP API",
            found=f"the endpoint type {present['endpoint_type']}",
            expected="REGIONAL",
            next_step="delete the domain name, or choose another",
            result={"reason": "domain_type"},
        )
    if present["api_id"] and present["api_id"] != after["api_id"]:
        raise Refused(
            f"Domain name {present['name']} serves another API under {present['api_mapping'] or 'its whole path'}",
            found=f"API {present['api_id']}, stage {present['stage']}",
            expected=f"API {after['api_id'] or 'that is to be made'}, or none",
            next_step="remove that mapping once its clients can do without it, or choose another api_mapping",
            result={"reason": "domain_taken", "api_id": present["api_id"]},
        )


def write_domain(connection, present, after, tags):
    """Name and certificate before the mapping: what is mapped is served at once."""
    name = after["name"]
    configurations = [build_configuration(after["certificate_arn"])]
    if present is None:
        request = {"DomainNameConfigurations": configurations, **({"Tags": tags} if tags else {})}
        unless_done(
            lambda: create_domain(connection, name, request),
            lambda: get_domain(connection, name) is not None,
        )
    elif present["certificate_arn"] != after["certificate_arn"]:
        update_domain(connection, name, configurations)
    write_mapping(connection, present, after)


def write_mapping(connection, present, after):
    name, key = after["name"], after["api_mapping"]
    if present is not None and (present["api_id"], present["stage"]) == (after["api_id"], after["stage"]):
        return
    found = find_mapping(list_mappings(connection, name), key)
    if found is not None:  # the same API under another stage
        update_mapping(connection, name, after["api_id"], found["ApiMappingId"], after["stage"])
        return
    request = {"Stage": after["stage"], **({"ApiMappingKey": key} if key else {})}

    def is_done():
        mapping = find_mapping(list_mappings(connection, name), key)
        return mapping is not None and mapping["ApiId"] == after["api_id"]

    unless_done(lambda: create_mapping(connection, name, after["api_id"], request), is_done)


def unless_done(create, is_done):
    """A conflict with what the same call made before its answer was lost is none."""
    try:
        create()
    except AwsError as error:
        if error.code != CONFLICT or not is_done():
            raise


def wait_available(connection, name, key, timeout_s, poll_seconds):
    """A domain name serves when its certificate has reached API Gateway, which takes minutes."""

    def failure(found):
        if found is not None and str(found["status"]).startswith("PENDING_"):
            return f"{found['status']} {found['status_message'] or ''}".strip()
        return None

    return wait_until(
        lambda: find_domain(connection, name, key),
        lambda found: found is not None and found["status"] == "AVAILABLE",
        f"domain name {name}",
        timeout_s,
        poll_seconds,
        failed=failure,
        text=lambda found: str((found or {}).get("status", "not there")),
    )
