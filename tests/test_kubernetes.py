"""The manifests for Kubernetes: valid, consistent, and with commands that run.

They were not run on a cluster: rules that a schema cannot express are checked here.
"""

import copy
import os
import signal
import socket
from pathlib import Path
from typing import Any

import kubernetes_validate
import processes
import pytest
import yaml

from configs import study
from jaxcmp.errors import CommandError, Interrupted
from jaxcmp.runs import read_run
from jaxcmp.study.plan import Sizes, Study, expand

FOLDER = processes.ROOT / "launch/kubernetes"
# From the first in which no field of these is a beta, to the newest whose schemas are at hand.
VERSIONS = ("1.33", "1.34", "1.35", "1.36", "1.37")
JOBS = ("run.yaml", "study.yaml")
INDEX = "metadata.annotations['batch.kubernetes.io/job-completion-index']"


def load(name: str) -> dict[str, dict[str, Any]]:
    """Reads the objects of a file by their kind."""
    documents = list(yaml.safe_load_all((FOLDER / name).read_text(encoding="utf-8")))
    return {document["kind"]: document for document in documents}


def pod(name: str) -> dict[str, Any]:
    return load(name)["Job"]["spec"]["template"]["spec"]


def container(name: str) -> dict[str, Any]:
    (only,) = pod(name)["containers"]
    return only


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", [*JOBS, "volume.yaml"])
def test_every_object_is_valid_by_the_published_schema(name, version):
    for document in load(name).values():
        assert kubernetes_validate.validate(document, version, strict=True) == version


def test_the_newest_known_schemas_are_tested():
    assert kubernetes_validate.latest_version().startswith(VERSIONS[-1])


def test_the_schema_refuses_a_misspelt_field_and_a_wrong_value():
    job = load("study.yaml")["Job"]
    for field, value in (("backofLimitPerIndex", 2), ("completions", "many")):
        wrong = copy.deepcopy(job)
        wrong["spec"][field] = value
        with pytest.raises(kubernetes_validate.ValidationError):
            kubernetes_validate.validate(wrong, VERSIONS[-1], strict=True)


@pytest.mark.parametrize("name", JOBS)
def test_an_interruption_is_not_a_failure_and_a_wrong_command_is_final(name):
    job = load(name)["Job"]["spec"]
    # Only pods that are never restarted in place may have a policy for failures, only indexed ones
    # a limit for each index, and with it fail one index alone.
    assert job["template"]["spec"]["restartPolicy"] == "Never"
    assert job["completionMode"] == "Indexed"
    saved, evicted, wrong = job["podFailurePolicy"]["rules"]
    assert saved["action"] == evicted["action"] == "Ignore"
    before_the_first_step = 128 + signal.SIGTERM
    assert saved["onExitCodes"]["values"] == [Interrupted.exit_code, before_the_first_step]
    assert [cause["type"] for cause in evicted["onPodConditions"]] == ["DisruptionTarget"]
    assert wrong["onExitCodes"]["values"] == [CommandError.exit_code]
    assert wrong["action"] == ("FailIndex" if "backoffLimitPerIndex" in job else "FailJob")
    for rule in (saved, wrong):
        assert rule["onExitCodes"]["containerName"] == container(name)["name"]


@pytest.mark.parametrize("name", JOBS)
def test_runs_are_on_a_volume_that_outlives_the_job(name):
    claim = load("volume.yaml")["PersistentVolumeClaim"]
    assert claim["spec"]["accessModes"] == ["ReadWriteMany"]
    volumes = {volume["name"]: volume for volume in pod(name)["volumes"]}
    mounts = {mount["name"]: mount["mountPath"] for mount in container(name)["volumeMounts"]}
    assert mounts.keys() == volumes.keys()
    assert volumes["runs"]["persistentVolumeClaim"]["claimName"] == claim["metadata"]["name"]
    (workdir,) = (
        Path(word.partition("=")[2])
        for word in container(name)["command"]
        if word.startswith("--workdir=")
    )
    assert Path(mounts["runs"]) in workdir.parents


def test_the_study_has_a_pod_for_each_run_of_its_plan():
    planned = Study.of(study.get_config())
    fractions = {fraction for grid in planned.grids for fraction in grid.fractions}
    sizes = Sizes({fraction: round(50_000 * fraction) for fraction in fractions}, 3, 10)
    assert load("study.yaml")["Job"]["spec"]["completions"] == len(expand(planned, sizes))
    assert "--task=$(JOB_COMPLETION_INDEX)" in container("study.yaml")["command"]


def test_the_pods_of_a_run_find_each_other():
    service, job = load("run.yaml")["Service"], load("run.yaml")["Job"]
    name, spec = job["metadata"]["name"], job["spec"]
    assert service["spec"]["clusterIP"] == "None" and service["spec"]["publishNotReadyAddresses"]
    assert service["spec"]["selector"] == {"batch.kubernetes.io/job-name": name}
    assert pod("run.yaml")["subdomain"] == service["metadata"]["name"]
    said = {entry["name"]: entry for entry in container("run.yaml")["env"]}
    host, _, port = said["JAX_COORDINATOR_ADDRESS"]["value"].partition(":")
    # Kubernetes names a pod of an indexed job by the job and the index.
    assert host == f"{name}-0.{service['metadata']['name']}" and port.isdecimal()
    assert said["JAX_NUM_PROCESSES"]["value"] == str(spec["completions"])
    # All of them have to be there at once.
    assert spec["parallelism"] == spec["completions"]
    assert said["JAX_PROCESS_ID"]["valueFrom"]["fieldRef"]["fieldPath"] == INDEX


def test_the_command_of_a_run_trains_in_as_many_processes_as_there_are_pods(tmp_path):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    python, minus_m, module, flag, config, workdir = container("run.yaml")["command"]
    assert (python, minus_m, flag) == ("python", "-m", "--distributed")
    assert config.startswith("--config=configs/") and workdir.startswith("--workdir=")
    number = load("run.yaml")["Job"]["spec"]["completions"]
    pods = [
        processes.start(
            # A smaller run, in another folder.
            *(flag, *processes.TINY, f"--workdir={tmp_path / 'run'}"),
            module=module,
            **environment_of_pod(index, host=f"127.0.0.1:{port}"),
        )
        for index in range(number)
    ]
    for process in pods:
        code, _, err = processes.finish(process)
        assert code == 0, err
    run = read_run(tmp_path / "run")
    assert run.is_finished and run.environment["num_processes"] == number


def environment_of_pod(index: int, *, host: str) -> dict[str, str]:
    """Returns Kubernetes' environment of a pod, with `host` for the address of the first pod."""
    values = {
        entry["name"]: entry["value"] if "value" in entry else str(index)
        for entry in container("run.yaml")["env"]
    }
    return values | {"JAX_COORDINATOR_ADDRESS": host, "KUBERNETES_SERVICE_HOST": "10.0.0.1"}


def test_the_image_contains_the_files_of_the_commands():
    copied = (FOLDER / "Dockerfile").read_text(encoding="utf-8")
    for name in JOBS:
        (config,) = (
            word.partition("=")[2]
            for word in container(name)["command"]
            if word.startswith("--config=")
        )
        assert f"COPY {os.path.dirname(config)} " in copied
