# SPDX-License-Identifier: GPL-3.0-or-later
"""What the contract tests share lies beside them. How many wrong values were tried stands at the end of a run."""

import sys
import threading
from collections import Counter
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import module_runs  # noqa: E402
from option_cases import LABEL, SEED  # noqa: E402


@pytest.fixture(autouse=True)
def no_thread_left():
    """What a module starts ends with it: a thread that goes on makes its next call in another test, and for real."""
    before = set(threading.enumerate())
    yield
    left = [thread.name for thread in threading.enumerate() if thread not in before]
    assert not left, f"Found: threads that outlive their module: {left}. Expected: none. Bind a pool to a with block."


@pytest.fixture
def calls(monkeypatch):
    return module_runs.hold_calls(monkeypatch)


@pytest.fixture
def run(monkeypatch, calls):
    return module_runs.make_run(monkeypatch)


def pytest_terminal_summary(terminalreporter):
    """Read from the reports, which come from every worker of pytest-xdist."""
    tried = Counter()
    for reports in terminalreporter.stats.values():
        for report in reports:
            if getattr(report, "when", "") == "call":
                for name, counts in report.user_properties:
                    tried.update(counts if name == LABEL else {})
    if tried:
        told = ", ".join(f"{number} {what}" for what, number in sorted(tried.items()))
        terminalreporter.write_line(f"Bad input tried (seed {SEED}): {told}")
