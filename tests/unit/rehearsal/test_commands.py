# SPDX-License-Identifier: GPL-3.0-or-later
import os

import pytest

from rehearsal import __main__ as command_line
from rehearsal.down import stop_world
from rehearsal.processes import Processes, identify
from rehearsal.settings import Settings
from rehearsal.status import build_lines
from rehearsal.up import prepare_folders, remove_last_life, worker_environment


@pytest.fixture
def settings(tmp_path):
    made = Settings(250, tmp_path)
    prepare_folders(made)
    return made


def test_a_new_life_starts_without_the_files_of_the_last_one_but_with_its_logs(settings):
    (settings.folder / "pg").mkdir()
    (settings.folder / "pg" / "data").write_text("x")
    (settings.folder / "state.json").write_text("{}")
    (settings.logs / "cloud.log").write_text("why it ended")
    remove_last_life(settings)
    assert [path.name for path in settings.folder.iterdir()] == ["logs"]
    assert (settings.logs / "cloud.log").read_text() == "why it ended"


def test_stopping_a_world_that_is_down_stops_nothing(settings):
    assert stop_world(settings) == []


def test_the_status_names_every_process_and_whether_it_runs(settings):
    processes = Processes(settings)
    processes.remember("here", identify(os.getpid()))
    processes.remember("gone", identify(2**22 + 1))
    lines = "\n".join(build_lines(settings, {"scale": 60.0}))
    assert "World 250: ready, time scale 60" in lines
    assert f"pid {os.getpid()}" in lines
    assert any(line.split() == ["gone", "gone"] for line in lines.splitlines())


def test_a_world_without_an_answer_is_down(settings):
    assert build_lines(settings, None)[0] == "World 250: down"


def test_workers_cannot_reach_a_real_account():
    environment = worker_environment()
    assert environment["AWS_ACCESS_KEY_ID"] == "rehearsal"
    assert environment["AWS_SHARED_CREDENTIALS_FILE"] == environment["AWS_CONFIG_FILE"] == os.devnull


@pytest.mark.parametrize(
    ("arguments", "code"), [(["--help"], 0), ([], 2), (["upp"], 2), (["status", "--world", "3"], 2)]
)
def test_the_command_line_says_what_is_wrong(arguments, code, capsys):
    assert command_line.main(arguments) == code
    printed = capsys.readouterr()
    assert "usage" in printed.out + printed.err or "expected a number from 16 to 250" in printed.err
