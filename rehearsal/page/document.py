# SPDX-License-Identifier: GPL-3.0-or-later
"""Compose the page: verdict first, then what the clients saw, then why and how."""

from __future__ import annotations

import json
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from rehearsal.page.charts import Bar, Mark, Series, timeline, traffic_plot

STYLE = Path(__file__).with_name("style.css")
TILES = (
    ("acknowledged_writes", "writes acknowledged", ""),
    ("lost_writes", "writes lost", ""),
    ("duplicate_writes", "written twice", ""),
    ("failed_reads", "reads failed", ""),
    ("write_pause_s", "pause of writes", " s"),
    ("write_pause_without_promote_s", "pause without the promote", " s"),
    ("longest_read_gap_s", "longest gap of reads", " s"),
    ("rto_s", "RTO measured", " s"),
    ("rpo_s", "RPO measured", " s"),
    ("wall_s", "the move took", " s"),
    ("critical_path_s", "AWS's own waits", " s"),
    ("critical_path_ratio", "ratio of the two", ""),
)
NOT_SHOWN = (
    "Time runs faster, so AWS's durations are settings, not measurements.",
    "Real replication lag, promote times, IAM's effects, a region's capacity and resolvers in the field are not here.",
    "The stand-in picks the harsher behaviour where AWS's is not known.",
)


@dataclass(frozen=True)
class PageData:
    """What the page shows besides the summary."""

    title: str
    seconds: list[dict[str, Any]]
    bars: list[Bar]
    marks: list[Mark]
    gates: list[dict[str, Any]]


def build_page(summary: dict[str, Any], data: PageData) -> str:
    sections = [
        _head(summary, data.title),
        _traffic(data),
        _timeline(data),
        _gates(data.gates),
        _runs(summary),
        _critical_path(summary),
        _limits(summary),
    ]
    style = STYLE.read_text(encoding="utf-8")
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>{escape(data.title)}</title><style>{style}</style><body>{''.join(sections)}</body></html>\n"
    )


def _head(summary: dict[str, Any], title: str) -> str:
    verdict = summary["verdict"]
    reasons = "".join(f"<li>{escape(reason)}</li>" for reason in summary["reasons"])
    tiles = "".join(
        f'<div class="tile"><b>{escape(_number(summary.get(key)))}{unit if summary.get(key) is not None else ""}</b>'
        f"<span>{escape(label)}</span></div>"
        for key, label, unit in TILES
    ) + _visitor_tiles(summary)
    word = "No record was lost" if verdict == "pass" else "The rehearsal failed"
    seed, scale = escape(str(summary["database_seed"])), f"{summary['time_scale']:g}"
    return (
        f'<h1>{escape(title)}: <span class="verdict {verdict}">{verdict}</span></h1>'
        f'<p class="soft">{word}. Seed: {seed}; time runs {scale} times faster.</p>'
        f"<ul>{reasons}</ul><div class='tiles'>{tiles}</div>"
    )


VISITOR_TILES = (
    ("visits", "started", "visits started"),
    ("visits", "misplaced", "visits with media elsewhere"),
    ("visits", "without_audit_row", "visits without an audit row"),
    ("assistant", "answered", "questions answered"),
    ("assistant", "answered_outside_allowed_regions", "answered outside the allowed regions"),
)


def _visitor_tiles(summary: dict[str, Any]) -> str:
    """Nothing where the plan had no visits; a number that was not measured is unknown."""
    return "".join(
        f'<div class="tile"><b>{escape(_number(summary[part][key]))}</b><span>{escape(label)}</span></div>'
        for part, key, label in VISITOR_TILES
        if summary.get(part)
    )


def _number(value: Any) -> str:
    if value is None:
        return "unknown"
    return f"{value:,.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else f"{value:,}"


def _traffic(data: PageData) -> str:
    if not data.seconds:
        return "<h2>Traffic</h2><p>No traffic was recorded.</p>"
    start, end = data.seconds[0]["t"], data.seconds[-1]["t"]
    lines = [
        Series(name, css, [(second["t"], second[key]) for second in data.seconds])
        for name, css, key in (
            ("writes acknowledged", "writes", "writes_ok"),
            ("reads answered", "reads", "reads_ok"),
            ("writes refused", "refused", "writes_refused"),
        )
    ]
    whole = traffic_plot(lines, start, end, start, [])
    near = _around(data.marks, start, end)
    zoom = traffic_plot(lines, *near, start, data.marks) if near else ""
    legend = "".join(f'<span><i class="{line.css}"></i>{line.name}</span>' for line in lines)
    caption = "<figcaption>Around the switch: clients try a refused write again until it is accepted.</figcaption>"
    return (
        f"<h2>What the clients saw</h2><div class='legend'>{legend}</div><figure>{whole}</figure>"
        f"<figure>{zoom}{caption if zoom else ''}</figure>"
    )


def _around(marks: list[Mark], start: float, end: float) -> tuple[float, float] | None:
    if not marks:
        return None
    return max(start, min(mark.at for mark in marks) - 10), min(end, max(mark.at for mark in marks) + 15)


def _timeline(data: PageData) -> str:
    if not data.bars:
        return ""
    start, end = min(bar.start for bar in data.bars), max(bar.end for bar in data.bars)
    kinds = (("playbook", "playbook"), ("db", "database"), ("net", "network"), ("dns", "DNS"), ("task", "tasks"))
    legend = "".join(f'<span><i class="{css}"></i>{name}</span>' for css, name in kinds)
    picture = timeline(data.bars, start, end, start, data.marks)
    return f"<h2>Steps and waits</h2><div class='legend'>{legend}</div><figure>{picture}</figure>"


def _gates(gates: list[dict[str, Any]]) -> str:
    rows = "".join(_gate_row(gate) for gate in gates)
    return f"<h2>Gates</h2><table><tr><th>playbook<th>gate<th>verdict<th>evidence</tr>{rows}</table>"


def _gate_row(gate: dict[str, Any]) -> str:
    playbook, name, verdict = (escape(str(gate.get(key, "unknown"))) for key in ("playbook", "name", "verdict"))
    css = "pass" if verdict == "pass" else "fail"
    evidence = escape(json.dumps(gate.get("evidence", {}), indent=1))
    return (
        f'<tr><td>{playbook}</td><td>{name}</td><td class="{css}">{verdict}</td>'
        f"<td><details><summary>evidence</summary><pre>{evidence}</pre></details></td></tr>"
    )


RUNS = (
    ("playbooks", "The move"),
    ("second_run", "Second run"),
    ("check_run", "Check mode on the world before"),
    ("validation", "Validation of the world after"),
)
COLUMNS = {
    "wall_s": "seconds",
    "ok": "ok",
    "changed": "changed",
    "failed": "failed",
    "aws_calls": "AWS calls",
    "write_calls": "writes",
    "record_calls": "record",
}


def _runs(summary: dict[str, Any]) -> str:
    head = "".join(f'<th class="n">{name}' for name in COLUMNS.values())
    parts = []
    for key, title in RUNS:
        rows = "".join(_run_row(row) for row in summary[key])
        if not rows:
            continue
        parts.append(f"<h2>{title}</h2><table><tr><th>playbook{head}</tr>{rows}</table>")
    return "".join(parts)


def _run_row(row: dict[str, Any]) -> str:
    cells = "".join(f'<td class="n">{row[column]:g}</td>' for column in COLUMNS)
    return f"<tr><td>{escape(row['name'])}</td>{cells}</tr>"


def _critical_path(summary: dict[str, Any]) -> str:
    rows = "".join(
        f"<tr><td>{escape(link['playbook'])}</td><td>{escape(link['stage'])}</td>"
        f"<td><code>{escape(link['resource'])}</code></td>"
        f'<td class="n">{link["seconds"]:.1f}</td></tr>'
        for link in summary["critical_path"]
    )
    return (
        "<h2>The chain that nothing could shorten</h2><table><tr><th>playbook<th>wait<th>resource"
        f'<th class="n">seconds</tr>{rows}</table>'
    )


def _limits(summary: dict[str, Any]) -> str:
    items = "".join(f"<li>{escape(text)}</li>" for text in (*summary["notes"], *NOT_SHOWN))
    load = ", ".join(f"{value:.1f}" for value in summary["load_average"])
    said = f"<p class='soft'>Load of the machine at the end: {load}.</p>"
    return f"<h2>What a rehearsal cannot show</h2><ul>{items}</ul>{said}"
