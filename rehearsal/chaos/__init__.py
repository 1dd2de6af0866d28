# SPDX-License-Identifier: GPL-3.0-or-later
"""python -m rehearsal chaos: faults at every call of the move, each followed by a run without, and a table of it all.

One process a world takes injections from a common list until none is left. What is done lies in the folder, one file
an injection, so that a sweep that was ended goes on with `--resume`.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from rehearsal import report
from rehearsal.chaos.injections import (
    KINDS,
    Injection,
    Outcome,
    build_table,
    every_injection,
    for_terminal,
    is_name,
    read_outcome,
    sample,
    seconds_left,
)
from rehearsal.chaos.sweep import Sweep, write_json
from rehearsal.playbooks import ROOT, die_with_parent
from rehearsal.run import PLAN, say, shown
from rehearsal.settings import WORLD_MAX, keep_worlds_in_memory, load

FIRST_WORLD = 160
LOOK_SECONDS = 0.5
# In a sweep's folder: the write calls of a run without faults, and the injections that are wanted.
WANTED = "wanted.json"
# How long it has taken, in all its sittings.
SECONDS = "seconds.json"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--playbooks", nargs="+", default=[], help="only these (default: all of the move)")
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=[], help="only these (default: all)")
    parser.add_argument("--sample", type=int, default=0, help="so many injections instead of all")
    parser.add_argument("--seed", type=int, default=0, help="which sample (default: another one each time)")
    parser.add_argument("--only", default="", help="one injection, as provision_region-kill-12")
    parser.add_argument("--worlds", type=int, default=2, help="how many side by side")
    parser.add_argument("--first-world", type=int, default=FIRST_WORLD)
    parser.add_argument("--minutes", type=float, default=180.0, help="no injection begins after that")
    parser.add_argument("--resume", type=Path, help="the folder of a sweep that was ended; --kinds adds to it")
    parser.add_argument("--worker", type=int, default=-1, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)


def main(args: argparse.Namespace) -> int:
    if args.first_world + args.worlds - 1 > WORLD_MAX:
        print(f"error: worlds end at {WORLD_MAX}; found {args.first_world} and {args.worlds} of them.", file=sys.stderr)
        return 2
    known = [step["name"] for step in yaml.safe_load(PLAN.read_text(encoding="utf-8"))["move"]]
    asked = [*args.playbooks, *filter(None, [args.only.partition("-")[0]])]
    if unknown := [name for name in asked if name not in known]:
        found, expected = ", ".join(unknown), ", ".join(known)
        print(f"error: no playbook {found} in the move; expected some of {expected}.", file=sys.stderr)
        return 2
    if args.only and not is_name(args.only, known):
        expected = f"<playbook>-kill-<n>, -lost, -throttle or a condition's, as {known[0]}-kill-12"
        print(f"error: no injection is called {args.only}; expected {expected}.", file=sys.stderr)
        return 2
    keep_worlds_in_memory()
    # Also an end from outside is in order: what was begun is taken down.
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))
    return work(args) if args.worker >= 0 else direct(args)


# --- the process that the operator started


def direct(args: argparse.Namespace) -> int:
    """Start a worker a world, tell what comes of it, write the table."""
    folder, args.seed = open_folder(args), args.seed or secrets.randbelow(10**6)
    told = {path.stem for path in (folder / "outcomes").glob("*.json")}
    before = f"; {len(told)} were tried before" if told else ""
    say(f"Chaos: {args.worlds} worlds side by side, seed {args.seed}, report in {shown(folder)}{before}")
    spent, began = read_seconds(folder), time.monotonic()
    workers = [start_worker(args, folder, number) for number in range(args.worlds)]
    try:
        while any(worker.poll() is None for worker in workers):
            time.sleep(LOOK_SECONDS)
            tell_new(folder, told, args.worlds)
            tell_ended(folder, workers, told)
            write_json(folder / SECONDS, spent + time.monotonic() - began)
    finally:
        for worker in workers:
            worker.terminate()
            worker.wait(60)
    tell_new(folder, told, args.worlds)
    return conclude(args, folder, read_seconds(folder), [worker.returncode for worker in workers])


def read_seconds(folder: Path) -> float:
    """How long the sweep has taken so far, in all its sittings."""
    path = folder / SECONDS
    return float(json.loads(path.read_text(encoding="utf-8"))) if path.exists() else 0.0


def open_folder(args: argparse.Namespace) -> Path:
    if args.resume:
        shutil.rmtree(args.resume / "claims", ignore_errors=True)
        folder = args.resume.resolve()
        add_kinds(folder / WANTED, args.kinds)
    else:
        name = time.strftime("chaos-%Y%m%d-%H%M%S", time.gmtime())
        folder = Path(os.environ.get("MEDZEN_MULTIREGION_REPORTS", ROOT / "reports")) / name
    for part in ("claims", "outcomes"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    return folder


def add_kinds(path: Path, kinds: list[str]) -> None:
    """Want more of a sweep that was begun with a part; what is added is tried first."""
    if path.exists():
        wanted = json.loads(path.read_text(encoding="utf-8"))
        known = wanted["injections"]
        more = [vars(one) for one in every_injection(wanted["write_calls"], kinds)]
        write_json(path, wanted | {"injections": [one for one in more if one not in known] + known})


def start_worker(args: argparse.Namespace, folder: Path, number: int) -> subprocess.Popen:
    # A sweep that is killed leaves nobody at work: worlds, clients and playbooks end with their worker.
    command = die_with_parent([sys.executable, "-m", "rehearsal", "chaos"])
    command += ["--worker", str(number), "--folder", str(folder)]
    command += ["--first-world", str(args.first_world), "--seed", str(args.seed), "--sample", str(args.sample)]
    command += ["--minutes", str(args.minutes), "--only", args.only]
    command += ["--kinds", *args.kinds] if args.kinds else []
    command += ["--playbooks", *args.playbooks] if args.playbooks else []
    with (folder / f"worker-{number}.log").open("a", encoding="utf-8") as log:
        return subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log, stdin=subprocess.DEVNULL)


def tell_new(folder: Path, told: set[str], worlds: int) -> None:
    for path in sorted((folder / "outcomes").glob("*.json")):
        if path.stem not in told:
            told.add(path.stem)
            one = read_outcome(json.loads(path.read_text(encoding="utf-8")))
            result = "converged" if one.converged else "DID NOT CONVERGE"
            codes = " then ".join(map(str, one.exit_codes))
            say(
                f"  {one.injection.name}: {result} in {one.seconds:.0f} s (met {one.met}, exit code {codes}); "
                f"{describe_progress(folder, worlds)}"
            )


def describe_progress(folder: Path, worlds: int) -> str:
    wanted = json.loads((folder / WANTED).read_text(encoding="utf-8"))
    outcomes = read_outcomes(folder)
    injections = [Injection(**one) for one in wanted["injections"]]
    left = seconds_left(injections, outcomes, wanted.get("clean_seconds", {}), worlds)
    about = "" if left is None else f", about {left / 60:.0f} min left"
    return f"{len(outcomes)} of {len(injections)}{about}"


def tell_ended(folder: Path, workers: list[subprocess.Popen], told: set[str]) -> None:
    """A world that did not come up makes the sweep slower, which nobody would see."""
    for number, worker in enumerate(workers):
        log = folder / f"worker-{number}.log"
        if worker.poll() and log.stem not in told:
            told.add(log.stem)
            say(f"  World {number} ended with {worker.returncode}; see {shown(log)}. The others go on.")


def conclude(args: argparse.Namespace, folder: Path, seconds: float, codes: list[int]) -> int:
    """The table, and whether all that was wanted was done and converged."""
    plan = folder / WANTED
    if not plan.exists():
        say(f"No world came up; see {shown(folder)}/worker-0.log")
        return 1
    wanted = json.loads(plan.read_text(encoding="utf-8"))
    outcomes = read_outcomes(folder)
    table = build_table(
        wanted["write_calls"],
        outcomes,
        seed=args.seed,
        wanted=len(wanted["injections"]),
        seconds=round(seconds),
        load_average=list(os.getloadavg()),
    )
    write_json(folder / "chaos.json", table)
    latest = folder.parent / "latest"
    if latest.exists():
        shutil.copy(folder / "chaos.json", latest / "chaos.json")
    else:
        report.point_latest(folder)
    print(for_terminal(table), flush=True)
    print(f"  {shown(folder / 'chaos.json')}", flush=True)
    if not wanted["injections"]:
        calls = ", ".join(f"{name} {count}" for name, count in wanted["write_calls"].items()) or "none"
        say(f"Nothing was tried: no injection is of that name, kind and playbook. Write calls, from 1 on: {calls}.")
        return 1
    complete = len(outcomes) >= len(wanted["injections"]) and not any(codes)
    if not complete:
        say(f"{len(outcomes)} of {len(wanted['injections'])} were tried; go on with --resume {shown(folder)}")
    clean = table["converged"] == table["runs"] and not table["lost_writes"] + table["duplicates"] + table["orphans"]
    return 0 if complete and clean else 1


def read_outcomes(folder: Path) -> list[Outcome]:
    return [read_outcome(json.loads(path.read_text(encoding="utf-8"))) for path in (folder / "outcomes").glob("*.json")]


# --- a worker


def work(args: argparse.Namespace) -> int:
    plan = yaml.safe_load(PLAN.read_text(encoding="utf-8"))
    end = time.monotonic() + args.minutes * 60
    sweep = Sweep(load(args.first_world + args.worker), plan, args.folder / f"world-{args.worker}")
    commit = read_commit()
    try:
        sweep.prepare()
        for injection in agree(args, sweep.write_calls, sweep.clean_s):
            if time.monotonic() < end and claim(args.folder, injection):
                say(f"{injection.name} ...")
                outcome = replace(sweep.try_injection(injection), commit=commit)
                write_json(args.folder / "outcomes" / f"{injection.name}.json", outcome.as_dict())
    finally:
        sweep.end()
    return 0


def read_commit() -> str:
    """What is tried, so that the table of a sweep that went on tells it; empty outside a checkout."""
    found = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return found.stdout.strip()


def agree(args: argparse.Namespace, write_calls: dict[str, int], clean_s: dict[str, float]) -> list[Injection]:
    """The list of the worker that was ready first: numbers of calls can differ a little between worlds."""
    path = args.folder / WANTED
    if not path.exists():
        chosen = {name: count for name, count in write_calls.items() if not args.playbooks or name in args.playbooks}
        found = every_injection(chosen, args.kinds or KINDS)
        if args.only:
            found = [one for one in found if one.name == args.only]
        elif args.sample:
            found = sample(found, args.sample, args.seed)
        told: dict[str, Any] = {
            "write_calls": chosen,
            "clean_seconds": clean_s,
            "injections": [vars(one) for one in found],
        }
        part = args.folder / f"wanted-{args.worker}.part"
        part.write_text(json.dumps(told, indent=2), encoding="utf-8")
        with contextlib.suppress(FileExistsError):
            os.link(part, path)
    return [Injection(**one) for one in json.loads(path.read_text(encoding="utf-8"))["injections"]]


def claim(folder: Path, injection: Injection) -> bool:
    """Whether this worker is to try it: nobody else does, and no earlier sweep did."""
    if (folder / "outcomes" / f"{injection.name}.json").exists():
        return False
    try:
        (folder / "claims" / injection.name).touch(exist_ok=False)
    except FileExistsError:
        return False
    return True
