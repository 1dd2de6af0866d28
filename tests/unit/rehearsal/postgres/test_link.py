# SPDX-License-Identifier: GPL-3.0-or-later
import socket
import socketserver
import threading
import time

import pytest

from rehearsal.postgres.link import Links

DELAY_MS = 60


class Echo(socketserver.BaseRequestHandler):
    def handle(self):
        while data := self.request.recv(1024):
            self.request.sendall(data)


class EchoServer(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True

    def handle_error(self, request, client_address):
        """A connection that a cut link resets is what these tests make."""


@pytest.fixture
def links():
    made = Links()
    yield made
    made.stop()


@pytest.fixture
def relay(links):
    """A relay from one region to another before a server that sends back what it gets."""
    with EchoServer(("127.0.0.1", 0), Echo) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        relay = links.open(("127.0.0.1", 0), server.server_address, links.link("a", "b"))
        yield relay
        server.shutdown()


def connect(relay):
    return socket.create_connection(relay.server.sockets[0].getsockname(), timeout=5)


def echo(connection, data=b"x"):
    connection.sendall(data)
    return connection.recv(1024)


def is_dead(connection):
    try:
        return echo(connection) == b""
    except ConnectionError:
        return True


def test_a_relay_passes_bytes_both_ways(relay):
    with connect(relay) as connection:
        assert echo(connection, b"hello") == b"hello"


def test_a_delay_holds_each_way(links, relay):
    with connect(relay) as connection:
        links.set("a", "b", DELAY_MS, None)
        start = time.monotonic()
        assert echo(connection) == b"x"
        assert time.monotonic() - start >= 2 * DELAY_MS / 1000


def test_a_cut_ends_connections_and_refuses_new_ones(links, relay):
    with connect(relay) as connection:
        echo(connection)
        links.set("a", "b", None, True)
        assert is_dead(connection)
    with connect(relay) as connection:
        assert is_dead(connection)


def test_a_link_that_is_whole_again_carries_new_connections(links, relay):
    links.set("a", "b", None, True)
    links.set("a", "b", None, False)
    with connect(relay) as connection:
        assert echo(connection) == b"x"


def test_another_link_is_not_touched(links, relay):
    links.set("a", "c", 1000, True)
    with connect(relay) as connection:
        assert echo(connection) == b"x"


def test_links_are_listed_with_their_settings(links):
    links.set("a", "b", 40, None)
    assert links.rows() == [{"source_region": "a", "target_region": "b", "delay_ms": 40.0, "cut": False}]


def test_a_frozen_relay_listens_nowhere_and_again_after_it_is_thawed(links, relay):
    with connect(relay) as connection:
        assert echo(connection) == b"x"
        links.freeze()
        assert is_dead(connection)
    links.thaw()
    with connect(relay) as connection:
        assert echo(connection) == b"x"


def test_the_links_of_a_lost_region_are_broken_and_whole_again_when_it_is_back(links, relay):
    with connect(relay) as connection:
        assert echo(connection)
        links.set_lost("a", True)
        assert is_dead(connection)
    assert links.link("elsewhere", "a").broken
    links.set_lost("a", False)
    with connect(relay) as connection:
        assert echo(connection)


def test_a_link_that_was_cut_before_its_region_was_lost_stays_cut(links):
    links.set("africa", "europe", None, True)
    links.set_lost("europe", True)
    links.set_lost("europe", False)
    assert links.link("africa", "europe").broken
