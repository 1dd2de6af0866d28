# SPDX-License-Identifier: GPL-3.0-or-later
"""Which database a region is expected to have, by the inventory's groups."""

import pytest
from role_variables import load, template

PRIMARY, DR = "eu-central-1", "eu-west-1"


@pytest.mark.parametrize(
    ("region", "groups", "expected"),
    [
        (PRIMARY, {"primary": [PRIMARY], "dr": [DR]}, "medzen-ehrbase-db-eu-central-1"),
        (DR, {"primary": [PRIMARY], "dr": [DR]}, "medzen-ehrbase-replica-eu-west-1"),
        # A move without a DR region, or before there is one.
        (PRIMARY, {"primary": [PRIMARY]}, "medzen-ehrbase-db-eu-central-1"),
    ],
)
def test_a_dr_region_has_the_replica_and_every_other_a_database_of_its_own(region, groups, expected):
    variables = {
        **load("group_vars/all.yml"),
        **load("roles/region_state/defaults/main.yml"),
        "inventory_hostname": region,
        "groups": groups,
    }
    assert template("{{ region_state_database_identifiers }}", variables) == [expected]
