# SPDX-License-Identifier: GPL-3.0-or-later
"""EHRbase's environment, read once at the start."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

STRATEGIES = ("MIGRATE", "VALIDATE", "DISABLED")
NODENAME_DEFAULT = "local.ehrbase.org"


class EnvironmentProblem(ValueError):
    """The environment describes an application that cannot start."""


@dataclass(frozen=True)
class Database:
    """Where the database is, and the two users that EHRbase connects as."""

    host: str
    port: int
    name: str
    sslmode: str
    user: str
    password: str
    admin_user: str
    admin_password: str


@dataclass(frozen=True)
class AppSettings:
    database: Database
    nodename: str
    # The whole value of the Authorization header that is let in; empty lets everybody in.
    authorization: str
    health_open: bool
    ext_strategy: str
    ehr_strategy: str
    resolver: str


def read_settings(environ: Mapping[str, str]) -> AppSettings:
    return AppSettings(
        database=_database(environ),
        nodename=environ.get("SERVER_NODENAME") or NODENAME_DEFAULT,
        authorization=_authorization(environ),
        health_open=_health_open(environ),
        ext_strategy=_strategy(environ, "SPRING_FLYWAY_EXTSTRATEGY"),
        ehr_strategy=_strategy(environ, "SPRING_FLYWAY_EHRSTRATEGY"),
        resolver=environ.get("REHEARSAL_RESOLVER", ""),
    )


def _database(environ: Mapping[str, str]) -> Database:
    host, port, name, sslmode = parse_jdbc_url(_needed(environ, "DB_URL"))
    return Database(
        host, port, name, sslmode,
        _needed(environ, "DB_USER"), _needed(environ, "DB_PASS"),
        _needed(environ, "DB_USER_ADMIN"), _needed(environ, "DB_PASS_ADMIN"),
    )  # fmt: skip


def parse_jdbc_url(url: str) -> tuple[str, int, str, str]:
    """Host, port, database and sslmode of a JDBC URL; the driver's own sslmode is `prefer`."""
    parts = urlsplit(url.removeprefix("jdbc:"))
    if not url.startswith("jdbc:postgresql://") or not parts.hostname or len(parts.path) < 2:
        raise EnvironmentProblem(f"DB_URL is {url!r}; expected jdbc:postgresql://<host>:<port>/<database>.")
    sslmode = parse_qs(parts.query).get("sslmode", ["prefer"])[0]
    return parts.hostname, parts.port or 5432, parts.path[1:], sslmode


def _authorization(environ: Mapping[str, str]) -> str:
    kind = environ.get("SECURITY_AUTHTYPE", "NONE").upper()
    if kind == "NONE":
        return ""
    if kind != "BASIC":
        raise EnvironmentProblem(f"SECURITY_AUTHTYPE is {kind}; the stand-in knows NONE and BASIC.")
    pair = f"{_needed(environ, 'SECURITY_AUTHUSER')}:{_needed(environ, 'SECURITY_AUTHPASSWORD')}"
    return "Basic " + base64.b64encode(pair.encode()).decode()


def _health_open(environ: Mapping[str, str]) -> bool:
    """Both settings are off by default in EHRbase, so health answers 401 or 404 until somebody opens it."""
    access = environ.get("MANAGEMENT_ENDPOINT_HEALTH_ACCESS", "none").lower()
    web = environ.get("MANAGEMENT_ENDPOINTS_WEB_ACCESS", "ADMIN_ONLY").upper()
    return access != "none" and web == "PUBLIC"


def _strategy(environ: Mapping[str, str], name: str) -> str:
    value = environ.get(name, "MIGRATE").upper()
    if value not in STRATEGIES:
        raise EnvironmentProblem(f"{name} is {value}; expected one of {', '.join(STRATEGIES)}.")
    return value


def _needed(environ: Mapping[str, str], name: str) -> str:
    if not environ.get(name):
        raise EnvironmentProblem(f"{name} is not set; the task definition has to give it.")
    return environ[name]
