# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page of one run: verdict, picture, gates, figures, waits and steps. Nothing is loaded from elsewhere."""

from __future__ import annotations

from html import escape
from typing import Any

from ansible_collections.medzen.multiregion.plugins.module_utils.report.recording import duration, seconds
from ansible_collections.medzen.multiregion.plugins.module_utils.report.timeline import draw

SLOWEST_STEPS = 12

STYLE = """
:root { color-scheme: light dark; --ink:#1c2430; --soft:#5b6675; --paper:#ffffff; --panel:#f3f5f8; --rule:#d6dce4;
  --ok:#587a9a; --changed:#a8741c; --failed:#c0392b; --skipped:#98a4b1; --wait:#4f8f78; --phase:#7a62b3;
  --bar:#ffffff; }
@media (prefers-color-scheme: dark) { :root { --ink:#e4e9f0; --soft:#9aa7b6; --paper:#12171e; --panel:#1b222c;
  --rule:#303a47; --ok:#4d6b88; --changed:#9c6d1d; --failed:#d05546; --skipped:#39434f; --wait:#3b7a63;
  --phase:#6a55a3; } }
* { box-sizing: border-box }
body { margin:0 auto; padding:28px 24px 60px; max-width:1180px; background:var(--paper); color:var(--ink);
  font:15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif }
h1 { font-size:24px; margin:0 } h2 { font-size:17px; margin:34px 0 10px }
p.sub { color:var(--soft); margin:4px 0 18px }
.badge { display:inline-block; padding:2px 10px; border-radius:11px; color:#fff; font-size:13px; font-weight:600;
  vertical-align:middle; background:var(--soft) }
.badge.pass { background:var(--wait) } .badge.fail, .badge.refuse, .badge.interrupted { background:var(--failed) }
.badge.override, .badge.planned { background:var(--changed) }
.tiles { display:flex; flex-wrap:wrap; gap:10px } .tile { background:var(--panel); border-radius:8px; padding:9px 15px }
.tile b { display:block; font-size:19px; font-variant-numeric:tabular-nums }
.tile span { color:var(--soft); font-size:13px }
.scroll { overflow-x:auto } svg.timeline { width:100%; min-width:820px; height:auto }
svg text { font-size:11px; fill:var(--soft) } svg text.lane { fill:var(--ink); font-size:12.5px; font-weight:600 }
svg text.bar { fill:var(--bar); pointer-events:none } svg line.grid { stroke:var(--rule); stroke-dasharray:2 3 }
svg line.rule { stroke:var(--rule) } rect.step { fill:var(--ok) } rect.changed { fill:var(--changed) }
rect.failed, rect.unreachable, rect.interrupted { fill:var(--failed) } rect.skipped { fill:var(--skipped) }
rect.wait { fill:var(--wait) } rect.phase { fill:var(--phase) }
.legend { color:var(--soft); font-size:13px; display:flex; flex-wrap:wrap; gap:16px; margin:6px 0 0 }
.legend i { display:inline-block; width:12px; height:12px; border-radius:2px; margin-right:6px; vertical-align:-1px }
table { border-collapse:collapse; width:100%; font-size:14px } td, th { text-align:left; padding:6px 12px 6px 0;
  border-bottom:1px solid var(--rule); vertical-align:top; overflow-wrap:anywhere }
th { color:var(--soft); font-weight:600 }
ul { margin:0; padding-left:18px }
code { font:12.5px ui-monospace, SFMono-Regular, Menlo, monospace }
"""

LEGEND = (
    ("ok", "step"),
    ("changed", "step that changed something"),
    ("skipped", "skipped"),
    ("failed", "failed"),
    ("phase", "part of a step"),
    ("wait", "wait for AWS"),
)


def render(summary: dict) -> str:
    """The page of a summary."""
    title = f"{summary['playbook']} {summary['run']}"
    sections = [
        build_head(summary),
        build_timeline(summary),
        build_gates(summary["gates"]),
        build_figures(summary["figures"]),
        build_waits(summary["waits"]),
        build_steps("Failed steps", failed_steps(summary["steps"])),
        build_steps("Longest steps", longest_steps(summary["steps"])),
    ]
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{STYLE}</style></head>'
        f"<body>{''.join(sections)}</body></html>\n"
    )


def badge(verdict: str) -> str:
    return f'<span class="badge {escape(verdict)}">{escape(verdict)}</span>'


def build_head(summary: dict) -> str:
    mode = ", check mode: nothing was written" if summary["check_mode"] else ""
    hosts = ", ".join(summary["hosts"]) or "no region"
    tiles = [
        (duration(summary["wall_s"]), "wall time"),
        *((summary["counts"][name], name) for name in summary["counts"]),
    ]
    boxes = "".join(
        f'<div class="tile"><b>{escape(str(value))}</b><span>{escape(name)}</span></div>' for value, name in tiles
    )
    return (
        f"<h1>{escape(summary['playbook'])} {badge(summary['verdict'])}</h1>"
        f'<p class="sub">{escape(summary["run"])}, {escape(str(summary["started"]))}, {escape(hosts)}{mode}</p>'
        f'<div class="tiles">{boxes}</div>'
    )


def build_timeline(summary: dict) -> str:
    picture = draw(summary)
    if not picture:
        return ""
    keys = "".join(f'<span><i style="background:var(--{name})"></i>{escape(text)}</span>' for name, text in LEGEND)
    return f'<h2>Timeline</h2><div class="scroll">{picture}</div><p class="legend">{keys}</p>'


def build_gates(gates: list[dict]) -> str:
    if not gates:
        return ""
    rows = [
        [escape(gate["name"]), badge(gate["verdict"]), escape(gate["host"]), gate_details(gate), time_of(gate["time"])]
        for gate in gates
    ]
    return "<h2>Gates</h2>" + table(("gate", "verdict", "region", "conditions and evidence", "time"), rows)


def gate_details(gate: dict) -> str:
    lines = [condition_line(condition) for condition in gate["conditions"]]
    lines += [f"{escape(str(name))}: <code>{escape(shown(value))}</code>" for name, value in gate["evidence"].items()]
    lines += [f"accepted by typing <code>{escape(gate['override'])}</code>"] if gate["verdict"] == "override" else []
    return f"<ul>{''.join(f'<li>{line}</li>' for line in lines)}</ul>"


def condition_line(condition: dict) -> str:
    """One condition: its mark, its name, and what was found against what was expected."""
    mark = {"pass": "✓", "unknown": "?"}.get(condition.get("verdict", ""), "✗")
    details = [
        f"{label} <code>{escape(shown(condition[key]))}</code>"
        for key, label in (("found", "found"), ("expected", "expected"))
        if condition.get(key) not in (None, "")
    ]
    return f"{mark} {escape(str(condition.get('name', '')))}{': ' if details else ''}{', '.join(details)}"


def shown(value: Any) -> str:
    return value if isinstance(value, str) else repr(value)


def build_figures(figures: dict) -> str:
    if not figures:
        return ""
    rows = [[escape(str(name)), escape(str(value))] for name, value in figures.items()]
    return "<h2>Figures</h2>" + table(("figure", "value"), rows)


def build_waits(waits: list[dict]) -> str:
    if not waits:
        return ""
    ordered = sorted(waits, key=length, reverse=True)
    rows = [[escape(one["what"]), escape(one["host"]), duration(length(one)), escape(one["detail"])] for one in ordered]
    return "<h2>Waits</h2>" + table(("what", "region", "took", "last state"), rows)


def length(entry: dict) -> float:
    start, end = seconds(entry["start"]), seconds(entry["end"]) if entry["end"] else None
    return max(end - start, 0.0) if end is not None and start is not None else 0.0


def failed_steps(steps: list[dict]) -> list[dict]:
    return [step for step in steps if step["status"] in ("failed", "unreachable", "interrupted")]


def longest_steps(steps: list[dict]) -> list[dict]:
    return sorted(steps, key=length, reverse=True)[:SLOWEST_STEPS]


def build_steps(title: str, steps: list[dict]) -> str:
    if not steps:
        return ""
    rows = [
        [
            escape(step["name"]),
            escape(step["role"]),
            escape(step["host"]),
            escape(step["status"]),
            duration(length(step)),
        ]
        for step in steps
    ]
    return f"<h2>{escape(title)}</h2>" + table(("step", "role", "region", "status", "took"), rows)


def time_of(moment: str | None) -> str:
    return escape(moment[11:19]) if moment else ""


def table(heads: tuple[str, ...], rows: list[list[str]]) -> str:
    """A table; the cells are markup already."""
    head = "".join(f"<th>{escape(name)}</th>" for name in heads)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'
