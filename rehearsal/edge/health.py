# SPDX-License-Identifier: GPL-3.0-or-later
"""Health of targets: a probe's result, and the state that results add up to."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from dataclasses import dataclass

from rehearsal.edge.model import HealthCheck, Target

INITIAL, HEALTHY, UNHEALTHY = "initial", "healthy", "unhealthy"


@dataclass(frozen=True)
class Failure:
    """Why a probe failed, in the words of DescribeTargetHealth."""

    reason: str
    description: str


REGISTERING = Failure("Elb.RegistrationInProgress", "Target registration is in progress")
CHECKING = Failure("Elb.InitialHealthChecking", "Initial health checks in progress")


class TargetHealth:
    """The state of one target: the first good probe is enough for a new one, later changes take the thresholds."""

    def __init__(self) -> None:
        self.state = INITIAL
        self.why: Failure | None = REGISTERING
        self._streak = 0

    def add(self, failure: Failure | None, check: HealthCheck) -> None:
        """Take one probe's result; None is a good one."""
        if failure is None:
            self._passed(check)
        else:
            self._failed(failure, check)

    def _passed(self, check: HealthCheck) -> None:
        self._streak = max(0, self._streak) + 1
        if self.state == INITIAL or self._streak >= check.healthy_count:
            self.state, self.why = HEALTHY, None

    def _failed(self, failure: Failure, check: HealthCheck) -> None:
        self._streak = min(0, self._streak) - 1
        if -self._streak >= check.unhealthy_count:
            self.state, self.why = UNHEALTHY, failure
        elif self.state == INITIAL:
            self.why = CHECKING

    def row(self) -> dict[str, str]:
        why = self.why or Failure("", "")
        return {"state": self.state, "reason": why.reason, "description": why.description}


async def probe(target: Target, check: HealthCheck, timeout_s: float) -> Failure | None:
    """Ask a target for its health; None when it is good."""
    try:
        status = await asyncio.wait_for(_ask_status(target, check), timeout_s)
    except TimeoutError:
        return Failure("Target.Timeout", "Request timed out")
    except (OSError, ValueError, IndexError):
        return Failure("Target.FailedHealthChecks", "Health checks failed")
    if status not in check.codes:
        return Failure("Target.ResponseCodeMismatch", f"Health checks failed with these codes: [{status}]")
    return None


async def _ask_status(target: Target, check: HealthCheck) -> int:
    port = target.port if check.port == "traffic-port" else int(check.port)
    # As AWS does: a target's certificate is not verified.
    tls = ssl._create_unverified_context() if check.protocol == "HTTPS" else None
    reader, writer = await asyncio.open_connection(target.address, port, ssl=tls)
    try:
        head = f"GET {check.path} HTTP/1.1\r\nHost: {target.address}:{port}\r\n"
        writer.write(f"{head}User-Agent: ELB-HealthChecker/2.0\r\nConnection: close\r\n\r\n".encode())
        return int((await reader.readline()).split()[1])
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
