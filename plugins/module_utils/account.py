# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The account that the credentials belong to."""

from __future__ import annotations

from typing import Any

from ansible_collections.medzen.multiregion.plugins.module_utils.aws import describe


@describe("find out the account of the credentials")
def read_account(sts: Any) -> str:
    return sts.get_caller_identity(aws_retry=True)["Account"]
