# SPDX-License-Identifier: GPL-3.0-or-later
"""The chain of AWS's own waits that nothing could shorten.

Each wait of the stand-in has a kind, a resource and two moments. The chain is the longest path through the order that
the move itself demands (a promote cannot start before its replica is there), with the durations that were measured.
Waits that may run side by side count once: the longest of them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

# A task comes up: it is placed, and then it takes its own time until the balancer finds it healthy.
TASK = ("task_start", "task_healthy")
# A rollout is complete when the tasks before have answered what they had begun, and have stopped.
LEAVING = (("tasks before it leave their balancer", ("target_drain",)), ("and stop", ("task_stop",)))
# Stage by stage, in the order that the move demands: kinds that may overlap within a stage, and the playbooks' name.
# The rows of a stage that occur several times one after another (copy of a snapshot, then its restore) are own stages.
STAGES: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    (
        "provision_region",
        "database and network come up",
        ("db_replica_create", "nat_create", "alb_create", "acm_issue"),
    ),
    ("provision_region", "what a replica takes only afterwards", ("db_modify",)),
    ("provision_region", "EHRbase starts", TASK),
    ("restore_snapshot", "snapshot", ("snapshot_create",)),
    ("restore_snapshot", "copy", ("snapshot_copy",)),
    ("restore_snapshot", "restore", ("db_restore",)),
    ("restore_snapshot", "second converge", ("db_modify",)),
    ("restore_snapshot", "EHRbase starts", TASK),
    *(("restore_snapshot", *leaving) for leaving in LEAVING),
    ("cutover_dns", "lower TTL reaches the name servers", ("route53_insync",)),
    ("cutover_dns", "old TTL", ("old_ttl",)),
    ("cutover_dns", "promote", ("db_promote",)),
    ("cutover_dns", "change reaches the name servers", ("route53_insync",)),
    ("cutover_dns", "watch", ("watch",)),
    ("cutover_dns", "settings of a primary", ("db_modify",)),
    ("cutover_dns", "EHRbase restarts", TASK),
    *(("cutover_dns", *leaving) for leaving in LEAVING),
    ("create_dr_replica", "replica", ("db_replica_create",)),
    ("create_dr_replica", "what a replica takes only afterwards", ("db_modify",)),
    ("create_dr_replica", "EHRbase restarts", TASK),
    *(("create_dr_replica", *leaving) for leaving in LEAVING),
    ("create_dr_replica", "records reach the name servers", ("route53_insync",)),
    ("decommission_af_south", "final snapshot", ("snapshot_create",)),
    ("decommission_af_south", "copy", ("snapshot_copy",)),
    ("decommission_af_south", "restore of the proof", ("db_restore",)),
    ("decommission_af_south", "database is deleted", ("db_delete",)),
    ("decommission_af_south", "network interfaces are released", ("alb_delete_eni", "nat_delete")),
)


@dataclass(frozen=True)
class Wait:
    """One wait of the stand-in, in seconds of wall clock."""

    kind: str
    resource: str
    start: float
    end: float

    @property
    def seconds(self) -> float:
        return self.end - self.start


@dataclass(frozen=True)
class Link:
    """One link of the chain."""

    playbook: str
    stage: str
    kind: str
    resource: str
    seconds: float


def chain(waits: Iterable[Wait], spans: dict[str, tuple[float, float]]) -> list[Link]:
    """The links that were measured: for each stage the longest fitting wait that began within its playbook's span."""
    waits = list(waits)
    links: list[Link] = []
    since: dict[str, float] = {}
    for playbook, stage, kinds in STAGES:
        if playbook not in spans:
            continue
        begin, end = spans[playbook]
        begin = max(begin, since.get(playbook, begin))
        fitting = [wait for wait in waits if wait.kind in kinds and begin <= wait.start < end]
        if not fitting:
            continue
        first = _first_of_each_kind(fitting, kinds)
        longest = max(first, key=lambda wait: wait.seconds)
        links.append(Link(playbook, stage, longest.kind, longest.resource, round(longest.seconds, 3)))
        # The next stage of the same playbook starts when this one is over.
        since[playbook] = longest.end - 1e-3
    return links


def _first_of_each_kind(waits: list[Wait], kinds: tuple[str, ...]) -> list[Wait]:
    """Several of one kind that overlap run side by side; later ones belong to later stages."""
    chosen = []
    for kind in kinds:
        own = sorted((wait for wait in waits if wait.kind == kind), key=lambda wait: wait.start)
        if own:
            # A wait of no length overlaps nothing, not even itself.
            together = [own[0], *(wait for wait in own[1:] if wait.start < own[0].end)]
            chosen.append(max(together, key=lambda wait: wait.end))
    return chosen


def total_s(links: Iterable[Link]) -> float:
    return round(sum(link.seconds for link in links), 3)
