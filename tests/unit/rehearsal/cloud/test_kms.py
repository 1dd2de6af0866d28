# SPDX-License-Identifier: GPL-3.0-or-later
import pytest
from botocore.exceptions import ClientError

from rehearsal.cloud.kms import key_state


def code_of(call, **parameters):
    with pytest.raises(ClientError) as caught:
        call(**parameters)
    return caught.value.response["Error"]["Code"]


@pytest.fixture
def kms(client):
    return client("kms")


@pytest.fixture
def key(kms):
    return kms.create_key()["KeyMetadata"]["KeyId"]


def test_a_disabled_key_cannot_be_used(kms, key):
    kms.disable_key(KeyId=key)
    assert code_of(kms.encrypt, KeyId=key, Plaintext=b"x") == "DisabledException"
    kms.enable_key(KeyId=key)
    kms.encrypt(KeyId=key, Plaintext=b"x")


@pytest.mark.parametrize("days", [6, 31])
def test_a_deletion_window_outside_7_to_30_days_is_refused(kms, key, days):
    assert code_of(kms.schedule_key_deletion, KeyId=key, PendingWindowInDays=days) in (
        "ValidationException",
        "ParamValidation",
    )


def test_a_key_pending_deletion_cannot_be_used_and_comes_back_disabled(kms, key):
    kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    assert code_of(kms.encrypt, KeyId=key, Plaintext=b"x") == "KMSInvalidStateException"
    kms.cancel_key_deletion(KeyId=key)
    assert kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"] == "Disabled"


def test_a_key_is_known_by_its_arn_wherever_by_its_id(kms, key):
    arn = kms.describe_key(KeyId=key)["KeyMetadata"]["Arn"]
    kms.update_key_description(KeyId=arn, Description="anew")
    kms.disable_key(KeyId=arn)
    kms.enable_key(KeyId=arn)
    kms.schedule_key_deletion(KeyId=arn, PendingWindowInDays=7)
    kms.cancel_key_deletion(KeyId=arn)
    found = kms.describe_key(KeyId=key)["KeyMetadata"]
    assert (found["Description"], found["KeyState"]) == ("anew", "Disabled")


def test_a_key_is_gone_at_the_end_of_its_window(kms, key, pass_time):
    kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    pass_time(7 * 86400)
    assert code_of(kms.describe_key, KeyId=key) == "NotFoundException"


def test_a_primary_key_waits_for_its_replicas(kms):
    key = kms.create_key(MultiRegion=True)["KeyMetadata"]["KeyId"]
    kms.replicate_key(KeyId=key, ReplicaRegion="eu-west-1")
    kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    assert kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"] == "PendingReplicaDeletion"


def test_the_key_of_a_service_exists_and_cannot_be_deleted(kms):
    shown = kms.describe_key(KeyId="alias/aws/rds")["KeyMetadata"]
    assert shown["KeyManager"] == "AWS"
    assert code_of(kms.schedule_key_deletion, KeyId=shown["KeyId"]) == "AccessDeniedException"


def test_the_state_of_a_key_is_known_by_id_alias_and_arn_and_only_in_its_region(kms, key):
    kms.create_alias(AliasName="alias/state", TargetKeyId=key)
    arn = kms.describe_key(KeyId=key)["KeyMetadata"]["Arn"]
    assert [key_state("eu-central-1", name) for name in (key, "alias/state", arn)] == ["Enabled"] * 3
    assert key_state("eu-west-1", arn) is None
    assert key_state("eu-central-1", "alias/none") is None


def test_only_an_asymmetric_key_signs(kms, key):
    pair = kms.create_key(KeyUsage="SIGN_VERIFY", KeySpec="RSA_2048")["KeyMetadata"]["KeyId"]
    asked = {"Message": b"x", "SigningAlgorithm": "RSASSA_PSS_SHA_256"}
    signature = kms.sign(KeyId=pair, **asked)["Signature"]
    assert kms.verify(KeyId=pair, Signature=signature, **asked)["SignatureValid"]
    code_of(kms.sign, KeyId=key, **asked)
