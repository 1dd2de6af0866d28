# SPDX-License-Identifier: GPL-3.0-or-later
"""Application load balancers whose listeners, targets and health are real; the edge process does the balancing.

Reading order: balancers (life cycle), listeners (certificates and actions), targets (registration and health), edge
(what the edge process is told and tells).
"""

from __future__ import annotations

from rehearsal.cloud.elbv2 import listeners
from rehearsal.cloud.elbv2.balancers import Balancers
from rehearsal.cloud.elbv2.edge import Edge
from rehearsal.cloud.elbv2.targets import Targets
from rehearsal.cloud.world_state import World


def install(world: World) -> None:
    Balancers(world).install()
    listeners.install(world)
    targets = Targets(world)
    targets.install()
    Edge(world, targets).install()
