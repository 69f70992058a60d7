"""The image, the chart and what is rendered from it: checked as far as that goes without a cluster."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from seatbus_kit.settings import ServiceSettings
from seatbus_sip_edge.settings import Settings as EdgeSettings

ROOT = Path(__file__).parents[2]
CHART = ROOT / "helm" / "seatbus"
CLUSTER = sorted((ROOT / "deploy" / "k8s" / "cluster").glob("*.yaml"))
KUBERNETES = "1.35"

Document = dict[str, Any]

PRODUCTION = (
    "clickhouse.secretName=seatbus-clickhouse",
    "components.reporting.replicas=2",
    "components.acd.replicas=3",
    "components.gateway.autoscale.min=2",
    "components.gateway.autoscale.max=8",
    "components.gateway.autoscale.cpu=70",
    "components.media.nodeSelector.seatbus\\.io/media=yes",
    "nats.credsSecretName=seatbus-nats-creds",
    "tenancy.configKeySecretName=seatbus-config",
    "otlpEndpoint=http://collector.monitoring.svc:4318",
    "priorityClassName=calls",
    "storageClassName=local-ssd",
    "region=tokyo",
    "image.repository=registry.example.org/seatbus",
    "image.pullSecrets[0]=registry",
    "serviceMonitor.enabled=true",
    "sip.tlsPort=5061",
    "sip.wssPort=5063",
    "sip.tls.secretName=sip-certificate",
    "sip.tls.trunkCaKey=carriers.crt",
)
VARIANTS: dict[str, tuple[str, ...]] = {
    "defaults": (),
    "embedded store, one node": (
        "environment=dev",
        "nats.replicas=1",
        "nats.monitorUrl=",
        "nats.secretName=",
        "sip.digestSecretName=",
        "networkPolicy.enabled=false",
        "components.media.replicas=1",
        "components.sip-edge.replicas=1",
    ),
    "production": PRODUCTION,
    "ingress": (
        "clickhouse.url=clickhouse://clickhouse.clickhouse.svc:9000/seatbus",
        "gateway.ingress.enabled=true",
        "gateway.ingress.className=nginx",
        "gateway.ingress.host=seats.example.org",
        "gateway.ingress.tlsSecretName=seats-tls",
        "gateway.ingress.annotations.nginx\\.ingress\\.kubernetes\\.io/proxy-body-size=8m",
        "networkPolicy.httpFrom[0].namespaceSelector.matchLabels.kubernetes\\.io/metadata\\.name=ingress-nginx",
    ),
}


@pytest.fixture(scope="session")
def helm() -> str:
    found = subprocess.run(
        [ROOT / "scripts" / "chart", "helm"], capture_output=True, text=True, timeout=100, cwd=ROOT
    )
    if found.returncode == 3:
        pytest.skip(found.stderr.strip().splitlines()[-1])
    assert found.returncode == 0, found.stderr
    return found.stdout.strip()


def run_helm(
    helm: str, command: str, values: tuple[str, ...], release: str = "seatbus"
) -> tuple[int, str, str]:
    name = [release] if command == "template" else []
    sets = [word for value in values for word in ("--set", value)]
    done = subprocess.run(
        [helm, command, *name, str(CHART), *sets], capture_output=True, text=True, timeout=30, cwd=ROOT
    )
    return done.returncode, done.stdout, done.stderr


@lru_cache
def rendered(helm: str, values: tuple[str, ...]) -> tuple[Document, ...]:
    code, out, err = run_helm(helm, "template", values)
    assert code == 0, err
    return tuple(document for document in yaml.safe_load_all(out) if document)


def workloads(documents: tuple[Document, ...]) -> dict[str, Document]:
    """The Deployments and StatefulSets by component."""
    return {
        document["metadata"]["labels"]["app.kubernetes.io/component"]: document
        for document in documents
        if document["kind"] in ("Deployment", "StatefulSet")
    }


def container(workload: Document) -> Document:
    found: Document = workload["spec"]["template"]["spec"]["containers"][0]
    return found


def module(workload: Document) -> str:
    name: str = container(workload)["command"][-1]
    return name


def settings_class(package: str) -> type[ServiceSettings]:
    found = importlib.import_module(f"{package}.settings")
    return next(
        value
        for value in vars(found).values()
        if isinstance(value, type) and issubclass(value, ServiceSettings) and value is not ServiceSettings
    )


def environment(workload: Document) -> dict[str, str]:
    """The variables as a pod would see them."""
    name = workload["metadata"]["name"]
    sources = {
        "metadata.name": f"{name}-0" if workload["kind"] == "StatefulSet" else f"{name}-7c9d8f7b6d-x2x4k",
        "status.hostIP": "10.0.0.5",
        "status.podIP": "10.244.1.7",
    }
    found: dict[str, str] = {}
    for variable in container(workload)["env"]:
        source = variable.get("valueFrom", {})
        if "fieldRef" in source:
            value = sources[source["fieldRef"]["fieldPath"]]
        elif "secretKeyRef" in source:
            value = "clickhouse://store/seatbus" if source["secretKeyRef"]["key"] == "url" else "of-a-secret"
        else:
            value = variable["value"]
        assert variable["name"] not in found, f"{variable['name']} is set twice"
        found[variable["name"]] = re.sub(r"\$\((\w+)\)", lambda match: found[match[1]], value)
    return found


def strictly_valid(document: Document) -> None:
    if document["apiVersion"].startswith("monitoring.coreos.com/"):
        return  # of the Prometheus operator; the schemas know Kubernetes' own kinds
    kubernetes_validate.validate(document, KUBERNETES, strict=True)


@pytest.mark.parametrize("values", VARIANTS.values(), ids=VARIANTS)
def test_the_chart_passes_lint_and_its_documents_the_schemas_of_kubernetes(
    helm: str, values: tuple[str, ...]
) -> None:
    code, out, err = run_helm(helm, "lint", values)
    assert code == 0, out + err
    documents = rendered(helm, values)
    names = [(document["kind"], document["metadata"]["name"]) for document in documents]
    assert len(set(names)) == len(names)
    for document in documents:
        strictly_valid(document)


def test_what_the_repository_holds_is_what_the_chart_renders(helm: str) -> None:
    done = subprocess.run([ROOT / "scripts" / "chart", "check"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_each_service_is_a_component_and_each_component_a_service(helm: str) -> None:
    services = {path.parent.name for path in ROOT.glob("services/*/seatbus_*/__init__.py")}
    assert {module(workload) for workload in workloads(rendered(helm, ())).values()} == services


@pytest.mark.parametrize("values", VARIANTS.values(), ids=VARIANTS)
def test_every_service_accepts_the_environment_that_the_chart_gives(
    helm: str, values: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    for component, workload in workloads(rendered(helm, values)).items():
        cls = settings_class(module(workload))
        with monkeypatch.context() as scope:
            variables = environment(workload)
            for name, value in variables.items():
                scope.setenv(name, value)
            settings = cls()
        unknown = {n for n in variables if n.startswith("SEATBUS_")} - {
            f"SEATBUS_{field.upper()}" for field in cls.model_fields
        }
        assert not unknown, f"{component}: no settings {unknown}"
        ports = {port["name"]: port["containerPort"] for port in container(workload)["ports"]}
        assert ports["grpc"] == settings.grpc_port
        assert ports["lane"] == settings.lane_port
        assert ports["metrics"] == settings.metrics_port
        assert settings.instance_id.endswith(variables["POD_NAME"])
        grace = workload["spec"]["template"]["spec"]["terminationGracePeriodSeconds"]
        assert settings.drain_grace_s + 10 == grace, "5 s before the drain, 5 s to stop"


@pytest.mark.parametrize("values", VARIANTS.values(), ids=VARIANTS)
def test_the_edge_opens_the_ports_that_it_listens_on_and_finds_its_certificate(
    helm: str, values: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    edge = workloads(rendered(helm, values))["sip-edge"]
    for name, value in environment(edge).items():
        monkeypatch.setenv(name, value)
    settings = EdgeSettings()
    opened = {port["name"]: port["containerPort"] for port in container(edge)["ports"]}
    listening = {f"sip-{transport.lower()}": port for transport, port in settings.sip_listeners}
    assert {name: port for name, port in opened.items() if name.startswith("sip-")} == listening
    assert listening["sip-tcp"] == opened["sip"] == settings.sip_port
    mounted = {mount["name"]: Path(mount["mountPath"]) for mount in container(edge)["volumeMounts"]}
    files = [settings.sip_tls_cert_file, settings.sip_tls_key_file, settings.trunk_authorities]
    assert {file.parent for file in files if file is not None} == {
        path for name, path in mounted.items() if name == "tls"
    }
    assert all((file is not None) == ("sip-tls" in listening) for file in files)


@pytest.mark.parametrize("values", VARIANTS.values(), ids=VARIANTS)
def test_pods_run_without_privileges_and_keep_off_each_others_ports(
    helm: str, values: tuple[str, ...]
) -> None:
    taken: set[int] = set()
    for component, workload in workloads(rendered(helm, values)).items():
        pod = workload["spec"]["template"]["spec"]
        guard = container(workload)["securityContext"]
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert guard["readOnlyRootFilesystem"] is True
        assert guard["capabilities"] == {"drop": ["ALL"]}
        assert pod["enableServiceLinks"] is False, "service links would set SEATBUS_… variables"
        assert pod.get("hostNetwork", False) == (component in ("sip-edge", "media"))
        ports = {port["containerPort"] for port in container(workload)["ports"]}
        assert not ports & taken
        taken |= ports
        assert container(workload)["livenessProbe"]["httpGet"]["path"] == "/healthz"
        assert container(workload)["readinessProbe"]["httpGet"]["path"] == "/readyz"
        stateful = workload["kind"] == "StatefulSet"
        assert stateful == bool(workload["spec"].get("volumeClaimTemplates"))
        assert stateful != any(volume["name"] == "data" for volume in pod["volumes"])


def test_the_store_is_embedded_only_where_no_clickhouse_is_named(helm: str) -> None:
    embedded = workloads(rendered(helm, ()))["reporting"]
    assert embedded["kind"] == "StatefulSet"
    assert environment(embedded)["SEATBUS_STORE_URL"] == "chdb:///var/lib/seatbus/store"
    for values in (PRODUCTION, VARIANTS["ingress"]):
        outside = workloads(rendered(helm, values))["reporting"]
        assert outside["kind"] == "Deployment"
        assert environment(outside)["SEATBUS_STORE_URL"].startswith("clickhouse://")


def test_pods_on_the_nodes_network_are_let_in_to_the_others(helm: str) -> None:
    policy = next(
        document
        for document in rendered(helm, ("networkPolicy.nodeCidrs={10.1.0.0/16}",))
        if document["kind"] == "NetworkPolicy" and document["metadata"]["name"] == "seatbus"
    )
    inner = [{"port": "grpc"}, {"port": "lane"}]
    rule = next(rule for rule in policy["spec"]["ingress"] if rule["ports"] == inner)
    assert {"ipBlock": {"cidr": "10.1.0.0/16"}} in rule["from"]


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (("components.reporting.replicas=2",), "the embedded store is one process"),
        (("components.acd.ports.grpc=19102",), "components.agent-state.ports.metrics: 19102 is also"),
        (("components.media.rtp.portMin=30000",), "components.media.rtp: portMax must be above portMin"),
        (("sip.digestSecretName=",), "sip.digestSecretName: required in production"),
        (("nats.monitorUrl=",), "nats.monitorUrl: required in production"),
        (("networkPolicy.nodeCidrs=null",), "networkPolicy.nodeCidrs: required"),
        (
            (
                "components.media.autoscale.min=1,components.media.autoscale.max=2,components.media.autoscale.cpu=50",
            ),
            "components.media.autoscale: only for Deployments",
        ),
        (("sip.port=506",), "/sip/port"),
        (("sip.tcpPort=80",), "/sip/tcpPort"),
        (("sip.wsPort=5060",), "sip.wsPort: 5060 is also sip.tcpPort"),
        (("components.acd.ports.lane=5060",), "components.acd.ports.lane: 5060 is also sip.tcpPort"),
        (("sip.wssPort=5063",), "sip.tls.secretName: required in production"),
        (("sip.tls.trunkCaKey=ca.crt",), "sip.tls.secretName: required for sip.tls.clientCaKey"),
        (("nats.replicas=2",), "/nats/replicas"),
        (("nats.url=http://nats",), "/nats/url"),
        (("clickhouse.url=mysql://store",), "/clickhouse/url"),
        (("region=east asia",), "/region"),
        (("image.tag=latest",), "/image/tag"),
        (("components.acd.replica=3",), "replica"),
        (("components.acd.env.PATH=/tmp",), "invalid propertyName 'PATH'"),
        (("components.acd.graceSeconds=5",), "/components/acd/graceSeconds"),
        (("ingres.enabled=true",), "ingres"),
    ],
    ids=lambda value: value[0].partition(",")[0] if isinstance(value, tuple) else "",
)
def test_wrong_values_are_refused_by_name(helm: str, values: tuple[str, ...], said: str) -> None:
    code, _, err = run_helm(helm, "template", values)
    assert code != 0
    assert said in err


@pytest.mark.parametrize(
    ("release", "said"),
    [("a.b", "it must have no dot"), ("a-very-long-name-for-a-release-of-this-chart", "longer than 64")],
)
def test_a_release_name_that_spoils_instance_ids_is_refused(helm: str, release: str, said: str) -> None:
    code, _, err = run_helm(helm, "template", (), release)
    assert code != 0
    assert said in err


def cluster_documents() -> Iterator[Document]:
    for path in CLUSTER:
        yield from yaml.safe_load_all(path.read_text())


def test_what_a_cluster_needs_around_it_is_valid() -> None:
    assert CLUSTER
    for document in cluster_documents():
        kubernetes_validate.validate(document, KUBERNETES, strict=True)


def test_the_nats_servers_take_their_configuration_and_the_chart_points_at_them(tmp_path: Path) -> None:
    documents = {
        (document["kind"], document["metadata"]["name"]): document for document in cluster_documents()
    }
    text = documents["ConfigMap", "nats-config"]["data"]["nats.conf"]
    assert "sync_interval: always" in text
    (tmp_path / "nats.conf").write_text(text)
    (tmp_path / "auth").mkdir()
    guide = (ROOT / "docs" / "operations" / "kubernetes.md").read_text()
    auth = re.search(r"^authorization .*$", guide, re.MULTILINE)
    assert auth, "the guide says what auth.conf holds"
    (tmp_path / "auth" / "auth.conf").write_text(auth[0].replace("$NATS_PASSWORD", "f" * 32))
    done = subprocess.run(
        [Path(sys.executable).parent / "nats-server", "-t", "-c", tmp_path / "nats.conf"],
        env={"POD_NAME": "nats-0"},
        capture_output=True,
        text=True,
        timeout=20,
    )
    assert done.returncode == 0, done.stderr
    values = yaml.safe_load((CHART / "values.yaml").read_text())["nats"]
    assert values["url"] == "nats://nats.nats.svc:4222"
    replicas = documents["StatefulSet", "nats"]["spec"]["replicas"]
    assert values["replicas"] == replicas
    assert values["monitorUrl"].split(",") == [
        f"http://nats-{index}.nats-headless.nats.svc:8222" for index in range(replicas)
    ]


def dockerfile() -> list[tuple[str, str]]:
    text = re.sub(r"^\s*#.*\n", "", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE)
    lines = text.replace("\\\n", " ").splitlines()
    return [(word, rest) for word, _, rest in (line.partition(" ") for line in lines if line.strip())]


def test_the_image_is_pinned_unprivileged_and_made_of_what_is_there() -> None:
    instructions = dockerfile()
    stages: set[str] = set()
    for word, rest in instructions:
        if word == "FROM":
            image, _, stage = rest.partition(" AS ")
            assert re.fullmatch(r"[a-z]+:\d+\.\d+[\w.-]*", image), f"{image} must name a version"
            stages.add(stage)
        elif word == "COPY":
            *sources, _target = rest.split()
            if sources[0].startswith("--from="):
                assert sources[0].removeprefix("--from=") in stages
                continue
            for source in sources:
                assert (ROOT / source).exists(), source
    last = max(index for index, (word, _) in enumerate(instructions) if word == "FROM")
    final = instructions[last:]
    users = [rest for word, rest in final if word == "USER"]
    assert users, "the last stage must not run as root"
    assert all(re.fullmatch(r"[1-9]\d*:[1-9]\d*", user) for user in users)
    assert all(word != "ADD" for word, _ in instructions)
    assert any("--require-hashes -r requirements.lock" in rest for _, rest in instructions)


def test_image_and_chart_agree_on_version_user_and_directories(helm: str) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert chart["appVersion"] == project["version"]
    final = " ".join(rest for _, rest in dockerfile())
    for workload in workloads(rendered(helm, ())).values():
        pod = workload["spec"]["template"]["spec"]
        user = pod["securityContext"]["runAsUser"]
        assert f"--uid {user} " in final
        variables = environment(workload)
        assert f"SEATBUS_DATA_DIR={variables['SEATBUS_DATA_DIR']}" in final
        if "SEATBUS_WEB_DIR" in variables:
            assert f"SEATBUS_WEB_DIR={variables['SEATBUS_WEB_DIR']}" in final
