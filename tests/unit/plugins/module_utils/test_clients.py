# SPDX-License-Identifier: GPL-3.0-or-later
from types import SimpleNamespace

import pytest
from ansible_collections.medzen.multiregion.plugins.module_utils import clients

AT_HOME = {"region": "eu-central-1", "access_key": "AKIA", "secret_key": "s", "validate_certs": True}


class Module:
    """As AnsibleAWSModule, of which each item of a loop has its own."""

    def __init__(self, **params):
        self.params = {**AT_HOME, **params}

    def client(self, service, retry_decorator=None, **more):
        return SimpleNamespace(service=service, retry=retry_decorator, more=more)


@pytest.fixture
def keeping():
    kind = type("Keeping", (Module,), {"client": Module.client})
    clients.keep(kind)
    return kind


def test_the_items_of_a_loop_share_a_client(keeping):
    assert keeping().client("logs", retry_decorator=print) is keeping().client("logs", retry_decorator=print)


def test_keeping_twice_is_keeping_once(keeping):
    first = keeping().client("logs")
    clients.keep(keeping)
    assert keeping().client("logs") is first


@pytest.mark.parametrize(
    ("params", "asked"),
    [
        ({}, {"service": "ec2"}),
        ({}, {"service": "logs", "region": "eu-west-1"}),
        ({}, {"service": "logs", "retry_decorator": repr}),
        ({"region": "eu-west-1"}, {"service": "logs"}),
        ({"access_key": "OTHER"}, {"service": "logs"}),
        ({"session_token": "token"}, {"service": "logs"}),
        ({"endpoint_url": "http://127.0.0.1"}, {"service": "logs"}),
        ({"validate_certs": False}, {"service": "logs"}),
    ],
)
def test_another_question_has_another_client(keeping, params, asked):
    assert keeping().client("logs") is not keeping(**params).client(**asked)


def test_settings_that_cannot_be_compared_are_kept_by_nobody(keeping):
    config = object()
    assert keeping().client("logs", config=config) is not keeping().client("logs", config=config)
    given = {"aws_config": {"connect_timeout": 1}}
    assert keeping(**given).client("logs") is not keeping(**given).client("logs")
