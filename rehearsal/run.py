# SPDX-License-Identifier: GPL-3.0-or-later
"""python -m rehearsal run: the whole move against a new world, with traffic, judged at the end."""

from __future__ import annotations

import argparse
import json
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from rehearsal import aws, report, seed
from rehearsal.down import stop_world
from rehearsal.judge import judge, write_baseline
from rehearsal.judge_visits import last_answer
from rehearsal.playbooks import ROOT, Runner, keep_code, own_environment
from rehearsal.settings import Settings, load
from rehearsal.summary import PlaybookRow
from rehearsal.traffic.patients import GIVE_UP_S
from rehearsal.up import start_world
from rehearsal.warm import Warm

PLAN = Path(__file__).with_name("plan.yml")
STARTED_S_MAX = 30


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--world", type=int, help="number of the world (default: MEDZEN_WORLD, or 16)")
    parser.add_argument("--writes", type=float, default=50.0, help="writes a second")
    parser.add_argument("--reads", type=float, default=100.0, help="reads a second")
    parser.add_argument("--compositions", type=int, help="compositions before the move (default: as in estate.yml)")
    parser.add_argument("--small", action="store_true", help="a small world, for a quick look")
    parser.add_argument("--extra-vars", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--no-check", action="store_true", help="leave the check run out")
    parser.add_argument("--no-again", action="store_true", help="leave the second run out")
    parser.add_argument("--keep", action="store_true", help="leave the world running afterwards")
    parser.add_argument("--plan", type=Path, default=PLAN, help="what is run")


def main(args: argparse.Namespace) -> int:
    settings = load(args.world)
    plan = yaml.safe_load(args.plan.read_text(encoding="utf-8"))
    run_id = time.strftime("%Y%m%d-%H%M%S", time.gmtime()) + "-" + secrets.token_hex(2)
    folder = Path(os.environ.get("MEDZEN_MULTIREGION_REPORTS", ROOT / "reports")) / run_id
    folder.mkdir(parents=True)
    say(f"Rehearsal {run_id}: world {settings.world}, time {settings.scale:g} times faster, report in {shown(folder)}")
    extra_vars = dict(pair.split("=", 1) for pair in args.extra_vars)
    try:
        # Ansible is loaded while the world comes up.
        with Warm(keep_code(own_environment()), folder / "warm.log") as warm:
            runner = Runner(settings, plan["inventory"], folder, extra_vars, run_id, warm=warm)
            prepare(settings, seed_arguments(args), keep=args.keep)
            return rehearse(runner, plan, args)
    finally:
        if not args.keep:
            stop_world(settings)


def prepare(settings: Settings, given: Sequence[str], *, keep: bool = False) -> None:
    """A new world with production where it was before the move, seeded with these arguments of `rehearsal seed`. It
    ends with this process unless it is kept."""
    stop_world(settings)
    problem = start_world(settings, None if keep else os.getpid())
    if problem:
        raise SystemExit(f"error: {problem}")
    say("The world before: af-south-1 in production, a stale standby in eu-west-1 ...")
    parser = argparse.ArgumentParser()
    seed.add_arguments(parser)
    if seed.main(parser.parse_args(["--world", str(settings.world), *given])):
        raise SystemExit("error: the world before could not be built.")


def seed_arguments(args: argparse.Namespace) -> list[str]:
    """What a rehearsal asks of its seed."""
    given = ["--small"] if args.small else []
    given += ["--compositions", str(args.compositions)] if args.compositions else []
    # What an operator has to have done before: it takes a reboot of production.
    given += ["--logical"] if "database_seed=logical" in args.extra_vars else []
    return given


def rehearse(runner: Runner, plan: dict[str, Any], args: argparse.Namespace) -> int:
    settings, folder = runner.settings, runner.folder
    count = write_baseline(settings, plan["source_database"], folder)
    say(f"{count} compositions stand in production.")
    rows: dict[str, list[PlaybookRow]] = {"check": [], "move": [], "again": [], "validation": []}
    if not args.no_check:
        say("Check mode on the world before: nothing may be written.")
        rows["check"] = check(runner, plan)
    with traffic(settings, plan, args, folder):
        rows["move"] = move(runner, plan)
        if all(row.exit_code == 0 for row in rows["move"]) and not args.no_again:
            say("Every playbook but the decommission once more: nothing may be written.")
            rows["again"] = [told(runner.run(name, label="again", aside=True)) for name in plan["again"]]
    if all(row.exit_code == 0 for row in rows["move"]):
        say("The world after the move is asked whether everything works where it should.")
        rows["validation"] = [told(runner.run(name, label="validation", aside=True)) for name in plan["validation"]]
    say("The clients have stopped; the judge reads the new primary.")
    verdict = judged(settings, folder, plan)
    summary = report.write(settings, folder, plan, rows, verdict, runner.extra_vars)
    report.point_latest(folder)
    print(report.for_terminal(summary, folder), flush=True)
    return 0 if summary["verdict"] == "pass" else 1


def check(runner: Runner, plan: dict[str, Any]) -> list[PlaybookRow]:
    """Each playbook in check mode. None changes anything or takes the lock: they need not wait for one another."""

    def run(name: str) -> PlaybookRow:
        return told(runner.run_beside(name, label="check", check=True, aside=True))

    with ThreadPoolExecutor(max_workers=os.cpu_count()) as lanes:
        return list(lanes.map(run, plan["check"]))


def move(runner: Runner, plan: dict[str, Any]) -> list[PlaybookRow]:
    """Each playbook of the move; the first that fails ends it."""
    rows = []
    for number, step in enumerate(plan["move"], 1):
        say(f"Step {number} of {len(plan['move'])}: ansible-playbook {step['name']}.yml -i {plan['inventory']}")
        rows.append(told(runner.run(step["name"], label="move", extra_vars=step.get("extra_vars"))))
        if rows[-1].exit_code:
            break
        if step["name"] == (plan.get("visitors") or {}).get("moved_by"):
            # Answers until here were the old region's to give.
            mark = {"answers": last_answer(runner.settings)}
            (runner.folder / report.MOVED).write_text(json.dumps(mark) + "\n", encoding="utf-8")
    return rows


def judged(settings: Settings, folder: Path, plan: dict[str, Any]):
    try:
        return judge(settings, folder, plan["primary_database"])
    except Exception as problem:  # no verdict is a verdict of its own, and the report says why
        say(f"The judge could not read {plan['primary_database']}: {problem}")
        return None


@contextmanager
def traffic(settings: Settings, plan: dict[str, Any], args: argparse.Namespace, folder: Path):
    """Clients in a process of their own, until the move is over."""
    with clients(settings, plan, args.writes, args.reads, folder):
        say(f"Clients write {args.writes:g} and read {args.reads:g} times a second from now on.")
        yield


@contextmanager
def clients(
    settings: Settings,
    plan: dict[str, Any],
    writes: float,
    reads: float,
    folder: Path,
    patience_s: float = GIVE_UP_S,
    more: Sequence[str] = (),
):
    """The clients of a plan; the password of the application is read where the plan says, before anything moves.

    A client tries again for `patience_s` before it calls a request failed, also after the end of the block; `more` is
    added to their command.
    """
    password = folder / ".basic-auth"
    password.touch(mode=0o600)
    password.write_text(read_secret(settings, plan["basic_auth_secret"]), encoding="utf-8")
    command = [sys.executable, "-m", "rehearsal", "traffic", "--world", str(settings.world), "--folder", str(folder)]
    command += ["--password-file", str(password), "--writes", str(writes), "--reads", str(reads)]
    command += ["--patience", str(patience_s), *more]
    if visitors := plan.get("visitors"):
        command += ["--visits", str(visitors["visits_per_second"])]
        command += ["--questions", str(visitors["questions_per_second"])]
    with (folder / "traffic.log").open("w", encoding="utf-8") as log:
        process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log)
        try:
            wait_for_traffic(process, folder)
            yield
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(patience_s + 30)
            finally:
                process.kill()
                process.wait(10)
                password.unlink()


def wait_for_traffic(process: subprocess.Popen, folder: Path) -> None:
    deadline = time.monotonic() + STARTED_S_MAX
    while not (folder / "started").exists():
        if process.poll() is not None or time.monotonic() > deadline:
            raise SystemExit(f"error: the clients did not start; see {folder / 'traffic.log'}")
        time.sleep(0.1)


def read_secret(settings: Settings, secret: dict[str, str]) -> str:
    client = aws.connect(settings, "secretsmanager", secret["region"])
    return client.get_secret_value(SecretId=secret["name"])["SecretString"]


def told(row: PlaybookRow) -> PlaybookRow:
    result = "ok" if row.exit_code == 0 else f"FAILED ({row.exit_code})"
    say(f"  {row.name}: {result} in {row.wall_s:.1f} s, {row.aws_calls} AWS calls, {row.write_calls} of them writes")
    return row


def say(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)


def shown(path: Path) -> str:
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)
