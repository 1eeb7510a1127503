"""The examples of deployments in docs/deploy are accepted by what they configure."""

from __future__ import annotations

import copy
import importlib
import re
import runpy
from pathlib import Path, PurePosixPath
from typing import Any

import dagster as dg
import pytest
import yaml

from dunnhumby_pipeline.orchestration.platform.jobs import STUDY_JOB
from dunnhumby_pipeline.settings import Home, load_settings

DEPLOY = Path(__file__).parents[2] / "docs" / "deploy"
GIGABYTES = {"GB": 1.0, "Gi": 1.073741824, "GiB": 1.073741824}


def gigabytes(size: str) -> float:
    number, unit = re.fullmatch(r"([\d.]+)(\w+)", size).groups()
    return float(number) * GIGABYTES[unit]


# ------------------------------------------------------------------------------------------------------- celery


@pytest.fixture(scope="module")
def celery_job() -> dg.JobDefinition:
    location = runpy.run_path(str(DEPLOY / "celery_location.py"))
    dg.Definitions.validate_loadable(location["defs"])
    return location["defs"].resolve_job_def(STUDY_JOB)


@pytest.fixture
def celery_config() -> dict[str, Any]:
    return yaml.safe_load((DEPLOY / "celery.yaml").read_text(encoding="utf-8"))


def test_the_celery_location_runs_the_same_study_on_celery(celery_job: dg.JobDefinition) -> None:
    from dunnhumby_pipeline.definitions import build_defs

    here = build_defs().resolve_job_def(STUDY_JOB)
    assert celery_job.executor_def.name == "celery"
    assert {node.name for node in celery_job.nodes} == {node.name for node in here.nodes}


def test_the_celery_run_configuration_is_accepted(celery_job: dg.JobDefinition, celery_config: dict[str, Any]) -> None:
    accepted = dg.validate_run_config(celery_job, celery_config)
    assert accepted["execution"]["celery"]["broker"] == celery_config["execution"]["config"]["broker"]


def test_a_misspelt_celery_setting_would_be_found(celery_job: dg.JobDefinition, celery_config: dict[str, Any]) -> None:
    celery_config["execution"]["config"]["brocker"] = celery_config["execution"]["config"].pop("broker")
    with pytest.raises(dg.DagsterInvalidConfigError, match="brocker"):
        dg.validate_run_config(celery_job, celery_config)


# --------------------------------------------------------------------------------------------------- kubernetes


@pytest.fixture(scope="module")
def values() -> dict[str, Any]:
    return yaml.safe_load((DEPLOY / "kubernetes.yaml").read_text(encoding="utf-8"))


@pytest.fixture
def deployment(values: dict[str, Any]) -> dict[str, Any]:
    (only,) = values["dagster-user-deployments"]["deployments"]
    return only


def test_kubernetes_loads_a_module_that_has_definitions(deployment: dict[str, Any]) -> None:
    option, module = deployment["dagsterApiGrpcArgs"]
    assert option == "--module-name"
    assert callable(importlib.import_module(module).defs)


def test_kubernetes_sets_settings_that_there_are(
    deployment: dict[str, Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for variable in deployment["env"]:
        monkeypatch.setenv(variable["name"], variable["value"])
    engine = load_settings(Home(tmp_path)).engine
    assert engine.temp_directory == Path("/spill")
    assert engine.threads == int(deployment["resources"]["limits"]["cpu"])
    assert Home.resolve().root == Path("/study").resolve()


def test_kubernetes_mounts_what_the_settings_name(deployment: dict[str, Any]) -> None:
    volumes = {volume["name"] for volume in deployment["volumes"]}
    mounts = {PurePosixPath(mount["mountPath"]) for mount in deployment["volumeMounts"]}
    assert {mount["name"] for mount in deployment["volumeMounts"]} == volumes
    paths = [variable["value"] for variable in deployment["env"] if variable["value"].startswith("/")]
    assert len(paths) == 3
    for path in map(PurePosixPath, paths):
        assert mounts & {path, *path.parents}


def test_kubernetes_gives_a_run_more_memory_than_the_engine_takes(
    values: dict[str, Any], deployment: dict[str, Any]
) -> None:
    environment = {variable["name"]: variable["value"] for variable in deployment["env"]}
    launcher = values["runLauncher"]["config"]["k8sRunLauncher"]
    limit = launcher["runK8sConfig"]["containerConfig"]["resources"]["limits"]["memory"]
    assert gigabytes(limit) >= gigabytes(environment["DUNNHUMBY_ENGINE__MEMORY_LIMIT"]) + 2
    assert deployment["includeConfigInLaunchedRuns"]["enabled"] is True
    queue = values["dagsterDaemon"]["runCoordinator"]["config"]["queuedRunCoordinator"]
    assert queue["maxConcurrentRuns"] == 1


def test_kubernetes_launches_runs_as_its_launcher_is_configured(values: dict[str, Any]) -> None:
    accepted = launcher(values["runLauncher"]["config"]["k8sRunLauncher"])
    assert accepted.success, accepted.errors
    limits = accepted.value["run_k8s_config"]["container_config"]["resources"]["limits"]
    assert limits == {"cpu": "2", "memory": "4Gi"}


@pytest.mark.parametrize(
    ("place", "wrong"),
    [
        (("runK8sConfig",), {"containerConfg": {}}),
        (("runK8sConfig", "containerConfig"), {"resource": {}}),
        (("runK8sConfig", "containerConfig"), {"resources": {"limit": {"cpu": "2"}}}),
        ((), {"runK8Config": {}}),
    ],
)
def test_a_launcher_that_is_wrong_is_found(
    place: tuple[str, ...], wrong: dict[str, Any], values: dict[str, Any]
) -> None:
    config = copy.deepcopy(values["runLauncher"]["config"]["k8sRunLauncher"])
    inner = config
    for name in place:
        inner = inner[name]
    inner.update(wrong)
    assert not is_launcher(config)


def is_launcher(config: dict[str, Any]) -> bool:
    try:
        return bool(launcher(config).success)
    except Exception:
        return False


def launcher(config: dict[str, Any]) -> Any:
    """The run launcher's own view of what the chart makes of its values: the outer names in small letters."""
    from dagster._config import process_config, resolve_to_config_type
    from dagster_k8s import K8sRunLauncher
    from dagster_k8s.job import UserDefinedDagsterK8sConfig

    inner = {snake(name): value for name, value in config.get("runK8sConfig", {}).items()}
    given = {snake(name): value for name, value in config.items()} | {"run_k8s_config": inner}
    fixed = {"service_account_name": "dagster", "instance_config_map": "dagster-instance", "dagster_home": "/opt"}
    # What a container may have, Kubernetes' own model says.
    UserDefinedDagsterK8sConfig.from_dict(inner)
    return process_config(resolve_to_config_type(K8sRunLauncher.config_type()), fixed | given)


def snake(name: str) -> str:
    return re.sub(r"(?<=[a-z])(K8s|[A-Z])", lambda found: "_" + found[0].lower(), name)


def test_kubernetes_accepts_what_the_pods_are_given(deployment: dict[str, Any]) -> None:
    from dagster_k8s.models import k8s_model_from_dict, k8s_snake_case_dict
    from kubernetes import client

    for kind, given in (
        (client.V1ResourceRequirements, [deployment["resources"]]),
        (client.V1Volume, deployment["volumes"]),
        (client.V1VolumeMount, deployment["volumeMounts"]),
        (client.V1EnvVar, deployment["env"]),
        (client.V1SecretEnvSource, deployment["envSecrets"]),
    ):
        for each in given:
            assert k8s_model_from_dict(kind, k8s_snake_case_dict(kind, each)) is not None
    with pytest.raises(Exception, match="emptyDirectory"):
        k8s_snake_case_dict(client.V1Volume, {"name": "spill", "emptyDirectory": {}})


@pytest.fixture
def beside() -> dict[tuple[str, str], dict[str, Any]]:
    """What is applied beside the chart, by kind and name."""
    objects = yaml.safe_load_all((DEPLOY / "kubernetes-desk.yaml").read_text(encoding="utf-8"))
    return {(each["kind"], each["metadata"]["name"]): each for each in objects}


def only_container(deployment: dict[str, Any]) -> dict[str, Any]:
    (only,) = deployment["spec"]["template"]["spec"]["containers"]
    return only


def test_kubernetes_accepts_what_is_beside_the_chart(beside: dict[tuple[str, str], dict[str, Any]]) -> None:
    from dagster_k8s.models import k8s_model_from_dict, k8s_snake_case_dict
    from kubernetes import client

    kinds = {
        "Deployment": client.V1Deployment,
        "Service": client.V1Service,
        "PersistentVolumeClaim": client.V1PersistentVolumeClaim,
    }
    assert sorted(kind for kind, _ in beside) == [*["Deployment"] * 2, "PersistentVolumeClaim", *["Service"] * 2]
    for (kind, _), each in beside.items():
        assert k8s_model_from_dict(kinds[kind], k8s_snake_case_dict(kinds[kind], each)) is not None
    wrong = copy.deepcopy(beside["Deployment", "dunnhumby-pages"])
    only_container(wrong)["volumeMount"] = only_container(wrong).pop("volumeMounts")
    with pytest.raises(Exception, match="volumeMount"):
        k8s_snake_case_dict(client.V1Deployment, wrong)


def test_kubernetes_services_lead_to_what_listens(beside: dict[tuple[str, str], dict[str, Any]]) -> None:
    for name in ("dunnhumby-pages", "dunnhumby-desk"):
        service, deployment = beside["Service", name]["spec"], beside["Deployment", name]["spec"]
        assert service["selector"] == deployment["selector"]["matchLabels"]
        assert service["selector"] == deployment["template"]["metadata"]["labels"]
        open_ports = [port["containerPort"] for port in only_container(beside["Deployment", name])["ports"]]
        assert [port["targetPort"] for port in service["ports"]] == open_ports
    pages = only_container(beside["Deployment", "dunnhumby-pages"])
    assert pages["args"][0] == "pages" and pages["args"][-1] == str(pages["ports"][0]["containerPort"])


def test_kubernetes_pages_read_the_study_of_the_chart(
    beside: dict[tuple[str, str], dict[str, Any]], deployment: dict[str, Any]
) -> None:
    pages = beside["Deployment", "dunnhumby-pages"]
    container, image = only_container(pages), deployment["image"]
    assert container["image"] == f"{image['repository']}:{image['tag']}"
    environment = {variable["name"]: variable["value"] for variable in deployment["env"]}
    assert container["env"] == [{"name": "DUNNHUMBY_HOME", "value": environment["DUNNHUMBY_HOME"]}]
    pod = pages["spec"]["template"]["spec"]
    (theirs,) = (volume for volume in deployment["volumes"] if volume["name"] == "study")
    assert theirs in pod["volumes"]
    assert {"name": "study", "mountPath": environment["DUNNHUMBY_HOME"], "readOnly": True} in container["volumeMounts"]
    user = re.search(r"useradd --uid (\d+)", (DEPLOY / "Dockerfile").read_text(encoding="utf-8"))
    assert pod["securityContext"]["runAsUser"] == int(user[1])


def test_the_proxy_of_kubernetes_is_told_all_that_it_asks_for(
    beside: dict[tuple[str, str], dict[str, Any]], values: dict[str, Any], deployment: dict[str, Any]
) -> None:
    proxy = only_container(beside["Deployment", "dunnhumby-desk"])
    told = {variable["name"]: variable["value"] for variable in proxy["env"]}
    caddyfile = (DEPLOY / "Caddyfile").read_text(encoding="utf-8")
    # The secret has the other two, and the port that Caddy is steered by has a default.
    asked = set(re.findall(r"\{\$(\w+)", caddyfile)) - {"DESK_USER", "DESK_PASSWORD_HASH", "DESK_CADDY_ADMIN"}
    assert set(told) == asked
    assert proxy["envFrom"] == [{"secretRef": {"name": "dunnhumby-desk"}}]
    name, port = told["DESK_PAGES_UPSTREAM"].split(":")
    assert beside["Service", name]["spec"]["ports"][0]["port"] == int(port)
    prefix = values["dagsterWebserver"]["pathPrefix"]
    assert f"handle {prefix}/*" in caddyfile
    links = {variable["name"]: variable["value"] for variable in deployment["env"] if "URL" in variable["name"]}
    assert links == {
        "DUNNHUMBY_ALERTS__UI_URL": f"https://{told['DESK_ADDRESS']}{prefix}",
        "DUNNHUMBY_DESK__PAGES_URL": f"https://{told['DESK_ADDRESS']}/pages",
    }


def test_kubernetes_takes_passwords_from_secrets_alone(values: dict[str, Any], deployment: dict[str, Any]) -> None:
    assert values["postgresql"]["enabled"] is False and values["global"]["postgresqlSecretName"]
    assert "postgresqlPassword" not in values["postgresql"]
    assert [name["name"] for name in deployment["envSecrets"]] == ["dunnhumby-alerts"]
    assert not [each["name"] for each in deployment["env"] if re.search("PASS|TOKEN|ALERT_URL", each["name"])]
