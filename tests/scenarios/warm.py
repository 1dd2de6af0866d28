# SPDX-License-Identifier: GPL-3.0-or-later
"""ansible-playbook from a process that has loaded Ansible already: a second less for each that is only looked at by its
result. One that is killed, or looked at by others while it runs, is started as it is typed.
"""

from __future__ import annotations

import json
import select
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from rehearsal import playbooks

SERVER = "tests.scenarios.warm_server"


class Warm:
    """Runs playbooks one after the other; the environment is theirs, with Ansible's settings in it."""

    def __init__(self, environment: Mapping[str, str], log: Path) -> None:
        self._log = log
        with log.open("w", encoding="utf-8") as stream:
            self._process = subprocess.Popen(
                playbooks.die_with_parent([sys.executable, "-m", SERVER]), cwd=playbooks.ROOT,
                env={**environment}, text=True,
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stream,
            )  # fmt: skip

    def run(self, arguments: Sequence[str], environment: Mapping[str, str], output: Path, seconds: float) -> int:
        """The exit code; `environment` is added to this one's, and `output` takes what is said."""
        assert self._process.stdin and self._process.stdout
        request = {"arguments": [*arguments], "environment": {**environment}, "output": str(output)}
        print(json.dumps(request), file=self._process.stdin, flush=True)
        ended, _, _ = select.select([self._process.stdout], [], [], seconds)
        told = self._process.stdout.readline() if ended else ""
        if not told:
            self.stop()
            said = [path.read_text(encoding="utf-8")[-6000:] for path in (output, self._log) if path.exists()]
            raise AssertionError(f"{arguments} did not end in {seconds} s, or its server did:\n" + "\n".join(said))
        return int(told)

    def stop(self) -> None:
        """End it, and a playbook that still runs with it."""
        self._process.kill()
        with self._process:  # closes its pipes
            self._process.wait(10)
