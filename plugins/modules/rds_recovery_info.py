#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

DOCUMENTATION = r"""
---
module: rds_recovery_info
version_added: 1.0.0
short_description: Find the log position at which a restored RDS PostgreSQL instance ended its recovery
description:
  - A restored instance replays the write-ahead log that its snapshot holds, and then writes one of its own. The
    position between the two tells which transactions of its source it holds; logical replication begins there.
  - RDS has no function for it (C(aurora_volume_logical_start_lsn) is Aurora's), and C(pg_last_wal_replay_lsn) forgets
    it with the next clean start. PostgreSQL writes it to its log, as C(redo done at), which is the beginning of the
    last record that was replayed. The position returned is the byte behind that, so that this record counts as
    replayed.
  - A log holds more than one such line after a crash. The first one within O(after_lsn) and O(before_lsn) is taken;
    none is refused.
  - It only reads. Operations used are C(rds:DescribeDBLogFiles) and C(rds:DownloadDBLogFilePortion), with the IAM
    permissions of the same names. RDS keeps logs for three days unless C(rds.log_retention_period) says otherwise.
author:
  - MedZen platform team (@medzen)
options:
  db_instance_identifier:
    description:
      - The restored instance.
    type: str
    required: true
  after_lsn:
    description:
      - A log position of the source of before the snapshot, such as that of the replication slot.
    type: str
    required: true
  before_lsn:
    description:
      - A log position of the source of after the snapshot, such as its present one.
    type: str
    required: true
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
attributes:
  check_mode:
    description: Can run in check mode and predict changes without making them.
    support: full
    details: It never changes anything.
  diff_mode:
    description: Returns what has changed when in diff mode.
    support: full
    details: There never is a change, so the diff is empty.
  idempotent:
    description: A second run with the same options changes nothing.
    support: full
"""

EXAMPLES = r"""
- name: Find out where the copy ends
  medzen.multiregion.rds_recovery_info:
    db_instance_identifier: medzen-ehrbase-db-eu-central-1
    after_lsn: "{{ source.published.confirmed_lsn }}"
    before_lsn: "{{ source.published.current_lsn }}"
    region: eu-central-1
  register: recovery
"""

RETURN = r"""
lsn:
  description: The position. Records of the source that begin before it were replayed, the others were not.
  type: str
  returned: success
  sample: 16/B374D849
line:
  description: The line of the log that tells it.
  type: str
  returned: success
  sample: "2026-11-21 08:00:00 UTC::@:[412]:LOG:  redo done at 16/B374D848 system usage: CPU: user: 0.01 s"
log_file:
  description: The file that it stands in.
  type: str
  returned: success
"""

import re

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.medzen.multiregion.plugins.module_utils import lsn
from ansible_collections.medzen.multiregion.plugins.module_utils.aws import client, describe
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import Refused
from ansible_collections.medzen.multiregion.plugins.module_utils.runner import run

ARGUMENTS = {
    "db_instance_identifier": {"type": "str", "required": True},
    "after_lsn": {"type": "str", "required": True},
    "before_lsn": {"type": "str", "required": True},
}
REDO_DONE = re.compile(r"\bredo done at ([0-9A-F]{1,8}/[0-9A-F]{1,8})\b")
LOG_NAME = "postgresql.log"
BEGINNING = "0"


@describe("list the logs of {identifier}")
def list_log_files(rds, identifier):
    """Names of the server's logs, oldest first."""
    found, marker = [], None
    while True:
        more = {"Marker": marker} if marker else {}
        page = rds.describe_db_log_files(
            DBInstanceIdentifier=identifier, FilenameContains=LOG_NAME, **more, aws_retry=True
        )
        found += page["DescribeDBLogFiles"]
        marker = page.get("Marker")
        if not marker:
            return [row["LogFileName"] for row in sorted(found, key=lambda row: row["LastWritten"])]


@describe("read {name} of {identifier}")
def read_portion(rds, identifier, name, marker):
    return rds.download_db_log_file_portion(
        DBInstanceIdentifier=identifier, LogFileName=name, Marker=marker, aws_retry=True
    )


def read_lines(rds, identifier, name):
    """Lines of one log from its beginning; asks for more only when they are wanted."""
    marker, rest = BEGINNING, ""
    while True:
        portion = read_portion(rds, identifier, name, marker)
        *lines, rest = (rest + (portion.get("LogFileData") or "")).split("\n")
        yield from lines
        if not portion.get("AdditionalDataPending") or portion.get("Marker") in (None, marker):
            yield rest
            return
        marker = portion["Marker"]


def position_behind(line):
    """The position right behind the beginning of the last record that was replayed; None for another line."""
    found = REDO_DONE.search(line)
    return lsn.to_text(lsn.parse(found.group(1)) + 1) if found else None


def is_within(position, after, before):
    return lsn.is_reached(position, after) and lsn.is_reached(before, position)


def ensure(module):
    params = module.params
    identifier, after, before = params["db_instance_identifier"], params["after_lsn"], params["before_lsn"]
    lsn.parse(after), lsn.parse(before)
    rds, seen = client(module, "rds"), []
    for name in list_log_files(rds, identifier):
        for line in read_lines(rds, identifier, name):
            position = position_behind(line)
            if position and is_within(position, after, before):
                return {"changed": False, "lsn": position, "line": line, "log_file": name}
            seen += [position] if position else []
    raise Refused(
        f"It is not known where the recovery of {identifier} ended.",
        f"ends of recovery in its log: {', '.join(seen) or 'none'}",
        f"one from {after} to {before}",
        "was it restored more than rds.log_retention_period ago, or from a snapshot of before the slot? Delete it and "
        "its snapshots, and seed again",
    )


def main():
    run(AnsibleAWSModule(argument_spec=ARGUMENTS, supports_check_mode=True), ensure)


if __name__ == "__main__":
    main()
