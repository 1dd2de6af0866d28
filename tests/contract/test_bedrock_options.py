# SPDX-License-Identifier: GPL-3.0-or-later
"""The Bedrock modules' documentation against their argument specs, down to the last suboption."""

import importlib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
MODULES = sorted(path.stem for path in (ROOT / "plugins" / "modules").glob("bedrock_*.py"))
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
        return {key: option for key, option in found.items() if key not in SHARED}

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
    documentation = yaml.safe_load(importlib.import_module(f"{PACKAGE}.{name}").DOCUMENTATION)
    assert plain(documentation["options"], "suboptions") == plain(spec_of(name), "options")
