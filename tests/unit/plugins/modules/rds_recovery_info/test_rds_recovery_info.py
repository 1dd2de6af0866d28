# SPDX-License-Identifier: GPL-3.0-or-later
from types import SimpleNamespace

import pytest
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import Refused
from ansible_collections.medzen.multiregion.plugins.modules import rds_recovery_info as module

OLD = "LOG:  redo done at 0/1FF system usage: CPU: user: 0.00 s"
DONE = "2026-11-21 08:00:00 UTC::@:[412]:LOG:  redo done at 16/B374D848 system usage: CPU: user: 0.01 s"


class Logs:
    """Logs in portions of one line each; notes what was asked for."""

    def __init__(self, **files):
        self.files, self.asked = files, []

    def describe_db_log_files(self, **request):
        assert request["FilenameContains"] == "postgresql.log"
        # Newest first: the order is not promised.
        rows = [{"LogFileName": name, "LastWritten": n} for n, name in enumerate(self.files)]
        half = 1 if "Marker" in request else 0
        page = rows[::-1][half : half + 1]
        return {"DescribeDBLogFiles": page, **({"Marker": "more"} if not half and len(rows) > 1 else {})}

    def download_db_log_file_portion(self, **request):
        self.asked.append((request["LogFileName"], request["Marker"]))
        text, at = self.files[request["LogFileName"]], int(request["Marker"])
        # A portion ends anywhere, not at the end of a line.
        return {
            "LogFileData": text[at : at + 40],
            "Marker": str(at + 40),
            "AdditionalDataPending": at + 40 < len(text),
        }


@pytest.fixture
def find(monkeypatch):
    def look(logs, after="16/B0000000", before="16/C0000000"):
        params = {"db_instance_identifier": "db", "after_lsn": after, "before_lsn": before}
        monkeypatch.setattr(module, "client", lambda *_: logs)
        return module.ensure(SimpleNamespace(params=params))

    return look


def test_the_position_is_right_behind_the_beginning_of_the_last_record(find):
    found = find(Logs(first=f"LOG:  redo starts at 16/B3000000\n{DONE}\nLOG:  ready\n"))
    assert (found["lsn"], found["line"], found["log_file"]) == ("16/B374D849", DONE, "first")


def test_the_oldest_log_is_read_first_and_no_further_than_needed(find):
    logs = Logs(first=f"{OLD}\n{DONE}\n", second=DONE.replace("B374D848", "BFFFFFFF"))
    assert find(logs)["lsn"] == "16/B374D849"
    assert {name for name, _ in logs.asked} == {"first"}


def test_a_line_without_its_end_counts_as_well(find):
    assert find(Logs(first=DONE))["lsn"] == "16/B374D849"


@pytest.mark.parametrize("text", ["", OLD, "LOG:  database system was shut down"])
def test_no_end_within_the_bounds_is_refused(find, text):
    with pytest.raises(Refused, match="not known where the recovery of db ended") as refused:
        find(Logs(first=text))
    assert ("0/200" in refused.value.message) is (text == OLD)


@pytest.mark.parametrize(("after", "before"), [("16/B374D84A", "16/C0000000"), ("16/B0000000", "16/B374D848")])
def test_a_position_of_before_the_slot_or_beyond_the_source_is_none(find, after, before):
    with pytest.raises(Refused):
        find(Logs(first=DONE), after, before)
