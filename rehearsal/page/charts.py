# SPDX-License-Identifier: GPL-3.0-or-later
"""Two pictures as SVG: traffic by second, and the timeline of playbooks and waits."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

WIDTH, MARGIN, RIGHT = 1040, 64, 12
PLOT_HEIGHT, ROW_HEIGHT = 180, 20


@dataclass(frozen=True)
class Series:
    """One line of a plot: a value for each second."""

    name: str
    css: str
    points: list[tuple[float, float]]


@dataclass(frozen=True)
class Bar:
    """One bar of the timeline."""

    row: str
    label: str
    css: str
    start: float
    end: float


@dataclass(frozen=True)
class Mark:
    """A moment that both pictures show."""

    at: float
    label: str


def scale_x(moment: float, start: float, end: float) -> float:
    return MARGIN + (moment - start) / max(end - start, 1e-9) * (WIDTH - MARGIN - RIGHT)


def nice_step(span: float, steps: int = 8) -> float:
    """A round distance between ticks: 1, 2 or 5 times a power of ten."""
    raw = max(span / steps, 1e-9)
    power = 10.0 ** len(str(int(raw))) / 10 if raw >= 1 else 1.0
    return next(power * factor for factor in (1, 2, 5, 10) if power * factor >= raw)


def ticks(start: float, end: float) -> list[float]:
    step = nice_step(end - start)
    return [start + index * step for index in range(int((end - start) / step) + 1)]


def _time_axis(start: float, end: float, height: float, origin: float) -> list[str]:
    parts = []
    for moment in ticks(start, end):
        x = scale_x(moment, start, end)
        parts.append(f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="0" y2="{height}"/>')
        parts.append(
            f'<text class="tick" x="{x:.1f}" y="{height + 14}" text-anchor="middle">{moment - origin:.0f} s</text>'
        )
    return parts


def _marks(marks: list[Mark], start: float, end: float, height: float) -> list[str]:
    """Moments as upright lines; labels of neighbours stand on different heights."""
    parts = []
    for index, mark in enumerate(mark for mark in marks if start <= mark.at <= end):
        x = scale_x(mark.at, start, end)
        parts.append(f'<line class="mark" x1="{x:.1f}" x2="{x:.1f}" y1="0" y2="{height}"/>')
        parts.append(f'<text class="marklabel" x="{x + 3:.1f}" y="{10 + 12 * (index % 4)}">{escape(mark.label)}</text>')
    return parts


def traffic_plot(series: list[Series], start: float, end: float, origin: float, marks: list[Mark]) -> str:
    """Requests a second over time, each kind a line with its value on hover."""
    top = max((value for line in series for _, value in line.points), default=1.0) * 1.1 or 1.0
    parts = _time_axis(start, end, PLOT_HEIGHT, origin)
    for value in ticks(0, top)[:-1]:
        y = PLOT_HEIGHT * (1 - value / top)
        parts.append(f'<line class="grid" x1="{MARGIN}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text class="tick" x="{MARGIN - 6}" y="{y + 4:.1f}" text-anchor="end">{value:.0f}/s</text>')
    for line in series:
        inside = [(moment, value) for moment, value in line.points if start <= moment <= end]
        points = " ".join(
            f"{scale_x(moment, start, end):.1f},{PLOT_HEIGHT * (1 - value / top):.1f}" for moment, value in inside
        )
        parts.append(
            f'<polyline class="line {line.css}" points="{points}"><title>{escape(line.name)}</title></polyline>'
        )
    parts += _marks(marks, start, end, PLOT_HEIGHT)
    return _svg(parts, PLOT_HEIGHT + 22, "Requests a second over time")


def timeline(bars: list[Bar], start: float, end: float, origin: float, marks: list[Mark]) -> str:
    """A row for each region or playbook, a bar for each wait; what overlaps within a row is stacked."""
    lanes = assign_lanes(bars)
    height = (max((lane for _, lane in lanes), default=0) + 1) * ROW_HEIGHT
    parts = _time_axis(start, end, height, origin)
    named: set[str] = set()
    for bar, lane in lanes:
        y = lane * ROW_HEIGHT
        if bar.row not in named:
            named.add(bar.row)
            parts.append(f'<line class="row" x1="0" x2="{WIDTH - RIGHT}" y1="{y}" y2="{y}"/>')
            parts.append(f'<text class="rowlabel" x="0" y="{y + 14}">{escape(bar.row)}</text>')
        parts.append(_bar(bar, y, start, end))
    parts += _marks(marks, start, end, height)
    return _svg(parts, height + 22, "Timeline of playbooks and waits")


def _bar(bar: Bar, y: float, start: float, end: float) -> str:
    x, right = scale_x(bar.start, start, end), scale_x(bar.end, start, end)
    width = max(right - x, 1.5)
    title = f"{bar.label}: {bar.end - bar.start:.1f} s"
    text = ""
    if width > 6.2 * len(bar.label):
        text = f'<text class="barlabel" x="{x + 4:.1f}" y="{y + 14:.1f}">{escape(bar.label)}</text>'
    box = (
        f'<rect class="bar {bar.css}" x="{x:.1f}" y="{y + 2:.1f}" width="{width:.1f}" height="{ROW_HEIGHT - 4}" rx="2">'
    )
    return f"{box}<title>{escape(title)}</title></rect>{text}"


def assign_lanes(bars: list[Bar]) -> list[tuple[Bar, int]]:
    """Rows in the order in which they first appear; within a row a bar takes the first lane that is free."""
    rows = list(dict.fromkeys(bar.row for bar in bars))
    placed: list[tuple[Bar, int]] = []
    base = 0
    for row in rows:
        free_from: list[float] = []
        for bar in sorted((bar for bar in bars if bar.row == row), key=lambda bar: bar.start):
            lane = next((index for index, free in enumerate(free_from) if bar.start >= free), len(free_from))
            free_from[lane : lane + 1] = [bar.end]
            placed.append((bar, base + lane))
        base += max(len(free_from), 1)
    return placed


def _svg(parts: list[str], height: float, title: str) -> str:
    body = "".join(parts)
    return (
        f'<svg viewBox="0 -6 {WIDTH} {height + 12:.0f}" role="img" aria-label="{escape(title)}">'
        f"<title>{escape(title)}</title>{body}</svg>"
    )
