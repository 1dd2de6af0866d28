# SPDX-License-Identifier: GPL-3.0-or-later
"""Ways by which a database of one region reaches one of another, as over peered networks.

All servers of the stand-in lie on one machine, so a subscription that were told a server's own address would never feel
the link between the regions. Each server that decodes its log (rds.logical_replication) therefore has a name for each
other region that has databases, `from-<region>.<endpoint>`, whose address is a relay over the link: delay and cuts
hold for a subscription as they do for a streaming replica.
"""

from __future__ import annotations

from rehearsal.cloud.rds.model import Instance
from rehearsal.cloud.rds.state import HOST_TTL_S, Rds
from rehearsal.postgres.link import Relay

PARAMETER = "rds.logical_replication"


def path_name(instance: Instance, region: str) -> str:
    """The name under which the databases of a region reach an instance of another."""
    return f"from-{region}.{instance.endpoint_name}"


def is_decoding(instance: Instance) -> bool:
    """Whether a server decodes its log, or will after the reboot that is due."""
    return instance.cluster.parameters.get(PARAMETER) == "1"


class Paths:
    """The ways of one world."""

    def __init__(self, rds: Rds) -> None:
        self.rds = rds
        self._relays: dict[tuple[Instance, str], Relay] = {}

    def open_all(self, instance: Instance) -> None:
        """Open what is missing between an instance and those of other regions, both ways."""
        with self.rds.world.lock:
            others = [one for one in self.rds.every_instance() if one.region != instance.region]
            for other in others:
                self._open(instance, other.region)
                self._open(other, instance.region)

    def _open(self, instance: Instance, region: str) -> None:
        if (instance, region) in self._relays or not is_decoding(instance) or not instance.cluster.is_running():
            return
        cluster = instance.cluster
        listen = (self.rds.world.addresses.allocate("rds"), cluster.port)
        link = self.rds.links.link(instance.region, region)
        self._relays[instance, region] = self.rds.links.open(listen, (cluster.address, cluster.port), link)
        ttl = round(self.rds.world.clock.scaled(HOST_TTL_S))
        self.rds.world.hosts[f"{path_name(instance, region)}."] = {"address": listen[0], "ttl": ttl}

    def close_all(self, instance: Instance) -> None:
        """Close every way to an instance that is going."""
        for key in [key for key in self._relays if key[0] is instance]:
            self.rds.links.close(self._relays.pop(key))
            self.rds.world.hosts.pop(f"{path_name(*key)}.", None)
