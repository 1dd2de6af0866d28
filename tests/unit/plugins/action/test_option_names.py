# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the action looks for what an operator gave: an inventory on disk, extra variables, and nothing else."""

from types import SimpleNamespace

import pytest
import yaml
from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader
from ansible_collections.medzen.multiregion.plugins.action import option_names as action
from ansible_collections.medzen.multiregion.plugins.modules.option_names import DOCUMENTATION
from ansible_collections.medzen.multiregion.plugins.plugin_utils.given_options import ROOT, make_manager, read_given

NOTHING = {"ignore": []}


@pytest.fixture
def inventory(tmp_path):
    """A host with a variable of its own, and one in a group's file."""
    (tmp_path / "group_vars").mkdir()
    (tmp_path / "group_vars" / "regions.yml").write_text("cutover_watch_windw_s: 5\nservice_cpu: 1024\n")
    (tmp_path / "hosts.yml").write_text("regions: {hosts: {eu-west-1: {database_clas: x}, eu-central-1: {}}}\n")
    loader = DataLoader()
    return SimpleNamespace(loader=loader, manager=InventoryManager(loader, sources=[str(tmp_path / "hosts.yml")]))


def read(inventory, *hosts, **extra):
    manager = make_manager(inventory.loader, inventory.manager)
    manager._extra_vars = extra
    return read_given(manager, inventory.manager, hosts)


def refused(given, **arguments):
    gate = action.judge(given, NOTHING | arguments)
    return {one["name"]: one for one in gate["conditions"] if one["verdict"] == "refuse"}


def test_group_and_host_variables_are_looked_at_and_their_hosts_named(inventory):
    found = refused(read(inventory, "eu-west-1", "eu-central-1"))
    assert {name: one["found"] for name, one in found.items()} == {
        "cutover_watch_windw_s": "given in the inventory for eu-west-1, eu-central-1, and nothing reads it",
        "database_clas": "given in the inventory for eu-west-1, and nothing reads it",
    }
    assert found["database_clas"]["next_step"] == "write database_class"


def test_extra_variables_are_looked_at(inventory):
    found = refused(read(inventory, "eu-central-1", cutover_tl_s=1, cutover_watch_windw_s=1, confirm="x"))
    assert {name: one["found"] for name, one in found.items()} == {
        "cutover_tl_s": "given with -e, and nothing reads it",
        "cutover_watch_windw_s": "given with -e, and nothing reads it",
    }


def test_registered_results_and_facts_were_given_by_nobody(inventory):
    used = make_manager(inventory.loader, inventory.manager)
    used.set_nonpersistent_facts("eu-central-1", {"cutover_switch": 1})
    assert "cutover_switch" in used.get_vars(host=inventory.manager.get_host("eu-central-1"), include_hostvars=False)
    assert "cutover_switch" not in read(inventory, "eu-central-1")


def test_an_ignored_name_passes(inventory):
    given = read(inventory, service_account="x")
    assert list(refused(given)) == ["service_account"]
    assert refused(given, ignore=["service_account"]) == {}


def test_a_host_that_the_inventory_lacks_has_no_variables(inventory):
    assert read(inventory, "eu-middle-9") == {}


@pytest.mark.parametrize("environment", ["prod", "staging", "rehearsal"])
def test_the_environments_that_come_along_give_no_unknown_name(environment):
    loader = DataLoader()
    inventory = InventoryManager(loader, sources=[str(ROOT / "inventories" / environment / "hosts.yml")])
    found = SimpleNamespace(loader=loader, manager=inventory)
    given = read(found, *(host.name for host in inventory.get_hosts()), database_seed="snapshot", confirm="af-south-1")
    assert "multiregion_account" in given
    assert refused(given) == {}


def test_what_roles_read_without_an_option_for_it_is_known():
    known = action.read_known(ROOT)
    assert {"multiregion_endpoint_url", "multiregion_account", "multiregion_tags", "database_seed"} <= known.names


def test_the_documented_options_are_the_actions():
    documented = yaml.safe_load(DOCUMENTATION)["options"]
    documented = {name: (one["type"], one.get("default")) for name, one in documented.items()}
    assert documented == {name: (one["type"], one.get("default")) for name, one in action.ARGUMENTS.items()}
