# SPDX-License-Identifier: GPL-3.0-or-later
"""What was compiled once is not compiled again, and says what it says without."""

import json
import os
import subprocess
import sys

import pytest

from rehearsal.playbooks import ROOT, keep_code

# Evaluates templates and conditions as a worker does, and counts what Jinja compiles meanwhile.
WORKER = """
import json, sys
import jinja2.environment
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template

compiled, generate = [], jinja2.environment.Environment._generate
def count(self, *args, **kwargs):
    compiled.append(args)
    return generate(self, *args, **kwargs)
jinja2.environment.Environment._generate = count
templar = Templar(DataLoader(), variables={"number": int(sys.argv[1]), "nested": trust_as_template("{{ number + 1 }}")})
told = []
for text in ("{{ number }}", "{{ nested }} {{ [1, 2] | map('string') | join(',') }}", "{{ missing }}", "{{ br ken }}",
             "{% for one in [1, 2] %}{{ one }}{% endfor %}", "a\\\\n{{ 'b\\\\n' }}"):
    try:
        told.append(repr(templar.template(trust_as_template(text))))
    except Exception as problem:
        told.append(f"{type(problem).__name__}: {problem}")
for text in ("number == 3", "nested > 3 and number in [3]", "br ken"):
    try:
        told.append(templar.evaluate_conditional(trust_as_template(text)))
    except Exception as problem:
        told.append(f"{type(problem).__name__}: {problem}")
print(json.dumps({"told": told, "compiled": len(compiled)}))
"""


COLLECTION = """
from ansible.plugins.loader import init_plugin_loader
init_plugin_loader()
from ansible_collections.medzen.multiregion.plugins.module_utils import lsn
print(lsn.__file__, sorted(vars(lsn)))
"""
# As the archive of a module, each time in another folder.
PACKED = """
import shutil, sys, tempfile, zipfile
folder = tempfile.mkdtemp()
with zipfile.ZipFile(folder + "/payload.zip", "w") as archive:
    archive.writestr("packed_one.py", "answer = 42")
sys.path.insert(0, folder + "/payload.zip")
import packed_one
print(packed_one.answer)
shutil.rmtree(folder)
"""


@pytest.fixture
def run(tmp_path):
    """Runs a program, and says what it printed and how much is kept by now."""

    def run_program(program, *arguments, kept=True, **more):
        environment = {**os.environ, **more, "ANSIBLE_HOME": str(tmp_path), "ANSIBLE_DEPRECATION_WARNINGS": "0"}
        if kept:
            environment = keep_code(environment) | {"MEDZEN_KEPT_CODE": str(tmp_path / "kept")}
        command = [sys.executable, "-c", program, *arguments]
        done = subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True, timeout=60
        )
        return done.stdout, sum(path.is_file() for path in (tmp_path / "kept").rglob("*"))

    return run_program


@pytest.fixture
def evaluate(run):
    return lambda number, kept=True: json.loads(run(WORKER, str(number), kept=kept)[0])


def test_the_second_process_compiles_nothing_and_says_the_same(evaluate):
    plain, first, second = evaluate(3, kept=False), evaluate(3), evaluate(3)
    assert plain["told"] == first["told"] == second["told"]
    assert plain["compiled"] >= first["compiled"] > second["compiled"] == 0


@pytest.mark.parametrize("program", [COLLECTION, PACKED], ids=["collection", "packed"])
def test_a_file_is_compiled_once(run, program):
    (plain, none), first, second = run(program, kept=False), run(program), run(program)
    assert none == 0 < first[1] and first == second and first[0] == plain


def test_a_value_is_not_kept(evaluate):
    evaluate(3)
    assert evaluate(4)["told"] == evaluate(4, kept=False)["told"] != evaluate(3)["told"]


def test_what_was_kept_in_part_is_compiled_again(evaluate, tmp_path):
    first = evaluate(3)
    for file in (tmp_path / "kept").rglob("*"):
        if file.is_file():
            file.write_bytes(file.read_bytes()[:10])
    assert evaluate(3) == first


def test_what_else_stands_on_the_path_is_run_as_well(run, tmp_path):
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "sitecustomize.py").write_text("import sys; sys.also = 7")
    assert run("import sys; print(sys.also)", PYTHONPATH=str(tmp_path / "other"))[0] == "7\n"
