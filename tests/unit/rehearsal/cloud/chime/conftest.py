# SPDX-License-Identifier: GPL-3.0-or-later
"""Chime in the session's world; what a test turns is turned back, and its meetings end."""

import contextlib
import itertools

import botocore.exceptions
import pytest

from rehearsal.cloud import chime as layer
from rehearsal.cloud.chime.pages import PAGE_MAX
from rehearsal.cloud.chime.service_role import PRINCIPAL, role_exists

NUMBERS = itertools.count(1)


@pytest.fixture(scope="session")
def installed(world):
    return layer.install(world)


@pytest.fixture
def chime(installed, world):
    """State of the layer, with a day behind it: nothing of the test before is in progress."""
    durations, quotas = dict(world.durations), dict(world.quotas._applied)
    world.clock.advance(90_000)
    yield installed
    world.durations.update(durations)
    installed.media_faults.clear()
    world.quotas._applied = quotas
    world.quotas.increases.clear()
    installed.rate.per_second = None
    installed.page_max = PAGE_MAX
    installed.app_instances.clear()
    installed.pipelines.clear()


@pytest.fixture
def control(chime, world):
    """Ask the control route: control(), control(idle_s=60)."""
    return lambda **wanted: world.control_routes["chime"]("POST" if wanted else "GET", wanted or None, {})


@pytest.fixture
def meetings(chime, client):
    """Clients by control region, eu-central-1 unless named."""
    return lambda region="eu-central-1": client("chime-sdk-meetings", region)


@pytest.fixture
def name():
    return f"visit-{next(NUMBERS)}"


@pytest.fixture
def create(meetings, name):
    """Make a meeting; answers with its Meeting."""

    def make(region="eu-central-1", media=None, **more):
        given = {"ClientRequestToken": f"{name}-{next(NUMBERS)}", "ExternalMeetingId": name, **more}
        return meetings(region).create_meeting(MediaRegion=media or region, **given)["Meeting"]

    return make


@pytest.fixture
def refused():
    """with refused("Code", 400, told="why"): call."""

    @contextlib.contextmanager
    def expect(code, status=None, told=""):
        with pytest.raises(botocore.exceptions.ClientError) as caught:
            yield
        response = caught.value.response
        assert response["Error"]["Code"] == code and told in response["Error"]["Message"]
        assert status in (None, response["ResponseMetadata"]["HTTPStatusCode"])

    return expect


@pytest.fixture
def service_role(chime, client):
    """The service-linked role of the pipelines, made new where a test has taken it away."""
    if not role_exists():
        client("iam", "us-east-1").create_service_linked_role(AWSServiceName=PRINCIPAL)
