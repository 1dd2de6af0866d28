# SPDX-License-Identifier: GPL-3.0-or-later
"""AWS's API on loopback: moto behind our own server, with layers that make it behave like AWS."""

import os

from rehearsal.settings import ACCOUNT_ID

# moto reads these when it is imported, so they are set before any module of this package is.
MOTO_SETTINGS = {
    "MOTO_ACCOUNT_ID": ACCOUNT_ID,
    "MOTO_IAM_LOAD_MANAGED_POLICIES": "true",
    "MOTO_EC2_LOAD_DEFAULT_AMIS": "false",
    "MOTO_DISABLE_GLOBAL_CORS": "true",
}
os.environ.update(MOTO_SETTINGS)
