# SPDX-License-Identifier: GPL-3.0-or-later
"""Which of several interpreters of one version everything runs on."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

FIND_PYTHON = Path(__file__).parents[3] / "tools" / "find-python"
# A version that no machine has, so that only what a test makes is found.
VERSION = "9.9"
# Runs the code that it is given as if by another interpreter, which was configured with {arguments}.
PRETENDING = """#!/bin/sh
shift
exec {python} -c '
import sys, sysconfig
sys.version_info = ({major}, {minor}, 0)
sys.base_prefix, sys._base_executable = "/opt/made", "{own}"
sysconfig.get_config_vars()["CONFIG_ARGS"] = "{arguments}"
exec(sys.argv.pop(1))' "$@"
"""


@pytest.fixture
def machine(tmp_path):
    """Interpreters on PATH and among pyenv's versions, as a test puts them there."""

    class Machine:
        on_path = tmp_path / "bin" / f"python{VERSION}"
        of_pyenv = tmp_path / "pyenv" / "versions" / f"{VERSION}.1" / "bin" / "python"

        def put(self, path, *, version=VERSION, arguments=""):
            major, minor = version.split(".")
            path.parent.mkdir(parents=True, exist_ok=True)
            text = PRETENDING.format(python=sys.executable, major=major, minor=minor, own=path, arguments=arguments)
            path.write_text(text, encoding="utf-8")
            path.chmod(0o755)

        def find(self, *versions):
            environment = {
                "PATH": f"{self.on_path.parent}{os.pathsep}{os.environ['PATH']}",
                "PYENV_ROOT": str(tmp_path / "pyenv"),
            }
            done = subprocess.run(
                [FIND_PYTHON, *versions], env=environment, capture_output=True, text=True, check=False, timeout=60
            )
            return done.returncode, done.stdout.strip()

    return Machine()


def test_the_one_on_path_is_taken_when_there_is_no_better_one(machine):
    machine.put(machine.on_path)
    machine.put(machine.of_pyenv)
    assert machine.find(VERSION) == (0, str(machine.on_path))


def test_one_that_was_built_with_optimizations_comes_before_one_on_path_that_was_not(machine):
    machine.put(machine.on_path, arguments="--enable-shared")
    machine.put(machine.of_pyenv, arguments="--prefix=/opt --enable-optimizations --with-lto")
    assert machine.find(VERSION) == (0, str(machine.of_pyenv))


def test_an_optimized_one_of_a_version_that_is_wanted_less_does_not_come_first(machine):
    machine.put(machine.on_path)
    machine.put(machine.on_path.with_name("python9.8"), version="9.8", arguments="--enable-optimizations")
    assert machine.find(VERSION, "9.8") == (0, str(machine.on_path))


def test_a_name_that_answers_with_another_version_is_none(machine):
    machine.put(machine.on_path, version="9.8")
    assert machine.find(VERSION) == (1, "")
