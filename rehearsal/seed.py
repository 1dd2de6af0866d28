# SPDX-License-Identifier: GPL-3.0-or-later
"""python -m rehearsal seed: the estate as it is before the move, built over the API as its owners once did.

Production and the stale standby are built side by side, while the clock runs so fast that nothing AWS does takes time.
What is built stands in estate.yml.
"""

from __future__ import annotations

import argparse
import sys
import time
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import yaml
from botocore.exceptions import BotoCoreError, ClientError

from rehearsal.api import ApiUnreachable, control
from rehearsal.seed_aws import Aws, Place, SeedError
from rehearsal.seed_data import Amounts, fill_database
from rehearsal.seed_database import DatabaseBuilder
from rehearsal.seed_global import build_roles
from rehearsal.seed_leftovers import build_leftovers
from rehearsal.seed_network import NetworkBuilder
from rehearsal.seed_records import ZoneBuilder
from rehearsal.seed_service import ServiceBuilder
from rehearsal.settings import ACCOUNT_ID, Settings, load

ESTATE_FILE = Path(__file__).with_name("estate.yml")
# A quarter of an hour becomes less than a millisecond.
BUILDING_SCALE = 1_000_000.0
LEDGER_MARK = "the world before"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--world", type=int, help="number of the world (default: MEDZEN_WORLD, or 16)")
    parser.add_argument("--small", action="store_true", help="few records, for tests")
    parser.add_argument("--compositions", type=int, help="compositions in production (default: as in estate.yml)")
    parser.add_argument("--logical", action="store_true", help="production with logical replication in force")


def main(args: argparse.Namespace) -> int:
    settings = load(args.world)
    estate = load_estate()
    if args.logical:
        estate["regions"][estate["serving_region"]]["parameters"] = estate["database"]["logical_parameters"]
    try:
        amounts = choose_amounts(estate, args.small, args.compositions)
        return build_world(settings, estate, amounts)
    except (SeedError, ApiUnreachable, BotoCoreError, ClientError, psycopg.Error) as problem:
        print(f"error: the world before could not be built: {problem}", file=sys.stderr)
        return 1


def load_estate(path: Path = ESTATE_FILE) -> dict[str, Any]:
    return {"account": ACCOUNT_ID, **yaml.safe_load(path.read_text())}


def choose_amounts(estate: dict[str, Any], small: bool, compositions: int | None) -> Amounts:
    """Numbers of records from the estate, the short form or the command line."""
    chosen = estate["small"] if small else estate
    count = chosen["compositions"] if compositions is None else compositions
    if count < 1:
        raise SeedError(f"{count} compositions; expected at least 1.")
    return Amounts(chosen["ehrs"], count, estate["composition_bytes"], estate["history_days"])


def build_world(settings: Settings, estate: dict[str, Any], amounts: Amounts) -> int:
    began = time.monotonic()
    aws = Aws(settings)
    zone = ZoneBuilder(aws, estate, max(1, round(estate["record_ttl_s"] / normal_scale(settings))))
    if zone.exists():
        print(f"World {settings.world} has the zone {estate['domain']} already; nothing is built twice.")
        return 0
    with fast_clock(settings):
        build_estate(settings, Aws(settings), estate, amounts, zone)
    control(settings, "ledger/mark", {"name": LEDGER_MARK})
    print(
        f"World {settings.world}: {' and '.join(estate['regions'])} stand, {amounts.ehrs} EHRs and "
        f"{amounts.compositions} compositions in production, after {time.monotonic() - began:.1f} s."
    )
    return 0


def normal_scale(settings: Settings) -> float:
    return float(control(settings, "health")["scale"])


@contextmanager
def fast_clock(settings: Settings):
    """Let AWS's times pass at once, and put the scale back whatever happens."""
    normal = normal_scale(settings)
    control(settings, "clock", {"scale": BUILDING_SCALE})
    try:
        yield
    finally:
        control(settings, "clock", {"scale": normal})


def build_estate(settings: Settings, aws: Aws, estate: dict[str, Any], amounts: Amounts, zone: ZoneBuilder) -> None:
    """Regions and leftovers side by side; the first error ends it."""
    zone.build()
    build_roles(aws, estate)
    end = datetime.now(UTC)
    with ThreadPoolExecutor(len(estate["regions"]) + 1) as pool:
        regions = {
            region: pool.submit(build_region, Place(aws, estate, region), zone, amounts, end)
            for region in estate["regions"]
        }
        places = [Place(aws, estate, region) for region in estate["leftovers"]["regions"]]
        rest = pool.submit(lambda: [build_leftovers(place, zone, end) for place in places])
        _raise_first([*regions.values(), rest])
    zone.point(regions[estate["serving_region"]].result())


def _raise_first(futures: list[Future]) -> None:
    for future in futures:
        future.result()


def build_region(place: Place, zone: ZoneBuilder, amounts: Amounts, end: datetime) -> str:
    """One region with its records; returns the name of its balancer."""
    networks, database, service = NetworkBuilder(place), DatabaseBuilder(place), ServiceBuilder(place, zone)
    network = networks.build_base()
    database.start(network)
    networks.build_rest()
    service.build_balancer(network)
    service.build_cluster()
    database.prepare()
    service.build_service(network, database)
    service.wait_until_healthy()
    values = amounts.values(place.plan["share_percent"], end)
    fill_database(place.aws.settings, database.identifier, values)
    return service.dns_name
