# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificate Manager: real certificates of the world's own CA, issued while the validation record is in a zone.

https://docs.aws.amazon.com/acm/latest/userguide/dns-validation.html
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from moto.acm.models import CertBundle, acm_backends
from moto.apigatewayv2.models import apigatewayv2_backends
from moto.elbv2.models import elbv2_backends

from rehearsal.cloud.acm.authority import Authority
from rehearsal.cloud.acm.validation import is_published, validation_record
from rehearsal.cloud.errors import ApiError
from rehearsal.cloud.operations import Call
from rehearsal.cloud.world_state import World
from rehearsal.settings import ACCOUNT_ID

# DescribeCertificate names the validation record a few seconds after the request, not at once.
RECORD_SECONDS = 5.0
ISSUED_ONLY = ("Serial", "NotBefore", "NotAfter", "IssuedAt", "SignatureAlgorithm", "Issuer")
KEY_ALGORITHMS = ("RSA_2048", "EC_prime256v1", "EC_secp384r1")


def install(world: World) -> None:
    world.folder.mkdir(parents=True, exist_ok=True)
    Certificates(world, Authority.load_or_create(world.folder)).install()


class Certificates:
    """moto's certificates with real keys, real names and states read off the clock."""

    def __init__(self, world: World, authority: Authority) -> None:
        self._world = world
        self._authority = authority
        self._key_algorithm = KEY_ALGORITHMS[0]
        self._method = "DNS"

    def install(self) -> None:
        layer, moto_describe = self, CertBundle.describe

        def describe(bundle: CertBundle) -> dict[str, Any]:
            bundle.in_use_by = users_of(bundle.arn)
            return moto_describe(bundle) if bundle.type != "AMAZON_ISSUED" else layer.describe(bundle, moto_describe)

        def generate(
            cls: type[CertBundle], domain_name: str, account_id: str, region: str, sans: Any = None, **_: Any
        ) -> CertBundle:
            return layer.generate(domain_name, account_id, region, sans or [])

        CertBundle.describe = describe
        CertBundle.generate_cert = classmethod(generate)
        CertBundle.check = lambda bundle: layer.check(bundle)
        operations = self._world.operations
        operations.before("acm", "RequestCertificate", self.check_request)
        operations.before("acm", "DeleteCertificate", check_delete)
        operations.before("acm", "GetCertificate", check_get)
        operations.after("acm", "RequestCertificate", lambda call: self.check_all())
        operations.after("route53", "ChangeResourceRecordSets", lambda call: self.check_all())

    def check_request(self, call: Call) -> None:
        """Note what moto does not hand on. AWS's default is e-mail, which nobody here answers: that stays pending."""
        self._method = call.get("ValidationMethod") or "EMAIL"
        if self._method not in ("DNS", "EMAIL"):
            raise NotImplementedError(f"certificates with ValidationMethod {self._method}")
        self._key_algorithm = call.get("KeyAlgorithm") or KEY_ALGORITHMS[0]
        if self._key_algorithm not in KEY_ALGORITHMS:
            raise NotImplementedError(f"certificates with KeyAlgorithm {self._key_algorithm}")

    def generate(self, domain: str, account_id: str, region: str, sans: list[str]) -> CertBundle:
        names = list(dict.fromkeys([domain, *sans]))
        certificate, key = self._authority.issue(names, self._key_algorithm)
        bundle = CertBundle(
            account_id, certificate, key, region=region, cert_type="AMAZON_ISSUED", cert_status="PENDING_VALIDATION"
        )
        bundle.chain = self._authority.certificate_pem
        bundle.medzen_requested_at = self._world.clock.now()
        bundle.medzen_timed = None
        bundle.medzen_method = self._method
        return bundle

    def check_all(self) -> None:
        """Look at what waits: a validation starts when its record appears, not when somebody asks."""
        for bundle in iter_certificates():
            self.check(bundle)

    def check(self, bundle: CertBundle) -> None:
        """Bring a certificate's state up to this moment."""
        waits = bundle.type == "AMAZON_ISSUED" and bundle.status == "PENDING_VALIDATION"
        if not waits or bundle.medzen_method != "DNS":
            return
        if not all(is_published(validation_record(ACCOUNT_ID, name)) for name in bundle.sans):
            bundle.medzen_timed = None
        elif bundle.medzen_timed is None:
            bundle.medzen_timed = self._world.clock.start("acm_issue", bundle.arn, region_of(bundle.arn))
        elif bundle.medzen_timed.done():
            bundle.status = "ISSUED"

    def describe(self, bundle: CertBundle, moto_describe: Any) -> dict[str, Any]:
        self.check(bundle)
        certificate = moto_describe(bundle)["Certificate"]
        # A subject's common name is cut at 64 characters.
        certificate["DomainName"] = bundle.sans[0]
        certificate["DomainValidationOptions"] = [self._validation(bundle, name) for name in bundle.sans]
        if bundle.status == "ISSUED":
            certificate["IssuedAt"] = datetime.fromtimestamp(bundle.medzen_timed.end, UTC)
        else:
            certificate = {name: value for name, value in certificate.items() if name not in ISSUED_ONLY}
        return {"Certificate": certificate}

    def _validation(self, bundle: CertBundle, name: str) -> dict[str, Any]:
        option = {
            "DomainName": name,
            "ValidationDomain": name,
            "ValidationMethod": bundle.medzen_method,
            "ValidationStatus": "SUCCESS" if bundle.status == "ISSUED" else bundle.status,
        }
        named_at = bundle.medzen_requested_at + self._world.clock.scaled(RECORD_SECONDS)
        if bundle.medzen_method == "DNS" and self._world.clock.now() >= named_at:
            option["ResourceRecord"] = validation_record(ACCOUNT_ID, name)
        return option


def iter_certificates() -> Iterator[CertBundle]:
    for backend in list(acm_backends[ACCOUNT_ID].values()):
        yield from list(backend._certificates.values())


def region_of(arn: str) -> str:
    return arn.split(":")[3]


def find_certificate(arn: str) -> CertBundle | None:
    """A certificate with its state of this moment; None when there is none (or it is not ACM's)."""
    parts = arn.split(":")
    if len(parts) < 6 or parts[2] != "acm":
        return None
    bundle = acm_backends[ACCOUNT_ID][parts[3]]._certificates.get(arn)
    if bundle is not None:
        bundle.check()
    return bundle


def users_of(arn: str) -> list[str]:
    """ARNs of the balancers whose listeners, and of the domain names of APIs, that present a certificate."""
    balancers = elbv2_backends[ACCOUNT_ID][region_of(arn)].load_balancers.values()
    users = [
        balancer.arn
        for balancer in balancers
        if any(arn in (one.certificate, *one.certificates) for one in balancer.listeners.values())
    ]
    domains = apigatewayv2_backends[ACCOUNT_ID][region_of(arn)].domain_names.values()
    return users + [
        domain.domain_name_arn
        for domain in domains
        if any(row.get("certificateArn") == arn for row in domain.domain_name_configurations)
    ]


def check_delete(call: Call) -> None:
    users = users_of(call.get("CertificateArn", ":::"))
    if users:
        text = f"Certificate {call.get('CertificateArn')} is in use by {', '.join(users)}"
        raise ApiError("ResourceInUseException", text)


def check_get(call: Call) -> None:
    bundle = find_certificate(call.get("CertificateArn", ""))
    if bundle is not None and bundle.status == "PENDING_VALIDATION":
        raise ApiError("RequestInProgressException", f"The certificate request is pending: {bundle.arn}")


def write_files(world: World, bundle: CertBundle) -> tuple[Path, Path]:
    """Certificate and key as files for the edge process; written once."""
    folder = world.folder / "certificates"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    name = bundle.arn.rpartition("/")[2]
    certificate, key = folder / f"{name}.pem", folder / f"{name}.key"
    for path, content in ((certificate, bundle.cert), (key, bundle.key)):
        if not path.exists():
            part = path.with_name(f"{path.name}.part")
            descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
            part.replace(path)
    return certificate, key
