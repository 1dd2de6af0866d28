# SPDX-License-Identifier: GPL-3.0-or-later
"""What a task's process is given."""

from types import SimpleNamespace

import pytest

from rehearsal.cloud.ecs.launcher import Launcher, LaunchError, port_of, read_secret

REGION = "eu-west-2"


@pytest.fixture
def secret(layers, client, name):
    return client("secretsmanager", REGION).create_secret(Name=name, SecretString="hidden")["ARN"]


def make_task(**container):
    described = {"name": "ehrbase", "image": "ehrbase/ehrbase:2.31.0", **container}
    return SimpleNamespace(process="task-x", definition=SimpleNamespace(container_definitions=[described]))


def test_the_environment_holds_values_secrets_and_the_resolver(world, secret):
    task = make_task(
        environment=[{"name": "DB_USER", "value": "u"}], secrets=[{"name": "DB_PASS", "valueFrom": secret}]
    )
    given = Launcher(world).prepare(task)
    assert given == {"DB_USER": "u", "DB_PASS": "hidden", "REHEARSAL_RESOLVER": "127.250.0.2:5300"}


def test_another_image_cannot_be_pulled(world):
    with pytest.raises(LaunchError, match="CannotPullContainerError.*nginx"):
        Launcher(world).prepare(make_task(image="nginx:1"))


@pytest.mark.parametrize(
    "value_from",
    [
        "arn:aws:secretsmanager:eu-west-2:123456789012:secret:gone-abcdef",
        "arn:aws:ssm:eu-west-2:123456789012:parameter/x",
        "arn:aws:secretsmanager:eu-west-2:123456789012:secret:x-abcdef:key::",
    ],
)
def test_a_secret_that_cannot_be_read_says_so(layers, value_from):
    with pytest.raises(LaunchError, match="ResourceInitializationError"):
        read_secret(value_from)


def test_the_port_is_the_containers(layers):
    assert port_of(make_task(portMappings=[{"containerPort": 9090}])) == 9090
    assert port_of(make_task()) == 8080


def test_the_last_line_of_the_log_says_why_a_task_ended(world):
    world.settings.logs.mkdir(parents=True, exist_ok=True)
    (world.settings.logs / "task-x.log").write_text("one\nERROR two\n")
    assert Launcher(world).last_words(make_task()) == "ERROR two"
