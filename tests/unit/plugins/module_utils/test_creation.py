# SPDX-License-Identifier: GPL-3.0-or-later
import pytest
from ansible_collections.medzen.multiregion.plugins.module_utils.creation import create_once, is_unanswered
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import AwsError, WaitTimeout
from botocore.exceptions import ClientError, ConnectionClosedError


def failure(code, status):
    answer = {"Error": {"Code": code, "Message": "no"}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return AwsError("Failed to create it", ClientError(answer, "Create"))


LOST = AwsError("Failed to create it", ConnectionClosedError(endpoint_url="https://api"))
FAILED, THROTTLED = failure("InternalFailure", 500), failure("TooManyRequestsException", 429)


def attempt(answers, seen=(None,)):
    """The result and what was called in which order."""
    calls, answers, seen = [], list(answers), list(seen)

    def create():
        calls.append("create")
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def find():
        calls.append("find")
        return seen.pop(0) if len(seen) > 1 else seen[0]

    return create_once(create, find, "it", 1, 0), calls


def test_nothing_is_looked_for_while_answers_come():
    assert attempt(["made"]) == ("made", ["create"])
    assert attempt([THROTTLED, "made"]) == ("made", ["create", "create"])


@pytest.mark.parametrize("fault", [LOST, FAILED])
def test_what_an_unanswered_call_made_is_found_and_not_made_again(fault):
    assert attempt([fault], ["found"]) == ("found", ["create", "find"])


def test_what_an_unanswered_call_did_not_make_is_made():
    assert attempt([LOST, THROTTLED, "made"]) == ("made", ["create", "find", "create", "find", "create"])


def test_a_refusal_is_raised_as_it_is():
    with pytest.raises(AwsError, match="AccessDenied"):
        attempt([failure("AccessDeniedException", 403)])


def test_a_service_that_never_answers_ends_in_a_timeout():
    with pytest.raises(WaitTimeout, match="it to be made; last state: not confirmed"):
        create_once(lambda: (_ for _ in ()).throw(LOST), lambda: None, "it", 0, 0)


def test_only_what_may_have_been_done_is_unanswered():
    assert is_unanswered(LOST) and is_unanswered(FAILED) and not is_unanswered(THROTTLED)
