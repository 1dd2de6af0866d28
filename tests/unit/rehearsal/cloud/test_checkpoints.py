# SPDX-License-Identifier: GPL-3.0-or-later
import os
import threading
from types import SimpleNamespace

import pytest

from rehearsal.cloud import checkpoints as module
from rehearsal.cloud.checkpoints import Checkpoints
from rehearsal.cloud.control import ControlError


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
