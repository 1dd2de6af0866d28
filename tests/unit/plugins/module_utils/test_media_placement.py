# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a meeting's media is, from the names of its hosts."""

import pytest
from ansible_collections.medzen.multiregion.plugins.module_utils.media_placement import (
    codes_of,
    host_of,
    judge_placement,
)


def placement(code, **more):
    return {
        "AudioHostUrl": f"0a1b2c.k.m1.{code}.app.chime.aws:3478",
        "AudioFallbackUrl": f"wss://wss.k.m1.{code}.app.chime.aws:443/calls/1",
        "SignalingUrl": f"wss://signal.m1.{code}.app.chime.aws/control/1",
        "ScreenDataUrl": f"wss://bitpw.m1.{code}.app.chime.aws:443/v2/screen/1",
        "ScreenViewingUrl": f"wss://bitpw.m1.{code}.app.chime.aws:443/ws/connect",
        "ScreenSharingUrl": f"wss://bitpw.m1.{code}.app.chime.aws:443/v2/screen/1",
        "TurnControlUrl": "https://ccp.cp.ue1.app.chime.aws/v2/turn_sessions",
        "EventIngestionUrl": "https://data.svc.ue1.ingest.chime.aws/v1/client-events",
        **more,
    }


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("abc.k.m1.ec1.app.chime.aws:3478", "abc.k.m1.ec1.app.chime.aws"),
        ("wss://signal.m1.ec1.app.chime.aws/control/1", "signal.m1.ec1.app.chime.aws"),
        ("https://A.EC1.app.chime.aws.?x=1", "a.ec1.app.chime.aws"),
        ("", ""),
    ],
)
def test_the_host_of_an_url_with_and_without_a_scheme(url, host):
    assert host_of(url) == host


def test_media_in_the_region_is_ok_wherever_turn_control_and_telemetry_are():
    verdict = judge_placement(placement("ec1"), "eu-central-1")
    assert (verdict.verdict, verdict.mismatched, verdict.telemetry_code) == ("ok", (), "ue1")
    assert "TurnControlUrl" not in verdict.hosts


def test_one_host_elsewhere_is_refused_by_name():
    found = placement("ec1", SignalingUrl="wss://signal.m1.ue1.app.chime.aws/control/1")
    verdict = judge_placement(found, "eu-central-1")
    assert (verdict.verdict, verdict.mismatched) == ("refuse", ("SignalingUrl",))


@pytest.mark.parametrize(
    "host", ["signal.m1.xec1.app.chime.aws", "signal.ec1x.app.chime.aws", "signal-ec1.app.chime.aws"]
)
def test_a_code_inside_a_longer_label_proves_nothing(host):
    verdict = judge_placement(placement("ec1", SignalingUrl=f"wss://{host}/control"), "eu-central-1")
    assert (verdict.verdict, verdict.undecided) == ("unknown", ("SignalingUrl",))


def test_a_host_that_names_two_regions_is_refused():
    found = placement("ec1", SignalingUrl="wss://signal.ue1.ec1.app.chime.aws/control")
    assert judge_placement(found, "eu-central-1").verdict == "refuse"


def test_a_host_of_another_domain_is_unknown_even_with_the_code():
    found = placement("ec1", AudioHostUrl="a.ec1.example.com:3478")
    assert judge_placement(found, "eu-central-1").undecided == ("AudioHostUrl",)


@pytest.mark.parametrize("name", ["AudioHostUrl", "SignalingUrl"])
@pytest.mark.parametrize("url", [None, ""])
def test_a_meeting_without_audio_or_signalling_is_refused(name, url):
    verdict = judge_placement(placement("ec1", **{name: url}), "eu-central-1")
    assert (verdict.verdict, verdict.missing) == ("refuse", (name,))


def test_other_hosts_may_be_missing():
    assert judge_placement(placement("ec1", ScreenDataUrl=None), "eu-central-1").verdict == "ok"


def test_a_region_whose_code_nobody_knows_is_unknown_never_ok():
    assert judge_placement(placement("xx9"), "eu-west-3").verdict == "unknown"


def test_the_code_can_be_given():
    assert judge_placement(placement("ew3"), "eu-west-3", "ew3").verdict == "ok"


def test_a_given_code_overrides_the_known_one():
    assert judge_placement(placement("ec1"), "eu-central-1", "ec2").verdict == "refuse"


def test_an_empty_placement_is_refused():
    assert judge_placement({}, "eu-central-1").verdict == "refuse"


def test_only_whole_labels_are_codes():
    assert codes_of("a.m1.ec1.app.chime.aws") == ("ec1",)
    assert codes_of("ec11.abc1.app.chime.aws") == ()
