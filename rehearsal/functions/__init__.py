# SPDX-License-Identifier: GPL-3.0-or-later
"""The sources of the estate's functions: video visits (Chime) and the assistant (Bedrock).

Each file is a function of its own with nothing but boto3 beside it; rehearsal/packages.py packs it. Settings come from
the environment, the region is the function's own.
"""
