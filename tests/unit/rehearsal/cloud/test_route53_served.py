# SPDX-License-Identifier: GPL-3.0-or-later
"""A change reaches the name servers one after the other, the last before INSYNC."""

from rehearsal.cloud.clock import Timed
from rehearsal.cloud.route53_served import Served

OLD, NEW, NEWER = ([{"Name": name}] for name in ("old.", "new.", "newer."))


def timed(start, end):
    return Timed("route53_insync", "Z", "global", start, end, lambda: 0.0)


def known(served, now):
    return [view[0]["Name"] if view else "" for view in served.views("Z", now)]


def build():
    served = Served()
    served.add("Z", OLD, timed(0, 0))
    served.add("Z", NEW, timed(100, 108))
    return served


def test_nobody_has_a_change_in_the_first_half():
    assert known(build(), 104) == ["old."] * 4


def test_servers_take_it_over_one_after_the_other():
    served = build()
    assert [known(served, now).count("new.") for now in (104.7, 104.9, 105.7, 106.5, 107.3)] == [0, 1, 2, 3, 4]


def test_all_have_it_when_it_is_in_sync():
    assert known(build(), 108) == ["new."] * 4


def test_a_later_change_never_arrives_before_an_earlier_one():
    served = build()
    served.add("Z", NEWER, timed(100.1, 100.2))
    assert known(served, 104) == ["old."] * 4
    assert known(served, 108) == ["newer."] * 4


def test_a_new_zone_is_unknown_until_it_arrives():
    served = Served()
    served.add("Z", NEW, timed(0, 8))
    assert known(served, 6) == ["new.", "new.", "", ""]
