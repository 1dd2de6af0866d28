# SPDX-License-Identifier: GPL-3.0-or-later
import multiprocessing
import os
import socket
import threading
from types import SimpleNamespace

from rehearsal.cloud import checkpoints
from rehearsal.cloud.checkpoints import close_sockets


def close_and_tell(ours, theirs, answers):
    """In a copy of this process: the old object must not close what comes after it under the same number."""
    number = ours.fileno()
    close_sockets()
    ends = [socket.socketpair() for _ in range(8)]
    reused = [one for pair in ends for one in pair if one.fileno() == number]
    ours.close()
    answers.send((ours.fileno(), bool(reused), all(one.getsockname() is not None for one in reused)))
    answers.close()


def test_an_old_connection_is_closed_and_its_number_is_nobodys():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        told, answers = multiprocessing.Pipe(duplex=False)
        with told:
            copy = multiprocessing.get_context("fork").Process(target=close_and_tell, args=(ours, theirs, answers))
            copy.start()
            answers.close()
            assert told.recv() == (-1, True, True)
            copy.join()


class AtOnce:
    """A thread that has done its work before its starter goes on."""

    def __init__(self, target, daemon):
        self.start = target


def test_a_checkpoint_that_is_begun_before_the_answer_is_answered_all_the_same(monkeypatch):
    world = SimpleNamespace(control_routes={}, sleepers=[], lock=threading.Lock())
    made = checkpoints.Checkpoints(world)
    made.install()
    made.pause = lambda: setattr(made, "wanted", None)
    monkeypatch.setattr(checkpoints.threading, "Thread", AtOnce)
    answer = world.control_routes["checkpoint"]("POST", {"name": "before", "owner": os.getpid()}, {})
    assert answer == {"wanted": "before"}
