# SPDX-License-Identifier: GPL-3.0-or-later
"""What the contract tests share lies beside them."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
