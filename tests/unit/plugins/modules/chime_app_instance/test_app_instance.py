# SPDX-License-Identifier: GPL-3.0-or-later
"""An app instance is made, changed and deleted; what would lose messages is refused."""

from types import SimpleNamespace

import botocore.session
import pytest
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import AwsError, Refused, WaitTimeout
from ansible_collections.medzen.multiregion.plugins.modules import chime_app_instance as module
from botocore.exceptions import ClientError

ARN = "arn:aws:chime:eu-central-1:123456789012:app-instance/one"
STREAM = "arn:aws:kinesis:eu-central-1:123456789012:stream/chime-messaging-one"
ALICE, BOB = f"{ARN}/user/alice", f"{ARN}/user/bob"
SESSION = botocore.session.get_session()


def params(**given):
    return {
        "state": "present",
        "name": "medzen",
        "app_instance_arn": None,
        "metadata": None,
        "retention_days": None,
        "allow_data_deletion": False,
        "streaming_configurations": None,
        "admins": None,
        "force": False,
        "extra_regions": [],
        "tags": None,
        "purge_tags": True,
        "wait": True,
        "wait_timeout": 0,
        "poll_seconds": 0,
        **given,
    }


class Module:
    region = "eu-central-1"

    def __init__(self, check_mode=False, **given):
        self.check_mode, self.params = check_mode, params(**given)


class Cloud:
    """Identity and messaging of one region in one. `errors` fail before the effect, `lost` after it."""

    def __init__(self, *names, errors=None, lost=None, stays=0):
        self.instances = {f"{ARN}{number or ''}": self.new(name) for number, name in enumerate(names)}
        self.errors, self.lost, self.stays = errors or {}, lost or {}, stays
        self.writes = []
        self.identity = Client(self, "chime-sdk-identity")
        self.messaging = Client(self, "chime-sdk-messaging")

    @staticmethod
    def new(name, metadata="", tags=()):
        return {"name": name, "metadata": metadata, "days": None, "streams": [], "admins": [], "tags": list(tags)}

    def ListAppInstances(self, **_request):
        listed = [{"AppInstanceArn": arn, "Name": one["name"]} for arn, one in self.instances.items()]
        if self.stays and not listed:
            self.stays -= 1
            listed = [{"AppInstanceArn": ARN, "Name": "leaving"}]
        return {"AppInstances": listed}

    def DescribeAppInstance(self, AppInstanceArn):
        one = self.instances[AppInstanceArn]
        return {"AppInstance": {"AppInstanceArn": AppInstanceArn, "Name": one["name"], "Metadata": one["metadata"]}}

    def GetAppInstanceRetentionSettings(self, AppInstanceArn):
        days = self.instances[AppInstanceArn]["days"]
        settings = {"ChannelRetentionSettings": {"RetentionDays": days}} if days else {}
        return {"AppInstanceRetentionSettings": settings}

    def GetMessagingStreamingConfigurations(self, AppInstanceArn):
        if not self.instances[AppInstanceArn]["streams"]:
            raise ClientError({"Error": {"Code": "NotFoundException", "Message": ""}}, "Get")
        return {"StreamingConfigurations": self.instances[AppInstanceArn]["streams"]}

    def ListAppInstanceAdmins(self, AppInstanceArn, **_request):
        return {"AppInstanceAdmins": [{"Admin": {"Arn": one}} for one in self.instances[AppInstanceArn]["admins"]]}

    def ListTagsForResource(self, ResourceARN):
        return {"Tags": self.instances[ResourceARN]["tags"]}

    def CreateAppInstance(self, Name, ClientRequestToken, Metadata="", Tags=()):
        self.instances[ARN] = self.new(Name, Metadata, Tags)
        return {"AppInstanceArn": ARN}

    def UpdateAppInstance(self, AppInstanceArn, Name, Metadata):
        self.instances[AppInstanceArn] |= {"name": Name, "metadata": Metadata}

    def PutAppInstanceRetentionSettings(self, AppInstanceArn, AppInstanceRetentionSettings):
        days = AppInstanceRetentionSettings["ChannelRetentionSettings"]["RetentionDays"]
        self.instances[AppInstanceArn]["days"] = days

    def PutMessagingStreamingConfigurations(self, AppInstanceArn, StreamingConfigurations):
        self.instances[AppInstanceArn]["streams"] = StreamingConfigurations

    def DeleteMessagingStreamingConfigurations(self, AppInstanceArn):
        self.instances[AppInstanceArn]["streams"] = []

    def CreateAppInstanceAdmin(self, AppInstanceArn, AppInstanceAdminArn):
        self.instances[AppInstanceArn]["admins"].append(AppInstanceAdminArn)

    def DeleteAppInstanceAdmin(self, AppInstanceArn, AppInstanceAdminArn):
        self.instances[AppInstanceArn]["admins"].remove(AppInstanceAdminArn)

    def TagResource(self, ResourceARN, Tags):
        kept = [one for one in self.instances[ResourceARN]["tags"] if one["Key"] not in {tag["Key"] for tag in Tags}]
        self.instances[ResourceARN]["tags"] = kept + Tags

    def UntagResource(self, ResourceARN, TagKeys):
        kept = [one for one in self.instances[ResourceARN]["tags"] if one["Key"] not in TagKeys]
        self.instances[ResourceARN]["tags"] = kept

    def DeleteAppInstance(self, AppInstanceArn):
        del self.instances[AppInstanceArn]


class Client:
    def __init__(self, cloud, service):
        self.cloud = cloud
        self.meta = SimpleNamespace(service_model=SESSION.get_service_model(service))

    def __getattr__(self, method):
        operation = "".join(part.title() for part in method.split("_"))

        def call(aws_retry, **request):
            if not operation.startswith(("List", "Describe", "Get")):
                self.cloud.writes.append(operation)
            self.fail_if(self.cloud.errors, operation)
            answer = getattr(self.cloud, operation)(**request)
            self.fail_if(self.cloud.lost, operation)
            return answer

        return call

    @staticmethod
    def fail_if(errors, operation):
        if operation in errors:
            raise ClientError({"Error": {"Code": errors[operation], "Message": "no"}}, operation)


def run(cloud, check_mode=False, **given):
    one = Module(check_mode, **given)
    module.check_options(cloud.identity, cloud.messaging, one.params)
    ensure = module.ensure_present if one.params["state"] == "present" else module.ensure_absent
    return ensure(one, cloud.identity, cloud.messaging)


EVERYTHING = {
    "metadata": "video visits",
    "retention_days": 2557,
    "allow_data_deletion": True,
    "streaming_configurations": [{"data_type": "ChannelMessage", "resource_arn": STREAM}],
    "tags": {"Workload": "medzen"},
}


def test_check_mode_writes_nothing_and_says_what_would_be():
    cloud = Cloud()
    result = run(cloud, check_mode=True, **EVERYTHING)
    assert result["changed"] and cloud.writes == [] and not cloud.instances
    assert result["app_instance"]["retention_days"] == 2557
    assert result["diff"]["before"] == {} and result["diff"]["after"]["name"] == "medzen"


def test_an_app_instance_is_made_with_everything_once():
    cloud = Cloud()
    first, second = run(cloud, **EVERYTHING), run(cloud, **EVERYTHING)
    assert (first["changed"], second["changed"]) == (True, False)
    assert cloud.writes == [
        "CreateAppInstance",
        "PutAppInstanceRetentionSettings",
        "PutMessagingStreamingConfigurations",
    ]
    assert second["app_instance"]["tags"] == {"Workload": "medzen"}


def test_what_is_not_given_is_left_alone():
    cloud = Cloud()
    run(cloud, **EVERYTHING)
    result = run(cloud)
    assert not result["changed"] and result["app_instance"]["metadata"] == "video visits"


def test_an_update_sends_name_and_metadata_both():
    cloud = Cloud("medzen")
    assert run(cloud, metadata="new")["changed"]
    assert cloud.instances[ARN]["name"] == "medzen" and cloud.instances[ARN]["metadata"] == "new"
    run(cloud, app_instance_arn=ARN, name="other")
    assert cloud.instances[ARN]["name"] == "other" and cloud.instances[ARN]["metadata"] == "new"


def test_the_diff_does_not_show_metadata():
    cloud = Cloud("medzen")
    result = run(cloud, metadata="hidden")
    assert "hidden" not in repr(result["diff"]) and result["diff"]["after"]["metadata"] == "6 characters, changed"


@pytest.mark.parametrize(
    ("present", "wanted", "lowered"),
    [(None, 30, True), (30, 29, True), (30, 30, False), (30, 31, False), (30, None, False), (None, None, False)],
)
def test_lower_means_that_messages_go(present, wanted, lowered):
    assert module.is_lowered(present, wanted) is lowered


@pytest.mark.parametrize("check_mode", [True, False])
def test_lowering_the_retention_must_be_allowed(check_mode):
    cloud = Cloud("medzen")
    cloud.instances[ARN]["days"] = 90
    with pytest.raises(Refused, match="allow_data_deletion") as refused:
        run(cloud, check_mode=check_mode, retention_days=30)
    assert refused.value.result["reason"] == "retention_lowered" and cloud.writes == []
    run(cloud, retention_days=30, allow_data_deletion=True)
    assert cloud.instances[ARN]["days"] == 30


def test_raising_the_retention_needs_no_permission():
    cloud = Cloud("medzen")
    cloud.instances[ARN]["days"] = 90
    assert run(cloud, retention_days=120)["app_instance"]["retention_days"] == 120


def test_a_new_app_instance_has_nothing_to_lose():
    assert run(Cloud(), retention_days=30)["app_instance"]["retention_days"] == 30


def test_an_empty_list_ends_the_streaming():
    cloud = Cloud()
    run(cloud, **EVERYTHING)
    assert run(cloud, streaming_configurations=[])["changed"]
    assert cloud.instances[ARN]["streams"] == []
    assert not run(cloud, streaming_configurations=[])["changed"]


def test_the_order_of_streams_has_no_meaning():
    both = [{"data_type": kind, "resource_arn": STREAM} for kind in ("ChannelMessage", "Channel")]
    cloud = Cloud()
    run(cloud, streaming_configurations=both)
    assert not run(cloud, streaming_configurations=both[::-1])["changed"]


def test_administrators_are_exactly_these():
    cloud = Cloud("medzen")
    cloud.instances[ARN]["admins"] = [ALICE]
    assert run(cloud, admins=[BOB])["app_instance"]["admins"] == [BOB]
    assert cloud.writes == ["CreateAppInstanceAdmin", "DeleteAppInstanceAdmin"]
    assert not run(cloud, admins=[BOB, BOB])["changed"]


def test_tags_are_set_and_removed():
    cloud = Cloud("medzen")
    cloud.instances[ARN]["tags"] = [{"Key": "old", "Value": "1"}]
    assert run(cloud, tags={"new": "2"})["app_instance"]["tags"] == {"new": "2"}
    assert not run(cloud, tags={}, purge_tags=False)["changed"]


@pytest.mark.parametrize(
    ("operation", "given"),
    [
        ("CreateAppInstanceAdmin", {"admins": [BOB]}),
        ("DeleteAppInstanceAdmin", {"admins": []}),
    ],
)
def test_a_retry_that_finds_its_work_done_is_no_failure(operation, given):
    cloud = Cloud("medzen", lost={operation: "ConflictException"})
    cloud.instances[ARN]["admins"] = [ALICE] if given["admins"] == [] else []
    assert run(cloud, **given)["app_instance"]["admins"] == given["admins"]


@pytest.mark.parametrize("operation", ["CreateAppInstanceAdmin"])
def test_a_refused_administrator_is_a_failure(operation):
    cloud = Cloud("medzen", errors={operation: "ForbiddenException"})
    with pytest.raises(AwsError, match="Failed to make"):
        run(cloud, admins=[BOB])


def test_a_refused_look_is_a_failure_and_never_absence():
    cloud = Cloud("medzen", errors={"DescribeAppInstance": "ForbiddenException"})
    with pytest.raises(AwsError, match="Failed to describe"):
        run(cloud, check_mode=True)
    assert cloud.writes == []


@pytest.mark.parametrize("state", ["present", "absent"])
def test_a_refused_listing_is_a_failure(state):
    cloud = Cloud(errors={"ListAppInstances": "ForbiddenException"})
    with pytest.raises(AwsError, match="Failed to list"):
        run(cloud, state=state, force=True)
    assert cloud.writes == []


def test_two_of_one_name_are_nobodys_to_choose_from():
    cloud = Cloud("medzen", "medzen")
    with pytest.raises(Refused) as refused:
        run(cloud)
    assert refused.value.result["reason"] == "ambiguous_name" and len(refused.value.result["arns"]) == 2
    assert not run(cloud, app_instance_arn=f"{ARN}1")["changed"]


def test_an_arn_that_is_not_listed_makes_nothing():
    cloud = Cloud()
    with pytest.raises(Refused) as refused:
        run(cloud, app_instance_arn=ARN)
    assert refused.value.result["reason"] == "not_found" and cloud.writes == []


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"name": ""}, "name: the value has|name: has 0 characters"),
        ({"name": "n" * 257}, "name: has 257 characters"),
        ({"metadata": "m" * 1025}, "metadata: has 1025 characters"),
        ({"retention_days": 0}, "retention_days: has 0"),
        ({"retention_days": 5476}, "retention_days: is 5476"),
        ({"streaming_configurations": [{"data_type": "All", "resource_arn": STREAM}]}, "streaming_configurations"),
        ({"streaming_configurations": [{"data_type": "Channel", "resource_arn": "x"}]}, "streaming_configurations"),
        ({"streaming_configurations": [{"data_type": "Channel", "resource_arn": STREAM}] * 2}, "more than once"),
        (
            {"streaming_configurations": [{"data_type": "Channel", "resource_arn": STREAM.replace("central", "west")}]},
            "another region",
        ),
        ({"admins": ["x"]}, "admins: "),
        ({"tags": {"Owner": ""}}, "the value of Owner has 0 characters"),
        ({"app_instance_arn": "x"}, "app_instance_arn: "),
    ],
)
def test_a_bad_option_is_named_before_a_write(given, told):
    cloud = Cloud()
    with pytest.raises(Refused, match=told) as refused:
        run(cloud, check_mode=True, **given)
    assert refused.value.result["reason"] == "invalid_option" and cloud.writes == []


@pytest.mark.parametrize("check_mode", [True, False])
def test_deleting_messages_must_be_asked_for(check_mode):
    cloud = Cloud("medzen")
    with pytest.raises(Refused) as refused:
        run(cloud, check_mode=check_mode, state="absent")
    assert refused.value.result["reason"] == "force_missing" and cloud.writes == []


def test_an_app_instance_is_deleted_once():
    cloud = Cloud("medzen")
    assert run(cloud, check_mode=True, state="absent", force=True)["changed"] and cloud.instances
    first, second = run(cloud, state="absent", force=True), run(cloud, state="absent")
    assert (first["changed"], second["changed"], cloud.writes) == (True, False, ["DeleteAppInstance"])


def test_a_deletion_ends_when_it_is_listed_no_more():
    cloud = Cloud("medzen", stays=3)
    assert run(cloud, state="absent", force=True, wait_timeout=5)["changed"] and cloud.stays == 0


def test_a_deletion_that_does_not_end_says_so():
    with pytest.raises(WaitTimeout, match="to be gone"):
        run(Cloud("medzen", stays=9), state="absent", force=True, wait_timeout=0)


def test_a_lost_answer_to_the_deletion_is_told_by_the_listing():
    cloud = Cloud("medzen", lost={"DeleteAppInstance": "ForbiddenException"})
    assert run(cloud, state="absent", force=True)["changed"] and not cloud.instances


def test_a_refused_deletion_is_a_failure():
    cloud = Cloud("medzen", errors={"DeleteAppInstance": "ForbiddenException"})
    with pytest.raises(AwsError, match="Failed to delete"):
        run(cloud, state="absent", force=True)
