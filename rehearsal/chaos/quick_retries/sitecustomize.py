# SPDX-License-Identifier: GPL-3.0-or-later
"""Retries that wait less: on the path of a Python process it divides by MEDZEN_RETRIES_FASTER what amazon.aws and
botocore sleep between two tries of a call.

AWS's times pass faster in a sweep's world, and these waits are of them. Nothing else sleeps less.
"""

import os
import sys
import time

_FASTER = float(os.environ.get("MEDZEN_RETRIES_FASTER", "1"))
_RETRYING = ("ansible_collections.amazon.aws.plugins.module_utils.cloud", "botocore.")
_sleep = time.sleep


def _sleep_less(seconds):
    caller = sys._getframe(1).f_globals.get("__name__", "")
    _sleep(seconds / _FASTER if caller.startswith(_RETRYING) else seconds)


time.sleep = _sleep_less
