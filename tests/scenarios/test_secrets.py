# SPDX-License-Identifier: GPL-3.0-or-later
"""No secret is told: not at -vvv with --diff, in no event that AWX keeps, report, log or list of processes.

Every password, token and key of the world begins with a canary; the whole move is run, once with failures, as AWX
runs it (ansible-runner), and everything that it leaves behind is looked through.
"""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path

import ansible_runner
import pytest
import yaml

from rehearsal import canary, playbooks, run

ROOT = Path(__file__).resolve().parents[2]
SOURCE, TARGET, DR = "af-south-1", "eu-central-1", "eu-west-1"
AUDIT = "medzen-meeting-audit"
SAMPLE_S = 0.03
# What fails in a first run of a playbook: the task that carries the secret.
FAILURES = {
    "provision_region": {"service": "secretsmanager", "operation": "CreateSecret"},
    "create_dr_replica": {"service": "rds", "operation": "CreateDBInstanceReadReplica"},
}


class Sampler(threading.Thread):
    """Looks at the command lines of the machine while something runs."""

    def __init__(self, word: str) -> None:
        super().__init__(daemon=True)
        self.word, self.told, self.samples, self.over = word.encode(), set(), 0, threading.Event()

    def run(self) -> None:
        while not self.over.wait(SAMPLE_S):
            self.samples += 1
            for entry in Path("/proc").iterdir():
                if entry.name.isdigit():
                    self._look(entry / "cmdline")

    def _look(self, path: Path) -> None:
        try:
            line = path.read_bytes()
        except OSError:  # gone already
            return
        if self.word in line:
            self.told.add(line.replace(b"\0", b" ").replace(self.word, b"<canary>").decode(errors="replace"))

    def __enter__(self) -> Sampler:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        self.join(10)


@pytest.fixture(scope="module")
def word():
    return os.environ[canary.VARIABLE]


@pytest.fixture(scope="module")
def guarded_inventory(tmp_path_factory, word):
    """The rehearsal's inventory with a canary for the secret key of AWS; the stand-in takes any."""
    folder = tmp_path_factory.mktemp("inventory") / "rehearsal"
    source = ROOT / "inventories" / "rehearsal"
    (folder / "group_vars").mkdir(parents=True)
    (folder / "hosts.yml").write_text((source / "hosts.yml").read_text())
    # The folder of the world's files is named by the inventory's own place.
    values = yaml.safe_load((source / "group_vars" / "regions.yml").read_text())
    values = {key: _rooted(value) for key, value in values.items()}
    values["multiregion_aws_secret_key"] = f"{word}0123456789"
    (folder / "group_vars" / "regions.yml").write_text(yaml.safe_dump(values))
    (folder / "group_vars" / "all.yml").write_text((source / "group_vars" / "all.yml").read_text())
    return folder


def _rooted(value):
    return value.replace("{{ inventory_dir }}/../..", str(ROOT)) if isinstance(value, str) else value


@pytest.fixture(scope="module")
def move(stage, tmp_path_factory, guarded_inventory, word):
    """The world after the whole move, and where everything that was said lies."""
    world, folder = stage.fresh("before"), tmp_path_factory.mktemp("secrets")
    world.step = "told"
    plan = yaml.safe_load(run.PLAN.read_text(encoding="utf-8"))
    since = world.mark()
    environment = playbooks.keep_code(
        {
            "MEDZEN_WORLD": str(world.number),
            "MEDZEN_MULTIREGION_REPORTS": str(folder / "reports"),
            "ANSIBLE_LOCAL_TEMP": str(folder / "local"),
            "ANSIBLE_REMOTE_TEMP": str(folder / "remote"),
            "ANSIBLE_KEEP_REMOTE_FILES": "0",
        }
    )
    (folder / "runner").mkdir()
    codes = []

    def play(name, extra_vars):
        number = len(codes)
        done = ansible_runner.run(
            private_data_dir=str(folder / "runner"), project_dir=str(ROOT), playbook=f"{name}.yml", quiet=True,
            inventory=str(guarded_inventory), extravars=extra_vars, cmdline="-vvv --diff", ident=f"{number}-{name}",
            envvars={**environment, "MEDZEN_MULTIREGION_RUN": f"secrets-{number}-{name.replace('_', '-')}"},
        )  # fmt: skip
        codes.append((name, done.rc))

    # Clients as well: a balancer that nobody ever asked is not given up.
    clients = world.clients(writes=5, reads=5)
    with pytest.MonkeyPatch.context() as patch, clients, world.quick(), Sampler(word) as sampler:
        for name in [name for name in os.environ if name.startswith(("AWS_", canary.VARIABLE))]:
            patch.delenv(name)
        for step in [*plan["move"], {"name": "validate_system"}]:
            if step["name"] in FAILURES:
                with world.fault("error", FAILURES[step["name"]], code="AccessDeniedException", status=400):
                    play(step["name"], {})
            play(step["name"], step.get("extra_vars") or {})
    (folder / "ledger.json").write_text(json.dumps(world.control(f"ledger?since={since}")))
    return {"world": world, "folder": folder, "codes": codes, "sampler": sampler}


def test_the_whole_move_was_run_and_failed_where_it_was_made_to(move):
    failed = [name for name, code in move["codes"] if code]
    assert failed == list(FAILURES), move["codes"]
    events = list(move["folder"].glob("runner/artifacts/*/job_events/*.json"))
    assert len(events) > 1000 and any((move["folder"] / "reports").rglob("*.json"))


def test_the_secrets_of_the_move_carry_the_canary(move, word):
    """Else nothing would be found anywhere, and that would prove nothing."""
    world = move["world"]
    for region in (TARGET, DR):
        client = world.client("secretsmanager", region)
        names = [one["Name"] for one in client.list_secrets(MaxResults=100)["SecretList"]]
        values = [client.get_secret_value(SecretId=name)["SecretString"] for name in names]
        assert values and all(value.startswith(word) for value in values), (region, names)
    meeting = world.client("chime-sdk-meetings").create_meeting(
        ClientRequestToken="canary", ExternalMeetingId="canary", MediaRegion=TARGET
    )["Meeting"]
    attendee = world.client("chime-sdk-meetings").create_attendee(
        MeetingId=meeting["MeetingId"], ExternalUserId="canary"
    )["Attendee"]
    world.client("chime-sdk-meetings").delete_meeting(MeetingId=meeting["MeetingId"])
    assert attendee["JoinToken"].startswith(word)


@pytest.mark.parametrize("place", ["runner", "reports", "local", "remote", "ledger.json"])
def test_no_secret_is_told_in(move, place, word):
    root = move["folder"] / place
    files = [root] if root.is_file() else [path for path in root.rglob("*") if path.is_file()]
    found = {
        str(path.relative_to(move["folder"])): canary.find(word, path.read_text(errors="replace")) for path in files
    }
    assert {name: places[:3] for name, places in found.items() if places} == {}


def test_no_secret_is_told_in_the_logs_of_the_world(move, word):
    logs = move["world"].settings.logs
    found = {path.name: canary.find(word, path.read_text(errors="replace"))[:3] for path in logs.glob("*.log")}
    assert found and not any(found.values()), found


def test_no_secret_is_in_the_list_of_processes(move):
    assert move["sampler"].samples > 100
    assert move["sampler"].told == set()
