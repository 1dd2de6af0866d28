# SPDX-License-Identifier: GPL-3.0-or-later
"""A ratchet: functions and files stay short. An exemption has a reason and a size, and the list never grows."""

import ast
from pathlib import Path

import pytest

pytestmark = pytest.mark.text
ROOT = Path(__file__).resolve().parents[2]
FILES = sorted(path for top in ("plugins", "rehearsal", "tests") for path in (ROOT / top).rglob("*.py"))
FUNCTION_LINES_MAX, FILE_LINES_MAX = 70, 500
DOCUMENTATION = {"DOCUMENTATION", "EXAMPLES", "RETURN"}
# File to its lines without a module's documentation, and why they are more than 500. Take out what is mended.
EXEMPT = {
    "plugins/modules/rds_database.py": (562, "every attribute of an instance, with the way it can be changed"),
}
EXEMPT_MAX = 4
# Exceptions from Ansible's sanity tests; each stands with its reason behind it.
SANITY_MAX = 6
# Rules of ansible-lint that a line is exempt from; each stands with its reason above it.
NOQA_MAX = 2


def lines_of(path: Path) -> int:
    """Lines of a file; a module's documentation is data that Ansible wants in the same file."""
    text = path.read_text(encoding="utf-8")
    blocks = [
        node.end_lineno - node.lineno + 1
        for node in ast.parse(text).body
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") in DOCUMENTATION
    ]
    return len(text.splitlines()) - sum(blocks)


def long_functions(path: Path) -> list[str]:
    return [
        f"{path.relative_to(ROOT)}:{node.lineno} {node.name} has {node.end_lineno - node.lineno + 1} lines"
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.end_lineno - node.lineno + 1 > FUNCTION_LINES_MAX
    ]


def test_no_function_is_longer_than_a_page():
    assert [found for path in FILES for found in long_functions(path)] == []


def test_no_file_is_longer_than_it_may_be():
    lengths = {str(path.relative_to(ROOT)): lines_of(path) for path in FILES}
    limits = {name: EXEMPT.get(name, (FILE_LINES_MAX, ""))[0] for name in lengths}
    assert {name: length for name, length in lengths.items() if length > limits[name]} == {}


def test_every_exemption_is_needed_and_none_is_added():
    assert [name for name in EXEMPT if not (ROOT / name).exists() or lines_of(ROOT / name) <= FILE_LINES_MAX] == []
    assert len(EXEMPT) <= EXEMPT_MAX and all(reason for _, reason in EXEMPT.values())


def test_no_lint_rule_is_skipped_without_a_reason():
    found = []
    for path in sorted(path for top in ("roles", "playbooks", "molecule") for path in (ROOT / top).rglob("*.yml")):
        lines = path.read_text(encoding="utf-8").splitlines()
        found += [
            (f"{path.relative_to(ROOT)}:{number + 1}", lines[number - 1].lstrip().startswith("#"))
            for number, line in enumerate(lines)
            if "# noqa" in line
        ]
    assert [where for where, explained in found if not explained] == []
    assert len(found) <= NOQA_MAX, found


@pytest.mark.parametrize("path", sorted((ROOT / "tests" / "sanity").glob("ignore-*.txt")), ids=lambda path: path.stem)
def test_no_sanity_test_is_left_out_without_a_reason(path):
    lines = path.read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if len(line.partition(" # ")[2]) < 20] == []
    assert len(lines) <= SANITY_MAX
