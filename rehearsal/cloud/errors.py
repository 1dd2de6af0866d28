# SPDX-License-Identifier: GPL-3.0-or-later
"""What a layer raises: ApiError refuses a call in the shape of its protocol, ConnectionDropped leaves it unanswered."""

from __future__ import annotations


class ApiError(Exception):
    """A refusal as AWS words it: error code, message, HTTP status."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status


class ConnectionDropped(Exception):
    """The caller must get no answer, whether the call took effect or not."""


class NoEndpoint(ConnectionDropped):
    """The service has no host name in this region, so that no call reaches it."""


def dependency_violation(what: str, name: str, dependent: str) -> ApiError:
    """EC2's refusal to delete what is in use, naming what uses it."""
    return ApiError("DependencyViolation", f"The {what} '{name}' has dependencies and cannot be deleted: {dependent}")


def not_available(what: str, name: str, state: str, code: str = "InvalidDBInstanceState") -> ApiError:
    """RDS's refusal to touch what is in another state."""
    return ApiError(code, f"{what} {name} is not in available state: it is {state}.")
