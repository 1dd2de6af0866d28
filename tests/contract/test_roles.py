# SPDX-License-Identifier: GPL-3.0-or-later
"""What a role promises in its argument_specs is what its defaults say; nothing in Ansible checks that."""

from pathlib import Path

import pytest
import yaml

pytestmark = pytest.mark.text
ROOT = Path(__file__).resolve().parents[2]
ROLES = sorted(path.name for path in (ROOT / "roles").iterdir() if path.is_dir())
TYPES = {"str", "int", "float", "bool", "list", "dict", "path"}


def load(role, part):
    path = ROOT / "roles" / role / part
    return (yaml.safe_load(path.read_text()) if path.exists() else None) or {}


def options(role):
    return load(role, "meta/argument_specs.yml")["argument_specs"]["main"]["options"]


@pytest.mark.parametrize("role", ROLES)
def test_the_defaults_of_a_role_are_those_of_its_specification(role):
    specified = {name: option["default"] for name, option in options(role).items() if "default" in option}
    assert load(role, "defaults/main.yml") == specified


@pytest.mark.parametrize("role", ROLES)
def test_every_option_has_a_type_and_a_description(role):
    for name, option in options(role).items():
        assert option["type"] in TYPES, name
        assert option["type"] != "list" or option["elements"] in TYPES, name
        assert option["description"], name
        assert "default" in option or option.get("required"), f"{name} has neither a default nor is it required"


@pytest.mark.parametrize("role", ROLES)
def test_the_names_of_a_role_start_with_its_name(role):
    public = [name for name in options(role) if not name.startswith(f"{role}_")]
    internal = [name for name in load(role, "vars/main.yml") if not name.startswith(f"__{role}_")]
    assert (public, internal) == ([], [])


@pytest.mark.parametrize("role", ROLES)
def test_the_readme_has_a_row_for_every_option(role):
    readme = (ROOT / "roles" / role / "README.md").read_text()
    assert [name for name in options(role) if f"`{name}`" not in readme] == []
