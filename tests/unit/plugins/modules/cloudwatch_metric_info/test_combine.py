# SPDX-License-Identifier: GPL-3.0-or-later
import pytest
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import Refused
from ansible_collections.medzen.multiregion.plugins.modules import cloudwatch_metric_info
from ansible_collections.medzen.multiregion.plugins.modules.cloudwatch_metric_info import combine, period_s


def test_a_metric_that_never_was_published_is_unknown():
    assert combine([], "Sum", known=False, absent_is_zero=True) is None


def test_a_published_metric_without_datapoints_is_zero_when_the_caller_says_so():
    assert combine([], "Sum", known=True, absent_is_zero=True) == 0.0
    assert combine([], "Sum", known=True, absent_is_zero=False) is None


@pytest.mark.parametrize(("statistic", "expected"), [("Sum", 6.0), ("Maximum", 3.0), ("Minimum", 1.0)])
def test_datapoints_become_one_number(statistic, expected):
    assert combine([1.0, 2.0, 3.0], statistic, known=True, absent_is_zero=False) == expected


@pytest.mark.parametrize(
    ("days", "step", "expected"),
    [
        (0.0001, 60, 60),
        (0.5, 60, 60),
        (1, 60, 120),
        (7, 60, 480),
        (14.9, 60, 900),
        (15, 300, 1200),
        (20, 300, 1500),
        (62, 300, 3900),
        (63, 3600, 7200),
        (455, 3600, 28800),
    ],
)
def test_the_period_is_one_that_cloudwatch_has_and_fits_into_one_answer(days, step, expected):
    window_s = int(days * 86400)
    assert period_s(window_s) == expected and expected % step == 0
    assert (window_s + step) / expected <= 1440


@pytest.mark.parametrize("window_s", [0, -1, 456 * 86400, 2**62])
def test_a_window_that_cloudwatch_does_not_keep_is_refused(window_s):
    with pytest.raises(Refused, match="window_s: is"):
        cloudwatch_metric_info.check_window(window_s)
