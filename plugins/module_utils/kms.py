# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""KMS keys: what a name stands for. Services answer with the ARN, people write the alias."""

from __future__ import annotations

from typing import Any

from ansible_collections.medzen.multiregion.plugins.module_utils.aws import describe
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import Refused


@describe("describe key {name}", missing=("NotFoundException",))
def describe_key(client: Any, name: str) -> dict | None:
    """The key that an alias, identifier or ARN names, or None."""
    return client.describe_key(KeyId=name, aws_retry=True)["KeyMetadata"]


def require_key_arn(client: Any, name: str, option: str) -> str:
    """The ARN of the key in the client's region that an option names; refused when there is none."""
    region = client.meta.region_name
    found = name if name.startswith("arn:") else None
    if found is None or ":alias/" in name:
        key = describe_key(client, name)
        found = key["Arn"] if key else None
    if found is None or found.split(":")[3] != region:
        raise Refused(
            f"The option {option} names no key of {region}",
            found=found or f"no key {name}",
            expected=f"a key, or an alias of one, in {region}",
            next_step=f"make the key in {region}, or correct {option}",
            result={"reason": "invalid_option"},
        )
    return found
