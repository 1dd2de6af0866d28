# SPDX-License-Identifier: GPL-3.0-or-later
"""A client of a world's AWS API, as an operator has one."""

from __future__ import annotations

from typing import Any

import boto3

from rehearsal.settings import ACCESS_KEY, SECRET_KEY, Settings


def connect(settings: Settings, service: str, region: str, **more: Any) -> Any:
    """boto3's client of a service in a region, with its usual retries unless `more` says otherwise."""
    return boto3.client(
        service,
        region_name=region,
        endpoint_url=settings.api_url,
        aws_access_key_id=ACCESS_KEY,
        aws_secret_access_key=SECRET_KEY,
        **more,
    )
