# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The picture of a run: per host one row of steps, then as many rows as its waits need, over one axis of time."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from html import escape

from ansible_collections.medzen.multiregion.plugins.module_utils.report.recording import duration, seconds

WIDTH, LABEL, ROW, GAP, AXIS = 1080, 150, 20, 10, 26
BAR_MIN = 1.5
TICKS_MAX = 9
TICK_STEPS_S = (0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14400, 43200)
# A character of the labels is about this wide; a label that does not fit stays away, its tooltip tells.
LETTER = 6.2


@dataclass(frozen=True)
class Bar:
    """A stretch of time in a row. `css` is the class that colours it."""

    start: float
    end: float
    label: str
    css: str
    detail: str = ""


@dataclass(frozen=True)
class Lane:
    """One host: its rows from top to bottom."""

    title: str
    rows: tuple[tuple[Bar, ...], ...]


def draw(summary: dict) -> str:
    """The timeline of a summary as an SVG element; empty when nothing happened."""
    lanes = build_lanes(summary)
    if not lanes:
        return ""
    start = seconds(summary["started"])
    ends = [stretch.end for lane in lanes for row in lane.rows for stretch in row]
    span = max(max(ends) - start, 0.001)
    height = AXIS + sum(lane_height(lane) for lane in lanes)
    parts = [*draw_axis(span, height), *draw_lanes(lanes, start, span)]
    title = f"Timeline of {escape(summary['playbook'])}, {duration(span)}"
    return (
        f'<svg class="timeline" viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{title}">'
        f"<title>{title}</title>{''.join(parts)}</svg>"
    )


def build_lanes(summary: dict) -> list[Lane]:
    """A lane per host in the order of their first step; waits that name no host come last."""
    hosts = [*summary["hosts"], ""]
    lanes = [Lane(host or "waits", tuple(build_rows(summary, host))) for host in hosts]
    return [lane for lane in lanes if lane.rows]


def build_rows(summary: dict, host: str) -> list[tuple[Bar, ...]]:
    end = seconds(summary["ended"])
    steps = [step_bar(step, end) for step in summary["steps"] if step["host"] == host]
    phases = [span_bar(one, one["name"], "phase") for one in summary["phases"] if one["host"] == host]
    waits = [span_bar(one, one["what"], "wait", one["detail"]) for one in summary["waits"] if one["host"] == host]
    return [row for row in (tuple(steps), *pack(phases), *pack(waits)) if row]


def step_bar(step: dict, run_end: float | None) -> Bar:
    start = seconds(step["start"])
    end = seconds(step["end"]) if step["end"] else run_end or start
    is_named = not step["role"] or step["name"].startswith(step["role"])
    label = step["name"] if is_named else f"{step['role']} | {step['name']}"
    return Bar(start, end, label, f"step {step['status']}")


def span_bar(entry: dict, label: str, css: str, detail: str = "") -> Bar:
    return Bar(seconds(entry["start"]), seconds(entry["end"]), label, css, detail)


def pack(bars: Iterable[Bar]) -> list[tuple[Bar, ...]]:
    """As few rows as possible in which no two bars overlap."""
    rows: list[list[Bar]] = []
    for stretch in sorted(bars, key=lambda one: (one.start, one.end)):
        row = next((row for row in rows if row[-1].end <= stretch.start), None)
        if row is None:
            rows.append([stretch])
        else:
            row.append(stretch)
    return [tuple(row) for row in rows]


def lane_height(lane: Lane) -> int:
    return len(lane.rows) * ROW + GAP


def position(moment: float, start: float, span: float) -> float:
    return LABEL + (WIDTH - LABEL - 8) * (moment - start) / span


def tick_step(span: float) -> float:
    """The smallest usual step that keeps the ticks few."""
    return next((step for step in TICK_STEPS_S if span / step <= TICKS_MAX), span)


def draw_axis(span: float, height: int) -> list[str]:
    step = tick_step(span)
    parts = []
    for index in range(int(span / step) + 1):
        x = position(index * step, 0, span)
        parts.append(f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{AXIS - 6}" y2="{height}"/>')
        parts.append(f'<text class="tick" x="{x:.1f}" y="14">{escape(tick_label(index * step, step))}</text>')
    return parts


def tick_label(value: float, step: float) -> str:
    return f"{value / 60:g} min" if step >= 30 else f"{value:g} s"


def draw_lanes(lanes: list[Lane], start: float, span: float) -> list[str]:
    parts, top = [], AXIS
    for lane in lanes:
        parts.append(f'<text class="lane" x="0" y="{top + 14}">{escape(lane.title)}</text>')
        for number, row in enumerate(lane.rows):
            parts += [draw_bar(stretch, top + number * ROW, start, span) for stretch in row]
        top += lane_height(lane)
        parts.append(f'<line class="rule" x1="0" x2="{WIDTH}" y1="{top - GAP / 2:.1f}" y2="{top - GAP / 2:.1f}"/>')
    return parts


def draw_bar(stretch: Bar, top: float, start: float, span: float) -> str:
    x = position(stretch.start, start, span)
    width = max(position(stretch.end, start, span) - x, BAR_MIN)
    detail = f", {stretch.detail}" if stretch.detail else ""
    told = f"{stretch.label}, {duration(max(stretch.end - stretch.start, 0))}{detail}"
    room = int((width - 8) / LETTER)
    label = stretch.label if len(stretch.label) <= room else (stretch.label[: room - 1] + "…" if room > 5 else "")
    text = f'<text class="bar" x="{x + 4:.1f}" y="{top + 12}">{escape(label)}</text>' if label else ""
    return (
        f'<g><title>{escape(told)}</title><rect class="{escape(stretch.css)}" x="{x:.1f}" y="{top + 1}" '
        f'width="{width:.1f}" height="{ROW - 4}" rx="2"/>{text}</g>'
    )
