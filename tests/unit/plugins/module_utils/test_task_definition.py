# SPDX-License-Identifier: GPL-3.0-or-later
import pytest
from ansible_collections.medzen.multiregion.plugins.module_utils import task_definition as definitions
from ansible_collections.medzen.multiregion.plugins.module_utils.errors import Refused


def definition(container=None, **given):
    containers = [{"name": "app", "image": "app:1", **(container or {})}]
    return {"networkMode": "awsvpc", "cpu": "256", "containerDefinitions": containers, **given}


def changed(before, after):
    return definitions.find_changed(definitions.normalise(before), definitions.normalise(after))


def variables(**values):
    return {"environment": [{"name": name, "value": value} for name, value in values.items()]}


def test_what_ecs_adds_is_no_difference():
    added = {
        "cpu": 0,
        "essential": True,
        "environment": [],
        "mountPoints": [],
        "volumesFrom": [],
        "systemControls": [],
        "portMappings": [{"containerPort": 80, "hostPort": 80, "protocol": "tcp"}],
    }
    kept = definition(added, volumes=[], placementConstraints=[], revision=3, status="ACTIVE", compatibilities=["EC2"])
    assert changed(kept, definition({"portMappings": [{"containerPort": 80}]})) == []


def test_a_value_changed_in_a_list_of_equal_length_is_noticed():
    assert changed(definition(variables(A="1", B="2")), definition(variables(A="1", B="3"))) == ["app.environment"]


def test_the_order_of_environment_and_secrets_does_not_matter():
    secrets = [{"name": "X", "valueFrom": "arn:x"}, {"name": "Y", "valueFrom": "arn:y"}]
    before = definition({**variables(A="1", B="2"), "secrets": secrets})
    after = definition({**variables(B="2", A="1"), "secrets": secrets[::-1]})
    assert changed(before, after) == []


def test_the_order_of_a_command_matters():
    assert changed(definition({"command": ["a", "b"]}), definition({"command": ["b", "a"]})) == ["app.command"]


def test_the_order_of_ports_does_not_matter():
    ports = [{"containerPort": 80}, {"containerPort": 81, "protocol": "udp"}]
    assert changed(definition({"portMappings": ports}), definition({"portMappings": ports[::-1]})) == []


def test_another_protocol_is_noticed():
    before = definition({"portMappings": [{"containerPort": 80, "protocol": "udp"}]})
    assert changed(before, definition({"portMappings": [{"containerPort": 80}]})) == ["app.portMappings"]


def test_a_setting_that_is_no_longer_given_is_noticed():
    assert changed(definition(pidMode="task"), definition()) == ["pidMode"]


def test_a_container_more_is_noticed():
    after = definition()
    after["containerDefinitions"].append({"name": "sidecar", "image": "s:1"})
    assert changed(definition(), after) == ["sidecar"]


def test_a_number_and_its_text_are_the_same():
    assert changed(definition({"memory": 512}), definition({"memory": "512"}, cpu=256)) == []


def test_the_usual_platform_is_no_difference():
    platform = {"cpuArchitecture": "X86_64", "operatingSystemFamily": "LINUX"}
    assert changed(definition(), definition(runtimePlatform=platform)) == []


def test_an_empty_value_of_a_variable_is_a_value():
    assert changed(definition(variables(A="")), definition()) == ["app.environment"]


def test_everything_is_new_where_nothing_was():
    assert definitions.find_changed(None, definitions.normalise(definition())) == ["containers", "cpu", "networkMode"]


def test_a_secret_is_hidden_and_a_change_of_it_still_shows():
    before, after = (definitions.normalise(definition(variables(DB_PASSWORD=value, A="1"))) for value in ("x", "y"))
    hidden = [definitions.hide(before), definitions.hide(after, before)]
    values = [one["containers"]["app"]["environment"]["DB_PASSWORD"] for one in hidden]
    assert values == ["(hidden)", "(hidden, another value)"]


def test_other_variables_are_shown():
    shown = definitions.hide(definitions.normalise(definition(variables(DB_USER="app"))))
    assert shown["containers"]["app"]["environment"] == {"DB_USER": "app"}


def test_a_described_secret_is_hidden():
    hidden = definitions.hide_described(definition(variables(API_KEY="x")))
    assert hidden["containerDefinitions"][0]["environment"] == [{"name": "API_KEY", "value": "(hidden)"}]


def test_values_made_by_a_template_become_what_ecs_takes():
    container = {"name": "app", "cpu": "128", "portMappings": [{"containerPort": "80"}], **variables(ON=True, N=1)}
    built = definitions.build_container(container)
    assert (built["cpu"], built["portMappings"]) == (128, [{"containerPort": 80}])
    assert built["environment"] == [{"name": "ON", "value": "true"}, {"name": "N", "value": "1"}]


@pytest.mark.parametrize("image", ["app", "app:latest", "registry:5000/team/app", "registry:5000/app:latest"])
def test_an_image_that_is_not_pinned_is_refused(image):
    with pytest.raises(Refused, match="not pinned"):
        definitions.check_images([{"image": image}])


@pytest.mark.parametrize("image", ["app:1.2", "registry:5000/app:1", "app@sha256:0a1b", "app:latest@sha256:0a1b"])
def test_an_image_that_is_pinned_is_taken(image):
    assert definitions.check_images([{"image": image}]) is None


@pytest.mark.parametrize("containers", [[], [{"image": "a:1"}], [{"name": "a"}], [{"name": "a", "image": "a:1"}] * 2])
def test_containers_without_a_name_of_their_own_or_an_image_are_refused(containers):
    with pytest.raises(Refused, match="containers with an image"):
        definitions.check_containers(containers)
