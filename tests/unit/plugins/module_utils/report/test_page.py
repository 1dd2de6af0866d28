# SPDX-License-Identifier: GPL-3.0-or-later
"""The page and its picture."""

import re
import xml.etree.ElementTree as ElementTree

from ansible_collections.medzen.multiregion.plugins.module_utils.report import timeline
from ansible_collections.medzen.multiregion.plugins.module_utils.report.page import render
from ansible_collections.medzen.multiregion.plugins.module_utils.report.recording import Recording

START = 1_000_000.0


def build():
    recording = Recording("cutover_dns", "run-1", START)
    recording.begin_step("1", "eu-west-1", "Copy <it>", "snapshot", START)
    recording.end_step("1", "eu-west-1", "changed", START + 60)
    recording.begin_step("2", "eu-central-1", "Break it", "", START + 5)
    recording.end_step("2", "eu-central-1", "failed", START + 7)
    recording.add_progress({"time": START + 50, "what": "copy to eu-west-1", "elapsed_s": 45, "percent": 90})
    gate = {"name": "cutover", "verdict": "refuse", "evidence": {"lsn": "0/1"}}
    gate["conditions"] = [{"name": "caught up", "verdict": "unknown", "found": None, "expected": "0 & less"}]
    recording.add_result("eu-west-1", {"gate": gate, "figures": {"rpo_s": 3}}, START + 55)
    recording.finish(START + 61, "fail", {"ok": 1, "failed": 1})
    return recording.summary()


def test_nothing_is_loaded_from_elsewhere():
    assert not re.search(r'(?:src|href|url)\s*[=(]\s*["\']?(?:https?:)?//', render(build()))


def test_names_cannot_become_markup():
    page = render(build())
    assert "Copy &lt;it&gt;" in page and "<it>" not in page and "0 &amp; less" in page


def test_verdict_gates_figures_and_failed_steps_are_shown():
    page = render(build())
    for words in ('class="badge fail"', "caught up", "0/1", "rpo_s", "Failed steps", "Break it"):
        assert words in page


def test_an_empty_run_has_a_page_too():
    recording = Recording("audit_regions", "run-2", START)
    recording.finish(START + 1, "pass")
    assert "<h2>" not in render(recording.summary())


def test_the_picture_is_well_formed():
    root = ElementTree.fromstring(timeline.draw(build()))
    lanes = [node.text for node in root.iter("text") if node.get("class") == "lane"]
    assert lanes == ["eu-west-1", "eu-central-1"]


def test_every_bar_lies_in_the_picture():
    root = ElementTree.fromstring(timeline.draw(build()))
    bars = [(float(node.get("x")), float(node.get("width"))) for node in root.iter("rect")]
    assert len(bars) == 3
    assert all(x >= timeline.LABEL and x + width <= timeline.WIDTH for x, width in bars)


def test_bars_that_overlap_get_rows_of_their_own():
    bars = [timeline.Bar(start, end, "", "wait") for start, end in ((0, 10), (5, 8), (10, 12))]
    assert [[(bar.start, bar.end) for bar in row] for row in timeline.pack(bars)] == [[(0, 10), (10, 12)], [(5, 8)]]


def test_ticks_stay_few():
    for span in (0.4, 3, 61, 900, 5400, 90000):
        assert span / timeline.tick_step(span) <= timeline.TICKS_MAX
