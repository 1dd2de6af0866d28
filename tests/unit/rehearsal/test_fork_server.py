# SPDX-License-Identifier: GPL-3.0-or-later
import json
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from rehearsal.processes import Processes, descendants, start_time, wait_until
from rehearsal.settings import Settings

ROOT = Path(__file__).resolve().parents[3]
CLOUD = """
    import pathlib, signal, sys
    from rehearsal import fork_server
    from rehearsal.settings import Settings
    fork_server.begin(Settings(250, pathlib.Path(sys.argv[1])))
    print("ready", flush=True)
    signal.pause()
"""
# Says what it was given, and what was there before it asked for it.
TOLD = """
    import json, os, pathlib, signal, sys
    def main():
        told = {"arguments": sys.argv[1:], "word": os.environ["WORD"], "home": os.environ.get("HOME")}
        told |= {"folder": os.getcwd(), "session": os.getsid(0) == os.getpid(), "warm": "aiohttp" in sys.modules}
        print("said", flush=True)
        pathlib.Path("told.json").write_text(json.dumps(told))
        signal.pause()
    if __name__ == "__main__":
        main()
"""


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    """A folder with a world's folder and the package `told` in it."""
    base = tmp_path_factory.mktemp("forks")
    Settings(250, base).folder.mkdir()
    texts = {
        "told": TOLD,
        "broken": "def main(): raise ValueError('no such estate')",
        "refusing": "def main(): raise SystemExit('error: port 53 is taken')",
    }
    for name, text in texts.items():
        (base / name).mkdir()
        (base / name / "__init__.py").touch()
        (base / name / "__main__.py").write_text(textwrap.dedent(text))
    return base


@pytest.fixture(scope="module")
def environment(base):
    return {"PYTHONPATH": os.pathsep.join((str(base), str(ROOT))), "WORD": "with space"}


@pytest.fixture(scope="module")
def cloud(base, environment):
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(CLOUD), str(base)],
        env=os.environ | environment, stdout=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stdout.readline() == "ready\n"
        yield process
        process.kill()


@pytest.fixture
def processes(base):
    made = Processes(Settings(250, base))
    (made.settings.folder / "told.json").unlink(missing_ok=True)
    yield made
    made.stop_all(made.names(), seconds=1)


def told_by(processes, environment):
    pid = processes.start_package("told", "told", ["--bind", "127.0.0.1"], environment)
    path = processes.settings.folder / "told.json"
    assert wait_until(lambda: path.exists() and path.read_text(), 10)
    assert processes.find("told").pid == pid
    return json.loads(path.read_text())


def check(told, processes):
    assert told["arguments"] == ["--bind", "127.0.0.1"]
    assert (told["word"], told["home"]) == ("with space", os.environ.get("HOME"))
    assert (told["folder"], told["session"]) == (str(processes.settings.folder), True)
    assert "said" in (processes.settings.logs / "told.log").read_text()


def test_without_a_fork_server_a_package_starts_as_a_command(processes, environment):
    told = told_by(processes, environment)
    check(told, processes)
    assert not told["warm"]


def test_a_forked_package_gets_the_same_and_has_its_imports(cloud, processes, environment):
    told = told_by(processes, environment)
    check(told, processes)
    assert told["warm"]
    assert Path(f"/proc/{processes.find('told').pid}/comm").read_text() == "told\n"
    assert processes.stop("told")
    assert processes.find("told") is None


@pytest.mark.parametrize(
    ("name", "words"), [("broken", "ValueError: no such estate"), ("refusing", "error: port 53 is taken")]
)
def test_a_package_that_fails_says_so_in_its_log(cloud, processes, environment, name, words):
    processes.start_package(name, name, [], environment)
    assert wait_until(lambda: processes.find(name) is None, 10)
    assert words in (processes.settings.logs / f"{name}.log").read_text()


def test_a_name_is_given_once(cloud, processes, environment):
    told_by(processes, environment)
    with pytest.raises(RuntimeError, match="runs already"):
        processes.start_package("told", "told", [], environment)


def test_the_fork_server_ends_with_its_cloud(cloud, processes, environment):
    (server,) = descendants(cloud.pid)
    os.kill(cloud.pid, signal.SIGKILL)
    assert wait_until(lambda: not start_time(server), 10)
    assert not told_by(processes, environment)["warm"]
