# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One Route 53 change batch, planned: which record sets go, which come, and why it is refused. No AWS in here.

A changed record set is a DELETE of what was read and a CREATE of what is wanted, in the same batch. Route 53 takes a
DELETE only when it matches exactly, so a record that someone else changes between the look and the batch makes the
whole batch fail instead of being overwritten.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from ansible_collections.medzen.multiregion.plugins.module_utils.errors import Refused
from ansible_collections.medzen.multiregion.plugins.module_utils.record_sets import (
    ADDRESS_TYPES,
    ROUTING,
    Key,
    build_record,
    build_record_set,
    canonical,
    describe_key,
    describe_record_set,
    display_name,
    effective_ttl_s,
    fill_zone,
    is_default_location,
    key_of,
    normalise_name,
    same,
)

MAX_CHANGES = 10


@dataclass(frozen=True)
class Batch:
    """What is sent, and the record sets of the names concerned before and after it, in Route 53's form."""

    changes: list[dict] = field(default_factory=list)
    before: list[dict] = field(default_factory=list)
    after: list[dict] = field(default_factory=list)

    @property
    def changed(self) -> bool:
        return bool(self.changes)

    def records_before(self) -> list[dict]:
        return [build_record(record_set) for record_set in self.before]

    def records_after(self) -> list[dict]:
        return [build_record(record_set) for record_set in self.after]

    def rollback(self) -> list[dict]:
        """The option `changes` that undoes this batch."""
        gone = keyed(self.before)
        new = [record_set for record_set in self.after if key_of(record_set) not in gone]
        return [
            *({"action": "absent", "record": build_record(record_set)} for record_set in new),
            *({"action": "present", "record": build_record(record_set)} for record_set in self.before),
        ]

    def diff(self) -> dict:
        return {side: _readable(record_sets) for side, record_sets in (("before", self.before), ("after", self.after))}

    def ttls(self) -> list[dict]:
        """For how long resolvers keep each answer after the batch, in seconds."""
        return [
            {
                **dict(zip(("name", "type", "set_identifier"), _readable_key(record_set), strict=True)),
                "ttl_s": effective_ttl_s(record_set),
            }
            for record_set in self.after
        ]


def _readable_key(record_set: dict) -> tuple[str, str, str]:
    return display_name(record_set["Name"]), record_set["Type"], record_set.get("SetIdentifier", "")


def _readable(record_sets: list[dict]) -> dict:
    readable = {}
    for record_set in record_sets:
        record = build_record(record_set)
        if "values" in record:
            record["values"] = sorted(record["values"])
        readable[describe_key(key_of(record_set))] = {
            key: value for key, value in record.items() if key not in ("name", "type", "set_identifier")
        }
    return readable


def keyed(record_sets: Iterable[dict]) -> dict[Key, dict]:
    return {key_of(record_set): record_set for record_set in record_sets}


def names_of(changes: list[dict], expect: list[dict] | None = None, expect_absent: Iterable[str] = ()) -> list[str]:
    """The names that a plan has to look at, each once."""
    records = [*(change["record"] for change in changes), *(expect or [])]
    return sorted({normalise_name(name) for name in [*(record["name"] for record in records), *expect_absent]})


def plan_batch(
    present: list[dict],
    changes: list[dict],
    expect: list[dict] | None = None,
    replace_names: bool = False,
    max_changes: int = MAX_CHANGES,
    *,
    expect_absent: Iterable[str] = (),
    allow_empty: bool = False,
    allow_no_default: bool = False,
    zone_name: str | None = None,
    zone_id: str | None = None,
) -> Batch:
    """The batch that makes `changes` true of the record sets `present` (Route 53's form), or Refused.

    `changes` and `expect` have the form of the module's options. A zone that is as wanted already gives a batch
    without changes, whatever was expected: a second run has nothing to refuse.
    """
    names = names_of(changes, expect, expect_absent)
    _check_names(names, zone_name)
    changes = [{**change, "record": fill_zone(change["record"], zone_id)} for change in changes]
    expect = [fill_zone(record, zone_id) for record in expect or []]
    before = keyed(item for item in present if normalise_name(item["Name"]) in names)
    after = _build_after(before, changes, replace_names)
    record_changes = build_changes(before, after)
    batch = Batch(record_changes, _sorted(before), _sorted(after))
    if not record_changes:
        return batch
    check_expected(batch.before, expect, expect_absent, _replaced_places(changes) if replace_names else ())
    check_size(before, after, max_changes)
    check_after(batch.after)
    check_aliases(batch.after, names)
    check_not_emptied(batch, allow_empty)
    if not allow_no_default:
        check_default_location(batch)
    check_weights(batch.after)
    check_zone_keeps_itself(before, after, zone_name)
    return batch


def _sorted(record_sets: dict[Key, dict]) -> list[dict]:
    return [record_sets[key] for key in sorted(record_sets)]


def _check_names(names: list[str], zone_name: str | None) -> None:
    if zone_name is None:
        return
    zone = normalise_name(zone_name)
    outside = [display_name(name) for name in names if name != zone and not name.endswith(f".{zone}")]
    if outside:
        raise Refused("A name is not in the zone", found=", ".join(outside), expected=f"names in {display_name(zone)}")


def _build_after(before: dict[Key, dict], changes: list[dict], replace_names: bool) -> dict[Key, dict]:
    wanted = keyed(build_record_set(change["record"]) for change in changes if change["action"] == "present")
    _check_named_once(changes, wanted)
    after = dict(before)
    for change in changes:
        if change["action"] == "absent":
            _remove(after, change["record"], wanted)
    if replace_names:
        _replace(after, wanted)
    # What is the same already keeps the spelling it has.
    after.update({key: record if not same(after.get(key), record) else after[key] for key, record in wanted.items()})
    return after


def _check_named_once(changes: list[dict], wanted: dict[Key, dict]) -> None:
    given = [change for change in changes if change["action"] == "present"]
    if len(given) != len(wanted):
        keys = [key_of(build_record_set(change["record"])) for change in given]
        twice = sorted({describe_key(key) for key in keys if keys.count(key) > 1})
        raise Refused("A record set is named twice in one change batch", found=", ".join(twice), expected="each once")


def _remove(after: dict[Key, dict], record: dict, wanted: dict[Key, dict]) -> None:
    """Take out what an `absent` change names; with an answer given, only exactly that record set."""
    name, identifier = normalise_name(record["name"]), record.get("set_identifier")
    keys = [
        key
        for key in after
        if key[:2] == (name, record["type"].upper()) and (identifier is None or key[2] == identifier)
    ]
    for key in keys:
        if (record.get("values") or record.get("alias")) and not _removes_exactly(after[key], record, key, wanted):
            continue
        del after[key]


def _removes_exactly(present: dict, record: dict, key: Key, wanted: dict[Key, dict]) -> bool:
    given = build_record_set(record)
    if same(present, given):
        return True
    if same(present, wanted.get(key)):
        return False  # replaced already by this very batch
    if key_of(given) != key:
        return False
    raise Refused(
        f"Record {describe_key(key)} is not the one that is to be deleted",
        found=describe_record_set(present),
        expected=describe_record_set(given),
        next_step="find out who changed it, then plan again",
    )


def _replace(after: dict[Key, dict], wanted: dict[Key, dict]) -> None:
    """Give the wanted names exactly the wanted record sets: others of the type go, and other addresses with them."""
    for key in [key for key in after if key not in wanted]:
        types = {wanted_key[1] for wanted_key in wanted if wanted_key[0] == key[0]}
        # An AAAA left beside a new A would keep the clients of IPv6 where they are. Anything else at the name (MX, TXT)
        # has to be given up by name.
        gives_way = key[1] in types or (key[1] in ADDRESS_TYPES and not types.isdisjoint(ADDRESS_TYPES))
        if gives_way or (types and key[1] == "CNAME"):
            del after[key]


def _replaced_places(changes: list[dict]) -> list[tuple[str, str]]:
    """Names and types whose record sets give way unseen to those that are wanted there."""
    wanted = [change["record"] for change in changes if change["action"] == "present"]
    names = {normalise_name(record["name"]) for record in wanted if record["type"].upper() in ADDRESS_TYPES}
    return [(name, record_type) for name in names for record_type in ADDRESS_TYPES]


def build_changes(before: dict[Key, dict], after: dict[Key, dict]) -> list[dict]:
    """DELETEs first, then CREATEs: Route 53 works through a batch in order. A zone's own NS and SOA are upserted.

    A record is made before the aliases that lead to it, and goes after them.
    """
    gone = [key for key in by_alias_depth(before)[::-1] if not same(before[key], after.get(key))]
    come = [key for key in by_alias_depth(after) if not same(after[key], before.get(key))]
    upsert = {key for key in come if key in before and _is_undeletable(before[key])}
    return [
        *({"Action": "DELETE", "ResourceRecordSet": before[key]} for key in gone if key not in upsert),
        *({"Action": "UPSERT" if key in upsert else "CREATE", "ResourceRecordSet": after[key]} for key in come),
    ]


def by_alias_depth(record_sets: dict[Key, dict]) -> list[Key]:
    """Keys of the record sets, those that lead to no other of them first."""
    below: dict[tuple[str, str], set[str]] = {}
    for name, record_type, _identifier in record_sets:
        below.setdefault((name, record_type), set())
    for key, record_set in record_sets.items():
        below[key[:2]] |= {_alias_name(record_set)} - {"", key[0]}

    def depth(place: tuple[str, str], seen: frozenset[str]) -> int:
        targets = [name for name in below.get(place, ()) if name not in seen]
        return 1 + max((depth((name, place[1]), seen | {name}) for name in targets), default=0)

    return sorted(record_sets, key=lambda key: (depth(key[:2], frozenset({key[0]})), key))


def _alias_name(record_set: dict) -> str:
    target = record_set.get("AliasTarget")
    return normalise_name(target["DNSName"]) if target else ""


def _is_undeletable(record_set: dict) -> bool:
    return record_set["Type"] in ("NS", "SOA") and "SetIdentifier" not in record_set


def check_expected(
    present: list[dict],
    expect: list[dict],
    expect_absent: Iterable[str] = (),
    replaced: Iterable[tuple[str, str]] = (),
) -> None:
    """Compare and swap: what is there must be what the plan was made on, and so must what is replaced beside it."""
    expected = [build_record_set(record) for record in expect]
    places = {(key_of(record_set)[0], record_set["Type"]) for record_set in expected}
    addressed = {name for name, record_type in places if record_type in ADDRESS_TYPES}
    places |= {place for place in replaced if place[0] in addressed}
    found = [record_set for record_set in present if key_of(record_set)[:2] in places]
    absent = {normalise_name(name) for name in expect_absent}
    intruders = [record_set for record_set in present if key_of(record_set)[0] in absent]
    if _canonical_set(found) == _canonical_set(expected) and not intruders:
        return
    names = {place[0] for place in places} | absent
    shown = [record_set for record_set in present if key_of(record_set)[0] in names]
    raise Refused(
        f"The records of {', '.join(sorted(map(display_name, names)))} are not those that this change was planned on",
        found="; ".join(map(describe_record_set, shown)) or "no record",
        expected="; ".join(map(describe_record_set, expected)) or "no record",
        next_step="find out who changed them, then plan again",
        result={"found_records": [build_record(record_set) for record_set in shown]},
    )


def _canonical_set(record_sets: list[dict]) -> list[str]:
    return sorted(str(sorted(canonical(record_set).items())) for record_set in record_sets)


def check_size(before: dict[Key, dict], after: dict[Key, dict], max_changes: int) -> None:
    """Counted absolutely: a share of a small zone says nothing."""
    touched = [key for key in {*before, *after} if not same(before.get(key), after.get(key))]
    if len(touched) > max_changes:
        raise Refused(
            "The change batch touches more record sets than allowed",
            found=f"{len(touched)}: {', '.join(sorted(map(describe_key, touched)))}",
            expected=f"at most {max_changes}",
            next_step="review the plan, then raise max_changes",
        )


def check_not_emptied(batch: Batch, allow_empty: bool) -> None:
    names = {key_of(record_set)[0] for record_set in batch.before}
    left = {key_of(record_set)[0] for record_set in batch.after}
    emptied = sorted(display_name(name) for name in names - left)
    if emptied and not allow_empty:
        raise Refused(
            "The change batch would leave a name without any record",
            found=", ".join(emptied),
            expected="at least one record set for each name",
            next_step="set allow_empty if the name is to vanish; resolvers remember its absence",
        )


def check_default_location(batch: Batch) -> None:
    """Without a default record, Route 53 answers nothing wherever no other location fits."""
    before, after = _located(batch.before), _located(batch.after)
    for place, group in after.items():
        untouched = _canonical_set(before.get(place, [])) == _canonical_set(group)
        if untouched or any(map(is_default_location, group)):
            continue
        raise Refused(
            f"{display_name(place[0])} {place[1]} would answer nothing to the rest of the world",
            found=", ".join(sorted(str(record_set["GeoLocation"]) for record_set in group)),
            expected="a geolocation record for the default location (country_code *) among them",
            next_step="add the default location, or set allow_no_default if they are to have no answer",
        )


def _located(record_sets: list[dict]) -> dict[tuple[str, str], list[dict]]:
    groups: dict[tuple[str, str], list[dict]] = {}
    for record_set in record_sets:
        if record_set.get("GeoLocation"):
            groups.setdefault(key_of(record_set)[:2], []).append(record_set)
    return groups


def check_aliases(after: list[dict], names: Iterable[str]) -> None:
    """An alias of a name that this plan looks at leads to a record of its own type that is there afterwards."""
    there = {key_of(record_set)[:2] for record_set in after}
    for record_set in after:
        target = _alias_name(record_set)
        if target in names and (target, record_set["Type"]) not in there:
            raise Refused(
                f"Record {describe_key(key_of(record_set))} would be an alias that leads nowhere",
                found=f"no {record_set['Type']} record of {display_name(target)} after the change",
                expected="the record that it leads to",
                next_step="change or delete the alias in the same batch",
            )


def check_after(after: list[dict]) -> None:
    """What Route 53 would refuse, said before anything is sent, and in check mode too."""
    groups: dict[tuple[str, str], list[dict]] = {}
    types: dict[str, set[str]] = {}
    for record_set in after:
        name, record_type, _identifier = key_of(record_set)
        groups.setdefault((name, record_type), []).append(record_set)
        types.setdefault(name, set()).add(record_type)
    for name, found in types.items():
        if "CNAME" in found and len(found) > 1:
            raise Refused(
                f"{display_name(name)} would have a CNAME beside other records",
                found=", ".join(sorted(found)),
                expected="a CNAME alone",
                next_step="set replace_names, or delete the others in the same batch",
            )
    for (name, record_type), group in groups.items():
        _check_routing(f"{display_name(name)} {record_type}", group)


def _check_routing(place: str, group: list[dict]) -> None:
    policies = sorted({_policy(record_set) for record_set in group})
    if len(policies) > 1:
        raise Refused(
            f"{place} would have more than one routing policy",
            found=", ".join(policies),
            expected="one routing policy a name and type",
            next_step="set replace_names, or delete the others in the same batch",
        )
    failovers = [record_set["Failover"] for record_set in group if "Failover" in record_set]
    if len(failovers) != len(set(failovers)):
        raise Refused(
            f"{place} would have two records of the same side of a failover pair",
            found=", ".join(failovers),
            expected="one PRIMARY and one SECONDARY",
            next_step="set replace_names, or delete the other in the same batch",
        )
    locations = [str(sorted(record_set["GeoLocation"].items())) for record_set in group if "GeoLocation" in record_set]
    if len(locations) != len(set(locations)):
        raise Refused(
            f"{place} would have two records for the same location",
            found=", ".join(sorted(locations)),
            expected="each location once",
            next_step="set replace_names, or delete the other in the same batch",
        )


def _policy(record_set: dict) -> str:
    # By identity: a weight of 0 is a weight.
    used = [key for key in ROUTING if record_set.get(key) is not None and record_set[key] is not False]
    identified = "SetIdentifier" in record_set
    if len(used) > 1 or bool(used) != identified:
        raise Refused(
            f"Record {describe_key(key_of(record_set))} has no clear routing policy",
            found=f"{'a' if identified else 'no'} set_identifier with {', '.join(used) or 'no policy'}",
            expected="none of both (simple), or a set_identifier with exactly one of weight, failover, geo, "
            "latency_region and multivalue",
        )
    return used[0] if used else "Simple"


def check_weights(after: list[dict]) -> None:
    """Weight 0 is not off: when every weight is 0, every record is served."""
    groups: dict[tuple[str, str], list[int]] = {}
    for record_set in after:
        if "Weight" in record_set:
            groups.setdefault(key_of(record_set)[:2], []).append(int(record_set["Weight"]))
    for (name, record_type), weights in groups.items():
        if not any(weights):
            raise Refused(
                f"Every weight of {display_name(name)} {record_type} would be 0, which serves all of them",
                found=f"{len(weights)} records of weight 0",
                expected="one weight above 0",
            )


def check_zone_keeps_itself(before: dict[Key, dict], after: dict[Key, dict], zone_name: str | None) -> None:
    if zone_name is None:
        return
    own = [(normalise_name(zone_name), record_type, "") for record_type in ("NS", "SOA")]
    lost = [describe_key(key) for key in own if key in before and key not in after]
    if lost:
        raise Refused("A zone's own NS and SOA records cannot be deleted", found=", ".join(lost), expected="kept")
