# SPDX-License-Identifier: GPL-3.0-or-later
import botocore.session
import pytest
from ansible_collections.medzen.multiregion.plugins.module_utils import botocore_files


@pytest.fixture(autouse=True)
def shared(monkeypatch):
    monkeypatch.setattr(botocore.session, "create_loader", botocore.session.create_loader)
    botocore_files.share()


def loader():
    return botocore.session.Session().get_component("data_loader")


def reads(monkeypatch, one):
    seen = []
    read = one.file_loader.load_file
    monkeypatch.setattr(one.file_loader, "load_file", lambda path: seen.append(path) or read(path))
    return seen


def make_client(service):
    return botocore.session.Session().create_client(
        service, region_name="eu-central-1", aws_access_key_id="a", aws_secret_access_key="b"
    )


def test_a_client_reads_only_what_is_its_own_services(monkeypatch):
    seen = reads(monkeypatch, loader())
    make_client("kms")
    assert seen and all("/kms/" in path for path in seen)


def test_a_second_client_of_a_service_reads_nothing(monkeypatch):
    make_client("kms")
    seen = reads(monkeypatch, loader())
    make_client("kms")
    assert seen == []


def test_another_folder_of_models_has_a_loader_of_its_own(monkeypatch, tmp_path):
    usual = loader()
    monkeypatch.setenv("AWS_DATA_PATH", str(tmp_path))
    assert loader() is not usual
    assert str(tmp_path) in loader().search_paths


def test_credentials_are_each_sessions_own(monkeypatch, tmp_path):
    """They expire and are renewed while a playbook runs."""
    file = tmp_path / "credentials"
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(file))
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for key in ("first", "second"):
        file.write_text(f"[default]\naws_access_key_id = {key}\naws_secret_access_key = x\n")
        assert botocore.session.Session().get_credentials().access_key == key
