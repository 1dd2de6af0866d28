# SPDX-License-Identifier: GPL-3.0-or-later
"""World: what the layers of one stand-in cloud share. A layer's `install(world)` receives it.

A layer changes AWS's behaviour in one of these ways, from the simplest on:
- `world.operations.before(service, operation, check)`: `check(call)` runs before moto and may raise `ApiError`;
- `world.operations.after(service, operation, change)`: `change(call)` runs after moto answered with success;
- `world.operations.handle(service, operation, answer)`: `answer(call) -> dict` in botocore's shape instead of moto;
- replacing methods of moto's models, for states that are computed when they are read;
- `world.later(timed, action)`: what becomes true when a timed state ends.
`service` is botocore's service name. All of them run under `world.lock`; slow work belongs into a thread of its own, or
is handed back as `Outside(work)` by the handler that must wait for it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from rehearsal.cloud.clock import Clock, Timed, load_durations
from rehearsal.cloud.faults import Faults
from rehearsal.cloud.ledger import Ledger
from rehearsal.cloud.lost_regions import LostRegions
from rehearsal.cloud.operations import Operations
from rehearsal.processes import Processes
from rehearsal.settings import ADDRESS_RANGES, Settings

ControlHandler = Callable[[str, Any, dict[str, str]], Any]


class Sleeper(Protocol):
    """A layer with threads or processes of its own: they end before the world is copied, and begin again after."""

    # Whether what begins again looks for others by name at once, so that the name servers have to be there first.
    needs_names: bool

    def busy(self) -> str:
        """What is under way and would not survive a copy; empty when nothing is."""

    def freeze(self) -> None: ...

    def thaw(self) -> None: ...

    def is_awake(self) -> bool:
        """Whether what was begun again answers."""


class Addresses:
    """Loopback addresses by kind; one is never given twice in a world's life."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._given = dict.fromkeys(ADDRESS_RANGES, 0)
        self._lock = threading.Lock()

    def allocate(self, kind: str) -> str:
        with self._lock:
            third, fourth = divmod(self._given[kind], 254)
            self._given[kind] += 1
        numbers = ADDRESS_RANGES[kind]
        if third >= len(numbers):
            raise RuntimeError(f"World {self._settings.world} has no {kind} address left; wipe it and start again.")
        return self._settings.address(numbers[third], fourth + 1)


class World:
    """One stand-in cloud: clock, records, faults, addresses, processes and the routes of its control API."""

    def __init__(self, settings: Settings, clock: Clock | None = None) -> None:
        self.settings = settings
        self.number = settings.world
        self.folder: Path = settings.folder
        self.durations = load_durations() if clock is None else clock.durations
        self.clock = clock or Clock(settings.scale, self.durations)
        self.lock = threading.RLock()
        self.ledger = Ledger(self.clock)
        self.faults = Faults()
        self.operations = Operations()
        self.lost = LostRegions()
        self.addresses = Addresses(settings)
        self.processes = Processes(settings)
        # Path below /_rehearsal/, as "edge" or "edge/health", to handler(method, body, query); what follows the path
        # is query["rest"]. Handlers that touch moto's state take world.lock themselves.
        self.control_routes: dict[str, ControlHandler] = {}
        # Layers put sources of CloudWatch metrics here: name -> function(dimensions, region) -> number or None.
        self.metrics: dict[str, Callable[[dict[str, str], str], float | None]] = {}
        # Sources of what the edge serves besides the balancers, in its description's shape; called under the lock.
        self.edge_rows: list[Callable[[], list[dict[str, Any]]]] = []
        # Names of AWS's own that DNS serves: "name." -> address, ttl, healthy, and zone_id where an alias may point.
        self.hosts: dict[str, dict[str, Any]] = {}
        # Whether DNS serves what stood in `hosts` at a moment; set by the layer route53.
        self.names_served: Callable[[float], bool] = lambda _moment: True
        # Set by the layers regions, ec2 (requester-managed network interfaces), quotas and functions (who runs them).
        self.regions: Any = None
        self.enis: Any = None
        self.quotas: Any = None
        self.functions: Any = None
        # In the order in which they are thawed.
        self.sleepers: list[Sleeper] = []
        # Run in this order when the world ends.
        self.on_stop: list[Callable[[], None]] = []
        self._due: list[tuple[Timed, Callable[[], None]]] = []

    @property
    def waits(self) -> list:
        return self.clock.waits

    def later(self, timed: Timed, action: Callable[[], None]) -> None:
        """Act once a timed state is done: at the first call after its end, since nobody can look in between."""
        self._due.append((timed, action))

    def settle(self) -> None:
        """Do what has become due; the dispatcher calls it, under the lock, before every call."""
        due = [item for item in self._due if item[0].done()]
        if not due:
            return
        self._due = [item for item in self._due if item not in due]
        for _timed, action in sorted(due, key=lambda item: item[0].end):
            action()

    def stop(self) -> None:
        for end in self.on_stop:
            end()
