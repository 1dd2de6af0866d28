# SPDX-License-Identifier: GPL-3.0-or-later
from rehearsal.chaos.calls import describe, unmet


def delete_subnet(number, **more):
    parameters = {"SubnetId": f"subnet-{number:017x}", **more}
    return {"service": "ec2", "operation": "DeleteSubnet", "region": "af-south-1", "parameters": parameters}


NAMES = {f"subnet-{1:017x}": "<a>", f"subnet-{2:017x}": "<a>", f"subnet-{3:017x}": "<b>"}


def test_the_same_call_in_another_world_has_the_same_words():
    one = describe([delete_subnet(1, clientRequestToken="x")], NAMES)
    assert one == describe([delete_subnet(2, clientRequestToken="y")], NAMES)
    assert list(one) == ['ec2 DeleteSubnet af-south-1 {"SubnetId": "<a>"}']


def test_a_call_that_did_not_lose_its_answer_is_named():
    made = describe([delete_subnet(1), delete_subnet(3)], NAMES)
    assert unmet(made, describe([delete_subnet(1)], NAMES)) == ['ec2 DeleteSubnet af-south-1 {"SubnetId": "<b>"}']


def test_a_call_that_was_made_twice_must_lose_its_answer_twice():
    twice = describe([delete_subnet(1), delete_subnet(2)], NAMES)
    assert len(unmet(twice, describe([delete_subnet(1)], NAMES))) == 1
    assert unmet(twice, describe([delete_subnet(1), delete_subnet(1), delete_subnet(3)], NAMES)) == []
