# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the options that say where a PostgreSQL database is and who logs in."""


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  login:
    description:
      - Where the database is and who logs in.
    type: dict
    required: true
    suboptions:
      host:
        description:
          - Name or address of the server. With RDS the endpoint's name.
        type: str
        required: true
      port:
        description:
          - Port of the server.
        type: int
        default: 5432
      database:
        description:
          - Name of the database.
        type: str
        default: ehrbase
      user:
        description:
          - Role to log in as. The database's owner, which on RDS is the master user; no superuser is needed.
        type: str
        required: true
      password:
        description:
          - Password of the role. Prefer O(login.password_secret).
        type: str
      password_secret:
        description:
          - Name or ARN of the Secrets Manager secret whose whole value is the password.
          - The module reads it itself (C(secretsmanager:GetSecretValue)) and never returns it.
        type: str
      region:
        description:
          - Region of the secret. Without it the module's own region.
        type: str
      sslmode:
        description:
          - How TLS is used, as libpq defines it.
        type: str
        choices: [disable, allow, prefer, require, verify-ca, verify-full]
        default: prefer
      ca_path:
        description:
          - File with the certificates of the authorities that may have signed the server's.
        type: path
  resolvers:
    description:
      - DNS servers as C(address) or C(address:port) that resolve the host names. Empty means the system's.
      - When some are given, only they are asked.
    type: list
    elements: str
    default: []
requirements:
  - psycopg >= 3.1
  - dnspython, when O(resolvers) is used
"""

    RESOLVERS = r"""
options:
  resolvers:
    description:
      - DNS servers as C(address) or C(address:port) that resolve the host names. Empty means the system's.
      - When some are given, only they are asked.
    type: list
    elements: str
    default: []
"""
