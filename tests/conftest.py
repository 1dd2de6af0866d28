# SPDX-License-Identifier: GPL-3.0-or-later
"""Make `ansible_collections.medzen.multiregion` importable from the checkout, beside the installed AWS collections."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
sys.path.insert(0, str(ROOT / "collections"))

# Installs Ansible's own collection loader: the one that finds a namespace spread over several folders.
from ansible.utils.collection_loader._collection_finder import _AnsibleCollectionFinder  # noqa: E402

if not any(isinstance(finder, _AnsibleCollectionFinder) for finder in sys.meta_path):
    _AnsibleCollectionFinder(paths=[str(ROOT / "collections")])._install()
