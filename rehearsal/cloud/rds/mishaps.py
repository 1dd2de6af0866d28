# SPDX-License-Identifier: GPL-3.0-or-later
"""What befalls databases and snapshots without a call of anybody: the control route `rds/mishap`.

- `full_disk`: the server stops and the instance is `storage-full`; `room` ends that, as RDS's storage autoscaling does.
- `lost_log`: the source no longer has the log that a replica needs: it follows no more, for good.
- `failing_copies`: that many copies of snapshots that begin from now on fail near their end.
"""

from __future__ import annotations

from typing import Any

from rehearsal.cloud.control import ControlError
from rehearsal.cloud.rds.dataplane import DataPlane
from rehearsal.cloud.rds.model import Instance
from rehearsal.cloud.rds.state import Rds

FULL = "storage-full"
SHAPES = {
    "full_disk": {"what", "region", "identifier"},
    "room": {"what", "region", "identifier"},
    "lost_log": {"what", "region", "identifier"},
    "failing_copies": {"what", "count"},
}


class Mishaps:
    """Mishaps of one world."""

    def __init__(self, rds: Rds, plane: DataPlane) -> None:
        self.rds = rds
        self.plane = plane

    def take(self, method: str, body: Any) -> dict[str, Any]:
        body = body or {}
        what = body.get("what")
        if method != "POST" or what not in SHAPES or set(body) != SHAPES[what]:
            known = "; ".join(f"{name}: {', '.join(sorted(keys - {'what'}))}" for name, keys in SHAPES.items())
            raise ControlError(f"Mishap {body}; expected a POST of what happens and to what. {known}.")
        if what == "failing_copies":
            left, self.rds.failing_copies = self.rds.failing_copies, int(body["count"])
            return {"left": left}
        instance = self.rds.find_instance(body["region"], body["identifier"])
        {"full_disk": self.fill, "room": self.make_room, "lost_log": self.lose_log}[what](instance)
        return {"status": instance.status}

    def fill(self, instance: Instance) -> None:
        """Whatever is under way is not awaited: a disk fills up at any moment."""
        with self.rds.world.lock:
            instance.transition, instance.settled = None, FULL
        instance.cluster.stop(immediate=True)

    def make_room(self, instance: Instance) -> None:
        if instance.status != FULL:
            raise ControlError(f"DB instance {instance.identifier} is {instance.status}, expected {FULL}.")
        instance.cluster.start()
        with self.rds.world.lock:
            instance.settled = "available"

    def lose_log(self, instance: Instance) -> None:
        if instance.source is None:
            raise ControlError(f"DB instance {instance.identifier} replicates nothing.")
        instance.cut_off = True
        self.plane.cut_off(instance)
