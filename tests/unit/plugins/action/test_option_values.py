# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the action looks for values, how it evaluates them, and what it tells of them."""

from types import SimpleNamespace

import pytest
import yaml
from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader
from ansible_collections.medzen.multiregion.plugins.action import option_values as action
from ansible_collections.medzen.multiregion.plugins.modules.option_values import DOCUMENTATION
from ansible_collections.medzen.multiregion.plugins.plugin_utils.given_options import ROOT, make_manager

HOSTS = "regions: {hosts: {eu-west-1: {}, eu-central-1: {}}, vars: {base: example.org}}\n"


@pytest.fixture
def judge(tmp_path):
    """The refusals by option, of group variables and extra variables."""

    def look(extra=None, host_vars=None, **group_vars):
        (tmp_path / "host_vars").mkdir(exist_ok=True)
        (tmp_path / "host_vars" / "eu-west-1.yml").write_text(yaml.safe_dump(host_vars or {}))
        (tmp_path / "group_vars").mkdir(exist_ok=True)
        (tmp_path / "group_vars" / "regions.yml").write_text(yaml.safe_dump(group_vars))
        (tmp_path / "hosts.yml").write_text(HOSTS)
        loader = DataLoader()
        inventory = InventoryManager(loader, sources=[str(tmp_path / "hosts.yml")])
        manager = make_manager(loader, inventory)
        manager._extra_vars = extra or {}
        gate = action.judge(loader, inventory, ["eu-west-1", "eu-central-1"], manager)
        return {one["name"]: one for one in gate["conditions"] if one["verdict"] == "refuse"}

    return look


def test_a_wrong_value_tells_option_place_kind_and_what_to_do(judge):
    assert judge({"cutover_ttl_s": "sixty"})["cutover_ttl_s"] == {
        "name": "cutover_ttl_s",
        "verdict": "refuse",
        "found": "'sixty', given with -e",
        "expected": "seconds, 1 to 172800",
        "next_step": "correct it: -e cutover_ttl_s=...",
        "planned_by": "",
        "overridable": False,
    }


def test_a_wrong_value_of_the_inventory_tells_its_hosts_once(judge):
    found = judge(cutover_record="not a name")
    assert found["cutover_record"]["found"] == "'not a name', given in the inventory for eu-west-1, eu-central-1"
    assert "group_vars" in found["cutover_record"]["next_step"]


def test_a_list_given_as_text_tells_how_lists_are_given(judge):
    assert '\'{"chime_regions": ["..."]}\'' in judge({"chime_regions": "eu-west-1"})["chime_regions"]["next_step"]


def test_a_template_of_the_inventory_is_evaluated_for_each_host(judge):
    assert judge(cutover_record="ehr.{{ base }}", cutover_zone="{{ base }}") == {}
    assert judge(cutover_record="{{ inventory_hostname }} {{ base }}")["cutover_record"]["found"].startswith("'eu-")
    assert judge(service_tasks={"min": "{{ 1 }}", "max": "{{ 2 }}", "desired": "{{ missing }}"})["service_tasks"]


def test_a_template_may_quote_the_default_of_a_role(judge):
    assert judge(cutover_record="{{ service_name }}.{{ base }}") == {}


@pytest.mark.parametrize("value", ["{{ bse }}", "{{ base | nofilter }}", "{{ base", "{% if %}", "{{ 1 / 0 }}"])
def test_a_template_without_a_value_is_refused(judge, value):
    assert judge(cutover_record=value)["cutover_record"]["found"].startswith("a template without a value")


def test_a_template_of_what_a_role_finds_out_is_left_to_the_role(judge):
    assert judge(service_state="{{ region_state.region }}", cutover_chime_control_region="{{ audit_path.x }}") == {}


@pytest.mark.parametrize("value", ["{{ 1 }}", "{% raw %}a{% endraw %}", ["{{ 1 }}"], {"a": {"b": "{{ 1 }}"}}])
def test_a_template_with_extra_variables_is_refused_as_it_stands(judge, value):
    found = judge({"service_name": value})["service_name"]
    assert found["found"] == "a template, given with -e" and "not evaluated" in found["expected"]


def test_what_is_made_from_a_wrong_value_is_not_told_again(judge):
    values = {"multiregion_domain": "a b", "multiregion_record": "ehr.{{ multiregion_domain }}"}
    assert list(judge(**values)) == ["multiregion_domain"]


def test_a_wrong_value_of_one_host_is_told_although_another_hosts_is_made_from_one(judge):
    values = {"multiregion_domain": "a b", "multiregion_record": "ehr.{{ multiregion_domain }}"}
    assert list(judge(host_vars={"multiregion_record": "c d"}, **values)) == [
        "multiregion_domain",
        "multiregion_record",
    ]


def test_ansibles_own_view_is_told_where_kinds_say_nothing(judge):
    (found,) = judge({"secrets_replicas": [{"kms_key_id": "alias/a"}]}).values()
    assert found["name"] == "secrets_replicas" and "missing required arguments: region" in found["found"]


def test_a_secret_is_not_told(judge):
    (found,) = judge({"multiregion_aws_secret_key": "hunter 2"}).values()
    assert "hunter" not in str(found)


def test_names_of_others_and_names_that_roles_do_not_know_are_not_judged_here(judge):
    assert judge({"cutover_tl_s": "x", "theirs": None}) == {}


@pytest.mark.parametrize("environment", ["prod", "staging", "rehearsal"])
def test_the_environments_that_come_along_have_no_wrong_value(environment, monkeypatch):
    monkeypatch.setenv("MEDZEN_AWS_ACCOUNT", "123456789012")
    loader = DataLoader()
    loader.set_basedir(str(ROOT))
    inventory = InventoryManager(loader, sources=[str(ROOT / "inventories" / environment / "hosts.yml")])
    gate = action.judge(loader, inventory, [host.name for host in inventory.get_hosts()])
    assert [one for one in gate["conditions"] if one["verdict"] == "refuse"] == []


def test_an_account_that_the_environment_lacks_is_told(monkeypatch):
    monkeypatch.delenv("MEDZEN_AWS_ACCOUNT", raising=False)
    loader = DataLoader()
    inventory = InventoryManager(loader, sources=[str(ROOT / "inventories" / "prod" / "hosts.yml")])
    gate = action.judge(loader, inventory, ["eu-central-1"])
    assert [one["name"] for one in gate["conditions"] if one["verdict"] == "refuse"] == ["multiregion_account"]


def test_the_documented_options_are_the_actions():
    documented = yaml.safe_load(DOCUMENTATION)["options"]
    documented = {name: (one["type"], one.get("default")) for name, one in documented.items()}
    assert documented == {name: (one["type"], one.get("default")) for name, one in action.ARGUMENTS.items()}


def test_rules_without_the_collections_own_group_vars(tmp_path):
    """An installed archive has them; a reader of its roles alone has not."""
    (tmp_path / "roles" / "option_check").mkdir(parents=True)
    (tmp_path / "roles" / "option_check" / "files").symlink_to(ROOT / "roles" / "option_check" / "files")
    rules = action.Rules(tmp_path)
    assert rules.own == {} and SimpleNamespace(**rules.specs).multiregion_workload
