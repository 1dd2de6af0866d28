# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""KMS keys: what a name stands for. Services answer with the ARN, people write the alias."""

from __future__ import annotations

from typing import Any

from ansible_collections.medzen.multiregion.plugins.module_utils.aws import describe


@describe("describe key {name}", missing=("NotFoundException",))
def describe_key(client: Any, name: str) -> dict | None:
    """The key that an alias, identifier or ARN names, or None."""
    return client.describe_key(KeyId=name, aws_retry=True)["KeyMetadata"]
