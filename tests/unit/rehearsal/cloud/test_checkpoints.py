# SPDX-License-Identifier: GPL-3.0-or-later
import multiprocessing
import os
import socket
import threading
from types import SimpleNamespace

import pytest

from rehearsal.cloud import checkpoints as module
from rehearsal.cloud.checkpoints import Checkpoints, close_sockets
from rehearsal.cloud.control import ControlError


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


@pytest.fixture
def world():
    return SimpleNamespace(lock=threading.RLock(), sleepers=[], control_routes={})


@pytest.fixture
def ask(world):
    """ask(**body) over the control API of a world."""
    one = Checkpoints(world)
    one.install()
    return one, lambda **body: world.control_routes["checkpoint"]("POST", body, {})


def test_a_checkpoint_that_is_made_before_the_answer_is_answered_all_the_same(ask, monkeypatch):
    one, post = ask
    # The loop that serves ends at once, and makes the checkpoint before the thread of the request goes on.
    one.pause = lambda: setattr(one, "wanted", None)
    monkeypatch.setattr(module.threading, "Thread", lambda target, daemon: SimpleNamespace(start=target))
    assert post(name="before", owner=os.getpid()) == {"wanted": "before"}


def test_a_second_one_waits_for_the_first(ask):
    one, post = ask
    post(name="before", owner=os.getpid())
    with pytest.raises(ControlError, match="Checkpoint before is being made"):
        post(name="after", owner=os.getpid())


def test_nothing_may_be_under_way(ask, world):
    world.sleepers.append(SimpleNamespace(busy=lambda: "medzen-db is creating"))
    with pytest.raises(ControlError, match="medzen-db is creating"):
        ask[1](name="before", owner=os.getpid())
