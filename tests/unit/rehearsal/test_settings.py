# SPDX-License-Identifier: GPL-3.0-or-later
import pytest

from rehearsal.settings import SettingsError, load


def test_a_worlds_number_is_in_all_of_its_addresses():
    settings = load(101, {})
    assert settings.api_url == "http://127.101.0.1:4566"
    assert settings.resolver == "127.101.0.2:5300"
    assert list(settings.name_servers.values()) == ["127.101.0.3", "127.101.0.4", "127.101.0.5", "127.101.0.6"]


def test_the_environment_gives_world_scale_and_folder():
    settings = load(None, {"MEDZEN_WORLD": "77", "MEDZEN_TIME_SCALE": "300", "MEDZEN_REHEARSAL_DIR": "/srv/x"})
    assert (settings.world, settings.scale, str(settings.folder)) == (77, 300.0, "/srv/x/world-77")


@pytest.mark.parametrize("world", [0, 15, 251, "x", "-20"])
def test_a_number_outside_the_range_is_refused(world):
    with pytest.raises(SettingsError, match="expected a number from 16 to 250"):
        load(world, {})


@pytest.mark.parametrize("scale", ["0", "-1", "fast", "inf", "nan"])
def test_a_scale_that_is_no_positive_number_is_refused(scale):
    with pytest.raises(SettingsError, match="expected a number above 0"):
        load(16, {"MEDZEN_TIME_SCALE": scale})
