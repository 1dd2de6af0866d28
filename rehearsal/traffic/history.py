# SPDX-License-Identifier: GPL-3.0-or-later
"""What the clients saw, as it happened: one line a second for the plot, one line for each acknowledgement."""

from __future__ import annotations

import json
import time
from collections import Counter
from pathlib import Path
from typing import IO, Any

KINDS = ("writes_ok", "writes_refused", "writes_failed", "reads_ok", "reads_refused", "reads_failed", "reads_missing")


class History:
    """Counts by second and the acknowledged versions. Lines are flushed each second: a killed client loses one."""

    def __init__(self, folder: Path, now=time.time):
        folder.mkdir(parents=True, exist_ok=True)
        self._now = now
        self._seconds = _open(folder / "traffic.jsonl")
        self._acknowledged = _open(folder / "acknowledged.jsonl")
        self._events = _open(folder / "events.jsonl")
        self._counts: Counter[str] = Counter()
        self.totals: Counter[str] = Counter()
        self._write_ms: list[float] = []
        self._second = int(now())

    def count(self, kind: str) -> None:
        self._roll()
        self._counts[kind] += 1
        self.totals[kind] += 1
        if kind in ("writes_refused", "writes_failed", "reads_failed", "reads_missing"):
            self.event(kind)

    def acknowledge(self, ehr: str, uid: str, marker: str, started: float) -> None:
        moment = self._now()
        self._write_ms.append((moment - started) * 1000)
        _line(self._acknowledged, {"t": round(moment, 4), "ehr": ehr, "uid": uid, "marker": marker})
        self.count("writes_ok")

    def read(self) -> None:
        self.count("reads_ok")
        _line(self._events, {"t": round(self._now(), 4), "kind": "reads_ok"})

    def event(self, kind: str, **detail: Any) -> None:
        _line(self._events, {"t": round(self._now(), 4), "kind": kind, **detail})

    def _roll(self) -> None:
        second = int(self._now())
        if second != self._second:
            self.flush()
            self._second = second

    def flush(self) -> None:
        ordered = sorted(self._write_ms)
        middle = round(ordered[len(ordered) // 2], 1) if ordered else None
        _line(
            self._seconds, {"t": self._second, **{kind: self._counts[kind] for kind in KINDS}, "write_ms_p50": middle}
        )
        self._counts.clear()
        self._write_ms.clear()
        for stream in (self._seconds, self._acknowledged, self._events):
            stream.flush()

    def close(self) -> None:
        self.flush()
        for stream in (self._seconds, self._acknowledged, self._events):
            stream.close()


def _open(path: Path) -> IO[str]:
    return path.open("a", encoding="utf-8", buffering=1 << 16)


def _line(stream: IO[str], value: dict[str, Any]) -> None:
    stream.write(json.dumps(value) + "\n")
