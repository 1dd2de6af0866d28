# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the modules for visits and the assistant against their argument specs, to the last suboption."""

import importlib
import re

import module_shapes as shapes
import pytest
from module_shapes import MODULES, OPTIONS

PACKAGE = "ansible_collections.medzen.multiregion.plugins.modules"
# Options that fragments document.
SHARED = {"extra_regions", "tags", "purge_tags", "wait", "wait_timeout", "poll_seconds"}
SAME = ("type", "elements", "default", "required", "choices", "aliases")
USUAL = {"type": "str", "required": False}


class Seen(Exception):
    pass


@pytest.fixture
def spec_of(monkeypatch):
    """The argument spec that a module hands to AnsibleAWSModule."""

    def read(name):
        module, found = importlib.import_module(f"{PACKAGE}.{name}"), {}

        def remember(argument_spec, **_more):
            found.update(argument_spec)
            raise Seen

        monkeypatch.setattr(module, "AnsibleAWSModule", remember)
        with pytest.raises(Seen):
            module.main()
        return found

    return read


def plain(options, below):
    """Options as nested values that can be compared; `below` names what holds suboptions."""
    return {
        name: {
            **{key: option.get(key, USUAL.get(key)) for key in SAME},
            "below": plain(option.get(below) or {}, below),
        }
        for name, option in options.items()
    }


@pytest.mark.parametrize("name", MODULES)
def test_options_are_documented_as_they_are(name, spec_of):
    documented = shapes.documented(name, OPTIONS)
    spec = {option: value for option, value in spec_of(name).items() if option in documented or option not in SHARED}
    assert plain(documented, "suboptions") == plain(spec, "options")


@pytest.mark.parametrize("name", MODULES)
def test_a_module_has_unit_tests_and_goes_through_every_fault(name):
    """The latter are made for each module that is listed: see tests/scenarios/services/test_every_module.py."""
    unit = shapes.ROOT / "tests" / "unit" / "plugins" / "modules" / name
    subjects = (shapes.ROOT / "tests" / "scenarios" / "services" / "subjects.py").read_text(encoding="utf-8")
    assert list(unit.glob("test_*.py")) and re.search(rf'Subject\(\s*"{name}",', subjects)
