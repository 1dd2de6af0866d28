# SPDX-License-Identifier: GPL-3.0-or-later
"""Which runtimes Lambda still takes on a day, and which one can run here."""

from __future__ import annotations

import functools
import shutil
from datetime import UTC, date, datetime
from pathlib import Path

import yaml
from moto.core.utils import get_service_model

from rehearsal.cloud.errors import ApiError

RUNTIMES_FILE = Path(__file__).with_name("runtimes.yml")


@functools.cache
def load_ends(path: Path = RUNTIMES_FILE) -> dict[str, tuple[date, date]]:
    """The days from which a runtime is refused, for a new function and for an update."""
    return {name: (create, update) for name, (create, update) in yaml.safe_load(path.read_text()).items()}


def check_runtime(name: str, now: float, *, create: bool) -> None:
    """Refuse a runtime that does not exist, or whose end has come."""
    known = get_service_model("lambda").shape_for("Runtime").enum
    if name not in known:
        text = f"Value {name} at 'runtime' failed to satisfy constraint: Member must satisfy enum value set: "
        raise ApiError("InvalidParameterValueException", f"{text}[{', '.join(known)}] or be a valid ARN")
    ends = load_ends().get(name)
    today = datetime.fromtimestamp(now, UTC).date()
    if ends is not None and today >= ends[0 if create else 1]:
        newest = find_newest(name, today)
        text = f"The runtime parameter of {name} is no longer supported for creating or updating AWS Lambda functions."
        advice = f"We recommend you use a supported runtime ({newest}) while creating or updating functions."
        raise ApiError("InvalidParameterValueException", f"{text} {advice}")


def find_newest(name: str, today: date) -> str:
    """The runtime of the same language that lasts longest."""
    language = name.rstrip("0123456789.x-edg")
    ends = {other: days[0] for other, days in load_ends().items() if other.startswith(language) and days[0] > today}
    return max(ends, key=lambda other: (ends[other], other), default="provided.al2023")


def find_command(runtime: str, python: str, bootstrap: Path) -> list[str] | None:
    """The beginning of a worker's command line; none for a runtime that this machine cannot run."""
    if runtime.startswith("python3"):
        return [python, "-m", "rehearsal.lambda_runtime"]
    node = shutil.which("node")
    if runtime.startswith("nodejs") and node:
        return [node, str(bootstrap)]
    return None
