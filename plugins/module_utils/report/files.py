# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writing a report: a reader finds a whole file or the one before, and `latest` always leads somewhere."""

from __future__ import annotations

import json
import os
from pathlib import Path

from ansible_collections.medzen.multiregion.plugins.module_utils.report.page import render


def write_report(folder: Path, summary: dict) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / "summary.json", json.dumps(summary, indent=2, default=str) + "\n")
    write_whole(folder / "index.html", render(summary))
    point_latest(folder)


def write_whole(path: Path, text: str) -> None:
    """Through a file beside it, so that nobody reads half of it."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.write_text(text, encoding="utf-8")
    os.replace(draft, path)


def point_latest(folder: Path) -> None:
    link = folder.parent / "latest"
    draft = folder.parent / f".latest.{os.getpid()}"
    draft.unlink(missing_ok=True)
    draft.symlink_to(folder.name)
    os.replace(draft, link)
