# SPDX-License-Identifier: GPL-3.0-or-later
"""A report on disk."""

import json

from ansible_collections.medzen.multiregion.plugins.module_utils.report.files import write_report
from ansible_collections.medzen.multiregion.plugins.module_utils.report.recording import Recording


def summary(run):
    recording = Recording("audit_regions", run, 1_000_000.0)
    recording.finish(1_000_001.0, "pass")
    return recording.summary()


def test_a_report_is_a_summary_and_a_page(tmp_path):
    write_report(tmp_path / "run-1", summary("run-1"))
    assert sorted(path.name for path in (tmp_path / "run-1").iterdir()) == ["index.html", "summary.json"]
    assert json.loads((tmp_path / "run-1" / "summary.json").read_text())["verdict"] == "pass"


def test_latest_points_at_the_newest(tmp_path):
    for run in ("run-1", "run-2"):
        write_report(tmp_path / run, summary(run))
    assert (tmp_path / "latest").resolve() == tmp_path / "run-2"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["latest", "run-1", "run-2"]
