# SPDX-License-Identifier: GPL-3.0-or-later
"""Make `ansible_collections.medzen.multiregion` importable from the checkout, beside the installed AWS collections."""

import gc
import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
sys.path.insert(0, str(ROOT / "collections"))

# What hypothesis works out once about characters; values that failed are not kept, a fixed seed finds them again.
os.environ.setdefault("HYPOTHESIS_STORAGE_DIRECTORY", str(ROOT / ".cache" / "hypothesis"))

# Installs Ansible's own collection loader: the one that finds a namespace spread over several folders.
from ansible.utils.collection_loader._collection_finder import _AnsibleCollectionFinder  # noqa: E402

# A lane without the AWS collections of its own is told where they are.
more = [path for path in os.environ.get("ANSIBLE_COLLECTIONS_PATH", "").split(os.pathsep) if path]

if not any(isinstance(finder, _AnsibleCollectionFinder) for finder in sys.meta_path):
    _AnsibleCollectionFinder(paths=[str(ROOT / "collections"), *more])._install()


def pytest_collection_finish():
    """Thousands of tests stay until the end: collecting garbage need not look at them again and again."""
    gc.freeze()
