# SPDX-License-Identifier: GPL-3.0-or-later
"""A whole cloud in this process: boto3 clients whose requests go to the dispatcher without a socket."""

import io
from urllib.parse import urlsplit

import boto3
import botocore.awsrequest
import pytest
from botocore.config import Config

from rehearsal.cloud import cloudwatch, control, ec2, kms, quotas, regions, secrets
from rehearsal.cloud.clock import Clock, load_durations
from rehearsal.cloud.dispatch import ConnectionDropped, Dispatcher
from rehearsal.cloud.world_state import World
from rehearsal.settings import Settings


def pytest_collection_modifyitems(items):
    """These come last, in whatever order files are named: modules' tests want moto as it was."""
    items.sort(key=lambda item: "rehearsal" in item.path.parts)


class Hands:
    """A clock's hands, moved by the test."""

    def __init__(self):
        self.seconds = 1_800_000_000.0

    def __call__(self):
        return self.seconds


@pytest.fixture(scope="session")
def world(tmp_path_factory):
    """One world for all tests, since layers change moto's classes for good."""
    made = World(Settings(250, tmp_path_factory.mktemp("base")), Clock(60.0, load_durations(), Hands()))
    for layer in (control, regions, ec2, kms, secrets, quotas, cloudwatch):
        layer.install(made)
    return made


@pytest.fixture(scope="session")
def dispatcher(world):
    return Dispatcher(world)


@pytest.fixture
def pass_time(world):
    """Let AWS seconds pass."""
    return world.clock.advance


@pytest.fixture
def client(dispatcher):
    """Build a boto3 client of the world: client("ec2", "eu-central-1")."""

    def build(service, region="eu-central-1", key="rehearsal", retries=0):
        made = boto3.client(
            service,
            region_name=region,
            endpoint_url="http://127.0.0.1:4566",
            aws_access_key_id=key,
            aws_secret_access_key="rehearsal",
            config=Config(retries={"max_attempts": retries}),
        )
        made.meta.events.register("before-send", lambda request, **_: send(dispatcher, request))
        return made

    return build


def send(dispatcher, request):
    body = request.body or b""
    body = body.read() if hasattr(body, "read") else body
    body = body.encode() if isinstance(body, str) else body
    try:
        answer = dispatcher.answer(build_environ(request, body), body)
    except ConnectionDropped as problem:
        raise botocore.exceptions.ConnectionClosedError(endpoint_url=request.url) from problem
    return botocore.awsrequest.AWSResponse(request.url, answer.status, dict(answer.headers), Raw(answer.body))


class Raw(io.BytesIO):
    """What botocore expects below a response."""

    def stream(self, **_):
        yield self.read()


def build_environ(request, body):
    url = urlsplit(request.url)
    environ = {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": url.path or "/",
        "RAW_URI": url.path or "/",
        "QUERY_STRING": url.query,
        "SERVER_NAME": "127.0.0.1:4566",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "HTTP_HOST": "127.0.0.1:4566",
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.url_scheme": "http",
        "wsgi.errors": io.StringIO(),
        "wsgi.version": (1, 0),
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    for name, value in request.headers.items():
        key = name.upper().replace("-", "_")
        key = key if key == "CONTENT_TYPE" else f"HTTP_{key}"
        environ[key] = value.decode() if isinstance(value, bytes) else value
    return environ
