# SPDX-License-Identifier: GPL-3.0-or-later
"""The record that proves a domain: the same in every region of an account, so one record serves all certificates."""

from __future__ import annotations

import hashlib

from moto.route53.models import route53_backends

from rehearsal.settings import ACCOUNT_ID


def validation_record(account: str, domain: str) -> dict[str, str]:
    """The CNAME that ACM asks for; a wildcard is proved by its parent name."""
    name = domain.removeprefix("*.").lower().rstrip(".")
    return {
        "Name": f"_{_digest(account, name, 'name')}.{name}.",
        "Type": "CNAME",
        "Value": f"_{_digest(account, name, 'value')}.{_digest(account, name, 'zone')[:10]}.acm-validations.aws.",
    }


def _digest(*parts: str) -> str:
    return hashlib.sha256("/".join(parts).encode()).hexdigest()[:32]


def is_published(record: dict[str, str]) -> bool:
    """Whether a public zone of the stand-in has the record."""
    name, value = _plain(record["Name"]), _plain(record["Value"])
    for zone in list(route53_backends[ACCOUNT_ID]["aws"].zones.values()):
        if zone.private_zone or not name.endswith(f".{_plain(zone.name)}"):
            continue
        for record_set in zone.rrsets:
            if record_set.type == "CNAME" and _plain(record_set.name) == name:
                return value in [_plain(one) for one in record_set.records]
    return False


def _plain(name: str) -> str:
    return name.lower().rstrip(".")
