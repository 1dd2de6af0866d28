# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tags: a dict on our side, a list of Key and Value on AWS's."""

from __future__ import annotations

from ansible_collections.amazon.aws.plugins.module_utils.tagging import (
    ansible_dict_to_boto3_tag_list,
    boto3_tag_list_to_ansible_dict,
    compare_aws_tags,
)

ARGUMENTS = {
    "tags": {"type": "dict", "aliases": ["resource_tags"]},
    "purge_tags": {"type": "bool", "default": True},
}


def to_boto(tags: dict | None, key: str = "Key", value: str = "Value") -> list[dict]:
    """A dict as the list that most services take; values become text."""
    return ansible_dict_to_boto3_tag_list(tags or {}, key, value)


def from_boto(tags: list[dict] | None) -> dict[str, str]:
    """A service's list as a dict."""
    return boto3_tag_list_to_ansible_dict(tags or [])


def diff_tags(present: dict[str, str], wanted: dict | None, purge: bool = True) -> tuple[dict[str, str], list[str]]:
    """Tags to set and keys to remove. No wanted tags given means that tags are left alone."""
    if wanted is None:
        return {}, []
    to_set, to_remove = compare_aws_tags(present, {key: str(value) for key, value in wanted.items()}, purge)
    return to_set, sorted(to_remove)
