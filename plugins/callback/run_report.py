# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Follows a run: shows the progress of waits while they last, and leaves a summary and a page behind.

It must never end a play: whatever goes wrong in here becomes one warning that names the fault.
"""

from __future__ import annotations

DOCUMENTATION = r"""
name: run_report
type: aggregate
short_description: Shows how far waits are, and writes a report of the run
version_added: 1.0.0
description:
  - While a module waits, its progress is printed, at least every 30 seconds and on every ten percent.
  - At the end, also of a failed run, C(summary.json) and a self-contained C(index.html) are written to a folder of the
    run's own, and the link C(latest) beside it points there.
  - Names, states, gates with their evidence, progress and figures are kept. Results are not, and of a task with
    C(no_log) nothing but its name and state.
  - Sets C(MEDZEN_MULTIREGION_PROGRESS), the file that modules report progress to,
    C(MEDZEN_MULTIREGION_CONTROLLER_PID), the process that the run's lock belongs to, C(MEDZEN_MULTIREGION_RUN), the
    name under which the lock is held, C(MEDZEN_MULTIREGION_STARTED), when the run began in UTC, and
    C(MEDZEN_MULTIREGION_RUN_FOLDER), where its lease and the verdicts of its gates are written down until they are in
    the run record.
options:
  reports:
    description: Folder that holds the reports of all runs.
    type: path
    default: reports
    env:
      - name: MEDZEN_MULTIREGION_REPORTS
    ini:
      - section: callback_run_report
        key: reports
  run:
    description: Name of this run's folder. Without it, the time and the playbook's name.
    type: str
    default: ""
    env:
      - name: MEDZEN_MULTIREGION_RUN
requirements:
  - enable in configuration
author:
  - MedZen platform team (@medzen)
"""

import atexit
import functools
import json
import os
import secrets
import tempfile
import threading
import time
from pathlib import Path

from ansible import context
from ansible.plugins.callback import CallbackBase
from ansible_collections.medzen.multiregion.plugins.module_utils import run_folder
from ansible_collections.medzen.multiregion.plugins.module_utils.report.files import write_report
from ansible_collections.medzen.multiregion.plugins.module_utils.report.recording import Recording, progress_text

PROGRESS = "MEDZEN_MULTIREGION_PROGRESS"
CONTROLLER = "MEDZEN_MULTIREGION_CONTROLLER_PID"
RUN = "MEDZEN_MULTIREGION_RUN"
STARTED = "MEDZEN_MULTIREGION_STARTED"
LOOK_S = 0.4
SAVE_S = 10.0


def guarded(method):
    """A fault of the report is told once and is not the play's."""

    @functools.wraps(method)
    def call(self, *args, **kwargs):
        try:
            return method(self, *args, **kwargs)
        except Exception as error:
            self.tell_fault(method.__name__, error)
            return None

    return call


def read(thing, name):
    """An attribute whose name lost its underscore in ansible-core 2.19."""
    public = getattr(thing, name, None)
    return public if public is not None else getattr(thing, f"_{name}", None)


def is_secret(task, values):
    """Whether nothing but name and state may be kept. Core replaces such results, and we do not rely on it."""
    return bool(getattr(task, "no_log", False)) or "censored" in values or bool(values.get("_ansible_no_log"))


def run_name(playbook, now):
    """A name that no other run has, also not one of the same second on another machine."""
    return f"{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime(now))}-{playbook}-{secrets.token_hex(2)}"


class Follower(threading.Thread):
    """Reads what is appended to the progress file. A line that is not whole yet is left for the next look."""

    def __init__(self, path, take, save, stop):
        super().__init__(name="run-report", daemon=True)
        self._path, self._take, self._save, self._stopping = path, take, save, stop
        self._offset = path.stat().st_size if path.exists() else 0

    def run(self):
        saved = time.monotonic()
        while not self._stopping.wait(LOOK_S):
            self.look()
            if time.monotonic() - saved >= SAVE_S:
                saved = time.monotonic()
                self._save()

    def look(self):
        if not self._path.exists():
            return
        with self._path.open("rb") as stream:
            stream.seek(self._offset)
            whole, newline, _rest = stream.read().rpartition(b"\n")
        self._offset += len(whole) + len(newline)
        for line in whole.splitlines():
            self._take(line)


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "medzen.multiregion.run_report"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.recording = None
        self.folder = None
        self._follower = None
        self._run_folder = None
        self._stop = threading.Event()
        self._process = os.getpid()
        self._task_started = {}
        self._told = set()

    def tell_fault(self, where, error):
        told = f"{where}: {type(error).__name__}: {error}"
        if told not in self._told:
            self._told.add(told)
            self._display.warning(f"The run report is incomplete, the run is not affected. Fault in {told}")

    @guarded
    def v2_playbook_on_start(self, playbook):
        name = Path(str(getattr(playbook, "_file_name", None) or "playbook")).stem
        now = time.time()
        run = self.get_option("run") or run_name(name, now)
        self.recording = Recording(name, run, now)
        self.recording.check_mode = bool(context.CLIARGS.get("check"))
        self.folder = Path(self.get_option("reports")).absolute() / run
        os.environ[CONTROLLER] = str(self._process)
        # The lock of the run is held under the name of its report.
        os.environ[RUN] = run
        # Long before the lock is taken, where a region is silent: a recovery is measured from here.
        os.environ[STARTED] = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now))
        self._run_folder = self._make_run_folder()
        os.environ[run_folder.ENVIRONMENT] = str(self._run_folder)
        self._follow(self._progress_file())
        atexit.register(self._end_interrupted)
        self._save()

    def _make_run_folder(self):
        """The report's folder, or another one where that cannot be made: the run's lease is kept in it."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            run_folder.begin(self.folder)
            return self.folder
        except OSError as error:
            self.tell_fault(f"the report's folder {self.folder}", error)
            return Path(tempfile.mkdtemp(prefix="medzen-run-"))

    def _progress_file(self):
        """The file that the environment names, so that an outer run can follow; else one of this run's own."""
        if not os.environ.get(PROGRESS):
            os.environ[PROGRESS] = str(self._run_folder / "progress.jsonl")
            Path(os.environ[PROGRESS]).touch()
        return Path(os.environ[PROGRESS])

    def _follow(self, path):
        self._follower = Follower(path, self._take_line, self._save, self._stop)
        self._follower.start()

    @guarded
    def _take_line(self, line):
        values = json.loads(line)
        self.recording.add_progress(values)
        self._display.display(progress_text(values))

    @guarded
    def _save(self):
        write_report(self.folder, self.recording.summary())

    @guarded
    def v2_playbook_on_task_start(self, task, is_conditional):
        self._task_started[self._identify(task)] = time.time()

    @guarded
    def v2_playbook_on_handler_task_start(self, task):
        self._task_started[self._identify(task)] = time.time()

    @guarded
    def v2_runner_on_start(self, host, task):
        self._begin(host, task, time.time())

    def _begin(self, host, task, now):
        role = getattr(task, "_role", None)
        name = getattr(task, "name", "") or getattr(task, "action", "") or "task"
        self.recording.begin_step(
            self._identify(task), str(host.get_name()), str(name), str(role.get_name()) if role else "", now
        )

    @staticmethod
    def _identify(task):
        return str(getattr(task, "_uuid", None) or id(task))

    @guarded
    def v2_runner_on_ok(self, result):
        values = read(result, "result") or {}
        self._end(result, "changed" if values.get("changed") else "ok")

    @guarded
    def v2_runner_on_failed(self, result, ignore_errors=False):
        self._end(result, "ignored" if ignore_errors else "failed")

    @guarded
    def v2_runner_on_skipped(self, result):
        self._end(result, "skipped")

    @guarded
    def v2_runner_on_unreachable(self, result):
        self._end(result, "unreachable")

    def _end(self, result, status):
        host, task = read(result, "host"), read(result, "task")
        values = read(result, "result") or {}
        name, now = str(host.get_name()), time.time()
        if not self.recording.has_step(self._identify(task), name):  # not every strategy tells of the start
            self._begin(host, task, self._task_started.get(self._identify(task), now))
        self.recording.end_step(self._identify(task), name, status, now)
        if not is_secret(task, values):
            for gate in self.recording.add_result(name, values, now):
                run_folder.add_gate(self._run_folder, gate)

    @guarded
    def v2_playbook_on_stats(self, stats):
        counted = [stats.summarize(host) for host in sorted(stats.processed)]
        counts = {name: sum(one[name] for one in counted) for name in ("ok", "changed", "skipped")}
        counts["failed"] = sum(one["failures"] + one["unreachable"] for one in counted)
        self.recording.add_figures((getattr(stats, "custom", None) or {}).get("_run"))
        self._finish("fail" if counts["failed"] else "pass", counts)
        self._display.display(f"Report: {self.folder / 'index.html'}")

    def _finish(self, verdict, counts=None):
        self._stop.set()
        if self._follower is not None:
            self._follower.join(timeout=2)
            self._follower.look()
        self.recording.finish(time.time(), verdict, counts)
        self._save()

    @guarded
    def _end_interrupted(self):
        """Ctrl-C and broken playbooks do not get as far as the statistics."""
        if os.getpid() == self._process and self.recording is not None and self.recording.ended is None:
            self._finish("interrupted")
