# SPDX-License-Identifier: GPL-3.0-or-later
import pytest
from ansible_collections.medzen.multiregion.plugins.modules.cloudwatch_metric_info import combine, period_s


def test_a_metric_that_never_was_published_is_unknown():
    assert combine([], "Sum", known=False, absent_is_zero=True) is None


def test_a_published_metric_without_datapoints_is_zero_when_the_caller_says_so():
    assert combine([], "Sum", known=True, absent_is_zero=True) == 0.0
    assert combine([], "Sum", known=True, absent_is_zero=False) is None


@pytest.mark.parametrize(("statistic", "expected"), [("Sum", 6.0), ("Maximum", 3.0), ("Minimum", 1.0)])
def test_datapoints_become_one_number(statistic, expected):
    assert combine([1.0, 2.0, 3.0], statistic, known=True, absent_is_zero=False) == expected


@pytest.mark.parametrize(("window_s", "expected"), [(10, 60), (86400, 60), (604800, 420)])
def test_the_period_keeps_a_window_within_one_answer(window_s, expected):
    assert period_s(window_s) == expected
    assert window_s / period_s(window_s) <= 1440
