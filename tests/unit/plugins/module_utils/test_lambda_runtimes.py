# SPDX-License-Identifier: GPL-3.0-or-later
import datetime

import pytest
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import Refused
from ansible_collections.medzen.multiregion.plugins.module_utils.lambda_runtimes import check_runtime, days_left

TODAY = datetime.date(2026, 11, 25)


def test_a_runtime_with_time_left_passes_in_silence():
    assert check_runtime("python3.13", TODAY) == ""


def test_one_that_ends_soon_is_told():
    assert check_runtime("python3.11", datetime.date(2027, 7, 1)) == "Runtime python3.11 ends in 30 days."


@pytest.mark.parametrize("runtime", ["nodejs18.x", "python3.8", "cobol85"])
def test_one_that_is_over_or_unknown_is_refused_with_those_that_are_not(runtime):
    with pytest.raises(Refused, match="python3.13") as refused:
        check_runtime(runtime, TODAY)
    assert refused.value.result["reason"] == "runtime_unsupported"
    assert runtime not in refused.value.result["supported_runtimes"]


def test_the_last_day_is_over():
    assert days_left("nodejs20.x", datetime.date(2026, 6, 1)) == 0
    with pytest.raises(Refused):
        check_runtime("nodejs20.x", datetime.date(2026, 6, 1))


def test_a_day_that_aws_moved_can_be_given():
    assert check_runtime("nodejs20.x", TODAY, {"nodejs20.x": "2027-12-01"}) == ""
    assert check_runtime("python4.0", TODAY, {"python4.0": "2035-01-01"}) == ""
