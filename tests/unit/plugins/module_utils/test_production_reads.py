# SPDX-License-Identifier: GPL-3.0-or-later
"""The reads behind the production path: the regions' databases are asked while the path is followed."""

import threading

import pytest
from ansible_collections.medzen.multiregion.plugins.module_utils import production_reads
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import MultiregionError

REGIONS = ["af-south-1", "eu-central-1"]


def test_databases_of_all_regions_are_read_while_the_block_goes_on(monkeypatch):
    on_the_way = threading.Barrier(len(REGIONS) + 1, timeout=10)

    def list_databases(_clients, region):
        on_the_way.wait()
        if region == "af-south-1":
            raise MultiregionError(f"{region} does not answer.")
        return [{"DBInstanceIdentifier": region}]

    monkeypatch.setattr(production_reads, "list_databases", list_databases)
    reader = production_reads.Reader(None, [])
    with reader.reading_databases(REGIONS):
        on_the_way.wait()
        found = reader.databases(REGIONS)
    assert found == {"af-south-1": None, "eu-central-1": [{"DBInstanceIdentifier": "eu-central-1"}]}
    assert reader.faults == ["af-south-1 does not answer."]


def test_no_read_is_left_behind_when_the_path_ends_early(monkeypatch):
    given_up = threading.Event()
    ended = []

    def list_databases(_clients, region):
        given_up.wait(10)
        ended.append(region)

    monkeypatch.setattr(production_reads, "list_databases", list_databases)
    reader = production_reads.Reader(None, [])
    with pytest.raises(MultiregionError), reader.reading_databases(REGIONS):
        threading.Timer(0.05, given_up.set).start()
        raise MultiregionError("the zone is not there")
    assert sorted(ended) == REGIONS
