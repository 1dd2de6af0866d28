# SPDX-License-Identifier: GPL-3.0-or-later
from pathlib import Path

import pytest

from rehearsal.postgres import configuration
from rehearsal.postgres.binaries import Account, Binaries
from rehearsal.postgres.configuration import Tls, Upstream, render_access, server_parameters


def render(major=16, shim=None, tls=None):
    binaries = Binaries(Path("/bin"), major, f"{major}.1", tls is not None, Account(), shim)
    where = ("db", "127.16.10.1", 5432)
    return configuration.render_configuration(where, binaries, tls, Path("/d/data"), Path("/d/pg_hba.conf"))


def test_what_is_acknowledged_is_durable():
    text = render()
    assert not [name for name in ("fsync", "synchronous_commit", "full_page_writes") if name in text]


def test_a_server_listens_on_its_own_address_and_on_no_socket_file():
    assert "listen_addresses = '127.16.10.1'" in render()
    assert "unix_socket_directories = ''" in render()


def test_the_shim_is_found_through_the_extension_path():
    assert "extension_control_path = '$system:/shim'" in render(18, Path("/shim"))
    assert "extension_control_path" not in render(18)


def test_a_certificate_turns_tls_on():
    assert "ssl = 'on'" in render(tls=Tls(Path("/c"), Path("/k")))
    assert "ssl =" not in render()


def test_values_with_quotes_and_backslashes_stay_one_value():
    assert configuration.quote("a'b\\c") == "'a''b\\\\c'"


@pytest.mark.parametrize(
    ("given", "taken"),
    [
        ({"work_mem": "8192"}, {"work_mem": "8192"}),
        ({"max_connections": "150"}, {"max_connections": "150"}),
        ({"max_connections": "5000"}, {"max_connections": "500"}),
        ({"max_connections": "LEAST({DBInstanceClassMemory/9531392},5000)"}, {}),
        ({"shared_buffers": "4194304"}, {}),
        ({"rds.logical_replication": "1"}, {"wal_level": "logical"}),
        ({"rds.logical_replication": "0"}, {}),
        ({"rds.force_ssl": "1", "unknown": "1"}, {}),
    ],
)
def test_a_server_takes_over_the_parameters_that_fit_this_machine(given, taken):
    assert server_parameters(given) == taken


def test_forced_tls_closes_the_door_to_plain_connections_of_users_only():
    assert "hostssl all all" in render_access(True)
    assert "host all rdsadmin" in render_access(True)
    assert "hostssl" not in render_access(False)


def test_nobody_gets_in_without_a_password():
    assert all(line.endswith("scram-sha-256") for line in render_access(False).splitlines())


def test_a_standby_names_its_slot_and_its_source():
    text = configuration.render_standby(Upstream("127.16.10.2", 6432, "pw", "rds_replica", "replica"))
    assert "primary_slot_name = 'rds_replica'" in text
    assert "host=127.16.10.2 port=6432 user=rdsrepladmin" in text
