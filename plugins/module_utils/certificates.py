# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ACM's listing of certificates, with keys of every type.

https://docs.aws.amazon.com/acm/latest/APIReference/API_Filters.html
"""

from __future__ import annotations

from typing import Any

from ansible_collections.medzen.multiregion.plugins.module_utils.aws import describe, paginate

# Unless asked, ACM lists RSA_1024 and RSA_2048 only.
KEY_TYPES = ["RSA_1024", "RSA_2048", "RSA_3072", "RSA_4096", "EC_prime256v1", "EC_secp384r1", "EC_secp521r1"]


@describe("list certificates")
def list_certificates(acm: Any, **filters: Any) -> list[dict]:
    """Summaries of the certificates; `filters` are ACM's own, for example CertificateStatuses."""
    includes = {"keyTypes": KEY_TYPES}
    return paginate(acm, "list_certificates", "CertificateSummaryList", Includes=includes, **filters)
