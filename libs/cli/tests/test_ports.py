"""The block of ports behind --port-base."""

import itertools
import socket
from pathlib import Path

import pytest

from seatbus_cli.ports import PortPlan
from seatbus_cli.specs import PlatformOptions, service_specs


@pytest.mark.parametrize("base", [1024, 9000, 9001, 60000])
def test_all_ports_of_a_block_are_distinct_and_rtp_begins_even(base: int) -> None:
    plan = PortPlan.from_base(base)
    single = [plan.http, plan.sip, plan.nats, plan.nats_monitor, plan.sip_ws, plan.sip_tls, plan.sip_wss]
    single += range(plan.metrics, plan.metrics + 64)
    assert len(set(single)) == len(single)
    assert max(single) < plan.rtp_min
    assert plan.rtp_min % 2 == 0
    assert plan.rtp_max <= 65535


@pytest.mark.parametrize("base", [0, 80, 65000])
def test_a_block_that_does_not_fit_is_refused_with_the_range(base: int) -> None:
    with pytest.raises(ValueError, match="--port-base: 1024 to"):
        PortPlan.from_base(base)


def test_a_taken_port_is_named() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        plan = PortPlan.from_base(20000)
        plan = PortPlan(**{**plan.__dict__, "sip": sock.getsockname()[1]})
        assert plan.taken("127.0.0.1")[-1] == f"SIP 127.0.0.1:{plan.sip}/udp"


def test_replicas_of_media_share_no_rtp_port(tmp_path: Path) -> None:
    options = PlatformOptions(data_dir=tmp_path, ports=PortPlan.from_base(9000), replicas={"media": 3})
    media = [spec.env for spec in service_specs(options, None) if spec.service == "media"]
    ranges = [(int(e["SEATBUS_RTP_PORT_MIN"]), int(e["SEATBUS_RTP_PORT_MAX"])) for e in media]
    assert len(ranges) == 3
    for (_, high), (low, _) in itertools.pairwise(ranges):
        assert high < low
    assert all(low % 2 == 0 for low, _ in ranges)


def test_secrets_are_made_once_and_only_the_owner_reads_them(tmp_path: Path) -> None:
    options = PlatformOptions(data_dir=tmp_path, ports=PortPlan.from_base(9000))
    first = service_specs(options, None)[0].env["SEATBUS_NATS_PASSWORD"]
    assert service_specs(options, None)[0].env["SEATBUS_NATS_PASSWORD"] == first
    modes = {path.stat().st_mode & 0o777 for path in (tmp_path / "secrets").iterdir()}
    assert modes == {0o600}


def test_each_edge_has_ports_of_its_own_for_every_transport(tmp_path: Path) -> None:
    plan = PortPlan.from_base(9000)
    options = PlatformOptions(data_dir=tmp_path, ports=plan, replicas={"sip_edge": 3})
    specs = [spec.env for spec in service_specs(options, None)]
    edges = [env for env in specs if env["SEATBUS_INSTANCE_ID"].startswith("sip_edge-")]
    taken = [int(env[f"SEATBUS_SIP_{name}PORT"]) for env in edges for name in ("", "WS_", "TLS_", "WSS_")]
    taken += [int(env["SEATBUS_METRICS_PORT"]) for env in specs] + [plan.http, plan.nats, plan.nats_monitor]
    assert len(set(taken)) == len(taken)
    assert max(taken) < plan.rtp_min
