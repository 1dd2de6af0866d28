# SPDX-License-Identifier: GPL-3.0-or-later
import io
import urllib.parse

import botocore.handlers
import botocore.session
import pytest
import urllib3
from ansible_collections.medzen.multiregion.plugins.module_utils import botocore_files
from botocore.awsrequest import AWSResponse

COPIED = b"<CopyDBSnapshotResponse><CopyDBSnapshotResult/></CopyDBSnapshotResponse>"


@pytest.fixture(autouse=True)
def shared(monkeypatch):
    for name in ("create_loader", "get_session"):
        monkeypatch.setattr(botocore.session, name, getattr(botocore.session, name))
    botocore_files.share()


def loader():
    return botocore.session.Session().get_component("data_loader")


def reads(monkeypatch, one):
    seen = []
    read = one.file_loader.load_file
    monkeypatch.setattr(one.file_loader, "load_file", lambda path: seen.append(path) or read(path))
    return seen


def make_client(service):
    return botocore.session.get_session().create_client(
        service, region_name="eu-central-1", aws_access_key_id="a", aws_secret_access_key="b"
    )


def test_a_client_reads_only_what_is_its_own_services(monkeypatch):
    seen = reads(monkeypatch, loader())
    make_client("sns")
    assert seen and all("/sns/" in path for path in seen)


@pytest.mark.parametrize("service", botocore_files.SERVICES)
def test_a_first_client_of_a_usual_service_reads_neither_operations_nor_endpoint_rules(monkeypatch, service):
    seen = reads(monkeypatch, loader())
    make_client(service)
    assert not [path for path in seen if path.endswith(botocore_files.OF_A_SERVICE)]


def test_a_second_client_of_a_service_reads_nothing(monkeypatch):
    make_client("sns")
    seen = reads(monkeypatch, loader())
    make_client("sns")
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
        assert botocore.session.get_session().get_credentials().access_key == key


def send(session, seen):
    """The request of a snapshot's copy, which a handler of this session keeps from leaving the machine."""

    def answer(request, **_kwargs):
        seen.append(request)
        body = urllib3.HTTPResponse(io.BytesIO(COPIED), preload_content=False)
        return AWSResponse(request.url, 200, {}, body)

    session.register("before-send.rds", answer)
    client = session.create_client("rds", region_name="eu-central-1", aws_access_key_id="a", aws_secret_access_key="b")
    client.copy_db_snapshot(
        SourceDBSnapshotIdentifier="a", TargetDBSnapshotIdentifier="b", SourceRegion="af-south-1", KmsKeyId="c"
    )


def test_a_session_does_what_botocores_own_does():
    """botocore signs the copy for the source's region in a handler, and takes its own option out of the call."""
    seen = []
    send(botocore.session.get_session(), seen)
    send(botocore.session.Session(), seen)
    names = [sorted(urllib.parse.parse_qs(request.body)) for request in seen]
    assert "PreSignedUrl" in names[0] and "SourceRegion" not in names[0]
    assert names[0] == names[1]


def test_a_handler_is_its_own_sessions():
    first, second = [], []
    send(botocore.session.get_session(), first)
    send(botocore.session.get_session(), second)
    assert (len(first), len(second)) == (1, 1)


def test_a_handler_that_is_made_one_of_botocores_own_is_every_sessions(monkeypatch):
    seen = []
    more = ("before-send", lambda request, **_kwargs: seen.append(request))
    monkeypatch.setattr(botocore.handlers, "BUILTIN_HANDLERS", [*botocore.handlers.BUILTIN_HANDLERS, more])
    send(botocore.session.get_session(), [])
    assert len(seen) == 1


def test_a_session_takes_its_profile_from_its_variables():
    assert botocore.session.get_session({"profile": (None, "SOME", None, None)}).session_var_map["profile"][1] == "SOME"
