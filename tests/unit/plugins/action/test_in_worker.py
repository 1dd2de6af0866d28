# SPDX-License-Identifier: GPL-3.0-or-later
import subprocess
import sys
from types import SimpleNamespace

import pytest
from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.medzen.multiregion.plugins.action import in_worker
from ansible_collections.medzen.multiregion.plugins.module_utils import run_folder

LOCAL = {"transport": "local", "become": None}
# As the process that workers are forked from, after it has loaded the action; then what templates ask for.
LOOK = """
import os
from ansible.plugins import loader
loader.init_plugin_loader([os.path.abspath('collections')])
import ansible_collections.medzen.multiregion.plugins.action.in_worker
loader.PluginLoader._load_module_source = lambda self, *args, **more: print("read again:", self.type, args, more)
for kind, name in (("filter", "combine"), ("filter", "ansible.builtin.bool"), ("test", "match")):
    assert getattr(loader, f"{kind}_loader").get(name), name
assert loader.lookup_loader.get("ansible.builtin.env", class_only=True)
"""


def build(interpreter=sys.executable, connection=LOCAL, task=None):
    action = in_worker.ActionModule.__new__(in_worker.ActionModule)
    action._templar = SimpleNamespace(template=lambda value: value)
    action._connection = SimpleNamespace(**connection)
    action._display = SimpleNamespace(warning=print, deprecated=print)
    usual = {"async_val": 0, "environment": [{}], "check_mode": True, "diff": False, "action": "medzen.multiregion.x"}
    action._task = SimpleNamespace(**usual | (task or {}))
    return action, {"ansible_python_interpreter": interpreter}


def needs_own_process(**given):
    action, task_vars = build(**given)
    return action.needs_own_process(task_vars)


def test_what_templates_need_is_read_before_workers_are_forked():
    done = subprocess.run([sys.executable, "-c", LOOK], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, ""), done


def test_a_usual_task_runs_in_the_worker():
    assert needs_own_process() is False
    assert needs_own_process(interpreter="{{ ansible_playbook_python }}") is False


@pytest.mark.parametrize(
    "given",
    [
        {"interpreter": "/opt/other/bin/python"},
        {"interpreter": ""},
        {"interpreter": "auto"},
        {"connection": {**LOCAL, "transport": "ssh"}},
        {"connection": {**LOCAL, "become": object()}},
        {"task": {"async_val": 60}},
        {"task": {"environment": [{}, {"AWS_PROFILE": "other"}]}},
    ],
)
def test_a_task_that_asks_for_more_gets_a_process_of_its_own(given):
    assert needs_own_process(**given) is True


def test_the_switchover_outlives_its_controller_but_its_trial_need_not():
    task = {"action": "medzen.multiregion.database_switchover"}
    assert needs_own_process(task={**task, "check_mode": False}) is True
    assert needs_own_process(task={**task, "check_mode": True}) is False


def test_a_run_that_lost_its_lock_begins_no_task_but_that_of_the_lock_itself(tmp_path, monkeypatch):
    monkeypatch.setenv(run_folder.ENVIRONMENT, str(tmp_path))
    action, task_vars = build()
    action.check_lock(task_vars)
    run_folder.begin_lease(tmp_path, "A", until=1.0)
    with pytest.raises(in_worker.AnsibleActionFail, match="Run A has lost its lock"):
        action.check_lock(task_vars)
    action, task_vars = build(task={"action": "medzen.multiregion.run_record"})
    action.check_lock(task_vars)


LOCKING = {"ansible_play_role_names": ["medzen.multiregion.audit", "medzen.multiregion.run_record"]}


@pytest.fixture
def begun_in_the_middle(monkeypatch, tmp_path):
    """A run with --start-at-task; its folder."""
    monkeypatch.setattr(in_worker.context, "CLIARGS", {"start_at_task": "switch | Promote"})
    monkeypatch.setenv(run_folder.ENVIRONMENT, str(tmp_path))
    return tmp_path


@pytest.mark.parametrize("folder", ["there", "none"])
def test_a_run_that_began_after_its_lock_and_gates_changes_nothing(begun_in_the_middle, monkeypatch, folder):
    if folder == "none":
        monkeypatch.delenv(run_folder.ENVIRONMENT)
    action, task_vars = build(task={"check_mode": False})
    with pytest.raises(in_worker.AnsibleActionFail, match=r"'switch \| Promote'.*run it without --start-at-task"):
        action.check_lock(task_vars | LOCKING)


@pytest.mark.parametrize(
    ("check_mode", "play"),
    [(True, LOCKING), (False, {}), (False, {"ansible_play_role_names": ["medzen.multiregion.audit"]})],
)
def test_what_writes_nothing_or_takes_no_lock_may_begin_anywhere(begun_in_the_middle, check_mode, play):
    action, task_vars = build(task={"check_mode": check_mode})
    action.check_lock(task_vars | play)


def test_a_run_that_began_before_its_lock_has_skipped_nothing(begun_in_the_middle):
    run_folder.begin_lease(begun_in_the_middle, "A", until=run_folder.time.time() + 60)
    action, task_vars = build(task={"check_mode": False})
    action.check_lock(task_vars | LOCKING)


@pytest.fixture
def module_class(monkeypatch):
    """In a worker the change of the module class dies with it; here it must be taken back."""
    monkeypatch.setitem(AnsibleAWSModule.default_settings, "module_class", None)
    monkeypatch.setattr(in_worker, "settle", lambda: None)


def test_the_module_runs_and_its_failure_is_a_result(module_class):
    action, task_vars = build(task={"action": "medzen.multiregion.ecs_cluster", "args": {"state": "nowhere"}})
    result = action.run_here(task_vars)
    assert result["failed"] and "ecs_cluster" in result["msg"] and "name" in result["msg"]


@pytest.mark.parametrize("name", sorted(in_worker.STOCK))
def test_a_stock_module_of_the_roles_runs_here_too(module_class, name):
    action, task_vars = build(task={"action": f"medzen.multiregion.{name}", "args": {"region": "eu-central-1"}})
    result = action.run_here(task_vars)
    assert result["failed"] and name in result["msg"] and "missing required arguments: name" in result["msg"]


def test_a_module_that_says_nothing_is_an_error(module_class, monkeypatch):
    silent = SimpleNamespace(main=lambda: None)
    monkeypatch.setattr(in_worker.importlib, "import_module", lambda name: silent)
    action, task_vars = build(task={"args": {}})
    with pytest.raises(in_worker.AnsibleActionFail, match="without a result"):
        action.run_here(task_vars)
