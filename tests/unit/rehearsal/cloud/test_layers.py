# SPDX-License-Identifier: GPL-3.0-or-later
import importlib

import pytest

from rehearsal.cloud.layers import LAYERS


@pytest.mark.parametrize("name", LAYERS)
def test_every_layer_can_be_installed(name):
    assert callable(importlib.import_module(f"rehearsal.cloud.{name}").install)
