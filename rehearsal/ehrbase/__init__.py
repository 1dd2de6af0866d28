# SPDX-License-Identifier: GPL-3.0-or-later
"""A stand-in for EHRbase: its REST API, environment and database start-up over a schema of our own.

Reading order: settings (environment), names (DNS), database (pool), flyway (start-up), outcome (errors), statements
(SQL), store, aql, app (HTTP).
"""
