# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find by name where the service keys by id: none is absent, one is it, several are nobody's to choose from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ansible_collections.medzen.multiregion.plugins.module_utils.errors import Refused


def find_by_name(
    items: Iterable[Mapping], name: str, what: str, name_key: str = "name", arn_key: str = "arn"
) -> Mapping | None:
    """The one item of this name; None when there is none.

    Raises Refused with `ambiguous_name` and the ARNs when several carry it.
    """
    found = [item for item in items if item.get(name_key) == name]
    if len(found) < 2:
        return found[0] if found else None
    arns = sorted(str(item.get(arn_key)) for item in found)
    raise Refused(
        f"Several {what} are named {name}",
        found=", ".join(arns),
        expected="one",
        next_step=f"name the {what} by its ARN or id, or delete those that are not wanted",
        result={"reason": "ambiguous_name", "arns": arns},
    )
