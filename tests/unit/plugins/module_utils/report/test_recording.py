# SPDX-License-Identifier: GPL-3.0-or-later
"""Events in, summary out."""

import pytest
from ansible_collections.medzen.multiregion.plugins.module_utils.report.recording import (
    Recording,
    duration,
    iso,
    progress_text,
    seconds,
)

START = 1_000_000.0


@pytest.fixture
def recording():
    return Recording("cutover_dns", "run-1", START)


def line(what="copy to eu-west-1", at=10, elapsed=5, percent=50):
    return {"time": START + at, "what": what, "elapsed_s": elapsed, "percent": percent, "eta_s": 5, "detail": "copying"}


def test_a_step_has_a_start_an_end_and_a_status(recording):
    recording.begin_step("t", "eu-west-1", "Create it", "network", START + 1)
    recording.end_step("t", "eu-west-1", "changed", START + 3)
    step = recording.summary()["steps"][0]
    assert (step["name"], step["role"], step["status"]) == ("Create it", "network", "changed")
    assert seconds(step["end"]) - seconds(step["start"]) == 2


def test_a_step_under_way_at_the_end_is_interrupted(recording):
    recording.begin_step("t", "eu-west-1", "Create it", "", START + 1)
    recording.finish(START + 9, "interrupted")
    assert recording.summary()["steps"][0]["status"] == "interrupted"


def test_lines_of_one_wait_are_one_wait(recording):
    recording.begin_step("t", "eu-west-1", "Copy", "", START)
    for at, percent in ((6, 10), (10, 60), (14, 100)):
        recording.add_progress(line(at=at, elapsed=at - 4, percent=percent))
    waits = recording.summary()["waits"]
    assert [(one["host"], one["percent"]) for one in waits] == [("eu-west-1", 100)]
    assert seconds(waits[0]["end"]) - seconds(waits[0]["start"]) == 10


def test_a_rounded_line_is_no_wait_that_begins_anew(recording):
    recording.add_progress({"time": 100.123, "what": "old TTL", "elapsed_s": 0.0})
    recording.add_progress({"time": 100.424, "what": "old TTL", "elapsed_s": 0.3})
    assert len(recording.waits) == 1 and recording.waits[0].end == 100.424


def test_a_wait_that_begins_anew_is_another_wait(recording):
    recording.add_progress(line(at=10, elapsed=5))
    recording.add_progress(line(at=30, elapsed=2))
    assert len(recording.summary()["waits"]) == 2


def test_gates_keep_their_evidence(recording):
    recording.add_result("eu-west-1", {"gate": {"name": "g", "verdict": "pass", "evidence": {"lsn": "0/1"}}}, START)
    gate = recording.summary()["gates"][0]
    assert (gate["name"], gate["verdict"], gate["evidence"], gate["host"]) == ("g", "pass", {"lsn": "0/1"}, "eu-west-1")


def test_gates_of_a_loop_are_all_kept(recording):
    items = [{"gate": {"name": name, "verdict": "pass"}} for name in "ab"]
    recording.add_result("h", {"results": items}, START)
    assert [gate["name"] for gate in recording.summary()["gates"]] == ["a", "b"]


def test_nothing_else_of_a_result_is_kept(recording):
    recording.add_result("h", {"password": "canary", "stdout": "canary", "gate": "canary"}, START)
    assert "canary" not in str(recording.summary())


def test_a_timeline_becomes_phases(recording):
    timeline = [{"step": "fence", "start": iso(START), "end": START + 1}, {"step": "bad", "start": "?", "end": 1}]
    recording.add_result("h", {"timeline": timeline}, START)
    assert [phase["name"] for phase in recording.summary()["phases"]] == ["fence"]


def test_figures_are_numbers_and_short_texts(recording):
    recording.add_figures({"rpo_s": 0, "region": "eu", "long": "x" * 81, "list": [1]})
    recording.add_figures({"hidden": 1, "_ansible_no_log": True})
    assert recording.summary()["figures"] == {"rpo_s": 0, "region": "eu"}


def test_the_wall_time_of_a_run_under_way_reaches_to_its_last_event(recording):
    recording.add_progress(line(at=42))
    assert recording.summary()["wall_s"] == 42


@pytest.mark.parametrize("value, text", [(7.34, "7.3 s"), (42.4, "42 s"), (725, "12 min 5 s"), (7500, "2 h 5 min")])
def test_durations_read_as_a_person_says_them(value, text):
    assert duration(value) == text


def test_progress_reads_as_one_line():
    assert progress_text(line()) == "  … copy to eu-west-1 50 % 5.0 s, about 5.0 s left (copying)"
    assert progress_text({"what": "x", "elapsed_s": 31, "percent": None, "eta_s": None}) == "  … x 31 s"
