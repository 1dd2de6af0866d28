# SPDX-License-Identifier: GPL-3.0-or-later
import json

import pytest
from ansible_collections.medzen.multiregion.plugins.module_utils.progress import Progress, estimate_eta_s


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def watched(tmp_path):
    clock, path = Clock(), tmp_path / "progress"
    progress = Progress("copy", clock=clock, now=lambda: 1000 + clock.now, path=str(path))
    return clock, progress, lambda: [json.loads(line) for line in path.read_text().splitlines()]


def test_the_first_report_is_written(watched):
    _clock, progress, lines = watched
    progress.report(0, detail="copying")
    assert lines() == [
        {"time": 1000.0, "what": "copy", "percent": 0, "elapsed_s": 0.0, "eta_s": None, "detail": "copying"}
    ]


def test_a_report_within_ten_percent_and_thirty_seconds_is_not_written(watched):
    clock, progress, lines = watched
    progress.report(1)
    clock.now = 29
    progress.report(9)
    assert len(lines()) == 1


def test_each_ten_percent_is_written_with_an_eta_from_the_rate(watched):
    clock, progress, lines = watched
    progress.report(0)
    clock.now = 10
    progress.report(25)
    assert lines()[-1]["percent"] == 25 and lines()[-1]["eta_s"] == 30


def test_silence_is_broken_after_thirty_seconds(watched):
    clock, progress, lines = watched
    progress.report(detail="creating")
    clock.now = 30
    progress.report(detail="creating")
    assert [line["elapsed_s"] for line in lines()] == [0, 30]


def test_a_change_of_state_is_written_at_once(watched):
    _clock, progress, lines = watched
    progress.report(detail="creating")
    progress.report(detail="backing-up")
    assert [line["detail"] for line in lines()] == ["creating", "backing-up"]


def test_the_end_is_written_only_for_a_wait_that_was_seen(watched):
    _clock, progress, lines = watched
    progress.done("available")
    progress.report(50)
    progress.done("available")
    assert [line["percent"] for line in lines()] == [50, 100]


def test_without_a_file_nothing_is_written(monkeypatch):
    monkeypatch.delenv("MEDZEN_MULTIREGION_PROGRESS", raising=False)
    Progress("copy").report(50)


def test_a_queued_copy_has_no_eta():
    assert estimate_eta_s((0.0, 0), 600.0, 0) is None
    assert estimate_eta_s(None, 600.0, None) is None
