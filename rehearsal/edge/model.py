# SPDX-License-Identifier: GPL-3.0-or-later
"""Balancers, listeners and target groups as the cloud's control API describes them; values only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

# A probe over loopback on a busy machine must not fail for being scaled.
PROBE_TIMEOUT_S_MIN = 1.0
# As often as AWS's 30 seconds in a rehearsal, however fast its time passes; more would only take the machine from what
# is rehearsed.
PROBE_INTERVAL_S_MIN = 0.5


@dataclass(frozen=True)
class HealthCheck:
    """How a target is probed; the interval and timeout are AWS seconds."""

    protocol: str
    path: str
    port: str
    interval_s: float
    timeout_s: float
    healthy_count: int
    unhealthy_count: int
    codes: frozenset[int]

    def real_interval_s(self, scale: float) -> float:
        return max(PROBE_INTERVAL_S_MIN, self.interval_s / scale)

    def real_timeout_s(self, scale: float) -> float:
        return max(PROBE_TIMEOUT_S_MIN, self.timeout_s / scale)


@dataclass(frozen=True)
class Target:
    address: str
    port: int
    draining: bool

    @property
    def key(self) -> str:
        return f"{self.address}:{self.port}"


@dataclass(frozen=True)
class TargetGroup:
    arn: str
    health_check: HealthCheck
    # Seconds that a client stays with its target; 0 without stickiness.
    sticky_s: int
    targets: tuple[Target, ...]


@dataclass(frozen=True)
class Certificate:
    certificate_path: str
    key_path: str


@dataclass(frozen=True)
class Listener:
    port: int
    certificate: Certificate | None
    actions: tuple[dict[str, Any], ...]


@dataclass(frozen=True)
class Balancer:
    arn: str
    name: str
    address: str
    idle_timeout_s: float
    # Share of the answers to writes that are dropped instead of sent.
    lost_answers: float
    listeners: tuple[Listener, ...]
    groups: tuple[TargetGroup, ...]


def read_balancer(row: dict[str, Any]) -> Balancer:
    return Balancer(
        arn=row["arn"],
        name=row["name"],
        address=row["address"],
        idle_timeout_s=float(row["idle_timeout_s"]),
        lost_answers=float(row.get("lost_answers", 0)),
        listeners=tuple(_read_listener(listener) for listener in row["listeners"]),
        groups=tuple(_read_group(group) for group in row["target_groups"]),
    )


def _read_listener(row: dict[str, Any]) -> Listener:
    certificate = None
    if row["protocol"] == "HTTPS":
        certificate = Certificate(row["certificate_pem_path"], row["key_path"])
    return Listener(int(row["port"]), certificate, tuple(row["actions"]))


def _read_group(row: dict[str, Any]) -> TargetGroup:
    check, sticky = row["health_check"], row["stickiness"]
    return TargetGroup(
        arn=row["arn"],
        health_check=HealthCheck(
            protocol=check["protocol"],
            path=check["path"],
            port=str(check["port"]),
            interval_s=float(check["interval_s"]),
            timeout_s=float(check["timeout_s"]),
            healthy_count=int(check["healthy_threshold"]),
            unhealthy_count=int(check["unhealthy_threshold"]),
            codes=parse_matcher(check["matcher"]),
        ),
        sticky_s=int(sticky["duration_s"]) if sticky["enabled"] else 0,
        targets=tuple(Target(row["id"], int(row["port"]), row["state"] == "draining") for row in row["targets"]),
    )


def parse_matcher(text: str) -> frozenset[int]:
    """Success codes as AWS writes them: "200", "200,401", "200-299"."""
    codes: set[int] = set()
    for part in text.split(","):
        first, _, last = part.strip().partition("-")
        codes.update(range(int(first), int(last or first) + 1))
    return frozenset(codes)
