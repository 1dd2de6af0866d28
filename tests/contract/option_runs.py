# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs a playbook in a process of its own against a server that answers nobody and notes who asks."""

from __future__ import annotations

import contextlib
import http.server
import json
import os
import random
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from option_cases import OPTIONS, SEED, Case, wrong_of

ROOT = Path(__file__).resolve().parents[2]
PLAYBOOKS = sorted(path.stem for path in (ROOT / "playbooks").glob("*.yml"))
LIMIT_S = 300


@dataclass
class Outcome:
    """How a playbook ended. `asked` is every request that left it, for whatever service."""

    code: int
    text: str
    asked: list[str] = field(default_factory=list)

    @property
    def named(self) -> set[str]:
        """The options that the gate told as wrong."""
        return set(re.findall(r"^\s+\d+\. (\w+)", self.text, re.MULTILINE))


@contextlib.contextmanager
def listening() -> Iterator[tuple[str, list[str]]]:
    """The address of a server on loopback and what it was asked; it takes the place of AWS and of the way there."""
    asked: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def refuse(self):
            asked.append(f"{self.command} {self.path} {self.headers.get('X-Amz-Target', '')}")
            self.send_error(503)

        do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = do_PATCH = do_CONNECT = refuse

        def log_message(self, *_given):
            """Pytest's output is not the place."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        server.server_close()


def run_command(arguments: Sequence[str], environment: Mapping[str, str], folder: Path) -> tuple[int, str]:
    """ansible-playbook as it is typed: its exit code and what it says."""
    command = [str(Path(sys.executable).with_name("ansible-playbook")), *arguments]
    done = subprocess.run(command, cwd=ROOT, env={**environment}, capture_output=True, text=True, timeout=LIMIT_S)
    return done.returncode, done.stdout + done.stderr


def play(
    folder: Path,
    playbook: str,
    extra: Mapping[str, Any] | None = None,
    host_vars: Mapping | None = None,
    run: Callable[..., tuple[int, str]] = run_command,
) -> Outcome:
    """The playbook with these extra variables, and these variables of a host of the inventory."""
    inventory = folder / "inventory"
    shutil.copytree(ROOT / "inventories" / "rehearsal", inventory, dirs_exist_ok=True)
    (inventory / "host_vars").mkdir(exist_ok=True)
    for host, variables in (host_vars or {}).items():
        (inventory / "host_vars" / f"{host}.json").write_text(json.dumps(variables), encoding="utf-8")
    (folder / "extra.json").write_text(json.dumps(extra or {}), encoding="utf-8")
    arguments = [f"{playbook}.yml", "-i", str(inventory), "-e", f"@{folder / 'extra.json'}"]
    with listening() as (address, asked):
        code, text = run(arguments, environment(folder, address), folder)
    return Outcome(code, text, asked)


def environment(folder: Path, address: str) -> dict[str, str]:
    own = {key: value for key, value in os.environ.items() if not key.startswith(("AWS_", "MEDZEN_MULTIREGION_"))}
    ways = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "AWS_ENDPOINT_URL"), address)
    return {
        **own,
        **ways,
        "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI",
        "AWS_EC2_METADATA_DISABLED": "true",
        "MEDZEN_MULTIREGION_REPORTS": str(folder / "reports"),
        "ANSIBLE_NOCOLOR": "1",
        "COLUMNS": "1000",
    }


def can_be_given(value: Any, templates: bool) -> bool:
    """Half a character is in no file that Ansible reads; a template in an inventory is no fault."""
    told = json.dumps(value)
    return "\\ud800" not in told and (templates or not re.search(r"\{[{%#]", told))


def sample(chooser: random.Random, *, templates: bool = True) -> list[Case]:
    """One wrong value of each option."""
    return [
        chooser.choice([case for case in wrong_of(option) if can_be_given(case.value, templates)]) for option in OPTIONS
    ]


def chooser_of(name: str) -> random.Random:
    return random.Random(f"{SEED} {name}")
