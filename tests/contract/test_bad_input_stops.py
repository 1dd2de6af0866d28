# SPDX-License-Identifier: GPL-3.0-or-later
"""A playbook that is given wrong values ends before its first call: one process for all options at once."""

import pytest
from ansible.release import __version__ as ansible_version
from option_cases import LABEL, OPTIONS
from option_runs import chooser_of, play, sample

# Ansible reads this one before the role that looks at all the others can.
BEFORE = {"option_check_ignore"}
# For any task, ansible-core 2.18 evaluates the defaults of a play's modules as well: endpoint and credentials. A text
# that is no template ends the run there, with Ansible's own words and not with those of the role.
EVALUATED = (
    {"multiregion_endpoint_url", "multiregion_aws_access_key", "multiregion_aws_secret_key"}
    if ansible_version.startswith("2.18.")
    else set()
)


@pytest.fixture
def folder(tmp_path):
    return tmp_path


def test_a_wrong_value_of_every_option_stops_a_playbook_before_its_first_call(folder, record_property):
    given = {case.option: case.value for case in sample(chooser_of("extra")) if case.option not in BEFORE | EVALUATED}
    outcome = play(folder, "cutover_dns", extra=given)
    assert outcome.code != 0 and outcome.asked == [], outcome.text[-3000:]
    assert set(given) - outcome.named == set(), outcome.text[:3000]
    assert "Traceback" not in outcome.text
    record_property(LABEL, {"wrong values in playbooks": len(given)})


def test_a_template_given_with_extra_variables_is_not_evaluated(folder, record_property):
    """Whoever may start a job with a survey is not by that allowed to run code on the controller."""
    mark = folder / "evaluated"
    given = {
        option: f"{{{{ lookup('ansible.builtin.pipe', 'touch {mark}-{option}') }}}}"
        for option in OPTIONS
        if option not in BEFORE
    }
    outcome = play(folder, "provision_region", extra=given)
    assert outcome.code != 0 and outcome.asked == [], outcome.text[-3000:]
    assert set(given) - outcome.named == set()
    assert {path.name.removeprefix("evaluated-") for path in folder.glob("evaluated-*")} <= EVALUATED
    record_property(LABEL, {"wrong values in playbooks": len(given)})
