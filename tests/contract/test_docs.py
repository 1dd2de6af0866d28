# SPDX-License-Identifier: GPL-3.0-or-later
"""The pages say what is there: playbooks, links, make targets and variables."""

import functools
import re
from pathlib import Path

import pytest
import yaml

pytestmark = pytest.mark.text
ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md"), *ROOT.glob("roles/*/README.md")])
PLAYBOOKS = sorted(path.stem for path in (ROOT / "playbooks").glob("*.yml"))
ROLES = sorted(path.name for path in (ROOT / "roles").iterdir() if path.is_dir())
FENCE = re.compile(r"^ *```.*?^ *```", re.M | re.S)
INLINE_CODE = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")


def name_of(path):
    return str(path.relative_to(ROOT))


def prose(path):
    return FENCE.sub("", path.read_text())


@functools.cache
def code(path):
    """What stands between backticks, and the lines of code blocks."""
    blocks = [line for block in FENCE.findall(path.read_text()) for line in block.splitlines()]
    return [*INLINE_CODE.findall(prose(path)), *blocks]


def links(path):
    return [target for target in LINK.findall(INLINE_CODE.sub("", prose(path))) if not re.match(r"[a-z]+:", target)]


@functools.cache
def anchors(path):
    """The headings of a page as GitHub makes anchors of them."""
    headings = re.findall(r"^#+ +(.+)$", prose(path), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def is_broken(path, target):
    place, _, anchor = target.partition("#")
    found = (path.parent / place).resolve() if place else path
    return not found.exists() or bool(anchor and anchor not in anchors(found))


def named_targets(text):
    """Targets that a piece of code calls: `make lint unit`, `MEDZEN_WORLD=17 make up`."""
    called = re.match(r"\s*(?:\w+=\S+ +)*make((?: +[\w=$/.-]+)+)", text)
    return [word for word in called[1].split() if "=" not in word] if called else []


def make_targets():
    """Targets with a rule; a name that is only .PHONY does nothing."""
    rules = re.findall(r"^([a-z][a-z ]*):(?!=)", (ROOT / "Makefile").read_text(), re.M)
    return {target for rule in rules for target in rule.split()}


@functools.cache
def options(role):
    spec = yaml.safe_load((ROOT / "roles" / role / "meta" / "argument_specs.yml").read_text())
    return set(spec["argument_specs"]["main"]["options"])


@functools.cache
def known_names():
    """Names that are no role variables and may look like one: files, facts of the run record, results, extra vars."""
    files = {path.stem for folder in ("playbooks", "plugins") for path in (ROOT / folder).rglob("*.*")}
    tasks = "\n".join(path.read_text() for path in ROOT.glob("roles/*/tasks/*.yml"))
    facts = set(re.findall(r"^ +([a-z]\w+_[a-z_]+):", tasks, re.M))
    results = set(re.findall(r"^ +register: (\w+)$", tasks, re.M))
    return {*files, *ROLES, *facts, *results, "database_seed"}


@functools.cache
def shared_variables():
    inventories = "\n".join(path.read_text() for path in (ROOT / "inventories").rglob("*.yml"))
    return set(re.findall(r"^(multiregion_\w+):", inventories, re.M))


def named_variables(path):
    """Every name at the beginning of a piece of inline code: `cutover_ttl_s`, `cutover_ttl_s: 60`."""
    found = (re.match(r"([a-z][a-z0-9_]+)(?=$|[ :=])", text) for text in INLINE_CODE.findall(prose(path)))
    return {match[1] for match in found if match}


@pytest.mark.parametrize("playbook", PLAYBOOKS)
def test_every_playbook_has_a_page_and_a_row_in_the_readme(playbook):
    assert (DOCS / f"{playbook}.md").read_text().startswith(f"# {playbook}\n")
    assert f"| [`{playbook}`](docs/{playbook}.md) |" in (ROOT / "README.md").read_text()


@pytest.mark.parametrize("playbook", PLAYBOOKS)
def test_the_page_of_a_playbook_answers_what_an_operator_asks(playbook):
    headings = anchors(DOCS / f"{playbook}.md")
    asked = {"step-by-step", "gate", "variables-that-matter", "when-it-is-killed", "how-long-it-takes", "permissions"}
    assert asked - headings == set()


def test_every_page_is_on_the_map():
    listed = {(DOCS / target.partition("#")[0]).resolve() for target in links(DOCS / "index.md")}
    assert [name_of(path) for path in DOCS.glob("*.md") if path.name != "index.md" and path not in listed] == []


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_every_relative_link_leads_somewhere(path):
    assert [target for target in links(path) if is_broken(path, target)] == []


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_every_make_target_that_is_named_exists(path):
    assert {target for text in code(path) for target in named_targets(text)} - make_targets() == set()


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_every_variable_of_a_role_that_is_named_exists(path):
    variables = {name for role in ROLES for name in options(role)}
    prefixes = tuple(f"{role}_" for role in ROLES)
    named = {name for name in named_variables(path) - known_names() if name.startswith(prefixes)}
    assert named - variables == set()


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_every_shared_variable_that_is_named_is_set_somewhere(path):
    named = {name for name in named_variables(path) if name.startswith("multiregion_")}
    assert named - shared_variables() == set()


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_no_page_holds_a_path_of_one_machine(path):
    assert re.findall(r"(?<![\w.])/(?:home|root|work|tmp|var|Users|opt)/\S*", path.read_text()) == []


@pytest.mark.parametrize("picture", sorted(DOCS.rglob("*.svg")), ids=name_of)
def test_a_picture_needs_nothing_from_outside(picture):
    text = picture.read_text().replace('xmlns="http://www.w3.org/2000/svg"', "")
    assert re.findall(r"https?://|@import|<image|<script", text) == []


def test_the_readme_fits_two_screens():
    assert len((ROOT / "README.md").read_text().splitlines()) <= 150
