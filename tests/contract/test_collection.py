# SPDX-License-Identifier: GPL-3.0-or-later
"""The collection's own lists: the action group, the module documentation, the environments."""

import ast
import re
from pathlib import Path

import pytest
import yaml
from ansible_collections.medzen.multiregion.plugins.action import in_worker

ROOT = Path(__file__).resolve().parents[2]
MODULES = sorted((ROOT / "plugins" / "modules").glob("*.py"))
PLUGINS = [path for kind in ("callback", "filter") for path in (ROOT / "plugins" / kind).glob("*.py")]
DOCUMENTED = sorted([*MODULES, *PLUGINS])
ENVIRONMENTS = ("prod", "staging", "rehearsal")


def constant(path, name):
    """The text of a module-level constant, without importing the module."""
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.Assign) and node.targets[0].id == name:
            return ast.literal_eval(node.value)
    return None


def test_the_action_group_has_every_module_that_talks_to_aws():
    runtime = yaml.safe_load((ROOT / "meta" / "runtime.yml").read_text())
    listed = [entry for entry in runtime["action_groups"]["aws"] if isinstance(entry, str)]
    talking = [path.stem for path in MODULES if "AnsibleAWSModule" in path.read_text()]
    assert sorted(listed) == talking


def test_every_module_that_talks_to_aws_can_run_in_the_worker():
    runtime = yaml.safe_load((ROOT / "meta" / "runtime.yml").read_text())
    listed = {entry for entry in runtime["action_groups"]["aws"] if isinstance(entry, str)}
    stock = {name: route["redirect"] for name, route in runtime["plugin_routing"]["modules"].items()}
    routed = {name: route["redirect"] for name, route in runtime["plugin_routing"]["action"].items()}
    assert stock == {name: f"{collection}.{name}" for name, collection in in_worker.STOCK.items()}
    assert set(routed) == listed | set(stock)
    assert set(routed.values()) == {"medzen.multiregion.in_worker"}


def test_what_the_roles_do_with_aws_goes_through_the_one_action_that_holds_to_the_lock():
    runtime = yaml.safe_load((ROOT / "meta" / "runtime.yml").read_text())
    assert runtime["action_groups"]["roles"] == ["in_worker"]
    files = [*(ROOT / "roles").glob("*/tasks/*.yml"), *(ROOT / "roles").glob("*/handlers/*.yml")]
    past_it = [path.name for path in files if re.search(r"^\s+(amazon|community)\.aws\.\w+:", path.read_text(), re.M)]
    assert past_it == []


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_a_module_documents_itself(path):
    documentation = yaml.safe_load(constant(path, "DOCUMENTATION"))
    assert documentation["module"] == path.stem
    assert documentation["version_added"] and documentation["short_description"]
    assert {"check_mode", "diff_mode"} <= set(documentation["attributes"])
    assert documentation["author"] == ["MedZen platform team (@medzen)"]
    assert yaml.safe_load(constant(path, "EXAMPLES")), "no example"
    assert yaml.safe_load(constant(path, "RETURN")), "no return values"


def descriptions_in(value):
    """Every description, and every paragraph of one, in a piece of documentation."""
    for name, below in value.items():
        if name in ("description", "notes", "short_description") and not isinstance(below, dict):
            yield from below if isinstance(below, list) else [below]
        elif isinstance(below, dict):
            yield from descriptions_in(below)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_every_description_is_text(path):
    """A colon in a paragraph makes a dict of it, with which ansible-doc ends."""
    pieces = [yaml.safe_load(constant(path, name)) for name in ("DOCUMENTATION", "RETURN")]
    found = [text for piece in pieces for text in descriptions_in(piece)]
    assert found and [text for text in found if not isinstance(text, str)] == []


@pytest.mark.parametrize("path", DOCUMENTED, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_what_has_documentation_names_one_thing_at_a_time(path):
    """ansible-doc looks for the documentation among the names of a file, and complains of several at once."""
    body = ast.parse(path.read_text(encoding="utf-8")).body
    targets = [target for node in body if isinstance(node, ast.Assign) for target in node.targets]
    assert [ast.unparse(target) for target in targets if isinstance(target, ast.Tuple)] == []


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_a_module_carries_its_licence(path):
    head = path.read_text()[:300]
    assert "GNU General Public License v3.0+" in head and "GPL-3.0-or-later" in head


SERVICES = {"elbv2": "elasticloadbalancing", "apigatewayv2": "apigateway"}


def test_the_census_names_a_permission_for_each_service_that_it_asks():
    text = "".join(path.read_text() for path in (ROOT / "plugins/module_utils/census").glob("kinds_*.py"))
    asked = {SERVICES.get(name, name) for name in re.findall(r'place\.client\("([a-z0-9-]+)"\)', text)}
    documentation = constant(ROOT / "plugins/modules/region_census_info.py", "DOCUMENTATION")
    named = set(re.findall(r"C\(([a-z0-9-]+):", documentation))
    assert asked - named == set()


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_an_environment_has_the_same_regions_and_shares_the_defaults(environment):
    folder = ROOT / "inventories" / environment
    groups = yaml.safe_load((folder / "hosts.yml").read_text())["regions"]["children"]
    assert set(groups) == {"primary", "dr", "retiring", "edge"}
    assert (folder / "group_vars" / "all.yml").resolve() == ROOT / "group_vars" / "all.yml"


def test_the_changelog_says_what_the_fragment_of_the_release_says():
    fragment = yaml.safe_load((ROOT / "changelogs/fragments/0001-first-release.yml").read_text())
    assert " ".join(fragment["release_summary"].split()) in " ".join((ROOT / "CHANGELOG.md").read_text().split())


def test_the_readme_names_the_collections_as_galaxy_does():
    wanted = yaml.safe_load((ROOT / "galaxy.yml").read_text())["dependencies"]
    least = {name: re.match(r">=(\d+\.\d+)\.0,<13\.0\.0", versions)[1] for name, versions in wanted.items()}
    readme = " ".join((ROOT / "README.md").read_text().split())
    said = f"amazon.aws {least['amazon.aws']} and community.aws {least['community.aws']} or newer, both below 13"
    assert said in readme


def test_production_soaks_for_seven_days():
    values = yaml.safe_load((ROOT / "inventories/prod/group_vars/regions.yml").read_text())
    assert values["decommission_soak_s"] >= 7 * 86400
    assert "decommission_soak_override" not in values


def test_networks_do_not_overlap():
    regions = yaml.safe_load((ROOT / "group_vars" / "all.yml").read_text())["multiregion_regions"]
    cidrs = [region["cidr"] for region in regions.values()]
    assert len(cidrs) == len(set(cidrs))


def test_no_secret_and_no_real_account_is_in_an_inventory():
    for path in (ROOT / "inventories").rglob("*.yml"):
        found = re.findall(r"AKIA[0-9A-Z]{16}|\b(?!123456789012\b)\d{12}\b", path.read_text())
        assert found == [], path
