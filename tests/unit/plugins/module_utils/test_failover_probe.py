# SPDX-License-Identifier: GPL-3.0-or-later
import itertools

import pytest
from ansible_collections.medzen.multiregion.plugins.module_utils import failover_probe as probe
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import MultiregionError


@pytest.mark.parametrize(
    ("moments", "since", "found"),
    [
        ([1.0, 2.0, 9.0, 10.0], 1.5, (2.0, 9.0)),
        # A silence before the failover was asked for is not its own.
        ([1.0, 8.0, 9.0, 11.0], 8.5, (9.0, 11.0)),
        # One that had begun before it is.
        ([1.0, 5.0], 4.0, (1.0, 5.0)),
        ([1.0], 0.0, None),
        ([], 0.0, None),
    ],
)
def test_the_longest_silence_that_ends_after_the_call_counts(moments, since, found):
    assert probe.longest_silence(moments, since) == found


def test_lost_is_what_was_acknowledged_and_is_not_there():
    assert probe.find_lost([1, 2, 3], [1, 3, 4]) == [2]


def test_the_numbers_are_told_and_an_outage_that_was_not_seen_is_unknown():
    history = probe.History([(1, 1.0), (2, 2.0), (4, 7.5)], 3, "no route")
    found = probe.judge(history, [1, 2, 3], 1.5)
    assert (found["outage_s"], found["acknowledged"], found["failures"]) == (5.5, 3, 3)
    assert (found["lost"], found["lost_rows"], found["last_failure"]) == (1, [4], "no route")
    assert probe.judge(probe.History(), [], 0)["outage_s"] is None


class Connection:
    def __init__(self, failing=()):
        self.failing, self.closed = set(failing), False

    def execute(self, _statement, values):
        if values[0] in self.failing:
            raise MultiregionError("the server closed the connection")

    def close(self):
        self.closed = True


def test_a_commit_that_failed_is_not_acknowledged_and_the_next_one_has_a_new_connection():
    made = [Connection(failing=[2]), Connection()]
    opened = []

    def connect():
        opened.append(made[len(opened)])
        return opened[-1]

    client = probe.Client(connect, 0.0, clock=itertools.count().__next__)
    for number in (1, 2, 3):
        client.commit(number)
    assert [number for number, _at in client.history.acknowledged] == [1, 3]
    assert (client.history.failures, client.history.last_failure) == (1, "the server closed the connection")
    assert opened == made and made[0].closed


def test_the_client_commits_until_it_is_told_to_end():
    connection = Connection()
    client = probe.Client(lambda: connection, 0.001)
    client.start()
    while client.history.since(-1.0) < 3:
        assert client.is_alive()
    client.end(5)
    assert not client.is_alive() and connection.closed
