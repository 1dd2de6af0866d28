# SPDX-License-Identifier: GPL-3.0-or-later
"""An instance is not available before clients find it."""

import threading
from types import SimpleNamespace
from unittest import mock

from rehearsal.cloud.rds.dataplane import DataPlane


def test_a_new_instance_is_ready_when_its_name_is_served(rds, monkeypatch):
    plane = DataPlane(rds)
    monkeypatch.setattr(plane, "secure", lambda _instance: None)
    monkeypatch.setattr(plane, "paths", mock.Mock())
    monkeypatch.setattr(rds, "wait_for", lambda *_: None)
    asked, served = threading.Event(), threading.Event()

    def names_served(_moment):
        asked.set()
        return served.is_set()

    monkeypatch.setattr(rds.world, "names_served", names_served)
    facts = {"MasterUsername": "owner", "DBName": "ehrbase"}
    instance = SimpleNamespace(facts=facts, cluster=mock.Mock(address="127.0.0.1"), endpoint_name="named.example")
    work = threading.Thread(target=plane.create, args=(instance, None, "secret"), daemon=True)
    work.start()
    assert asked.wait(5)
    assert "named.example." in rds.world.hosts
    assert work.is_alive()
    served.set()
    work.join(5)
    assert not work.is_alive()
    rds.unregister_host(instance)
