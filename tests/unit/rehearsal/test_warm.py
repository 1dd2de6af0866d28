# SPDX-License-Identifier: GPL-3.0-or-later
import json
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from rehearsal import playbooks
from rehearsal.warm import Warm


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """Ansible's own folder."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def warm(home):
    with Warm(playbooks.own_environment() | {"ANSIBLE_HOME": str(home)}, home / "server.log") as one:
        yield one


@pytest.fixture
def play(warm, tmp_path):
    """Runs a playbook of commands; its exit code and what was said."""

    def run(name, *commands, seconds=60, **environment):
        file, output = tmp_path / f"{name}.json", tmp_path / f"{name}.log"
        here = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
        tasks = [{"ansible.builtin.command": {"cmd": command}} for command in commands]
        file.write_text(json.dumps([{"hosts": "localhost", "gather_facts": False, "vars": here, "tasks": tasks}]))
        return warm.run(["-i", "localhost,", "-v", str(file)], environment, output, seconds), output.read_text()

    return run


def test_playbooks_run_side_by_side_and_each_tells_its_own_end(play):
    with ThreadPoolExecutor() as lanes:
        slow, failed = lanes.submit(play, "slow", "sleep 1"), lanes.submit(play, "failed", "false")
        quick = lanes.submit(play, "quick", "printenv OF_THIS_RUN", OF_THIS_RUN="its own")
        (code, said), *others = (one.result() for one in (quick, failed, slow))
    assert code == 0 and "its own" in said
    assert [code for code, _said in others] == [2, 0]


def test_what_a_playbook_packs_lies_in_ansibles_own_folder(play, home):
    assert play("packs", "true")[0] == 0
    assert (home / "tmp").is_dir()
    assert not [path for path in playbooks.ROOT.iterdir() if path.name.startswith("{{")]


def test_one_that_takes_too_long_is_killed_and_the_next_one_runs(play, tmp_path):
    with pytest.raises(subprocess.TimeoutExpired, match="timed out after 1 seconds"):
        play("stuck", "sleep 2", f"touch {tmp_path}/went-on", seconds=1)
    assert play("after", "sleep 2")[0] == 0
    assert not (tmp_path / "went-on").exists()


def test_a_server_that_has_ended_is_told(tmp_path):
    with Warm(playbooks.own_environment(), tmp_path / "server.log") as warm, ThreadPoolExecutor() as lanes:
        under_way = lanes.submit(warm.run, ["--version"], {}, tmp_path / "output.log", 60)
        time.sleep(0.1)
        warm.stop()
        with pytest.raises(RuntimeError, match="its server ended"):
            under_way.result()
        with pytest.raises(RuntimeError, match="its server ended"):
            warm.run(["--version"], {}, tmp_path / "output.log", 60)
