# SPDX-License-Identifier: GPL-3.0-or-later
"""A JWT authorizer's look at a token: issuer, audience, times, scopes. Pure.

The signature is not checked: the issuer's keys lie on the internet, where this stand-in must not go. A rehearsal shows
that a route without a token is closed, not that a forged one is.
https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-jwt-authorizer.html
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterable
from typing import Any

BEARER = "bearer "


def read_claims(header: str) -> dict[str, Any] | None:
    """The claims of a bearer token; none for something else."""
    token = header[len(BEARER) :] if header.lower().startswith(BEARER) else header
    parts = token.strip().split(".")
    if len(parts) != 3:
        return None
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (ValueError, binascii.Error):
        return None
    return claims if isinstance(claims, dict) else None


def is_valid(claims: dict[str, Any], issuer: str, audience: Iterable[str], now: float) -> bool:
    """The checks that API Gateway lists, but for the signature."""
    named = claims.get("aud", claims.get("client_id"))
    given = set(named) if isinstance(named, list) else {named}
    wanted = set(audience)
    return (
        claims.get("iss") == issuer
        and (not wanted or bool(given & wanted))
        and float(claims.get("exp") or 0) > now
        and float(claims.get("nbf") or 0) <= now
    )


def has_scope(claims: dict[str, Any], wanted: Iterable[str]) -> bool:
    scopes = set(wanted)
    return not scopes or bool(scopes & set(str(claims.get("scope") or claims.get("scp") or "").split()))
