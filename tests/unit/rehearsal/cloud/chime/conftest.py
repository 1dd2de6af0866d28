# SPDX-License-Identifier: GPL-3.0-or-later
"""Chime in the session's world; what a test turns is turned back, and its meetings end."""

import itertools

import botocore.exceptions
import pytest

from rehearsal.cloud import chime as layer
from rehearsal.cloud.chime.pages import PAGE_MAX

NUMBERS = itertools.count(1)


@pytest.fixture(scope="session")
def installed(world):
    return layer.install(world)


@pytest.fixture
def chime(installed, world):
    """State of the layer, with a day behind it: nothing of the test before is in progress."""
    durations = dict(world.durations)
    world.clock.advance(90_000)
    yield installed
    world.durations.update(durations)
    installed.media_faults.clear()
    installed.quotas.clear()
    installed.rate.per_second = None
    installed.page_max = PAGE_MAX
    installed.app_instances.clear()


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
    """with refused("Code", 400): call."""

    class Refused:
        def __init__(self, code, status=None):
            self.code, self.status = code, status

        def __enter__(self):
            self._raises = pytest.raises(botocore.exceptions.ClientError, match=rf"\({self.code}\)")
            self.caught = self._raises.__enter__()
            return self.caught

        def __exit__(self, *problem):
            done = self._raises.__exit__(*problem)
            if self.status is not None:
                assert self.caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == self.status
            return done

    return Refused
