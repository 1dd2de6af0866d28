# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the preflight of visits and the assistant reads. Each read gives its fact; `preflight_reads.look` makes Unknown
of a failure."""

from __future__ import annotations

from ansible_collections.medzen.multiregion.plugins.module_utils import bedrock, model_reads
from ansible_collections.medzen.multiregion.plugins.module_utils import model_access as access
from ansible_collections.medzen.multiregion.plugins.module_utils.aws import describe, paginate
from ansible_collections.medzen.multiregion.plugins.module_utils.clients import Clients
from ansible_collections.medzen.multiregion.plugins.module_utils.service_model import require_operations
from ansible_collections.medzen.multiregion.plugins.module_utils.service_regions import has_endpoint


@describe("list the functions of {region}")
def read_functions(clients: Clients, region: str) -> list[str]:
    return [one["FunctionName"] for one in paginate(clients("lambda", region), "list_functions", "Functions")]


@describe("list the tables of {region}")
def read_tables(clients: Clients, region: str) -> list[str]:
    return paginate(clients("dynamodb", region), "list_tables", "TableNames")


def read_retention(clients: Clients, region: str) -> str:
    """The mode that holds; a botocore that does not know the operation has not read it."""
    connection = clients("bedrock", region)
    require_operations(connection, "GetAccountDataRetention", since="1.44.0")
    return bedrock.get_retention(connection)["mode"]


def read_models(clients: Clients, rules: access.Rules, model_ids: list[str], extra_regions: list[str]) -> list[dict]:
    """The entries of all models that are called in a region; a region without Bedrock is not called."""
    if not has_endpoint("bedrock", rules.region, extra_regions):
        return [access.judge_unsupported(one, rules) for one in model_ids]
    connection = clients("bedrock", rules.region)
    require_operations(connection, *model_reads.OPERATIONS, since="1.39.0")
    catalog = model_reads.read_catalog(connection)
    return [model_reads.judge_model(connection, catalog, one, rules) for one in model_ids]
