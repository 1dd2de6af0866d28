# SPDX-License-Identifier: GPL-3.0-or-later
"""Route 53's routing policies: which record sets of one name and type answer. Pure; health and chance are passed in.

Rules, from the Route 53 developer guide ("How Amazon Route 53 chooses records when health checking is configured"):
- when no record set of a group is healthy, all count as healthy;
- weight 0 answers only when every record set with a weight above 0 is unhealthy; all 0 share equally;
- a failover group with both sides unhealthy answers with its primary;
- geolocation goes from the country to the continent to the default when the nearer one is unhealthy or missing.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

from rehearsal.dns.location import Location
from rehearsal.dns.zone import RecordSet

MULTIVALUE_ANSWERS_MAX = 8
Healthy = Callable[[RecordSet], bool]


def policy_of(record_set: RecordSet) -> str:
    """The routing policy by the field that only it has."""
    if record_set.weight is not None:
        return "weighted"
    if record_set.failover:
        return "failover"
    if record_set.location is not None:
        return "geolocation"
    return "multivalue answer" if record_set.multivalue else "simple"


def choose(
    group: Sequence[RecordSet], location: Location, healthy: Healthy, chance: random.Random
) -> tuple[RecordSet, ...]:
    """The record sets that answer: several for multivalue, at most one else; none when no location fits."""
    if not group:
        return ()
    policy = policy_of(group[0])
    if policy == "simple":
        return (group[0],)
    if policy == "multivalue answer":
        return choose_multivalue(group, healthy, chance)
    if policy == "weighted":
        return (choose_weighted(group, healthy, chance),)
    if policy == "failover":
        return (choose_failover(group, healthy),)
    return choose_by_location(group, location, healthy)


def choose_multivalue(group: Sequence[RecordSet], healthy: Healthy, chance: random.Random) -> tuple[RecordSet, ...]:
    pool = [record_set for record_set in group if healthy(record_set)] or list(group)
    return tuple(chance.sample(pool, min(len(pool), MULTIVALUE_ANSWERS_MAX)))


def choose_weighted(group: Sequence[RecordSet], healthy: Healthy, chance: random.Random) -> RecordSet:
    some = [record_set for record_set in group if record_set.weight]
    none = [record_set for record_set in group if not record_set.weight]
    pool = (
        [record_set for record_set in some if healthy(record_set)]
        or [record_set for record_set in none if healthy(record_set)]
        or some
        or none
    )
    return chance.choices(pool, [record_set.weight or 1 for record_set in pool])[0]


def choose_failover(group: Sequence[RecordSet], healthy: Healthy) -> RecordSet:
    order = sorted(group, key=lambda record_set: record_set.failover != "PRIMARY")
    return next((record_set for record_set in order if healthy(record_set)), order[0])


def choose_by_location(group: Sequence[RecordSet], location: Location, healthy: Healthy) -> tuple[RecordSet, ...]:
    by_place = {record_set.location: record_set for record_set in group}
    fitting = [by_place[filing] for filing in location.filings() if filing in by_place]
    return tuple([record_set for record_set in fitting if healthy(record_set)] or fitting)[:1]
