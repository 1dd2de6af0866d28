# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Logical replication from a publisher to a physical copy of it: publication, slot, subscription, sequences.

Order. Publication, then slot, then the snapshot from which the copy is made. The slot keeps every transaction that
commits after it was made; the copy holds those that had committed when its recovery ended, at a known log position.
The subscription starts there: what committed before it is skipped, what committed after it is sent. The publisher
compares the beginning of each commit record with the position, so a position right behind the beginning of the last
record that the copy replayed leaves none out and sends none twice.

One name stands for the publication, the slot and the subscription. Every step looks before it makes something, so a run
that was killed is joined by the next one. The comment of the publication tells slots of one name apart: it is renewed
whenever a slot is made, the snapshot is named after it, and the subscription keeps it.

Not carried, hence refused or made up for: sequences (set behind the fence), changes of structure (the comparison behind
the fence refuses them), large objects, unlogged tables, tables without a replica identity.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.medzen.multiregion.plugins.module_utils import logical_sql as sql
from ansible_collections.medzen.multiregion.plugins.module_utils import lsn
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import Refused
from ansible_collections.medzen.multiregion.plugins.module_utils.postgresql import (
    HAS_PSYCOPG,
    Login,
    describe_errors,
    fetch_dicts,
    fetch_value,
)
from ansible_collections.medzen.multiregion.plugins.module_utils.resolver import resolve

if HAS_PSYCOPG:
    import psycopg

# Subscriptions without a superuser, and `origin = none` for the way back.
VERSION_MIN = 160000
LOST = "lost"


@dataclass(frozen=True)
class Reach:
    """How the subscriber's server reaches the publisher: seen from there, not from here."""

    host: str
    port: int = 5432
    sslmode: str = "require"
    ca_path: str | None = None


@dataclass(frozen=True)
class Publisher:
    """What a database says about its being replicated from. `faults` name what forbids it, each with a remedy."""

    settings: dict[str, str] = field(default_factory=dict)
    used: dict[str, Any] = field(default_factory=dict)
    tables: tuple[dict, ...] = ()
    publication: dict | None = None
    slot: dict | None = None

    @property
    def version(self) -> int:
        return int(self.settings["server_version_num"])

    @property
    def lag_bytes(self) -> int | None:
        """How much the subscriber has not confirmed yet."""
        return lsn.lag_bytes(self.used.get("lsn"), (self.slot or {}).get("confirmed_lsn"))

    @property
    def table_names(self) -> list[str]:
        return [f"{table['schema']}.{table['name']}" for table in self.tables]

    @property
    def is_complete(self) -> bool:
        """Whether exactly the workload's tables are published, and a slot keeps what they take."""
        return self.slot is not None and self.publication is not None and not self.unpublished

    @property
    def unpublished(self) -> list[str]:
        published = (self.publication or {}).get("tables") or []
        return sorted(set(self.table_names) ^ set(published))

    def as_result(self) -> dict:
        slot = self.slot or {}
        return {
            "wal_level": self.settings["wal_level"],
            "server_version_num": self.version,
            "tables": self.table_names,
            "published": (self.publication or {}).get("tables") or [],
            "seed": (self.publication or {}).get("seed"),
            "slot": slot.get("name"),
            "slot_active": slot.get("active"),
            "wal_status": slot.get("wal_status"),
            "confirmed_lsn": slot.get("confirmed_lsn"),
            "retained_bytes": slot.get("retained_bytes"),
            "retained_bytes_max": self.retained_bytes_max,
            "current_lsn": self.used.get("lsn"),
            "lag_bytes": self.lag_bytes,
        }

    @property
    def retained_bytes_max(self) -> int | None:
        """How much log a slot may keep before it is given up; None: until the storage is full."""
        megabytes = int(self.settings["max_slot_wal_keep_size"])
        return None if megabytes < 0 else megabytes * 1024 * 1024


# ---- judging, pure ----


def find_faults(publisher: Publisher) -> list[dict]:
    """Everything that forbids logical replication from here: what was found, what is needed, what to do."""
    faults = [*_server_faults(publisher), *_table_faults(publisher)]
    if publisher.slot and publisher.slot["wal_status"] == LOST:
        faults.append(
            _fault(
                "slot",
                f"{publisher.slot['name']} is lost: it kept more log than max_slot_wal_keep_size",
                "a slot that has all its log",
                "give the replication up (state absent), delete the copy, and seed again",
            )
        )
    return faults


def _fault(name: str, found: Any, expected: str, next_step: str) -> dict:
    return {"name": name, "found": found, "expected": expected, "next_step": next_step}


def _server_faults(publisher: Publisher) -> list[dict]:
    settings, faults = publisher.settings, []
    if settings["wal_level"] != "logical":
        faults.append(
            _fault(
                "rds.logical_replication",
                f"wal_level {settings['wal_level']}",
                "wal_level logical",
                "set rds.logical_replication to 1 in the instance's parameter group. It is static: THE DATABASE MUST "
                "BE REBOOTED, which ends every connection. Agree on a time, reboot, and run again",
            )
        )
    if publisher.version < VERSION_MIN:
        faults.append(
            _fault("version", publisher.version, f"{VERSION_MIN} or newer", "take another seed, or upgrade before")
        )
    for what, setting in (("slots", "max_replication_slots"), ("senders", "max_wal_senders")):
        # A slot that is ours already is counted among the used ones.
        free = int(settings[setting]) - int(publisher.used[what]) + (1 if publisher.slot else 0)
        if free < 1:
            faults.append(
                _fault(setting, f"{settings[setting]}, all used", "a free one", f"raise {setting} (static: reboot)")
            )
    if publisher.retained_bytes_max is None:
        faults.append(
            _fault(
                "max_slot_wal_keep_size",
                "-1: a slot whose subscriber is away keeps log until the storage is full and production stops",
                "a bound",
                "set max_slot_wal_keep_size in the parameter group, well below the free storage (dynamic: no reboot)",
            )
        )
    if settings["log_statement"] == "all" or settings["log_min_duration_statement"] == "0":
        faults.append(
            _fault(
                "statement log",
                f"log_statement {settings['log_statement']}, log_min_duration_statement "
                f"{settings['log_min_duration_statement']}",
                "a log without the parameters of every statement: the subscription's password is one",
                "set log_statement to ddl or less, and log_min_duration_statement above 0, for the time of the move",
            )
        )
    return faults


def _table_faults(publisher: Publisher) -> list[dict]:
    faults = []
    if not publisher.tables:
        faults.append(_fault("tables", "none", "the workload's tables", "check login.database"))
    bare = [table for table in publisher.tables if not table["identified"] and not table["unlogged"]]
    if bare:
        faults.append(
            _fault(
                "replica identity",
                [f"{table['schema']}.{table['name']}" for table in bare],
                "a primary key, or REPLICA IDENTITY FULL: updates and deletes of other tables fail once published",
                "; ".join(f"ALTER TABLE {sql.table_name(table)} REPLICA IDENTITY FULL" for table in bare[:5]),
            )
        )
    unlogged = [f"{table['schema']}.{table['name']}" for table in publisher.tables if table["unlogged"]]
    if unlogged:
        faults.append(_fault("unlogged tables", unlogged, "none: no log has their rows", "ALTER TABLE … SET LOGGED"))
    if publisher.used["large_objects"]:
        faults.append(
            _fault(
                "large objects",
                publisher.used["large_objects"],
                "none: logical replication does not carry them",
                "take the seed replica or snapshot",
            )
        )
    return faults


def refuse_unfit(publisher: Publisher) -> None:
    faults = find_faults(publisher)
    if faults:
        raise Refused(
            "The database cannot be replicated from.",
            "; ".join(f"{fault['name']}: {fault['found']}" for fault in faults),
            "; ".join(f"{fault['expected']}" for fault in faults),
            "; ".join(f"{fault['next_step']}" for fault in faults),
            {"faults": faults},
        )


def refuse_gap(publisher: Publisher, start_lsn: str) -> None:
    """What the slot has given up before the copy's position is nowhere any more."""
    kept_from = (publisher.slot or {}).get("confirmed_lsn")
    if not lsn.is_reached(start_lsn, kept_from or "FFFFFFFF/FFFFFFFF"):
        raise Refused(
            "The copy is older than what the slot keeps: writes between them would be missing.",
            f"the copy ends at {start_lsn}, the slot begins at {kept_from}",
            "a slot that was made before the snapshot",
            "delete the copy and its snapshots, give the replication up (state absent), and seed again",
        )


def refuse_other_slot(publisher: Publisher, subscription: dict | None) -> None:
    """A subscription would go on with a new slot of its old slot's name, and miss what came between the two."""
    began, present = (subscription or {}).get("seed"), (publisher.publication or {}).get("seed")
    if began is not None and began != present:
        raise Refused(
            "The subscription began with another slot: writes between the two would be missing.",
            f"slot {present}, subscription of slot {began}",
            "the slot that the subscription began with",
            "give both up (state absent), delete the copy, and seed again",
        )


def changed_sequences(source: list[dict], target: list[dict]) -> list[dict]:
    """Sequences of the source that are ahead of the target's. One that is behind stays: it must never go back."""
    known = {(one["schema"], one["name"]): one for one in target}
    return [one for one in source if _is_ahead(one, known.get((one["schema"], one["name"])))]


def _is_ahead(one: dict, other: dict | None) -> bool:
    if other is None:
        raise Refused(
            "A sequence is missing on the other side.",
            f"no {one['schema']}.{one['name']}",
            "the same structure on both sides",
            "make it there as it is here, then run again",
        )
    direction = 1 if one["ascending"] else -1
    mine = (direction * one["last_value"], one["is_called"])
    return mine > (direction * other["last_value"], other["is_called"])


# ---- reading ----


def read_publisher(connection: psycopg.Connection, name: str) -> Publisher:
    with describe_errors("read what is replicated from here"):
        publications = fetch_dicts(connection, sql.PUBLICATION, (name,))
        slots = fetch_dicts(connection, sql.SLOT, (name,))
        return Publisher(
            settings={row["name"]: row["setting"] for row in fetch_dicts(connection, sql.SETTINGS)},
            used=fetch_dicts(connection, sql.USED)[0],
            tables=tuple(fetch_dicts(connection, sql.TABLES)),
            publication=publications[0] if publications else None,
            slot=slots[0] if slots else None,
        )


def read_slot(connection: psycopg.Connection, name: str) -> dict | None:
    with describe_errors(f"read slot {name}"):
        found = fetch_dicts(connection, sql.SLOT, (name,))
    return found[0] if found else None


def read_subscription(connection: psycopg.Connection, name: str) -> dict | None:
    with describe_errors(f"read subscription {name}"):
        found = fetch_dicts(connection, sql.SUBSCRIPTION, (name,))
    return found[0] if found else None


def read_sequences(connection: psycopg.Connection) -> list[dict]:
    with describe_errors("read the sequences"):
        found = fetch_dicts(connection, sql.SEQUENCES)
        return fetch_dicts(connection, sql.sequence_values_sql(found)) if found else []


# ---- changing: each looks before it makes something, and returns whether it did ----


def ensure_published(connection: psycopg.Connection, name: str, found: Publisher, *, slot: bool = True) -> bool:
    """Publication first: the slot decodes with the catalogue as it was, in which the publication must stand."""
    changed = False
    with describe_errors(f"publish as {name}"):
        if found.publication is None:
            connection.execute(sql.create_publication_sql(name, found.tables))
            changed = True
        elif found.unpublished and not found.slot:
            connection.execute(sql.set_tables_sql(name, found.tables))
            changed = True
        elif found.unpublished:
            raise Refused(
                "The tables are not those that are published.",
                f"only on one side: {found.unpublished}",
                "the tables as they were when the slot was made: changes of structure are not carried",
                "take the change back; or give the replication up (state absent), delete the copy, and seed again",
            )
        if slot and found.slot is None:
            connection.execute(sql.mark_sql("PUBLICATION", name, uuid.uuid4().hex[:12]))
            connection.execute(sql.CREATE_SLOT, (name,))
            changed = True
    return changed


def connection_of(publisher: Login, reach: Reach) -> str:
    """The connection string of a subscription. The address goes along where names are looked up by own resolvers."""
    parameters: dict[str, Any] = {"host": reach.host}
    if publisher.resolvers:
        parameters["hostaddr"] = resolve(reach.host, publisher.resolvers)[0]
    parameters |= {
        "port": reach.port,
        "dbname": publisher.database,
        "user": publisher.user,
        "password": publisher.password or "",
        "sslmode": reach.sslmode,
        "connect_timeout": 10,
        "keepalives_idle": 5,
        "keepalives_interval": 2,
        "keepalives_count": 3,
    }
    if reach.ca_path:
        parameters["sslrootcert"] = reach.ca_path
    return sql.connection_text(parameters)


def ensure_subscribed(connection: psycopg.Connection, name: str, conninfo: str, seed: str | None = None) -> bool:
    """Make the subscription, disabled. Its server connects to the publisher once: a way that is closed shows here."""
    if read_subscription(connection, name) is not None:
        return False
    with describe_errors(f"make subscription {name}"):
        # What a copy brought along from its source is of no use here.
        connection.execute(sql.drop_publication_sql(name))
        connection.execute(sql.TERMINATE_SENDER, (name,))
        connection.execute(sql.DROP_SLOT, (name,))
        connection.execute(sql.KEEP_CONNECTION, (conninfo,))
        try:
            with connection.transaction():
                connection.execute(sql.create_subscription_sql(name))
                if seed is not None:
                    connection.execute(sql.mark_sql("SUBSCRIPTION", name, seed))
        finally:
            connection.execute(sql.FORGET_CONNECTION)
    return True


def ensure_started(connection: psycopg.Connection, name: str, start_lsn: str | None) -> bool:
    """Set where it begins, unless it has begun, and enable it. Without a position it begins where its slot does."""
    found = read_subscription(connection, name)
    if found is None:
        raise Refused(f"There is no subscription {name}.", "none", "one to start", "make it first")
    if found["enabled"]:
        return False
    with describe_errors(f"start subscription {name}"):
        if start_lsn is not None and found["applied_lsn"] is None:
            connection.execute(sql.ADVANCE, (found["oid"], start_lsn))
        connection.execute(sql.enable_sql(name, on=True))
    return True


def carry_sequences(source: psycopg.Connection, target: psycopg.Connection) -> list[str]:
    """Set the target's sequences to where the source's stand. Both sides refuse writes meanwhile."""
    changed = changed_sequences(read_sequences(source), read_sequences(target))
    with describe_errors("set the sequences"), target.transaction():
        for sequence in changed:
            fetch_value(target, sql.set_sequence_sql(sequence))
    return [f"{one['schema']}.{one['name']}" for one in changed]


def drop_subscription(connection: psycopg.Connection, name: str) -> bool:
    if read_subscription(connection, name) is None:
        return False
    with describe_errors(f"drop subscription {name}"):
        for statement in sql.drop_subscription_sql(name):
            connection.execute(statement)
    return True


def drop_published(connection: psycopg.Connection, name: str) -> bool:
    """Slot and publication. The slot first: while it stands it keeps log, and a publication without one keeps none."""
    found = read_publisher(connection, name)
    if found.slot is None and found.publication is None:
        return False
    with describe_errors(f"drop slot and publication {name}"):
        connection.execute(sql.TERMINATE_SENDER, (name,))
        connection.execute(sql.DROP_SLOT, (name,))
        connection.execute(sql.drop_publication_sql(name))
    return True
