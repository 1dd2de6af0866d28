# SPDX-License-Identifier: GPL-3.0-or-later
from dataclasses import replace

from rehearsal.critical_path import Link
from rehearsal.judge import compare
from rehearsal.judge_visits import compare as compare_visits
from rehearsal.judge_visits import count_answers
from rehearsal.summary import Measured, PlaybookRow, Traffic, summarise

UID = "11111111-1111-4111-8111-111111111111::ehr::1"
GOOD = compare([(UID, "m")], [(UID.split("::")[0], 1, "m")], set())
LOST = compare([(UID, "m")], [], set())
ROW = PlaybookRow("cutover_dns", 30.0, 5, 2, 0, 40, 3, 2, 0, started=100.0)
MEASURED = Measured(
    time_scale=60,
    database_seed="replica",
    verdict=GOOD,
    traffic=Traffic([1.0, 2.0, 10.0], [3.0], [1.0, 2.0], {"reads_ok": 2}),
    playbooks=[ROW],
    second_run=[replace(ROW, write_calls=0)],
    check_run=[replace(ROW, write_calls=0)],
    validation=[replace(ROW, name="validate_system")],
    links=[Link("cutover_dns", "promote", "db_promote", "db", 20.0)],
    promote_s=5.0,
)


def test_a_clean_run_passes():
    summary = summarise(MEASURED)
    assert (summary["verdict"], summary["reasons"], summary["lost_writes"]) == ("pass", [], 0)


def test_the_pause_is_told_with_and_without_the_promote():
    summary = summarise(MEASURED)
    assert summary["write_pause_s"] == 7.0
    assert summary["write_pause_without_promote_s"] == 2.0


def test_the_ratio_is_wall_clock_over_the_chain():
    assert summarise(MEASURED)["critical_path_ratio"] == 1.5


def test_a_lost_write_fails_with_its_number():
    summary = summarise(replace(MEASURED, verdict=LOST, lost_moments=[4.0]))
    assert summary["verdict"] == "fail"
    assert summary["lost_writes"] == 1 and summary["rpo_s"] == 6.0
    assert "1 acknowledged writes are missing" in summary["reasons"][0]


def test_a_database_that_could_not_be_read_is_no_pass():
    summary = summarise(replace(MEASURED, verdict=None))
    assert summary["verdict"] == "fail" and summary["lost_writes"] is None


def test_a_second_run_that_writes_fails():
    summary = summarise(replace(MEASURED, second_run=[ROW]))
    assert summary["reasons"] == ["cutover_dns: the second run made 3 write calls"]


def test_a_world_after_that_does_not_work_fails():
    refused = replace(ROW, name="validate_system", exit_code=2)
    assert summarise(replace(MEASURED, validation=[refused]))["reasons"] == ["validate_system ended with exit code 2"]


def test_writes_that_never_come_back_are_a_gap_until_the_end():
    traffic = Traffic([1.0, 2.0], [3.0, 50.0], [1.0, 50.0], {})
    assert summarise(replace(MEASURED, traffic=traffic))["rto_s"] == 48.0


def test_a_failed_playbook_fails_the_rehearsal():
    summary = summarise(replace(MEASURED, playbooks=[replace(ROW, exit_code=2)]))
    assert summary["reasons"] == ["cutover_dns ended with exit code 2"]


def test_a_read_that_missed_an_acknowledged_record_is_a_failed_read():
    traffic = replace(MEASURED.traffic, totals={"reads_missing": 1})
    summary = summarise(replace(MEASURED, traffic=traffic))
    assert summary["failed_reads"] == 1 and summary["verdict"] == "fail"


def test_visits_and_questions_are_told_and_their_faults_are_reasons():
    visits = compare_visits([{"kind": "visit_started", "meeting": "a"}], [{"id": "a", "misplaced": True}], set(), True)
    assistant = count_answers([{"kind": "question_answered"}], 3, True)
    summary = summarise(replace(MEASURED, visits=visits, assistant=assistant))
    assert (summary["visits"]["misplaced"], summary["visits"]["without_audit_row"]) == (1, 1)
    assert summary["assistant"]["answered_outside_allowed_regions"] == 3
    assert len(summary["reasons"]) == 3 and summary["verdict"] == "fail"


def test_a_plan_without_visits_has_no_figures_and_no_faults_of_them():
    summary = summarise(MEASURED)
    assert (summary["visits"], summary["assistant"], summary["reasons"]) == (None, None, [])
