# SPDX-License-Identifier: GPL-3.0-or-later
"""Roles' own variables and expressions, evaluated as a task would, without a playbook."""

import functools
from pathlib import Path

import yaml
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar

try:
    from ansible.template import trust_as_template
except ImportError:  # before ansible-core 2.19 every text was a template

    def trust_as_template(text):
        return text


ROOT = Path(__file__).resolve().parents[2]


def trusted(value):
    if isinstance(value, dict):
        return {key: trusted(one) for key, one in value.items()}
    if isinstance(value, list):
        return [trusted(one) for one in value]
    return trust_as_template(value) if isinstance(value, str) else value


@functools.cache
def load(path):
    return trusted(yaml.safe_load((ROOT / path).read_text(encoding="utf-8")))


def template(text, variables):
    return Templar(DataLoader(), variables=variables).template(trust_as_template(text))
