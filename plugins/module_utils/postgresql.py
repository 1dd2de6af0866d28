# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Connections to PostgreSQL: who logs in where, with a password that a module reads itself and never returns."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from ansible.module_utils.basic import missing_required_lib
from ansible_collections.medzen.multiregion.plugins.module_utils.aws import client, describe
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import MultiregionError
from ansible_collections.medzen.multiregion.plugins.module_utils.resolver import HAS_DNSPYTHON, resolve

try:
    import psycopg

    PsycopgError = psycopg.Error
    HAS_PSYCOPG = True
except ImportError:  # reported by require_psycopg
    PsycopgError = type("NeverRaised", (Exception,), {})
    HAS_PSYCOPG = False

APPLICATION_NAME = "medzen.multiregion"
CONNECT_TIMEOUT_S = 5
# Read only by default is one layer of the fence; who works on the fence must not be stopped by it.
WRITABLE = "-c default_transaction_read_only=off -c synchronous_commit=on"


class DatabaseError(MultiregionError):
    """PostgreSQL, or the way to it, answered with an error."""


@dataclass(frozen=True)
class Login:
    """Where to connect and as whom. `password` stays out of every text made from this."""

    host: str
    user: str
    database: str = "postgres"
    port: int = 5432
    password: str | None = field(default=None, repr=False)
    sslmode: str = "prefer"
    ca_path: str | None = None
    resolvers: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.user}@{self.host}:{self.port}/{self.database}"


def login_options() -> dict:
    """Argument spec of one login (fragment medzen.multiregion.postgresql)."""
    options = {
        "host": {"type": "str", "required": True},
        "port": {"type": "int", "default": 5432},
        "database": {"type": "str", "default": "ehrbase"},
        "user": {"type": "str", "required": True},
        "password": {"type": "str", "no_log": True},
        "password_secret": {"type": "str", "no_log": False},
        "region": {"type": "str"},
        "sslmode": {
            "type": "str",
            "default": "prefer",
            "choices": ["disable", "allow", "prefer", "require", "verify-ca", "verify-full"],
        },
        "ca_path": {"type": "path"},
    }
    return {"type": "dict", "options": options, "mutually_exclusive": [("password", "password_secret")]}


def application_login_options() -> dict:
    """Argument spec of another role at the same place."""
    options = login_options()["options"]
    kept = {name: options[name] for name in ("user", "password", "password_secret", "region")}
    return {"type": "dict", "options": kept, "mutually_exclusive": [("password", "password_secret")]}


def resolvers_option() -> dict:
    return {"type": "list", "elements": "str", "default": []}


def require_libraries(module: Any) -> None:
    """Fail with the name of the Python package that is missing."""
    if not HAS_PSYCOPG:
        module.fail_json(msg=missing_required_lib("psycopg"))
    if module.params.get("resolvers") and not HAS_DNSPYTHON:
        module.fail_json(msg=missing_required_lib("dnspython"))


def build_login(module: Any, options: dict, *, like: Login | None = None) -> Login:
    """A login from a module's options; a password in Secrets Manager is read here and goes nowhere else.

    `like` lends its place (host, port, database, TLS) to a login that names only another user.
    """
    password = options.get("password")
    if options.get("password_secret"):
        password = read_secret(client(module, "secretsmanager", options.get("region")), options["password_secret"])
        module.no_log_values.add(password)
    if like is not None and not options.get("host"):
        return replace(like, user=options["user"], password=password)
    return Login(
        host=options["host"],
        port=options["port"],
        database=options["database"],
        user=options["user"],
        password=password,
        sslmode=options["sslmode"],
        ca_path=options.get("ca_path"),
        resolvers=tuple(module.params.get("resolvers") or ()),
    )


def read_secret(secrets: Any, name: str) -> str:
    return _get_secret(secrets, name)["SecretString"]


@describe("read secret {name}")
def _get_secret(secrets: Any, name: str) -> dict:
    return secrets.get_secret_value(SecretId=name, aws_retry=True)


def connect(login: Login, *, options: str = WRITABLE, timeout_s: int = CONNECT_TIMEOUT_S) -> psycopg.Connection:
    """An open connection in autocommit; every failure names the login, never the password."""
    with describe_errors(f"connect to {login}"):
        return psycopg.connect(**connect_parameters(login, options, timeout_s), autocommit=True)


def connect_parameters(login: Login, options: str, timeout_s: int) -> dict:
    """What libpq is told. The name stays for TLS; the address comes from the resolvers of the inventory."""
    parameters: dict[str, Any] = {
        "host": login.host,
        "hostaddr": resolve(login.host, login.resolvers)[0],
        "port": login.port,
        "dbname": login.database,
        "user": login.user,
        "sslmode": login.sslmode,
        "connect_timeout": timeout_s,
        "application_name": APPLICATION_NAME,
        "options": options,
        # A rebooted or unreachable server must be noticed within seconds: a fenced application is waiting.
        "keepalives_idle": 5,
        "keepalives_interval": 2,
        "keepalives_count": 3,
        "tcp_user_timeout": 10000,
    }
    if login.password is not None:
        parameters["password"] = login.password
    if login.ca_path:
        parameters["sslrootcert"] = login.ca_path
    return parameters


@contextlib.contextmanager
def describe_errors(action: str) -> Iterator[None]:
    """Give PostgreSQL's errors within the block the text "Failed to <action>" and their SQLSTATE."""
    try:
        yield
    except PsycopgError as error:
        text = " ".join(str(error).split())
        raise DatabaseError(f"Failed to {action}: {text}", {"sqlstate": getattr(error, "sqlstate", None)}) from error


def fetch_value(connection: psycopg.Connection, query: Any, parameters: Any = None) -> Any:
    """The first column of the first row, or None."""
    row = connection.execute(query, parameters).fetchone()
    return row[0] if row else None


def fetch_dicts(connection: psycopg.Connection, query: Any, parameters: Any = None) -> list[dict]:
    cursor = connection.execute(query, parameters)
    names = [column.name for column in cursor.description or ()]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def quote(name: str) -> str:
    """An identifier as SQL writes it."""
    return '"' + name.replace('"', '""') + '"'


def literal(value: str) -> str:
    """A text constant as SQL writes it; a backslash needs the escape form."""
    text = value.replace("'", "''")
    return f"E'{text.replace(chr(92), chr(92) * 2)}'" if "\\" in text else f"'{text}'"
