# SPDX-License-Identifier: GPL-3.0-or-later
import argparse
import json
from types import SimpleNamespace

import pytest

from rehearsal import chaos
from rehearsal.chaos.injections import Outcome, every_injection, is_name

CALLS = {"provision_region": 1, "cutover_dns": 2}


def wanted(kinds):
    return [vars(one) for one in every_injection(CALLS, kinds)]


def test_a_sweep_that_goes_on_wants_what_it_wanted_and_the_kinds_that_are_given(tmp_path):
    path = tmp_path / chaos.WANTED
    path.write_text(json.dumps({"write_calls": CALLS, "injections": wanted(["kill"])}))
    chaos.add_kinds(path, [])
    assert json.loads(path.read_text()) == {"write_calls": CALLS, "injections": wanted(["kill"])}
    chaos.add_kinds(path, ["kill", "lost", "dns"])
    assert json.loads(path.read_text())["injections"] == wanted(["lost", "dns"]) + wanted(["kill"])


def test_an_injection_is_tried_once_by_whoever_comes_first(tmp_path):
    for part in ("claims", "outcomes"):
        (tmp_path / part).mkdir()
    first, second = every_injection(CALLS, ["lost"])
    (tmp_path / "outcomes" / f"{first.name}.json").touch()
    assert not chaos.claim(tmp_path, first)
    assert chaos.claim(tmp_path, second)
    assert not chaos.claim(tmp_path, second)


def test_the_progress_counts_what_was_tried_and_says_what_is_left_of_a_timed_sweep(tmp_path):
    (tmp_path / "outcomes").mkdir()
    first, _second = every_injection(CALLS, ["lost"])
    told = Outcome(first, 1, (0,), (), 0, 0, (), 90.0).as_dict()
    (tmp_path / "outcomes" / f"{first.name}.json").write_text(json.dumps(told))
    plan = {"write_calls": CALLS, "injections": wanted(["lost"])}
    (tmp_path / chaos.WANTED).write_text(json.dumps(plan))
    assert chaos.describe_progress(tmp_path, worlds=1) == "1 of 2"
    plan["clean_seconds"] = {"provision_region": 30.0, "cutover_dns": 20.0}
    (tmp_path / chaos.WANTED).write_text(json.dumps(plan))
    assert chaos.describe_progress(tmp_path, worlds=1) == "1 of 2, about 1 min left"


@pytest.mark.parametrize("calls", [CALLS, {}])
def test_a_sweep_that_tries_nothing_has_not_passed_and_says_what_there_is(tmp_path, capsys, calls):
    """A kill behind the last call, or a playbook that nobody knows, would else be a green run that proves nothing."""
    folder = tmp_path / "chaos-1"
    (folder / "outcomes").mkdir(parents=True)
    (folder / chaos.WANTED).write_text(json.dumps({"write_calls": calls, "injections": []}))
    assert chaos.conclude(SimpleNamespace(seed=1), folder, 1.0, [0]) == 1
    told = capsys.readouterr().out
    assert "Nothing was tried" in told and ("cutover_dns 2" if calls else "none") in told


@pytest.mark.parametrize("given", [["--playbooks", "cutover_dns", "cutover"], ["--only", "cutover-kill-1"]])
def test_an_unknown_playbook_is_refused_before_a_world_comes_up(given, capsys):
    parser = argparse.ArgumentParser()
    chaos.add_arguments(parser)
    assert chaos.main(parser.parse_args(given)) == 2
    assert "no playbook cutover in the move; expected some of provision_region, " in capsys.readouterr().err


@pytest.mark.parametrize(
    "name", ["cutover_dns-kill-0", "cutover_dns-kil-3", "cutover_dns-database-cut_lnk", "cutover_dns"]
)
def test_an_unknown_injection_is_refused_before_a_world_comes_up(name, capsys):
    parser = argparse.ArgumentParser()
    chaos.add_arguments(parser)
    assert chaos.main(parser.parse_args(["--only", name])) == 2
    assert f"no injection is called {name}; expected <playbook>-kill-<n>" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["cutover_dns-kill-12", "cutover_dns-lost", "cutover_dns-database-cut_link"])
def test_what_an_injection_is_called_is_a_name(name):
    assert is_name(name, CALLS)


def test_a_sweep_that_goes_on_tells_the_seconds_of_all_its_sittings(tmp_path, monkeypatch):
    folder = tmp_path / "chaos-1"
    folder.mkdir()
    (folder / chaos.WANTED).write_text(json.dumps({"write_calls": CALLS, "injections": wanted(["lost"])}))
    (folder / chaos.SECONDS).write_text("100.0")
    polls, clock = iter([None, 0, 0]), iter([1000.0, 1007.0])
    worker = SimpleNamespace(poll=lambda: next(polls), terminate=lambda: None, wait=lambda _s: 0, returncode=0)
    monkeypatch.setattr(chaos, "start_worker", lambda *_given: worker)
    monkeypatch.setattr(chaos, "time", SimpleNamespace(monotonic=lambda: next(clock), sleep=lambda _s: None))
    assert chaos.direct(SimpleNamespace(resume=folder, kinds=[], seed=1, worlds=1)) == 1
    assert json.loads((folder / "chaos.json").read_text())["seconds"] == 107
