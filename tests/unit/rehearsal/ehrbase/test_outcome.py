# SPDX-License-Identifier: GPL-3.0-or-later
"""What a failure of the database means to a client."""

import asyncio

import asyncpg
import pytest

from rehearsal.ehrbase.database import write_transaction
from rehearsal.ehrbase.outcome import CommitUnknown, Refusal, classify


@pytest.mark.parametrize(
    "problem",
    [
        asyncpg.ReadOnlySQLTransactionError("medzen fence"),
        asyncpg.InsufficientPrivilegeError("denied"),
    ],
)
def test_a_refused_write_can_be_sent_again_in_a_second(problem):
    refusal = classify(problem)
    assert (refusal.status, refusal.applied, refusal.retry_after_s) == (503, False, 1)
    assert "read only" in refusal.message


@pytest.mark.parametrize(
    "problem",
    [ConnectionRefusedError(), asyncpg.AdminShutdownError("x"), asyncpg.QueryCanceledError("x"), TimeoutError()],
)
def test_without_a_database_nothing_was_applied(problem):
    assert (classify(problem).status, classify(problem).applied) == (503, False)


def test_nobody_knows_what_became_of_a_commit_without_answer():
    refusal = classify(CommitUnknown("lost"))
    assert (refusal.status, refusal.applied) == (500, None)
    assert "outcome unknown" in refusal.message


def test_a_missing_ehr_and_a_duplicate_have_their_own_answers():
    assert classify(asyncpg.ForeignKeyViolationError("x")).status == 404
    assert classify(asyncpg.UniqueViolationError("x")).status == 409


class Connection:
    """A connection that fails at a statement."""

    def __init__(self, failing, problem):
        self.failing, self.problem, self.done, self.terminated = failing, problem, [], False

    async def execute(self, statement, timeout=None):
        self.done.append(statement)
        if statement == self.failing:
            raise self.problem

    def terminate(self):
        self.terminated = True


class Pool:
    def __init__(self, connection):
        self.connection = connection

    def acquire(self, timeout):
        return self

    async def __aenter__(self):
        return self.connection

    async def __aexit__(self, *_):
        return None


def write(connection):
    async def run():
        async with write_transaction(Pool(connection)) as held:
            await held.execute("INSERT")

    asyncio.run(run())


def test_a_failure_before_the_commit_is_rolled_back_and_passed_on():
    connection = Connection("INSERT", asyncpg.ReadOnlySQLTransactionError("fence"))
    with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
        write(connection)
    assert connection.done == ["BEGIN", "INSERT", "ROLLBACK"]
    assert not connection.terminated


def test_a_failure_of_the_commit_is_unknown_and_its_connection_is_dropped():
    connection = Connection("COMMIT", ConnectionResetError())
    with pytest.raises(CommitUnknown):
        write(connection)
    assert connection.terminated


def test_a_refusal_can_pass_a_context_manager():
    connection = Connection("INSERT", Refusal(412, "other version"))
    with pytest.raises(Refusal):
        write(connection)
