# SPDX-License-Identifier: GPL-3.0-or-later


def test_the_mode_is_kept_by_region(api, client):
    assert api.get_account_data_retention()["mode"] == "default"
    assert api.put_account_data_retention(mode="none")["updatedAt"]
    assert api.get_account_data_retention()["mode"] == "none"
    assert client("bedrock", "eu-west-1").get_account_data_retention()["mode"] == "default"
