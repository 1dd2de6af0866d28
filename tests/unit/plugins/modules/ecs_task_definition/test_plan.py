# SPDX-License-Identifier: GPL-3.0-or-later
import pytest
from ansible_collections.medzen.multiregion.plugins.modules.ecs_task_definition import describe_planned, plan, shown

FOUND = {
    "family": "care",
    "revision": 3,
    "taskDefinitionArn": "arn:care:3",
    "networkMode": "awsvpc",
    "requiresCompatibilities": ["FARGATE"],
    "containerDefinitions": [{"name": "app", "image": "app:1", "dockerLabels": {"MyLabel": "x"}, "cpu": 0}],
}


@pytest.fixture
def params():
    def build(**given):
        usual = {
            "family": "care",
            "containers": [{"name": "app", "image": "app:1", "dockerLabels": {"MyLabel": "x"}}],
            "network_mode": "awsvpc",
            "requires_compatibilities": ["FARGATE"],
            "tags": None,
            "purge_tags": True,
        }
        unset = ("cpu", "memory", "execution_role_arn", "task_role_arn", "volumes", "runtime_platform")
        return {**dict.fromkeys(unset), **usual, **given}

    return build


def test_an_equal_definition_needs_nothing(params):
    planned = plan(FOUND, {}, params())
    assert (planned["drift"], planned["diff"]["before"]) == ([], planned["diff"]["after"])


def test_another_image_is_another_revision(params):
    planned = plan(FOUND, {}, params(containers=[{**params()["containers"][0], "image": "app:2"}]))
    assert planned["drift"] == ["app.image"]


def test_tags_alone_make_no_revision(params):
    planned = plan(FOUND, {"Old": "1"}, params(tags={"New": "2"}))
    assert (planned["drift"], planned["to_set"], planned["to_remove"]) == ([], {"New": "2"}, ["Old"])


def test_a_revision_that_is_not_registered_has_a_number_and_no_arn(params):
    given = params(cpu="256")
    expected = describe_planned(FOUND, plan(FOUND, {}, given), given)
    assert (expected["arn"], expected["revision"]) == (None, 4)


def test_the_first_revision_has_the_number_one(params):
    assert describe_planned(None, plan(None, {}, params()), params())["revision"] == 1


def test_an_equal_definition_keeps_its_arn_in_check_mode(params):
    assert describe_planned(FOUND, plan(FOUND, {}, params()), params())["arn"] == "arn:care:3"


def test_labels_are_returned_as_their_owner_wrote_them():
    container = shown(FOUND, {"T": "1"})["container_definitions"][0]
    assert container["docker_labels"] == {"MyLabel": "x"}
