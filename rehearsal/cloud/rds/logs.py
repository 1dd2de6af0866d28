# SPDX-License-Identifier: GPL-3.0-or-later
"""DescribeDBLogFiles and DownloadDBLogFilePortion: the log of the PostgreSQL behind an instance, as one file."""

from __future__ import annotations

from typing import Any

from rehearsal.cloud.errors import ApiError
from rehearsal.cloud.operations import Call
from rehearsal.cloud.rds.model import Instance
from rehearsal.cloud.rds.state import Rds

# Without NumberOfLines RDS gives up to a megabyte; fewer here, so that a reader has to ask again.
LINES_DEFAULT = 1000


class Logs:
    """Reads on the servers' logs of one world."""

    def __init__(self, rds: Rds) -> None:
        self.rds = rds

    def describe(self, call: Call) -> dict[str, Any]:
        instance = self.rds.find_instance(call.region, call.get("DBInstanceIdentifier"))
        name, wanted = log_name(instance), call.get("FilenameContains")
        if not instance.cluster.log.exists() or (wanted and wanted not in name):
            return {"DescribeDBLogFiles": []}
        found = instance.cluster.log.stat()
        row = {"LogFileName": name, "LastWritten": int(found.st_mtime * 1000), "Size": found.st_size}
        return {"DescribeDBLogFiles": [row]}

    def download(self, call: Call) -> dict[str, Any]:
        """A part of the file, from a marker on: "0" is its beginning, none its end."""
        instance = self.rds.find_instance(call.region, call.get("DBInstanceIdentifier"))
        if call.get("LogFileName") != log_name(instance) or not instance.cluster.log.exists():
            raise ApiError("DBLogFileNotFoundFault", f"DBLog File: {call.get('LogFileName')}, is not found", 404)
        lines = instance.cluster.log.read_text(errors="replace").splitlines(keepends=True)
        return cut_portion(lines, call.get("Marker"), int(call.get("NumberOfLines") or LINES_DEFAULT))


def log_name(instance: Instance) -> str:
    """Files of RDS are named after the hour in which they begin."""
    return f"error/postgresql.log.{instance.created:%Y-%m-%d-%H}"


def cut_portion(lines: list[str], marker: str | None, count: int) -> dict[str, Any]:
    """Lines after a marker, the marker of the next part, and whether there is one."""
    start = max(0, len(lines) - count) if marker is None else int(marker.rpartition(":")[2])
    end = min(len(lines), start + count)
    return {
        "LogFileData": "".join(lines[start:end]),
        "Marker": f"0:{end}",
        "AdditionalDataPending": end < len(lines),
    }
