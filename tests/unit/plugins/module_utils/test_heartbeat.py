# SPDX-License-Identifier: GPL-3.0-or-later
import os

from ansible_collections.medzen.multiregion.plugins.module_utils import heartbeat


class Time:
    def __init__(self):
        self.now = 0.0

    def clock(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds


def beat(renew, looks, period_s=5, tended=None):
    time, times, tended = Time(), [], [] if tended is None else tended

    def renewed():
        times.append(time.now)
        return renew(len(times))

    wanted = iter([True] * looks)
    why = heartbeat.beat(
        renewed,
        lambda: next(wanted, False),
        period_s,
        tend=lambda: tended.append(time.now),
        clock=time.clock,
        sleep=time.sleep,
    )
    return why, times


def test_it_renews_at_once_and_then_every_period():
    assert beat(lambda n: True, looks=11) == ("not wanted", [0, 5, 10])


def test_it_ends_when_the_lease_is_no_longer_ours():
    assert beat(lambda n: n < 2, looks=100) == ("lost", [0, 5])


def test_it_tries_again_soon_when_nobody_could_be_asked():
    assert beat(lambda n: None if n < 3 else True, looks=4) == ("not wanted", [0, 1, 2])


def test_what_it_tends_waits_while_a_renewal_is_owed_and_is_done_once_more_at_the_end():
    tended = []
    assert beat(lambda n: None if n < 3 else True, looks=4, tended=tended) == ("not wanted", [0, 1, 2])
    assert tended == [2, 3, 4]


def test_it_never_outlives_a_day():
    why, times = beat(lambda n: True, looks=10**6, period_s=20000)
    assert why == "too old" and len(times) <= 6


def test_a_detached_process_works_without_its_parent(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    heartbeat.detach(lambda: pipe.write_text(f"{os.getsid(0)} {os.path.samefile('/dev/stdout', os.devnull)}"))
    # Opening the pipe waits for the writer, so nothing has to be slept for.
    session, is_silent = pipe.read_text().split()
    assert int(session) != os.getsid(0)
    assert is_silent == "True"
