# SPDX-License-Identifier: GPL-3.0-or-later
"""What every part of the seed needs: clients of one world, names and tags of one region, waits, addresses."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import boto3
import dns.resolver
from botocore.config import Config

from rehearsal.settings import ACCESS_KEY, SECRET_KEY, Settings

LOOK_SECONDS = 0.1
WAIT_SECONDS_MAX = 90.0
# No retries: a refusal of the stand-in is an error of the seed, and has to be seen.
CONFIG = Config(retries={"total_max_attempts": 1}, read_timeout=120, max_pool_connections=4)


class SeedError(RuntimeError):
    """The world before could not be built."""


@dataclass
class Aws:
    """One client per service and region; making one costs a tenth of a second, so they are kept."""

    settings: Settings
    _session: boto3.Session = field(default_factory=lambda: boto3.Session(ACCESS_KEY, SECRET_KEY))
    _clients: dict[tuple[str, str], Any] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def client(self, service: str, region: str = "us-east-1") -> Any:
        with self._lock:
            found = self._clients.get((service, region))
            if found is None:
                found = self._session.client(service, region, endpoint_url=self.settings.api_url, config=CONFIG)
                self._clients[service, region] = found
            return found

    def find_address(self, name: str) -> str:
        """The address of one of the world's own names, which may be so new that DNS does not have it yet."""
        host, _, port = self.settings.resolver.rpartition(":")
        resolver = dns.resolver.Resolver(configure=False)
        resolver.nameservers, resolver.port, resolver.lifetime = [host], int(port), 5.0
        found: list[str] = []

        def look() -> str:
            try:
                found.extend(row.address for row in resolver.resolve(name, "A"))
            except dns.exception.DNSException as problem:
                return f"unknown at {self.settings.resolver} ({problem})"
            return "known"

        wait_for(name, look, "known")
        return found[0]


@dataclass(frozen=True)
class Place:
    """One region of the estate."""

    aws: Aws
    estate: dict[str, Any]
    region: str

    def client(self, service: str) -> Any:
        return self.aws.client(service, self.region)

    def name(self, thing: str) -> str:
        return f"{self.estate['workload']}-{thing}-{self.region}"

    @property
    def plan(self) -> dict[str, Any]:
        return self.estate["regions"][self.region]

    @property
    def tags(self) -> dict[str, str]:
        return {"Workload": self.estate["workload"], "Environment": self.estate["environment"]}

    def role_arn(self, name: str) -> str:
        return f"arn:aws:iam::{self.estate['account']}:role/{name}"


def tag_list(tags: dict[str, str], key: str = "Key", value: str = "Value") -> list[dict[str, str]]:
    """Tags as most services want them; ECS writes key and value in lower case."""
    return [{key: name, value: text} for name, text in tags.items()]


def wait_for(what: str, look: Callable[[], str], wanted: str, clock=time.monotonic, sleep=time.sleep) -> None:
    """Look until the state is the wanted one; a state that contains "fail" ends the wait."""
    end = clock() + WAIT_SECONDS_MAX
    state = look()
    while state != wanted:
        if "fail" in state.lower() or clock() > end:
            raise SeedError(f"{what} is {state}; expected {wanted} within {WAIT_SECONDS_MAX:.0f} s.")
        sleep(LOOK_SECONDS)
        state = look()
