# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Creations without an idempotency token: what an unanswered call may have made is looked for before the next try.

The call must go out once: clients repeat what was not answered, and each repetition would make another one.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

with contextlib.suppress(ImportError):  # AnsibleAWSModule reports the missing library
    from botocore.config import Config

from ansible_collections.medzen.multiregion.plugins.module_utils.aws import THROTTLE_CODES
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import AwsError
from ansible_collections.medzen.multiregion.plugins.module_utils.wait import wait_until

# Refused for now, and nothing was done.
LATER = (*THROTTLE_CODES, "Throttling", "RequestLimitExceeded", "TooManyRequestsException")


def single_try_client(module: Any, service: str) -> Any:
    """A client that sends every call once; its calls take no `aws_retry`."""
    return module.client(service, config=Config(retries={"total_max_attempts": 1}))


def is_unanswered(error: AwsError) -> bool:
    """Whether the service may have done what it did not confirm."""
    answer = getattr(error.exception, "response", None) or {}
    return error.code is None or answer.get("ResponseMetadata", {}).get("HTTPStatusCode", 0) >= 500


def create_once(
    create: Callable[[], Any], find: Callable[[], Any], what: str, timeout_s: float, poll_seconds: float
) -> Any:
    """What `create` returns or, when its answer was lost, what `find` finds of it.

    A listing can be a moment behind, so a lost creation is looked for after a pause, and made again only then.
    """
    lost = False

    def attempt() -> Any:
        nonlocal lost
        found = find() if lost else None
        if found is not None:
            return found
        try:
            return create()
        except AwsError as error:
            if not is_unanswered(error) and error.code not in LATER:
                raise
            lost = lost or is_unanswered(error)
        return None

    return wait_until(
        attempt,
        lambda made: made is not None,
        f"{what} to be made",
        timeout_s,
        poll_seconds,
        text=lambda made: "not confirmed" if made is None else "made",
    )
