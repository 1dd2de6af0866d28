# SPDX-License-Identifier: GPL-3.0-or-later
import multiprocessing
import os
import socket
import threading
from types import SimpleNamespace

import pytest

from rehearsal.checkpoint import Place
from rehearsal.cloud import checkpoints as module
from rehearsal.cloud.checkpoints import Checkpoints, close_sockets, sleep_until_woken
from rehearsal.cloud.control import ControlError
from rehearsal.settings import Settings


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


def test_what_nobody_goes_back_to_any_more_is_removed(tmp_path):
    place = Place(Settings(16, tmp_path, 60.0), "before")
    place.files.mkdir(parents=True)
    owner = SimpleNamespace(alive=lambda: False)
    keeper = multiprocessing.get_context("fork").Process(target=sleep_until_woken, args=(place, owner))
    keeper.start()
    keeper.join(10)
    assert keeper.exitcode == 0 and not place.folder.exists()


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


def test_what_looks_for_others_by_name_begins_again_when_it_is_asked_to(ask, world, monkeypatch, tmp_path):
    """The name servers of a woken copy come after it."""
    thawed = []
    world.sleepers += [
        SimpleNamespace(busy=str, freeze=lambda: None, thaw=lambda: thawed.append("rds"), needs_names=False),
        SimpleNamespace(busy=str, freeze=lambda: None, thaw=lambda: thawed.append("ecs"), needs_names=True),
        SimpleNamespace(busy=str, freeze=lambda: None, thaw=lambda: thawed.append("route53"), needs_names=False),
    ]
    world.settings, world.folder = Settings(250, tmp_path), tmp_path
    world.processes = SimpleNamespace(forget_children=lambda: None, remember=lambda *_: None)
    one, post = ask
    post(name="before", owner=os.getpid())
    monkeypatch.setattr(module.os, "fork", lambda: 0)
    for name in ("keep_files", "sleep_until_woken"):
        monkeypatch.setattr(module, name, lambda *_: None)
    monkeypatch.setattr(module.fork_server, "begin", lambda settings: None)
    one.keep()
    assert thawed == ["rds", "route53"]
    world.control_routes["checkpoint/resume"]("POST", {}, {})
    assert thawed == ["rds", "route53", "ecs"]
