# SPDX-License-Identifier: GPL-3.0-or-later
"""A clock that is off: on the path of a Python process it shifts `time.time` by MEDZEN_CLOCK_SKEW_S seconds.

Times that the process compares with those of others (leases, soaks, ages) come from there. `datetime` keeps the right
time, so that requests are signed as AWS wants them.
"""

import os
import time

_SKEW_S = float(os.environ.get("MEDZEN_CLOCK_SKEW_S", "0"))
_time, _time_ns = time.time, time.time_ns
time.time = lambda: _time() + _SKEW_S
time.time_ns = lambda: _time_ns() + int(_SKEW_S * 1e9)
