# SPDX-License-Identifier: GPL-3.0-or-later
"""What must not stand in playbooks, roles and modules, whatever a linter thinks of it."""

import re
from pathlib import Path

import pytest
import yaml

pytestmark = pytest.mark.text
ROOT = Path(__file__).resolve().parents[2]
CONTENT = sorted(
    path for folder in ("playbooks", "roles", "group_vars") for path in (ROOT / folder).rglob("*.yml") if path.is_file()
)
PYTHON = sorted(path for folder in ("plugins",) for path in (ROOT / folder).rglob("*.py"))
FORBIDDEN = {
    # An interactive question hangs an automation until its time is up.
    r"\bvars_prompt\b": "asks a person",
    r"ansible\.builtin\.pause|^\s*-?\s*pause:": "waits for a fixed time",
    r"\bignore_errors\b": "goes on after a fault",
    r"meta:\s*end_play": "ends without saying so",
    r"ansible\.builtin\.pipe|lookup\('pipe'": "runs a command of the controller",
    # Before ansible-core 2.19 a variable of a role whose template gives none is an empty text to whoever asks it.
    r"\b__\w+ is (not )?none\b": "takes unknown for known in ansible-core 2.18",
    # These declare check mode and write in it, or lose what they should keep.
    r"community\.aws\.application_autoscaling_policy": "writes in check mode",
    r"community\.aws\.secretsmanager_secret": "drops replicas",
    r"community\.aws\.ecs_service:": "does not notice drift",
    r"amazon\.aws\.route53:": "changes one record at a time",
    r"amazon\.aws\.rds_instance_snapshot": "cannot copy what is encrypted",
    r"amazon\.aws\.iam_password_policy|community\.aws\.ecs_attribute": "writes in check mode",
}


@pytest.mark.parametrize("path", CONTENT, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_forbidden_construct(path):
    text = path.read_text()
    assert {why for pattern, why in FORBIDDEN.items() if re.search(pattern, text, re.M)} == set()


@pytest.mark.parametrize("path", [*CONTENT, *PYTHON], ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_asks_whether_it_is_a_rehearsal(path):
    assert re.findall(r"rehears|\bstand-in\b|127\.\d+\.", path.read_text(), re.I) == []


@pytest.mark.parametrize("path", sorted((ROOT / "roles").rglob("tasks/*.yml")), ids=lambda p: str(p.relative_to(ROOT)))
def test_no_role_names_a_region(path):
    assert re.findall(r"\b(?:eu|af|us|ap)-(?:west|central|south|east)-\d\b", path.read_text()) == []


@pytest.mark.parametrize("path", sorted((ROOT / "roles").rglob("tasks/*.yml")), ids=lambda p: str(p.relative_to(ROOT)))
def test_a_module_that_does_not_know_how_its_service_throttles_leaves_it_to_botocore(path):
    for task in yaml.safe_load(path.read_text()) or []:
        for name in (name for name in task if name.startswith("community.aws.")):
            assert task[name]["aws_config"]["retries"]["max_attempts"] >= 10, task["name"]


def logins(value):
    """What names a database's password, in a dict or in a template that makes one of another."""
    if isinstance(value, dict):
        inner = [found for one in value.values() for found in logins(one)]
        return ([value] if "password_secret" in value else []) + inner
    if isinstance(value, list):
        return [found for one in value for found in logins(one)]
    return [value] if isinstance(value, str) and "'password_secret'" in value else []


def checks_the_server(login):
    """Another role takes host and TLS from the login beside it; a template takes them from the login it combines."""
    if isinstance(login, str):
        return re.search(r"_login \| combine\(", login) is not None
    return set(login) <= {"name", "user", "password_secret", "region"} or {"sslmode", "ca_path"} <= set(login)


@pytest.mark.parametrize(
    "path",
    sorted(path for part in ("tasks", "vars") for path in (ROOT / "roles").glob(f"*/{part}/*.yml")),
    ids=lambda path: str(path.relative_to(ROOT)),
)
def test_every_login_says_how_the_server_is_known(path):
    assert [login for login in logins(yaml.safe_load(path.read_text())) if not checks_the_server(login)] == []


def test_a_login_without_a_word_on_tls_is_found():
    bare = {"host": "db", "user": "admin", "password_secret": "x"}
    assert [checks_the_server(one) for one in logins([{"target": bare}, "{{ {'password_secret': x} }}"])] == [False] * 2


@pytest.mark.parametrize("path", ["region_fence/tasks/fence.yml", "logical_seed/tasks/follow.yml"])
def test_a_database_that_production_has_left_or_not_reached_keeps_a_fence_that_is_not_proved(path):
    tasks = yaml.safe_load((ROOT / "roles" / path).read_text())
    fences = [task["medzen.multiregion.postgresql_fence"] for task in tasks if "postgresql_fence" in str(task.keys())]
    assert [(one["state"], one.get("keep_unproved")) for one in fences] == [("fenced", True)]


def plays(path):
    return [play for play in yaml.safe_load(path.read_text()) if "hosts" in play]


@pytest.mark.parametrize("path", sorted((ROOT / "playbooks").glob("*.yml")), ids=lambda path: path.stem)
def test_a_playbook_is_a_list_of_roles_with_one_way_to_aws(path):
    for play in plays(path):
        assert "roles" in play and "tasks" not in play, play["name"]
        assert play["gather_facts"] is False
        defaults = play["module_defaults"]["group/medzen.multiregion.roles"]
        assert set(defaults) == {"region", "endpoint_url", "access_key", "secret_key"}


@pytest.mark.parametrize("path", sorted((ROOT / "playbooks").glob("*.yml")), ids=lambda path: path.stem)
def test_every_playbook_can_be_typed_from_the_root(path):
    wrapper = yaml.safe_load((ROOT / path.name).read_text())
    assert [play["ansible.builtin.import_playbook"] for play in wrapper] == [f"medzen.multiregion.{path.stem}"]


@pytest.mark.parametrize("path", sorted((ROOT / "playbooks").glob("*.yml")), ids=lambda path: path.stem)
def test_what_takes_the_lock_gives_it_back(path):
    roles = [role for play in plays(path) for role in play["roles"] if role["role"].endswith(".run_record")]
    states = [role.get("run_record_state", "acquired") for role in roles]
    assert [state for state in states if state != "held"] in ([], ["acquired", "released"])
    assert {role["run_record_playbook"] for role in roles} <= {path.stem}


@pytest.mark.parametrize("path", sorted((ROOT / "playbooks").glob("*.yml")), ids=lambda path: path.stem)
def test_a_play_that_limit_reaches_without_the_lock_asks_for_it(path):
    with_lock = [play for play in plays(path) if "run_record" in str(play["roles"])]
    elsewhere = [play for play in plays(path) if with_lock and play["hosts"] != with_lock[0]["hosts"]]
    assert [play["roles"][0].get("run_record_state") for play in elsewhere[:1]] in ([], ["held"])


@pytest.mark.parametrize("path", sorted((ROOT / "playbooks").glob("*.yml")), ids=lambda path: path.stem)
def test_options_are_looked_at_before_anything_works(path):
    first = next((play["roles"][0] for play in yaml.safe_load(path.read_text()) if play.get("roles")), None)
    assert first in (None, {"role": "medzen.multiregion.option_check", "tags": ["always"]})
