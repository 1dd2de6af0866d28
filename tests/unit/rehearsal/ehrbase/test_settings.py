# SPDX-License-Identifier: GPL-3.0-or-later
"""The environment of a task definition."""

import base64

import pytest

from rehearsal.ehrbase.settings import EnvironmentProblem, parse_jdbc_url, read_settings

ENVIRONMENT = {
    "DB_URL": "jdbc:postgresql://db.example:5433/ehrbase?sslmode=require",
    "DB_USER": "ehrbase_restricted",
    "DB_PASS": "one",
    "DB_USER_ADMIN": "ehrbase_admin",
    "DB_PASS_ADMIN": "two",
    "SERVER_NODENAME": "ehr.medzenhealth.app",
    "SECURITY_AUTHTYPE": "BASIC",
    "SECURITY_AUTHUSER": "ehrbase-user",
    "SECURITY_AUTHPASSWORD": "secret",
}
OPEN = {"MANAGEMENT_ENDPOINT_HEALTH_ACCESS": "read_only", "MANAGEMENT_ENDPOINTS_WEB_ACCESS": "PUBLIC"}


def test_the_database_comes_from_a_jdbc_url():
    assert parse_jdbc_url(ENVIRONMENT["DB_URL"]) == ("db.example", 5433, "ehrbase", "require")
    assert parse_jdbc_url("jdbc:postgresql://db/x") == ("db", 5432, "x", "prefer")


@pytest.mark.parametrize("url", ["postgresql://db/x", "jdbc:mysql://db/x", "jdbc:postgresql://db"])
def test_another_url_is_refused_with_what_was_expected(url):
    with pytest.raises(EnvironmentProblem, match="expected jdbc:postgresql://"):
        parse_jdbc_url(url)


def test_basic_auth_is_one_header():
    header = read_settings(ENVIRONMENT).authorization
    assert base64.b64decode(header.removeprefix("Basic ")) == b"ehrbase-user:secret"


def test_without_an_auth_type_everybody_is_let_in_as_in_ehrbases_docker_profile():
    assert read_settings({**ENVIRONMENT, "SECURITY_AUTHTYPE": "NONE"}).authorization == ""


def test_health_is_open_only_with_both_settings():
    assert not read_settings(ENVIRONMENT).health_open
    assert not read_settings({**ENVIRONMENT, "MANAGEMENT_ENDPOINT_HEALTH_ACCESS": "read_only"}).health_open
    assert read_settings({**ENVIRONMENT, **OPEN}).health_open


def test_flyway_migrates_unless_told_otherwise():
    settings = read_settings({**ENVIRONMENT, "SPRING_FLYWAY_EHRSTRATEGY": "disabled"})
    assert (settings.ext_strategy, settings.ehr_strategy) == ("MIGRATE", "DISABLED")


@pytest.mark.parametrize(
    "change", [{"DB_PASS": ""}, {"SPRING_FLYWAY_EHRSTRATEGY": "NEVER"}, {"SECURITY_AUTHTYPE": "OAUTH"}]
)
def test_what_cannot_work_is_named(change):
    with pytest.raises(EnvironmentProblem, match=next(iter(change))):
        read_settings({**ENVIRONMENT, **change})
