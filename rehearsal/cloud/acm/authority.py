# SPDX-License-Identifier: GPL-3.0-or-later
"""The world's own certificate authority: `ca.pem` for clients to trust, `ca-key.pem` that never leaves the folder."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

CERTIFICATE_FILE, KEY_FILE = "ca.pem", "ca-key.pem"
AUTHORITY_DAYS, LEAF_DAYS = 3650, 395


class Authority:
    """Signs server certificates."""

    def __init__(self, certificate: x509.Certificate, key: Any) -> None:
        self._certificate = certificate
        self._key = key

    @property
    def certificate_pem(self) -> bytes:
        return self._certificate.public_bytes(serialization.Encoding.PEM)

    @classmethod
    def load_or_create(cls, folder: Path) -> Authority:
        """The authority kept in a folder; made there when there is none."""
        certificate_path, key_path = folder / CERTIFICATE_FILE, folder / KEY_FILE
        if certificate_path.exists() and key_path.exists():
            key = serialization.load_pem_private_key(key_path.read_bytes(), None)
            return cls(x509.load_pem_x509_certificate(certificate_path.read_bytes()), key)
        authority = cls._create(folder.name)
        _write(key_path, key_pem(authority._key), 0o600)
        _write(certificate_path, authority.certificate_pem, 0o644)
        return authority

    @classmethod
    def _create(cls, world: str) -> Authority:
        key = ec.generate_private_key(ec.SECP256R1())
        name = _name(f"Rehearsal CA of {world}")
        builder = _builder(name, name, key.public_key(), AUTHORITY_DAYS)
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        builder = builder.add_extension(_usage(sign=True), critical=True)
        builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        return cls(builder.sign(key, hashes.SHA256()), key)

    def issue(self, names: list[str], key_algorithm: str = "EC_prime256v1") -> tuple[bytes, bytes]:
        """Certificate and key (PEM) of a server with these names."""
        key = generate_key(key_algorithm)
        builder = _builder(_name(names[0]), self._certificate.subject, key.public_key(), LEAF_DAYS)
        own = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
        issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        for extension, critical in (
            (x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), False),
            (x509.BasicConstraints(ca=False, path_length=None), True),
            (_usage(sign=False), True),
            (x509.ExtendedKeyUsage([x509.ExtendedKeyUsageOID.SERVER_AUTH]), False),
            (own, False),
            (issuer, False),
        ):
            builder = builder.add_extension(extension, critical=critical)
        certificate = builder.sign(self._key, hashes.SHA256())
        return certificate.public_bytes(serialization.Encoding.PEM), key_pem(key)


def generate_key(key_algorithm: str) -> Any:
    if key_algorithm == "RSA_2048":
        return rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return ec.generate_private_key(ec.SECP384R1() if key_algorithm == "EC_secp384r1" else ec.SECP256R1())


def key_pem(key: Any) -> bytes:
    plain = serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)


def _builder(subject: x509.Name, issuer: x509.Name, public_key: Any, days: int) -> x509.CertificateBuilder:
    # A day back, so that no clock finds it not yet valid.
    start = datetime.now(UTC) - timedelta(days=1)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + timedelta(days=days))
    )


def _name(common_name: str) -> x509.Name:
    # A common name holds 64 characters; the names that count are the alternative ones.
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, common_name[:64])])


def _usage(*, sign: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=not sign,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=sign,
        crl_sign=sign,
        encipher_only=False,
        decipher_only=False,
    )


def _write(path: Path, content: bytes, mode: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
