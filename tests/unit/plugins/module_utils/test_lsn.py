# SPDX-License-Identifier: GPL-3.0-or-later
import pytest
from ansible_collections.medzen.multiregion.plugins.module_utils import lsn
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import MultiregionError


@pytest.mark.parametrize(("text", "position"), [("0/0", 0), ("0/1B30F40", 0x1B30F40), ("16/B374D848", 0x16B374D848)])
def test_a_position_is_read_and_written_back(text, position):
    assert lsn.parse(text) == position
    assert lsn.to_text(position) == text


@pytest.mark.parametrize("text", ["", "16", "x/y", "16-B3", None])
def test_what_is_no_position_is_an_error(text):
    with pytest.raises(MultiregionError, match="Not a log position"):
        lsn.parse(text)


def test_text_order_is_not_the_order_of_positions():
    assert lsn.is_reached("10/0", "9/FFFFFFFF")
    assert not lsn.is_reached("9/FFFFFFFF", "10/0")


def test_a_position_that_is_the_goal_has_reached_it():
    assert lsn.is_reached("16/B374D848", "16/B374D848")
    assert not lsn.is_reached("16/B374D847", "16/B374D848")


def test_an_unknown_position_has_reached_nothing_and_its_lag_is_unknown():
    assert not lsn.is_reached(None, "0/0")
    assert lsn.lag_bytes("0/1", None) is None
    assert lsn.lag_bytes(None, "0/1") is None


def test_a_target_ahead_has_no_lag():
    assert lsn.lag_bytes("0/1", "0/2") == 0
    assert lsn.lag_bytes("0/20", "0/10") == 16
