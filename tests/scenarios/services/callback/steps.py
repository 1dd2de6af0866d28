# SPDX-License-Identifier: GPL-3.0-or-later
"""Ansible callback: a line of JSON for each task with its result and the calls that it made; its faults end with it."""

from __future__ import annotations

import json
import os
import urllib.request

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: steps
type: notification
short_description: Results and AWS calls of each task, as lines of JSON
description: Reads the plan of the steps and the world's control API from the environment.
"""
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def control(path, body=None, method=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{os.environ['STEPS_CONTROL']}/{path}", data=data, method=method)
    with OPENER.open(request, timeout=60) as answer:
        return json.load(answer)


class CallbackModule(CallbackBase):
    CALLBACK_VERSION, CALLBACK_TYPE, CALLBACK_NAME = 2.0, "notification", "steps"

    def __init__(self):
        super().__init__()
        with open(os.environ["STEPS_PLAN"], encoding="utf-8") as stream:
            self.plan = json.load(stream)
        self.number, self.since, self.faults = 0, 0, []

    def v2_playbook_on_task_start(self, task, is_conditional):
        step = self.plan[self.number]
        self.number += 1
        self.since = control("ledger/mark", {"name": task.get_name()})["n"]
        self.faults = [control("faults", fault)["id"] for fault in step["faults"]]

    def v2_runner_on_ok(self, result):
        self.note(result, failed=False)

    def v2_runner_on_failed(self, result, ignore_errors=False):
        self.note(result, failed=True)

    def v2_runner_on_skipped(self, result):
        self.note(result, failed=False)

    def note(self, result, failed):
        for fault in self.faults:
            control(f"faults/{fault}", method="DELETE")
        calls = control(f"ledger?since={self.since}")["calls"]
        line = {"result": result._result, "failed": failed, "calls": calls}
        with open(os.environ["STEPS_RESULTS"], "a", encoding="utf-8") as stream:
            stream.write(json.dumps(line, default=str) + "\n")
