# SPDX-License-Identifier: GPL-3.0-or-later
"""The rounds of a teardown, on a world of two dicts and a clock that only this test moves."""

import dataclasses

import pytest
from ansible_collections.medzen.multiregion.plugins.module_utils.census.plan import Plan, Step
from ansible_collections.medzen.multiregion.plugins.module_utils.census.registry import (
    DELETING,
    SCHEDULED,
    WAIT,
    Blocked,
    Item,
    Kind,
    Place,
    key,
)
from ansible_collections.medzen.multiregion.plugins.module_utils.census.teardown import Pace, Teardown
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import AwsError

VPC = key("vpc", "v")


class World:
    """Items by key; `behaviour` of an item's key is called for its deletion instead of taking it out."""

    def __init__(self, *items):
        self.items = {item.key: item for item in items}
        self.behaviour, self.unlisted, self.asked, self.now = {}, set(), [], 0.0

    def list(self, kind):
        if kind in self.unlisted:
            raise RuntimeError("AccessDenied")
        return [item for item in self.items.values() if item.kind == kind]

    def delete(self, place, item):
        self.asked.append(item.key)
        if item.key in self.behaviour:
            return self.behaviour[item.key](item)
        del self.items[item.key]
        return "deleted"

    def become(self, **changes):
        def change(item):
            self.items[item.key] = dataclasses.replace(item, **changes)
            return "deletion asked for"

        return change

    def sleep(self, seconds):
        self.now += seconds
        for name, item in list(self.items.items()):
            if item.state == DELETING:
                del self.items[name]


def refuse(code):
    def answer(item):
        error = AwsError("Failed to delete it")
        error.code = code
        raise error

    return answer


def tear_down(world, *, timeout_s=1000, blockers=lambda place, item: []):
    after = {"network_interface": ("ecs_service",), "subnet": ("network_interface",), "vpc": ("subnet",)}
    names = ("ecs_service", "network_interface", "subnet", "vpc", "kms_key")
    kinds = {
        name: Kind(name, name, "ec2", lambda place, name=name: world.list(name), world.delete, after.get(name, ()))
        for name in names
    }
    steps = tuple(Step(item, 1, "ours") for item in world.items.values())
    plan = Plan(steps, {}, {}, {})
    pace = Pace(timeout_s, 10, clock=lambda: world.now, sleep=world.sleep)
    teardown = Teardown(Place(lambda service, region: None, "af-south-1"), plan, pace, kinds, blockers)
    teardown.run()
    return teardown


def states(teardown):
    return {name: entry.state for name, entry in teardown.entries.items()}


def network():
    return World(Item("vpc", "v"), Item("subnet", "s", belongs_to=(VPC,)))


def test_what_depends_on_another_kind_goes_after_it():
    world = network()
    assert states(tear_down(world)) == {"vpc/v": "deleted", "subnet/s": "deleted"}
    assert world.asked == ["subnet/s", "vpc/v"]


def test_deleted_is_what_the_listing_no_longer_shows_and_not_what_was_asked():
    world = network()
    world.behaviour["subnet/s"] = lambda item: "deleted"
    assert states(tear_down(world))["subnet/s"] == "blocked"


def test_an_item_that_aws_is_deleting_is_joined_and_not_asked_again():
    world = World(Item("subnet", "s", state=DELETING))
    assert states(tear_down(world)) == {"subnet/s": "deleted"}
    assert world.asked == []


def test_a_scheduled_item_is_finished():
    world = World(Item("kms_key", "k"))
    world.behaviour["kms_key/k"] = world.become(state=SCHEDULED)
    assert states(tear_down(world)) == {"kms_key/k": "scheduled"}


def test_a_refusal_names_who_stands_in_the_way():
    world = World(Item("subnet", "s"))
    world.behaviour["subnet/s"] = refuse("DependencyViolation")
    entry = tear_down(world, blockers=lambda place, item: ["eni-1 (owner lambda)"]).entries["subnet/s"]
    assert (entry.state, entry.blocker) == ("blocked", "eni-1 (owner lambda)")


def test_a_throttled_item_is_asked_again_and_never_dropped():
    world = World(Item("subnet", "s"))
    throttle = refuse("Throttling")

    def once(item):
        del world.behaviour[item.key]
        return throttle(item)

    world.behaviour["subnet/s"] = once
    assert states(tear_down(world)) == {"subnet/s": "deleted"}
    assert world.asked == ["subnet/s", "subnet/s"]


def test_a_failed_item_holds_what_waits_for_it():
    world = network()
    world.behaviour["subnet/s"] = refuse("UnauthorizedOperation")
    assert states(tear_down(world)) == {"subnet/s": "failed", "vpc/v": "blocked"}
    assert world.asked == ["subnet/s"]


def test_one_items_fault_does_not_end_the_others_deletion():
    world = World(Item("subnet", "s"), Item("subnet", "t"))
    world.behaviour["subnet/s"] = lambda item: {}["bug"]
    assert states(tear_down(world)) == {"subnet/s": "failed", "subnet/t": "deleted"}


def test_a_lasting_block_is_not_tried_again():
    def block(item):
        raise Blocked("replicated", "replica-1", lasting=True)

    world = World(Item("subnet", "s"))
    world.behaviour["subnet/s"] = block
    entry = tear_down(world).entries["subnet/s"]
    assert (entry.state, entry.reason, entry.blocker) == ("blocked", "replicated", "replica-1")
    assert len(world.asked) == 1


def test_a_kind_that_cannot_be_listed_again_leaves_its_items_unknown():
    world = network()
    world.unlisted.add("subnet")
    assert states(tear_down(world)) == {"subnet/s": "unknown", "vpc/v": "blocked"}
    assert world.asked == []


def test_an_interface_that_its_owner_holds_is_waited_for_until_the_time_is_up():
    world = World(Item("network_interface", "e", action=WAIT, note="owner lambda"), Item("subnet", "s"))
    teardown = tear_down(world, timeout_s=45)
    assert states(teardown) == {"network_interface/e": "deleting", "subnet/s": "blocked"}
    assert "owner lambda" in teardown.summary()


def test_an_interface_that_appears_after_the_plan_is_waited_for_too():
    world = World(Item("vpc", "v"), Item("network_interface", "e", action=WAIT, belongs_to=(VPC,)))
    late = Item("network_interface", "f", action=WAIT, belongs_to=(VPC,), state=DELETING)
    sleep = world.sleep

    def appear(seconds):
        sleep(seconds)
        if world.now == 10:
            world.items[late.key] = late
            world.items.pop("network_interface/e")

    world.sleep = appear
    world.items["subnet/s"] = Item("subnet", "s", belongs_to=(VPC,))
    assert states(tear_down(world))[late.key] == "deleted"


def test_interfaces_that_come_and_go_with_a_service_that_stays_are_no_movement():
    def interface():
        return Item("network_interface", str(world.now), action=WAIT, belongs_to=(VPC,), note="owner amazon-ecs")

    def replace_task(seconds):
        del world.items[interface().key]
        sleep(seconds)
        world.items[interface().key] = interface()

    world = World(Item("ecs_service", "x"), Item("subnet", "s"), Item("vpc", "v"))
    world.items[interface().key] = interface()
    world.behaviour["ecs_service/x"] = refuse("UnauthorizedOperation")
    sleep, world.sleep = world.sleep, replace_task
    found = states(tear_down(world, timeout_s=1000))
    assert (found["ecs_service/x"], found["subnet/s"], found["vpc/v"]) == ("failed", "blocked", "blocked")
    assert world.now < 100


def test_what_is_gone_before_the_first_round_needs_no_call():
    world = network()
    world.list = lambda kind: []
    teardown = tear_down(world)
    assert set(states(teardown).values()) == {"deleted"} and teardown.writes == 0


@pytest.mark.parametrize("code", ["DependencyViolation", "InvalidIPAddress.InUse"])
def test_a_block_that_goes_away_is_passed(code):
    world = World(Item("subnet", "s"))
    refusal = refuse(code)

    def twice(item):
        if world.now >= 20:
            world.behaviour.clear()
        return refusal(item)

    world.behaviour["subnet/s"] = twice
    assert states(tear_down(world)) == {"subnet/s": "deleted"}
