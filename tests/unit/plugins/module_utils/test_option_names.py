# SPDX-License-Identifier: GPL-3.0-or-later
import pytest
from ansible_collections.medzen.multiregion.plugins.module_utils import option_names as names
from ansible_collections.medzen.multiregion.plugins.module_utils.option_names import Known

KNOWN = Known(
    options={
        "cutover": frozenset({"cutover_ttl_s", "cutover_watch_window_s", "cutover_record"}),
        "database": frozenset({"database_class", "database_state"}),
        "primary_database": frozenset({"primary_database_wait"}),
        "service": frozenset({"service_cpu", "service_tasks"}),
        "service_mesh": frozenset({"service_mesh_name"}),
    },
    shared=frozenset({"multiregion_poll_seconds", "database_seed"}),
    registered=frozenset({"region_state", "audit_path"}),
)


def unknown(*given, ignore=()):
    return names.find_unknown(dict.fromkeys(given, 1), KNOWN, ignore)


@pytest.mark.parametrize(
    "name", ["cutover_ttl_s", "service_mesh_name", "primary_database_wait", "multiregion_poll_seconds", "database_seed"]
)
def test_what_is_described_or_shared_is_known(name):
    assert unknown(name) == []


@pytest.mark.parametrize(
    "name", ["confirm", "accept_loss", "cutover", "ansible_user", "services_x", "my_cutover_ttl_s"]
)
def test_a_name_without_the_prefix_of_a_role_is_somebody_elses(name):
    assert unknown(name) == []


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("cutovr_ttl_s", "cutover_ttl_s"),
        ("mutliregion_poll_seconds", "multiregion_poll_seconds"),
        ("Cutover_TTL_s", "cutover_ttl_s"),
        ("cutover-ttl-s", "cutover_ttl_s"),
        ("\u0441utover_ttl_s", "cutover_ttl_s"),
        ("\uff43utover_ttl_s", "cutover_ttl_s"),
        ("databse_class", "database_class"),
    ],
)
def test_a_name_whose_prefix_is_misspelt_is_found(name, meant):
    assert unknown(name) == [name]
    assert names.describe(name, "with -e", KNOWN, "medzen.multiregion")["next_step"] == f"write {meant}"


@pytest.mark.parametrize("name", ["region_state", "audit_path", "__cutover_database"])
def test_what_a_role_finds_out_is_given_by_nobody(name):
    assert unknown(name, "service_cpu") == [name]
    found = names.describe(name, "with -e", KNOWN, "medzen.multiregion")
    assert "would win over what a role finds out" in found["found"] and found["next_step"] == "remove it"


def test_every_unknown_name_is_found_in_order():
    given = ("service_cpus", "cutover_tl_s", "cutover_record", "multiregion_pol_seconds")
    assert unknown(*given) == ["cutover_tl_s", "multiregion_pol_seconds", "service_cpus"]


def test_an_ignored_name_passes():
    assert unknown("service_account", "cutover_tl_s", ignore=["service_account"]) == ["cutover_tl_s"]


def test_a_name_that_another_given_value_quotes_is_read():
    given = {"service_owner": "me", "notes": [{"by": "{{ service_owner | upper }}"}]}
    assert names.find_unknown(given, KNOWN) == []


def test_a_name_that_only_quotes_itself_or_stands_in_plain_text_is_not_read():
    given = {"service_owner": "{{ service_owner }}", "notes": "service_owner is me"}
    assert names.find_unknown(given, KNOWN) == ["service_owner"]


def test_a_value_that_is_not_plain_is_not_opened():
    class Vaulted:
        def __str__(self):
            raise AssertionError("opened")

    assert names.find_unknown({"service_cpus": Vaulted(), "secret": [Vaulted()]}, KNOWN) == ["service_cpus"]


@pytest.mark.parametrize(
    ("name", "owner"),
    [
        ("service_mesh_nam", "service_mesh"),
        ("service_meshes", "service"),
        ("primary_database_x", "primary_database"),
        ("multiregion_x", "multiregion"),
        ("region", None),
    ],
)
def test_the_longest_prefix_tells_the_role(name, owner):
    assert KNOWN.owner_of(name) == owner


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("cutover_tl_s", "cutover_ttl_s"),
        ("database_sed", "database_seed"),
        ("multiregion_pol_seconds", "multiregion_poll_seconds"),
        ("service_mesh_nam", "service_mesh_name"),
        ("database_primary_wait", None),
        ("service_account", None),
    ],
)
def test_the_nearest_name_is_one_that_is_alike_beyond_its_prefix(name, nearest):
    assert names.find_nearest(name, KNOWN) == nearest


def test_a_finding_names_place_documentation_and_what_was_meant():
    found = names.describe("cutover_tl_s", "with -e", KNOWN, "medzen.multiregion")
    assert found == {
        "name": "cutover_tl_s",
        "condition": False,
        "found": "given with -e, and nothing reads it",
        "expected": "an option of the role cutover: see its README, or ansible-doc -t role medzen.multiregion.cutover",
        "next_step": "write cutover_ttl_s",
        "overridable": False,
    }


def test_a_name_that_is_like_no_other_is_to_be_removed_or_ignored():
    found = names.describe("service_account", "with -e", KNOWN, "medzen.multiregion")
    assert "remove it" in found["next_step"] and "option_check_ignore" in found["next_step"]
