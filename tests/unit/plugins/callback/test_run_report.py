# SPDX-License-Identifier: GPL-3.0-or-later
"""The callback: what it keeps, and that it never ends a play."""

import json
import os
from types import SimpleNamespace

import pytest
from ansible_collections.medzen.multiregion.plugins.callback import run_report
from ansible_collections.medzen.multiregion.plugins.module_utils import run_folder


@pytest.fixture
def callback(tmp_path, monkeypatch):
    monkeypatch.setattr(run_report.context, "CLIARGS", {"check": False})
    for name in (run_report.PROGRESS, run_report.CONTROLLER, run_folder.ENVIRONMENT):
        monkeypatch.setenv(name, "")
    made = run_report.CallbackModule()
    options = {"reports": str(tmp_path), "run": "run-1"}
    made.get_option = options.get
    made.said = []
    made._display = SimpleNamespace(warning=made.said.append, display=made.said.append)
    yield made
    made._stop.set()
    made.recording = None  # the hook at exit finds nothing to do


def task(name="Create it", **more):
    return SimpleNamespace(name=name, action="debug", _role=None, _uuid="t-1", no_log=False, **more)


HOST = SimpleNamespace(get_name=lambda: "eu-west-1")


def new_result(values, the_task=None):
    return SimpleNamespace(host=HOST, task=the_task or task(), result=values)


def old_result(values):
    return SimpleNamespace(_host=HOST, _task=task(), _result=values)


class Stats:
    processed = {"eu-west-1": 1}
    custom = {"_run": {"rpo_s": 0}}

    def __init__(self, failures=0):
        self.failures = failures

    def summarize(self, host):
        return {"ok": 3, "changed": 1, "skipped": 2, "failures": self.failures, "unreachable": 0}


def play(callback, *results, failures=0):
    callback.v2_playbook_on_start(SimpleNamespace(_file_name="/x/cutover_dns.yml"))
    for result in results:
        callback.v2_runner_on_start(HOST, task())
        callback.v2_runner_on_ok(result)
    callback.v2_playbook_on_stats(Stats(failures))
    return json.loads((callback.folder / "summary.json").read_text())


@pytest.mark.parametrize("make", [new_result, old_result])
def test_results_of_old_and_new_cores_are_understood(callback, make):
    summary = play(callback, make({"changed": True, "gate": {"name": "g", "verdict": "pass"}}))
    assert [(step["host"], step["status"]) for step in summary["steps"]] == [("eu-west-1", "changed")]
    assert summary["gates"][0]["name"] == "g"


def test_a_run_without_failures_passes_with_its_counts_and_figures(callback):
    summary = play(callback)
    assert (summary["verdict"], summary["playbook"], summary["run"]) == ("pass", "cutover_dns", "run-1")
    assert summary["counts"] == {"ok": 3, "changed": 1, "failed": 0, "skipped": 2}
    assert summary["figures"] == {"rpo_s": 0}


def test_a_run_with_failures_fails(callback):
    assert play(callback, failures=1)["verdict"] == "fail"


def test_of_a_secret_task_only_name_and_state_are_kept(callback):
    secret = task()
    secret.no_log = True
    gate = {"name": "canary", "verdict": "pass"}
    summary = play(callback, new_result({"gate": gate}, secret), new_result({"gate": gate, "_ansible_no_log": True}))
    assert "canary" not in str(summary)
    assert len(summary["steps"]) == 2


def test_modules_are_told_where_to_report_and_whom_to_watch(callback):
    callback.v2_playbook_on_start(SimpleNamespace(_file_name="x.yml"))
    assert os.environ[run_report.CONTROLLER] == str(os.getpid())
    assert os.environ[run_report.PROGRESS] == str(callback.folder / "progress.jsonl")


def test_gates_are_written_down_for_the_record_as_they_stand_in_the_report(callback):
    callback.v2_playbook_on_start(SimpleNamespace(_file_name="x.yml"))
    gate = {"name": "loss", "verdict": "override", "override": "lose 3 rows", "conditions": [{"name": "rows"}]}
    loop = {"results": [{"gate": gate}, {"gate": {**gate, "name": "again"}}]}
    for values in ({"gate": gate}, loop, {"gate": gate, "_ansible_no_log": True}):
        callback.v2_runner_on_failed(new_result(values))
    written = [gate for _number, gate in run_folder.read_gates(run_folder.find())]
    assert written == callback.recording.summary()["gates"]
    assert [one["name"] for one in written] == ["loss", "loss", "again"]
    assert (written[0]["override"], written[0]["host"]) == ("lose 3 rows", "eu-west-1")


def test_what_an_earlier_run_of_the_same_name_left_says_nothing_of_this_one(callback, tmp_path):
    (tmp_path / "run-1").mkdir()
    run_folder.begin_lease(tmp_path / "run-1", "run-1", until=0.0)
    callback.v2_playbook_on_start(SimpleNamespace(_file_name="x.yml"))
    run_folder.check_lease(run_folder.find())


def test_progress_is_printed_and_kept(callback):
    callback.v2_playbook_on_start(SimpleNamespace(_file_name="x.yml"))
    line = {"time": 1.0, "what": "copy", "percent": 50, "elapsed_s": 1, "eta_s": 1, "detail": ""}
    with open(os.environ[run_report.PROGRESS], "a") as stream:
        stream.write(json.dumps(line) + "\n" + '{"half')
    callback.v2_playbook_on_stats(Stats())
    assert "  … copy 50 % 1.0 s, about 1.0 s left" in callback.said
    assert [wait.what for wait in callback.recording.waits] == ["copy"]


def test_a_fault_is_one_warning_that_names_it_and_not_the_end_of_the_play(callback):
    callback.v2_playbook_on_start(SimpleNamespace(_file_name="x.yml"))
    broken = SimpleNamespace(host=None, task=None, result=None)
    callback.v2_runner_on_ok(broken)
    callback.v2_runner_on_ok(broken)
    warnings = [text for text in callback.said if "Fault in v2_runner_on_ok" in text]
    assert len(warnings) == 1


def test_a_folder_that_cannot_be_made_is_a_warning(callback, tmp_path):
    (tmp_path / "file").write_text("")
    callback.get_option = {"reports": str(tmp_path / "file"), "run": "r"}.get
    callback.v2_playbook_on_start(SimpleNamespace(_file_name="x.yml"))
    callback.v2_playbook_on_stats(Stats())
    assert any("the report's folder" in text for text in callback.said)


def test_an_interrupted_run_leaves_a_report_too(callback):
    callback.v2_playbook_on_start(SimpleNamespace(_file_name="x.yml"))
    callback.v2_runner_on_start(HOST, task())
    callback._end_interrupted()
    summary = json.loads((callback.folder / "summary.json").read_text())
    assert (summary["verdict"], summary["steps"][0]["status"]) == ("interrupted", "interrupted")
