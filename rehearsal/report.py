# SPDX-License-Identifier: GPL-3.0-or-later
"""Gather what a rehearsal left behind, and write summary.json and index.html."""

from __future__ import annotations

import argparse
import json
import os
from datetime import datetime
from pathlib import Path
from typing import Any

from rehearsal.api import control
from rehearsal.critical_path import Wait, chain
from rehearsal.judge import Verdict, parse_uid
from rehearsal.judge_visits import events_of, judge_assistant, judge_visits
from rehearsal.page import build_page
from rehearsal.page.charts import Bar, Mark
from rehearsal.page.document import PageData
from rehearsal.settings import Settings
from rehearsal.summary import Measured, PlaybookRow, Traffic, summarise

# Runs by label: check, move, again, validation.
Rows = dict[str, list[PlaybookRow]]

KIND_CSS = {"nat": "net", "alb": "net", "acm": "net", "route53": "dns", "task": "task"}
# How many answers the assistant had given when it had moved.
MOVED = "moved.jsonl"
FENCE_STEPS = ("fence", "promote", "unfence", "change_batch")


def read_lines(path: Path) -> list[dict[str, Any]]:
    """Lines of a log. A client that was killed may have left half a line at the end, which is left out."""
    if not path.exists():
        return []
    lines = []
    for text in path.read_text(encoding="utf-8").splitlines():
        try:
            lines.append(json.loads(text))
        except ValueError:
            continue
    return lines


def read_traffic(folder: Path) -> Traffic:
    events = read_lines(folder / "events.jsonl")
    seconds = read_lines(folder / "traffic.jsonl")
    totals: dict[str, int] = {}
    for second in seconds:
        for kind, count in second.items():
            if kind not in ("t", "write_ms_p50"):
                totals[kind] = totals.get(kind, 0) + count
    return Traffic(
        accepted=[line["t"] for line in read_lines(folder / "acknowledged.jsonl")],
        refused=[event["t"] for event in events if event["kind"] == "writes_refused"],
        read=[event["t"] for event in events if event["kind"] == "reads_ok"],
        totals=totals,
    )


def read_playbook_reports(folder: Path) -> list[dict[str, Any]]:
    """The run reports that the playbooks of the move wrote themselves."""
    found = sorted((folder / "playbooks" / "move").glob("*/summary.json"))
    reports = [json.loads(path.read_text(encoding="utf-8")) for path in found if not path.parent.is_symlink()]
    return sorted(reports, key=lambda report: str(report.get("started")))


def moment(text: str) -> float:
    """Run reports tell times as ISO 8601; the rehearsal counts in seconds."""
    return datetime.fromisoformat(text).timestamp()


def own_waits(reports: list[dict[str, Any]], texts: dict[str, str]) -> list[Wait]:
    """Waits that the playbooks make by themselves because the rules of DNS, or a soak, demand them."""
    waits = []
    for report in reports:
        for wait in report.get("waits", []):
            kind = next((kind for kind, text in texts.items() if text in wait["what"]), None)
            if kind:
                waits.append(Wait(kind, wait["what"], moment(wait["start"]), moment(wait["end"])))
    return waits


def measure(
    settings: Settings,
    folder: Path,
    plan: dict,
    rows: dict[str, list[PlaybookRow]],
    verdict: Verdict | None,
    extra: dict,
) -> tuple[Measured, list[Wait]]:
    reports = read_playbook_reports(folder)
    waits = [Wait(item["kind"], item["resource"], item["start"], item["end"]) for item in control(settings, "waits")]
    waits += own_waits(reports, plan["own_waits"])
    spans = {row.name: (row.started, row.ended) for row in rows["move"]}
    traffic = read_traffic(folder)
    lost = {parse_uid(f"{uid.split('::')[0]}::x::{uid.split('::')[1]}") for uid in verdict.lost} if verdict else set()
    acknowledged = read_lines(folder / "acknowledged.jsonl") if lost else []
    measured = Measured(
        time_scale=settings.scale,
        database_seed=str(extra.get("database_seed", "replica")),
        verdict=verdict,
        traffic=traffic,
        playbooks=rows["move"],
        second_run=rows["again"],
        check_run=rows["check"],
        validation=rows["validation"],
        links=chain(waits, spans),
        promote_s=promote_s(waits, spans),
        lost_moments=[line["t"] for line in acknowledged if parse_uid(line["uid"]) in lost],
        load=os.getloadavg(),
        notes=notes(settings),
        **measure_visitors(settings, folder, plan, rows["move"]),
    )
    return measured, waits


def measure_visitors(settings: Settings, folder: Path, plan: dict, move: list[PlaybookRow]) -> dict[str, Any]:
    """Visits and assistant, where the plan has them; they have moved with the playbook that it names."""
    wanted = plan.get("visitors")
    if not wanted:
        return {}
    events = events_of(read_lines(folder / "events.jsonl"))
    moved = any(row.name == wanted["moved_by"] and row.exit_code == 0 for row in move)
    mark = next((line["answers"] for line in read_lines(folder / MOVED)), None) if moved else None
    return {
        "visits": judge_visits(settings, wanted, events, moved),
        "assistant": judge_assistant(settings, wanted, events, moved, mark),
    }


def promote_s(waits: list[Wait], spans: dict[str, tuple[float, float]]) -> float:
    """AWS's own time of the promote within the cutover."""
    begin, end = spans.get("cutover_dns", (0.0, 0.0))
    return sum(wait.seconds for wait in waits if wait.kind == "db_promote" and begin <= wait.start <= end)


def notes(settings: Settings) -> tuple[str, ...]:
    """What the reader must know about this machine's data plane."""
    instances = control(settings, "rds")["instances"]
    if not instances:
        return ()
    first = instances[0]
    said = [f"The databases are PostgreSQL {first['postgresql']}; on RDS it would be 16."]
    if not first["tls"]:
        said.append("This PostgreSQL has no TLS, so rds.force_ssl is set but not exercised.")
    if first["uuid_ossp"] == "shim":
        said.append("Its uuid-ossp is a shim over gen_random_uuid().")
    return tuple(said)


def page_data(folder: Path, run_id: str, rows: list[PlaybookRow], waits: list[Wait], seconds: list[dict]) -> PageData:
    reports = read_playbook_reports(folder)
    gates = [{**gate, "playbook": report.get("playbook", "")} for report in reports for gate in report.get("gates", [])]
    bars = [Bar("playbooks", row.name, "playbook", row.started, row.ended) for row in rows]
    begin = rows[0].started if rows else 0.0
    end = rows[-1].ended if rows else 0.0
    for wait in sorted(waits, key=lambda wait: wait.start):
        if begin <= wait.start <= end:
            bars.append(Bar(wait.kind, wait.resource, css_of(wait.kind), wait.start, min(wait.end, end)))
    return PageData(f"Rehearsal {run_id}", seconds, bars, switch_marks(reports), gates)


def css_of(kind: str) -> str:
    return KIND_CSS.get(kind.split("_")[0], "dns" if kind in ("old_ttl", "watch") else "db")


def switch_marks(reports: list[dict[str, Any]]) -> list[Mark]:
    """The moments of the switch, as the cutover's own report tells them."""
    phases = [phase for report in reports for phase in report.get("phases", []) if phase["name"] in FENCE_STEPS]
    return [Mark(moment(phase["start"]), phase["name"].replace("_", " ")) for phase in phases]


def write(
    settings: Settings,
    folder: Path,
    plan: dict,
    rows: dict[str, list[PlaybookRow]],
    verdict: Verdict | None,
    extra: dict,
) -> dict[str, Any]:
    measured, waits = measure(settings, folder, plan, rows, verdict, extra)
    summary = summarise(measured)
    (folder / "summary.json").write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")
    data = page_data(folder, folder.name, rows["move"], waits, read_lines(folder / "traffic.jsonl"))
    (folder / "index.html").write_text(build_page(summary, data), encoding="utf-8")
    return summary


def point_latest(folder: Path) -> None:
    """reports/latest is the newest rehearsal; replaced in one step."""
    temporary = folder.parent / ".latest"
    temporary.unlink(missing_ok=True)
    temporary.symlink_to(folder.name)
    temporary.replace(folder.parent / "latest")


def for_terminal(summary: dict[str, Any], folder: Path) -> str:
    """The verdict as the terminal shows it."""
    lines = ["", f"  Verdict: {summary['verdict'].upper()}"]
    lines += [f"    - {reason}" for reason in summary["reasons"]]
    lines += [
        f"  acknowledged {summary['acknowledged_writes']}, lost {summary['lost_writes']}, "
        f"duplicate {summary['duplicate_writes']}, failed writes {summary['failed_writes']}, "
        f"failed reads {summary['failed_reads']} of {summary['reads'] + summary['failed_reads']}",
        f"  pause of writes {summary['write_pause_s']} s, {summary['write_pause_without_promote_s']} s of it without "
        f"the promote; longest gap of reads {summary['longest_read_gap_s']} s",
        f"  the move took {summary['wall_s']} s; AWS's own waits {summary['critical_path_s']} s; "
        f"ratio {summary['critical_path_ratio']} at load {summary['load_average'][0]:.1f}",
        *visitor_lines(summary),
        f"  second run: {sum(row['write_calls'] for row in summary['second_run'])} writes; "
        f"check run: {sum(row['write_calls'] for row in summary['check_run'])} writes",
        f"  {folder / 'index.html'}",
        "",
    ]
    return "\n".join(lines)


def visitor_lines(summary: dict[str, Any]) -> list[str]:
    """Visits and assistant, where there were any."""
    lines = []
    if visits := summary.get("visits"):
        lines.append(
            f"  visits {visits['started']}, misplaced {told(visits['misplaced'])}, without an audit row "
            f"{told(visits['without_audit_row'])}, not started {visits['failed']}"
        )
    if assistant := summary.get("assistant"):
        outside = assistant["answered_outside_allowed_regions"]
        where = f"outside the allowed regions {told(outside)}" if assistant["moved"] else "the assistant has not moved"
        lines.append(f"  questions {assistant['asked']}, answered {assistant['answered']}, {where}")
    return lines


def told(value: int | None) -> str:
    return "unknown" if value is None else str(value)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, help="folder of a run")


def main(args: argparse.Namespace) -> int:
    """Print the verdict of a run again."""
    summary = json.loads((args.folder / "summary.json").read_text(encoding="utf-8"))
    print(for_terminal(summary, args.folder))
    return 0 if summary["verdict"] == "pass" else 1
