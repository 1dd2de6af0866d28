# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line of the rehearsal: python -m rehearsal COMMAND."""

from __future__ import annotations

import argparse
import importlib
import sys

from rehearsal.settings import SettingsError

COMMANDS = {
    "up": "start a world and wait until it is ready",
    "down": "stop a world and everything that it started",
    "status": "show what runs in a world",
    "seed": "build the estate as it is before the move",
    "traffic": "write and read as patients do, and keep what was acknowledged",
    "judge": "compare what was acknowledged with what the new primary holds",
    "run": "rehearse the whole move",
    "report": "write the summary and the page of a run",
    "checkpoint": "keep a world as it stands, or begin again from there",
    "chaos": "inject faults at every call of the move, and see whether the next run finishes it",
}


def main(arguments: list[str] | None = None) -> int:
    arguments = sys.argv[1:] if arguments is None else arguments
    name = arguments[0] if arguments else ""
    if name not in COMMANDS:
        return _usage(name)
    # Only the command that is called is imported: some need packages that others do not.
    command = importlib.import_module(f"rehearsal.{name}")
    parser = argparse.ArgumentParser(prog=f"python -m rehearsal {name}", description=COMMANDS[name])
    command.add_arguments(parser)
    try:
        return command.main(parser.parse_args(arguments[1:]))
    except SettingsError as problem:
        print(f"error: {problem}", file=sys.stderr)
        return 2


def _usage(name: str) -> int:
    wanted_help = name in ("-h", "--help")
    out = sys.stdout if wanted_help else sys.stderr
    if name and not wanted_help:
        print(f"error: no command {name!r}.", file=out)
    print("usage: python -m rehearsal COMMAND [--world W] ...\n", file=out)
    for command, text in COMMANDS.items():
        print(f"  {command:10} {text}", file=out)
    return 0 if wanted_help else 2


if __name__ == "__main__":
    sys.exit(main())
