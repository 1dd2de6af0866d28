# SPDX-License-Identifier: GPL-3.0-or-later
"""Every constrained option, given a wrong value, ends in an error that names it, before any call.

The values are made from the documentation, botocore's model and shapes.yml; nothing is listed here.
"""

import pytest
from bad_options import Case, iter_cases, right_task
from module_runs import Called
from module_shapes import MODULES, OPTIONS, table

CASES = [case for module in MODULES for case in iter_cases(module)]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_wrong_value_is_refused_by_the_options_name_before_any_call(run, calls, case: Case):
    result = run(case.module, case.options)
    assert result.get("failed") and calls == [], result
    assert [word for word in case.words if word not in result["msg"]] == [], result["msg"]


PATHS = sorted({(case.module, case.path) for case in CASES})


@pytest.mark.parametrize(("module", "path"), PATHS, ids=map("-".join, PATHS))
def test_the_same_task_with_a_right_value_goes_on(run, module, path):
    """Otherwise something else than the wrong value could have ended the tasks above."""
    try:
        result = run(module, right_task(module, path))
    except Called:
        return
    assert not result.get("failed"), result


def test_there_are_cases_of_every_kind():
    kinds = {case.why.rstrip("0123456789") for case in CASES}
    assert kinds >= {"choice", "type", "word", "long", "empty", "pattern", "small", "large", "crowd", "missing", "bad"}
    assert {case.module for case in CASES} == {module for module in MODULES if table()[module][OPTIONS]}
