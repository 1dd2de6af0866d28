# SPDX-License-Identifier: GPL-3.0-or-later
from datetime import datetime

import pytest
from ansible_collections.medzen.multiregion.plugins.modules.region_state_info import read_certificate

UNLESS_ASKED = ("RSA_1024", "RSA_2048")


class Acm:
    """ACM with issued certificates of one domain, given by ARN, key and day; it lists RSA unless asked for more."""

    def __init__(self, *certificates):
        self.certificates = certificates

    def get_paginator(self, _operation):
        return self

    def paginate(self, Includes=None, CertificateStatuses=None):  # noqa: N803
        assert CertificateStatuses == ["ISSUED"]
        self.key_types = (Includes or {}).get("keyTypes", UNLESS_ASKED)
        return self

    def build_full_result(self):
        listed = [arn for arn, key, _day in self.certificates if key in self.key_types]
        return {"CertificateSummaryList": [{"CertificateArn": arn, "DomainName": "ehr.x"} for arn in listed]}

    def describe_certificate(self, CertificateArn, **_request):  # noqa: N803
        day = next(day for arn, _key, day in self.certificates if arn == CertificateArn)
        return {"Certificate": {"CertificateArn": CertificateArn, "CreatedAt": datetime(2026, 11, day)}}


@pytest.mark.parametrize("key", ["RSA_2048", "RSA_4096", "EC_prime256v1", "EC_secp384r1"])
def test_a_certificate_is_found_whatever_its_key(key):
    assert read_certificate(Acm(("arn:1", key, 1)), "ehr.x") == "arn:1"


def test_the_newest_is_taken_whatever_its_key():
    assert read_certificate(Acm(("arn:rsa", "RSA_2048", 1), ("arn:ec", "EC_prime256v1", 2)), "ehr.x") == "arn:ec"


def test_one_of_another_domain_is_none():
    assert read_certificate(Acm(("arn:1", "RSA_2048", 1)), "other.x") is None
