# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The run record in all its regions: whom to ask, side by side, and what silence means.

Every run asks all regions, so two runs meet in each of them. A region that was typed as lost may stay silent; one that
answers all the same counts like every other. So two runs that left out different regions miss each other only where
each of them cannot reach what the other one holds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from ansible_collections.amazon.aws.plugins.module_utils.retries import AWSRetry
from ansible_collections.medzen.multiregion.plugins.module_utils.aws import FAILURE_CODES, THROTTLE_CODES
from ansible_collections.medzen.multiregion.plugins.module_utils.clients import Clients, in_parallel
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import AwsError, Refused
from ansible_collections.medzen.multiregion.plugins.module_utils.run_table import RunTable

# A region that is dark has to be known as dark within seconds: a failover waits for it.
LIMITS = {
    "connect_timeout": 2,
    "read_timeout": 4,
    "retries": {"mode": "standard", "total_max_attempts": 2},
}
# One that was typed as lost is asked once: whoever waits for the failover waits for this too.
LOST_LIMITS = {"connect_timeout": 2, "read_timeout": 2, "retries": {"mode": "standard", "total_max_attempts": 1}}
RETRY = AWSRetry.jittered_backoff(
    retries=4,
    delay=0.3,
    backoff=2,
    max_delay=2,
    catch_extra_error_codes=[*THROTTLE_CODES, *FAILURE_CODES, "InternalServerError"],
)

Answer = TypeVar("Answer")


def check_regions(regions: Iterable[str], lost: Iterable[str]) -> None:
    """Refuse losses that leave no record, or that are none of its regions."""
    known, typed = set(regions), set(lost)
    unknown = sorted(typed - known)
    if not unknown and typed != known:
        return
    raise Refused(
        "The run record cannot do without these regions",
        found=f"typed as lost: {', '.join(sorted(typed)) or 'nothing'}",
        expected=f"some of {', '.join(sorted(known))}, but not all of them"
        if known
        else "at least one region that keeps the record",
        next_step=f"correct the name {unknown[0]}" if unknown else "leave the region out of it that still works",
    )


def refuse_silence(table: RunTable, error: AwsError) -> Refused:
    return Refused(
        f"The run record in {table.region} cannot be used",
        found=error.message,
        expected="an answer from every region that keeps it: a lock that is not taken in all of them keeps nobody out",
        next_step=f"mend what the error says, or wait until {table.region} answers; only if it is lost and nobody "
        f"works from there: where it is the primary, run fail_over with -e confirm={table.region}; otherwise run this "
        f"""playbook again with -e '{{"multiregion_lost_regions": ["{table.region}"]}}'""",
        result={key: value for key, value in {"error_code": error.code, "region": table.region}.items() if value},
    )


class RunRegions:
    """The tables of a record, in the order of their regions' names: the same for everybody who takes the lock."""

    def __init__(self, tables: Iterable[RunTable], lost: Iterable[str] = ()):
        self._all = sorted(tables, key=lambda table: table.region)
        self.lost = frozenset(lost)
        self.tables = [table for table in self._all if table.region not in self.lost]
        self.left_out: dict[str, str] = {}

    @property
    def names(self) -> list[str]:
        return [table.region for table in self.tables]

    def include(self, regions: Iterable[str] | None = None) -> None:
        """Ask these lost regions too; without names, all of them."""
        wanted = {table.region for table in self._all} if regions is None else {*regions}
        wanted = wanted.union(self.names).difference(self.left_out)
        self.tables = [table for table in self._all if table.region in wanted]

    def each(self, function: Callable[[RunTable], Answer], regions: Iterable[str] | None = None) -> dict[str, Answer]:
        """What each region answers, asked side by side. Raises Refused with the first that should answer and does not.

        A lost region that is silent is left out from then on.
        """
        asked = [table for table in self.tables if regions is None or table.region in set(regions)]
        answers = in_parallel(lambda table: (table, *_ask(function, table)), asked)
        return {
            table.region: answer
            for table, answer, error in answers
            if error is None or not self._leave_out(table, error)
        }

    def _leave_out(self, table: RunTable, error: AwsError) -> bool:
        if table.region not in self.lost:
            raise refuse_silence(table, error) from error
        self.left_out[table.region] = error.message
        self.tables = [one for one in self.tables if one is not table]
        return True


def _ask(function: Callable[[RunTable], Answer], table: RunTable) -> tuple[Answer | None, AwsError | None]:
    try:
        return function(table), None
    except AwsError as error:
        return None, error


def build_regions(module: Any) -> RunRegions:
    """The regions that the module's options name, each with a client of its own."""
    params = module.params
    clients, brief = Clients(module, LIMITS, RETRY), Clients(module, LOST_LIMITS, RETRY)
    names = sorted(set(params["regions"] or [clients.region]))
    lost = params["lost_regions"] or []
    check_regions(names, lost)
    tables = [
        RunTable((brief if name in lost else clients)("dynamodb", name), name, params["table"], params["workload"])
        for name in names
    ]
    return RunRegions(tables, lost)
