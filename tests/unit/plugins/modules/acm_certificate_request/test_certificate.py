# SPDX-License-Identifier: GPL-3.0-or-later
from datetime import datetime

import pytest
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import MultiregionError, Refused
from ansible_collections.medzen.multiregion.plugins.modules import acm_certificate_request as module
from botocore.exceptions import ClientError

PARAMS = {"domain": "ehr.example.org", "sans": ["dr.example.org"], "key_algorithm": "RSA_2048", "tags": None}


def certificate(key, status="ISSUED", day=1, **more):
    return {
        "CertificateArn": key,
        "Status": status,
        "CreatedAt": datetime(2026, 11, day),
        "DomainName": "ehr.example.org",
        "SubjectAlternativeNames": ["ehr.example.org", "dr.example.org"],
        "KeyAlgorithm": "RSA-2048",
        **more,
    }


def validation(name, value="v.acm-validations.aws."):
    return {"DomainName": name, "ResourceRecord": {"Name": f"_x.{name}.", "Type": "CNAME", "Value": value}}


def choose(*certificates):
    chosen = module.choose_certificate(sorted(certificates, key=module.rank, reverse=True), "RSA_2048")
    return chosen and chosen["CertificateArn"]


def test_an_issued_certificate_is_preferred_to_a_newer_request():
    assert choose(certificate("request", "PENDING_VALIDATION", day=9), certificate("issued")) == "issued"


def test_among_equals_the_newest_is_taken():
    assert choose(certificate("old"), certificate("new", day=2)) == "new"


@pytest.mark.parametrize("status", ["EXPIRED", "FAILED", "REVOKED", "VALIDATION_TIMED_OUT", "INACTIVE"])
def test_a_certificate_that_cannot_serve_is_not_used(status):
    assert choose(certificate("c", status)) is None


def test_another_key_algorithm_is_another_certificate():
    assert choose(certificate("c", KeyAlgorithm="EC_prime256v1")) is None


@pytest.mark.parametrize("method", ["EMAIL", "HTTP"])
def test_a_certificate_that_is_not_validated_by_dns_is_not_used(method):
    options = [{**validation("ehr.example.org"), "ValidationMethod": "DNS"}]
    mixed = [*options, {"DomainName": "dr.example.org", "ValidationMethod": method}]
    assert choose(certificate("c", DomainValidationOptions=mixed)) is None
    assert choose(certificate("other", day=9, DomainValidationOptions=mixed), certificate("dns")) == "dns"
    assert choose(certificate("c", DomainValidationOptions=options)) == "c"


def test_a_request_whose_method_is_not_told_yet_is_used():
    untold = certificate("c", "PENDING_VALIDATION", DomainValidationOptions=[{"DomainName": "ehr.example.org"}])
    assert choose(untold) == "c" and choose(certificate("c", "PENDING_VALIDATION")) == "c"


@pytest.mark.parametrize(
    ("change", "ours"),
    [
        ({}, True),
        ({"SubjectAlternativeNames": ["DR.example.org", "ehr.example.org"]}, True),
        ({"SubjectAlternativeNames": ["ehr.example.org"]}, False),
        ({"SubjectAlternativeNames": ["ehr.example.org", "dr.example.org", "x.example.org"]}, False),
        ({"Type": "IMPORTED"}, False),
    ],
)
def test_the_names_have_to_be_exactly_these(change, ours):
    assert module.is_ours(certificate("c", **change), PARAMS) is ours


def test_the_request_names_each_name_once_and_has_one_token():
    request = module.build_request({**PARAMS, "sans": ["dr.example.org", "EHR.example.org"]})
    assert request["SubjectAlternativeNames"] == ["dr.example.org"]
    assert request["IdempotencyToken"] == module.build_request({**PARAMS})["IdempotencyToken"]
    assert len(request["IdempotencyToken"]) <= 32


def test_a_record_shared_by_two_names_is_written_once():
    described = certificate("c", DomainValidationOptions=[validation("example.org"), validation("example.org")])
    assert len(module.build_validation_records(described, 300)) == 1


def test_records_are_complete_only_when_every_name_has_one():
    options = [validation("a.org"), {"DomainName": "b.org"}]
    assert not module.has_validation_records(certificate("c", DomainValidationOptions=options))
    assert not module.has_validation_records(certificate("c"))


def test_a_record_that_is_served_with_another_ttl_is_not_missing():
    described = certificate("c", DomainValidationOptions=[validation("a.org"), validation("b.org")])
    wanted = module.build_validation_records(described, 300)
    present = module.build_validation_records(
        certificate("c", DomainValidationOptions=[validation("a.org", "V.acm-validations.aws")]), 60
    )
    assert [record["Name"] for record in module.missing_records(wanted, present)] == ["_x.b.org."]


def test_a_certificate_that_fails_says_why():
    failed = certificate("c", "FAILED", FailureReason="CAA_ERROR")
    assert module.failure_of(failed) == "certificate c is FAILED (CAA_ERROR)"
    assert module.failure_of(certificate("c", "PENDING_VALIDATION")) is None
    assert "deleted" in module.failure_of(None)


def test_a_name_outside_the_zone_is_refused():
    with pytest.raises(Refused, match="dr.example.com"):
        module.check_zone_covers({"Name": "example.org."}, {**PARAMS, "sans": ["dr.example.com"]})


def test_a_wildcard_and_the_zone_itself_are_in_the_zone():
    module.check_zone_covers({"Name": "example.org."}, {"domain": "example.org", "sans": ["*.example.org"]})


class Acm:
    """What is said of one certificate, look by look; the last answer stays."""

    def __init__(self, *answers):
        self.answers = list(answers)

    def describe_certificate(self, CertificateArn, aws_retry):
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if answer is None:
            raise ClientError({"Error": {"Code": "ResourceNotFoundException", "Message": "no"}}, "DescribeCertificate")
        return {"Certificate": answer}


def wait_for_records(*answers):
    params = {**PARAMS, "poll_seconds": 0.001}
    return module.wait_for_records(Acm(*answers), "c", params, module.TimeLeft(1))


def test_a_request_that_fails_at_once_is_not_waited_for():
    failed = certificate("c", "FAILED", FailureReason="CAA_ERROR")
    with pytest.raises(MultiregionError, match=r"certificate c is FAILED \(CAA_ERROR\)"):
        wait_for_records(certificate("c", "PENDING_VALIDATION"), failed)


def test_a_request_that_is_not_found_yet_is_waited_for():
    ready = certificate("c", "PENDING_VALIDATION", DomainValidationOptions=[validation("a.org")])
    assert wait_for_records(None, certificate("c", "PENDING_VALIDATION"), ready) == ready
