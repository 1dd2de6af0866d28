# SPDX-License-Identifier: GPL-3.0-or-later
"""A network in which nothing is left to do, and what is wanted of it."""

from pathlib import Path

import pytest
import yaml
from ansible_collections.medzen.multiregion.plugins.module_utils.network.plan import build_plan
from ansible_collections.medzen.multiregion.plugins.module_utils.network.present import find_present
from ansible_collections.medzen.multiregion.plugins.module_utils.network.reads import Listed
from ansible_collections.medzen.multiregion.plugins.module_utils.network.wanted import Settings, build_wanted


@pytest.fixture
def described():
    """EC2's descriptions by kind, to be changed by a test."""
    return yaml.safe_load((Path(__file__).parent / "complete.yml").read_text())


@pytest.fixture
def settings():
    def build(**given):
        usual = {
            "name": "care",
            "region": "r1",
            "cidr": "10.1.0.0/16",
            "zones": ("r1a", "r1b"),
            "public_offsets": (1, 2),
            "private_offsets": (11, 12),
        }
        return Settings(**{**usual, **given})

    return build


@pytest.fixture
def plan(settings):
    """The plan for EC2's descriptions under the given settings."""

    def build(described, *, purge_tags=False, wait=True, **given):
        wanted = build_wanted(settings(**given))
        return build_plan(wanted, find_present(Listed(**described), wanted), purge_tags=purge_tags, wait=wait)

    return build
