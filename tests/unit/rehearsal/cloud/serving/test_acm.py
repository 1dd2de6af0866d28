# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates: issued while their record is in a zone, with the right names, by the world's own authority."""

import ssl

import pytest
from cryptography import x509

from rehearsal.cloud.acm.authority import Authority
from rehearsal.cloud.acm.validation import validation_record

REGION = "eu-west-2"


@pytest.fixture
def acm(layers, client):
    return client("acm", REGION)


@pytest.fixture
def arn(acm, zone):
    """A certificate that was just requested."""
    names = [f"*.{zone.domain}"]
    made = acm.request_certificate(
        DomainName=f"ehr.{zone.domain}", SubjectAlternativeNames=names, ValidationMethod="DNS"
    )
    return made["CertificateArn"]


def describe(acm, arn):
    return acm.describe_certificate(CertificateArn=arn)["Certificate"]


def records_of(acm, arn):
    return [row["ResourceRecord"] for row in describe(acm, arn)["DomainValidationOptions"]]


@pytest.fixture
def issued(acm, arn, zone, pass_time):
    pass_time(6)
    zone.change(records_of(acm, arn))
    pass_time(61)
    return arn


def test_the_record_is_named_some_seconds_after_the_request(acm, arn, pass_time):
    assert "ResourceRecord" not in describe(acm, arn)["DomainValidationOptions"][0]
    pass_time(6)
    assert records_of(acm, arn)[0]["Type"] == "CNAME"


def test_the_record_is_the_same_in_every_region_and_for_a_wildcard():
    assert validation_record("1", "*.x.app") == validation_record("1", "x.app")
    assert validation_record("1", "x.app")["Name"].endswith(".x.app.")
    assert validation_record("1", "x.app") != validation_record("2", "x.app")
    assert validation_record("1", "x.app")["Value"].endswith(".acm-validations.aws.")


def test_without_the_record_it_stays_pending(acm, arn, pass_time):
    pass_time(86400)
    assert describe(acm, arn)["Status"] == "PENDING_VALIDATION"


def test_one_of_two_records_is_not_enough(acm, arn, zone, pass_time):
    pass_time(6)
    zone.change(records_of(acm, arn)[:1])
    pass_time(3600)
    assert describe(acm, arn)["Status"] == "PENDING_VALIDATION"


def test_it_is_issued_a_minute_after_the_record_appeared_though_nobody_looked(acm, arn, zone, pass_time):
    pass_time(6)
    records = records_of(acm, arn)
    zone.change(records)
    pass_time(30)
    assert describe(acm, arn)["Status"] == "PENDING_VALIDATION"
    pass_time(31)
    assert describe(acm, arn)["Status"] == "ISSUED"


def test_a_record_taken_away_starts_over(acm, arn, zone, pass_time):
    pass_time(6)
    zone.change(records_of(acm, arn))
    zone.change(records_of(acm, arn), "DELETE")
    pass_time(61)
    assert describe(acm, arn)["Status"] == "PENDING_VALIDATION"


def test_the_certificate_has_the_names_and_the_authority_of_the_world(world, acm, issued, zone):
    made = acm.get_certificate(CertificateArn=issued)
    certificate = x509.load_pem_x509_certificate(made["Certificate"].encode())
    authority = x509.load_pem_x509_certificate((world.folder / "ca.pem").read_bytes())
    certificate.verify_directly_issued_by(authority)
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == [f"ehr.{zone.domain}", f"*.{zone.domain}"]
    assert made["CertificateChain"].encode() == (world.folder / "ca.pem").read_bytes()


def test_a_pending_certificate_cannot_be_read(acm, arn, refused):
    with refused("RequestInProgressException"):
        acm.get_certificate(CertificateArn=arn)


def test_without_a_method_it_is_email_which_nobody_answers(acm, zone, pass_time):
    arn = acm.request_certificate(DomainName=zone.domain)["CertificateArn"]
    zone.change([validation_record("123456789012", zone.domain)])
    pass_time(3600)
    found = describe(acm, arn)
    assert (found["Status"], found["DomainValidationOptions"][0]["ValidationMethod"]) == ("PENDING_VALIDATION", "EMAIL")
    assert "ResourceRecord" not in found["DomainValidationOptions"][0]


def test_a_listener_refuses_it_pending_and_keeps_it_in_use(acm, elb, issued, listener, group, refused):
    request = {
        "LoadBalancerArn": listener["LoadBalancerArn"],
        "Protocol": "HTTPS",
        "Port": 8443,
        "DefaultActions": [{"Type": "forward", "TargetGroupArn": group}],
    }
    pending = acm.request_certificate(DomainName="y.example", ValidationMethod="DNS")["CertificateArn"]
    with refused("UnsupportedCertificate"):
        elb.create_listener(**request, Certificates=[{"CertificateArn": pending}])
    elb.create_listener(**request, Certificates=[{"CertificateArn": issued}])
    assert describe(acm, issued)["InUseBy"] == [listener["LoadBalancerArn"]]
    with refused("ResourceInUseException"):
        acm.delete_certificate(CertificateArn=issued)
    elb.delete_load_balancer(LoadBalancerArn=listener["LoadBalancerArn"])
    acm.delete_certificate(CertificateArn=issued)


def test_the_edge_gets_files_that_a_server_can_load(world, acm, elb, issued, listener, group):
    elb.create_listener(
        LoadBalancerArn=listener["LoadBalancerArn"],
        Protocol="HTTPS",
        Port=8443,
        Certificates=[{"CertificateArn": issued}],
        DefaultActions=[{"Type": "forward", "TargetGroupArn": group}],
    )
    balancers = world.control_routes["edge"]("GET", None, {})["balancers"]
    row = next(one for one in balancers if one["arn"] == listener["LoadBalancerArn"])
    https = next(one for one in row["listeners"] if one["protocol"] == "HTTPS")
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(https["certificate_pem_path"], https["key_path"])


def test_the_authority_outlives_its_process(tmp_path):
    first = Authority.load_or_create(tmp_path).certificate_pem
    assert Authority.load_or_create(tmp_path).certificate_pem == first
    assert (tmp_path / "ca-key.pem").stat().st_mode & 0o077 == 0
