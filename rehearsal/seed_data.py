# SPDX-License-Identifier: GPL-3.0-or-later
"""The patients' records of the world before, in plain SQL as the superuser.

Identifiers follow from the number of the record, so that the stale standby holds the same records, only fewer: the
oldest part. Foreign keys are not checked row by row meanwhile; every row that they point to is made here.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg

from rehearsal.judge import connect
from rehearsal.seed_aws import SeedError
from rehearsal.settings import Settings

TEMPLATE_ID = "medzen.consultation.v1"
# A record's moment: the last of all at %(end)s, the others evenly before it. `i` is the record's number.
MOMENT = "%(end)s::timestamptz - (%(all)s - i) * (%(history)s::interval / %(all)s)"
IDS = "md5('{kind} ' || i)::uuid"
EHR_OF = "md5('ehr ' || 1 + i %% %(ehrs)s)::uuid"


def _id(kind: str) -> str:
    return IDS.format(kind=kind)


STATEMENTS = (
    "SET session_replication_role = replica",
    "SET synchronous_commit = off",
    f"""INSERT INTO ehr.template_store (id, template_id, content, creation_time)
        SELECT {_id("template")}, %(template)s, '<template/>', %(end)s::timestamptz - %(history)s::interval
        FROM generate_series(1, 1) i""",
    f"""INSERT INTO ehr.ehr (id, creation_date)
        SELECT {_id("ehr")}, %(end)s::timestamptz - %(history)s::interval FROM generate_series(1, %(ehrs)s) i""",
    f"""INSERT INTO ehr.audit_details (id, time_committed, target_type, change_type)
        SELECT {_id("status audit")}, %(end)s::timestamptz - %(history)s::interval, 'EHR_STATUS', 'creation'
        FROM generate_series(1, %(ehrs)s) i""",
    f"""INSERT INTO ehr.contribution (id, ehr_id, contribution_type, has_audit)
        SELECT {_id("status contribution")}, {_id("ehr")}, 'ehr', {_id("status audit")}
        FROM generate_series(1, %(ehrs)s) i""",
    f"""INSERT INTO ehr.ehr_status_version (ehr_id, vo_id, contribution_id, audit_id, sys_version, sys_period_lower)
        SELECT {_id("ehr")}, {_id("status")}, {_id("status contribution")}, {_id("status audit")}, 1,
            %(end)s::timestamptz - %(history)s::interval
        FROM generate_series(1, %(ehrs)s) i""",
    f"""INSERT INTO ehr.ehr_status_data (ehr_id, num, data)
        SELECT {_id("ehr")}, 0, '{{"_type": "EHR_STATUS", "is_queryable": true, "is_modifiable": true}}'::jsonb
        FROM generate_series(1, %(ehrs)s) i""",
    f"""INSERT INTO ehr.audit_details (id, time_committed, target_type, change_type)
        SELECT {_id("audit")}, {MOMENT}, 'COMPOSITION', 'creation' FROM generate_series(1, %(held)s) i""",
    f"""INSERT INTO ehr.contribution (id, ehr_id, contribution_type, has_audit)
        SELECT {_id("contribution")}, {EHR_OF}, 'composition', {_id("audit")} FROM generate_series(1, %(held)s) i""",
    f"""INSERT INTO ehr.comp_version
            (vo_id, ehr_id, contribution_id, audit_id, sys_version, sys_period_lower, template_id)
        SELECT {_id("composition")}, {EHR_OF}, {_id("contribution")}, {_id("audit")}, 1, {MOMENT},
            md5('template 1')::uuid
        FROM generate_series(1, %(held)s) i""",
    f"""INSERT INTO ehr.comp_data (vo_id, num, data)
        SELECT {_id("composition")}, 0, jsonb_build_object(
            '_type', 'COMPOSITION', 'archetype_node_id', 'openEHR-EHR-COMPOSITION.encounter.v1',
            'name', 'Consultation ' || i, 'content', repeat(md5(i::text), %(repeats)s))
        FROM generate_series(1, %(held)s) i""",
    "SET session_replication_role = DEFAULT",
    "SET synchronous_commit = on",
)
TABLES = ("ehr", "audit_details", "contribution", "comp_version", "comp_data", "ehr_status_version", "ehr_status_data")
DIGEST_BYTES = 32


@dataclass(frozen=True)
class Amounts:
    """How many records production holds, and how large one is."""

    ehrs: int
    compositions: int
    composition_bytes: int
    history_days: int

    def values(self, share_percent: int, end: datetime) -> dict[str, Any]:
        """What the statements need for a database that holds the oldest part of the records."""
        return {
            "ehrs": self.ehrs,
            "all": self.compositions,
            "held": self.compositions * share_percent // 100,
            "repeats": max(1, self.composition_bytes // DIGEST_BYTES),
            "history": f"{self.history_days} days",
            "end": end,
            "template": TEMPLATE_ID,
        }


def fill_database(settings: Settings, identifier: str, values: dict[str, Any]) -> None:
    """Insert the records of one database and prove their number."""
    with connect(settings, identifier) as connection:
        # Values go into the text here: one plan for each statement, and DDL-like SET takes no parameters anyway.
        cursor = psycopg.ClientCursor(connection)
        for statement in STATEMENTS:
            cursor.execute(statement, values if "%(" in statement else None)
        connection.commit()
        connection.autocommit = True
        connection.execute("ANALYZE " + ", ".join(f"ehr.{table}" for table in TABLES))
        found = connection.execute("SELECT count(*) FROM ehr.comp_version").fetchone()[0]
    if found != values["held"]:
        raise SeedError(f"{identifier} holds {found} compositions; expected {values['held']}.")
