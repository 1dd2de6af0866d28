# SPDX-License-Identifier: GPL-3.0-or-later
import os
from types import SimpleNamespace

import pytest

from rehearsal.settings import FOLDER, ROOM_BYTES_MIN, SettingsError, keep_worlds_in_memory, load


def test_a_worlds_number_is_in_all_of_its_addresses():
    settings = load(101, {})
    assert settings.api_url == "http://127.101.0.1:4566"
    assert settings.resolver == "127.101.0.2:5300"
    assert list(settings.name_servers.values()) == ["127.101.0.3", "127.101.0.4", "127.101.0.5", "127.101.0.6"]


def test_the_environment_gives_world_scale_and_folder():
    settings = load(None, {"MEDZEN_WORLD": "77", "MEDZEN_TIME_SCALE": "300", "MEDZEN_REHEARSAL_DIR": "/srv/x"})
    assert (settings.world, settings.scale, str(settings.folder)) == (77, 300.0, "/srv/x/world-77")


@pytest.mark.parametrize(
    ("given", "kib", "mounted", "put"),
    [
        ({}, ROOM_BYTES_MIN // 1024, True, f"/dev/shm/medzen-rehearsal-{os.getuid()}"),
        ({}, ROOM_BYTES_MIN // 1024 - 1, True, None),
        ({}, ROOM_BYTES_MIN // 1024, False, None),
        ({FOLDER: "/srv/x"}, ROOM_BYTES_MIN // 1024, True, "/srv/x"),
    ],
)
def test_worlds_lie_in_memory_where_there_is_room_and_nobody_said_where(
    tmp_path, monkeypatch, given, kib, mounted, put
):
    meminfo = tmp_path / "meminfo"
    meminfo.write_text(f"MemTotal: 99999999 kB\nMemAvailable:   {kib} kB\n")
    monkeypatch.setattr(os.path, "ismount", lambda _folder: mounted)
    monkeypatch.setattr(os, "statvfs", lambda _folder: SimpleNamespace(f_bavail=ROOM_BYTES_MIN, f_frsize=1))
    environ = dict(given)
    keep_worlds_in_memory(environ, meminfo=meminfo)
    assert environ.get(FOLDER) == put


@pytest.mark.parametrize("world", [0, 15, 251, "x", "-20"])
def test_a_number_outside_the_range_is_refused(world):
    with pytest.raises(SettingsError, match="expected a number from 16 to 250"):
        load(world, {})


@pytest.mark.parametrize("scale", ["0", "-1", "fast", "inf", "nan"])
def test_a_scale_that_is_no_positive_number_is_refused(scale):
    with pytest.raises(SettingsError, match="expected a number above 0"):
        load(16, {"MEDZEN_TIME_SCALE": scale})
