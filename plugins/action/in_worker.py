# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The action behind the modules of this collection that call APIs, and behind the stock ones that its roles use: they
run in Ansible's own worker.

Such a module does nothing to the host it runs on, and that host is the controller. A process of its own would build
an archive, start an interpreter and import boto3 anew for every task: half a second of CPU, many times the call itself.
The worker was forked for this one task and has all of that already, botocore's own files too.

Ansible loads an action before it forks only when it finds it under the task's own name: hence a redirect of actions in
`meta/runtime.yml`, not the `action_plugin` of a module.

A task that asks for what only a process of its own can give (another connection, user or interpreter, an environment,
async) gets one, as any other module does.
"""

from __future__ import annotations

import functools
import gc
import importlib
import sys
from pathlib import Path

from ansible import context
from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible.plugins.loader import filter_loader, lookup_loader, test_loader
from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.medzen.multiregion.plugins.module_utils import botocore_files, clients, process, run_folder
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import MultiregionError
from ansible_collections.medzen.multiregion.plugins.module_utils.worker_module import (
    Finished,
    Task,
    WorkerModule,
    plain,
)

# Loaded here, before the worker is forked, and so once a playbook: what nearly every module imports.
PRELOADED = ("aws", "clients", "kms", "lookup", "runner", "service_regions", "tags", "wait")
# Between fence and switch a module must end in order when it is told to, whatever becomes of its controller. In check
# mode it only looks.
OUTLIVES_ITS_CONTROLLER = ("database_switchover",)
# The module judges the lock by the record itself, and has to run when there is none yet. A play with the role of that
# name takes the lock before anything else.
KEEPS_THE_LOCK = "run_record"
LOCKING_ROLE = "medzen.multiregion.run_record"
OWN = "medzen.multiregion"
# As every inventory of ours has it: true wherever it is said, and every task would evaluate it.
THIS_PYTHON = "{{ ansible_playbook_python }}"
# Stock modules that have a name of ours in `meta/runtime.yml`, and whose they are.
STOCK = {"elb_application_lb": "amazon.aws", "sns_topic": "community.aws"}
for _name in PRELOADED:
    importlib.import_module(f"ansible_collections.{OWN}.plugins.module_utils.{_name}")
botocore_files.share()
# Whoever asks for the first one of these has all of their kind found and read. Templates do, each in its own worker.
filter_loader.get("bool")
test_loader.get("failed")
lookup_loader.get("ansible.builtin.env", class_only=True)
# What is loaded stays: collecting garbage must neither look at it nor, in a worker, copy its pages.
gc.freeze()


class ActionModule(ActionBase):
    TRANSFERS_FILES = False
    _supports_async = True
    _supports_check_mode = True
    _supports_diff = True

    def run(self, tmp=None, task_vars=None):
        result = super().run(tmp, task_vars)
        self.check_lock(task_vars or {})
        if self.needs_own_process(task_vars or {}):
            return self.run_as_process(task_vars)
        return {**result, **self.run_here(task_vars or {})}

    def check_lock(self, task_vars):
        """Begin nothing when another run may be at work by now, or when this one has skipped its beginning."""
        if self._task.action.rpartition(".")[2] == KEEPS_THE_LOCK:
            return
        folder, start_at = run_folder.find(), context.CLIARGS.get("start_at_task")
        locks = LOCKING_ROLE in task_vars.get("ansible_play_role_names", ())
        try:
            run_folder.check_lease(folder)
            if start_at and locks and not self._task.check_mode:
                run_folder.require_lease(folder, start_at)
        except MultiregionError as error:
            raise AnsibleActionFail(error.message) from error

    def needs_own_process(self, task_vars):
        """Whether the task asks for anything that this worker is not or cannot give."""
        if self._task.action.rpartition(".")[2] in OUTLIVES_ITS_CONTROLLER and not self._task.check_mode:
            return True
        interpreter = task_vars.get("ansible_python_interpreter", "")
        return bool(
            self._connection.transport != "local"
            or self._connection.become
            or self._task.async_val
            or any(self._task.environment or [])
            or not (interpreter == THIS_PYTHON or is_this_python(str(self._templar.template(interpreter))))
        )

    def run_as_process(self, task_vars):
        usual = self._shared_loader_obj.action_loader.get(
            "ansible.legacy.normal",
            task=self._task,
            connection=self._connection,
            play_context=self._play_context,
            loader=self._loader,
            templar=self._templar,
            shared_loader_obj=self._shared_loader_obj,
        )
        return usual.run(task_vars=task_vars)

    def run_here(self, task_vars):
        name = self._task.action.rpartition(".")[2]
        task = Task(
            name=name,
            arguments=plain(self._task.args),
            check_mode=bool(self._task.check_mode),
            diff=bool(self._task.diff),
            warn=self._display.warning,
            deprecate=functools.partial(self._display.deprecated, collection_name=OWN),
        )
        settle()
        # This worker was forked for this task: nobody else sees the change.
        AnsibleAWSModule.default_settings["module_class"] = functools.partial(WorkerModule, task)
        module = importlib.import_module(f"ansible_collections.{STOCK.get(name, OWN)}.plugins.modules.{name}")
        try:
            module.main()
        except Finished as finished:
            return finished.result
        raise AnsibleActionFail(f"Module {name} ended without a result.")


def settle():
    """Make this process the worker of one module call, after which it ends: nothing is worth collecting."""
    process.mark_worker()
    clients.keep(AnsibleAWSModule)
    gc.disable()


def is_this_python(interpreter):
    """Whether a module would be started with the interpreter that runs here.

    Links are not followed: an environment's interpreter is a link to one without its packages.
    """
    return bool(interpreter) and Path(interpreter) == Path(sys.executable)
