# SPDX-License-Identifier: GPL-3.0-or-later
from types import SimpleNamespace

import pytest
from ansible_collections.medzen.multiregion.plugins.module_utils import postgresql

OPTIONS = {
    "host": "127.0.0.1",
    "port": 5432,
    "database": "ehrbase",
    "user": "owner",
    "password": None,
    "password_secret": "db_password",
    "region": "af-south-1",
    "sslmode": "require",
    "ca_path": "/ca.pem",
}


class FakeSecrets:
    def get_secret_value(self, SecretId, aws_retry):
        assert (SecretId, aws_retry) == ("db_password", True)
        return {"SecretString": "s3cret"}


@pytest.fixture
def module(monkeypatch):
    module = SimpleNamespace(params={"resolvers": []}, no_log_values=set())
    monkeypatch.setattr(
        postgresql, "client", lambda _module, service, region: module.asked.append((service, region)) or FakeSecrets()
    )
    module.asked = []
    return module


def test_a_password_is_read_from_the_secret_in_its_region_and_kept_out_of_logs(module):
    login = postgresql.build_login(module, OPTIONS)
    assert module.asked == [("secretsmanager", "af-south-1")]
    assert login.password == "s3cret" and module.no_log_values == {"s3cret"}


def test_a_login_never_shows_its_password(module):
    login = postgresql.build_login(module, OPTIONS)
    assert "s3cret" not in f"{login} {login!r}"


def test_another_role_is_logged_in_at_the_same_place(module):
    login = postgresql.build_login(module, OPTIONS)
    other = postgresql.build_login(module, {"user": "application", "password": "x"}, like=login)
    assert (other.host, other.user, other.password, other.sslmode) == ("127.0.0.1", "application", "x", "require")


def test_the_connection_goes_to_the_resolved_address_and_keeps_the_name_for_tls():
    login = postgresql.Login("localhost", "owner", ca_path="/ca.pem", sslmode="verify-full")
    parameters = postgresql.connect_parameters(login, postgresql.WRITABLE, 5)
    assert parameters["host"] == "localhost"
    assert parameters["hostaddr"] in ("127.0.0.1", "::1")
    assert (parameters["sslrootcert"], parameters["sslmode"]) == ("/ca.pem", "verify-full")
    assert "password" not in parameters


def test_names_and_texts_cannot_end_their_quotes():
    assert postgresql.quote('a"; DROP') == '"a""; DROP"'
    assert postgresql.literal("it's") == "'it''s'"
    assert postgresql.literal("a\\'b") == "E'a\\\\''b'"
