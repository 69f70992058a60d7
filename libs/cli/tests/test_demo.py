"""What the demo asks of the platform, seen by a gateway that answers from a script."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest

from seatbus_cli import demo
from seatbus_cli.client import Client, ClientError
from seatbus_cli.ports import PortPlan
from seatbus_cli.specs import PlatformOptions, ProcessSpec
from seatbus_cli.supervisor import Supervisor


class ScriptedGateway:
    """Refuses the first posts as told, then takes everything."""

    def __init__(self, *refusals: int, states: list[dict[str, Any]] | None = None) -> None:
        self._refusals = list(refusals)
        self._states = states or []
        self.posts: list[tuple[str, Any]] = []
        self.keys: list[Any] = []
        self.url = "http://127.0.0.1:1"

    def post(self, path: str, body: Any) -> Any:
        if self._refusals:
            status = self._refusals.pop(0)
            raise ClientError(f"HTTP {status}", status)
        if path.endswith("/api-keys"):
            self.keys.append(body)
            return {"key": f"demo.{body['id']}.secret-of-the-board"}
        self.posts.append((path, body))
        return {}

    def delete(self, _path: str) -> Any:
        raise ClientError("HTTP 404", 404)

    def get(self, _path: str) -> Any:
        return {"agents": self._states}


class SupervisorOnPaper:
    def __init__(self) -> None:
        self.started: list[ProcessSpec] = []

    def start(self, spec: ProcessSpec) -> None:
        self.started.append(spec)


@pytest.fixture
def options(tmp_path: Path) -> PlatformOptions:
    return PlatformOptions(data_dir=tmp_path, ports=PortPlan.from_base(9000), host="127.0.0.1")


def _configure(gateway: ScriptedGateway, options: PlatformOptions) -> None:
    demo.configure(cast(Client, gateway), options)


async def _prepare(
    gateway: ScriptedGateway, paper: SupervisorOnPaper, options: PlatformOptions, sim: bool
) -> str:
    prepare = demo.prepare_demo(options, simulate=sim, rate=6)
    return await prepare(cast(Client, gateway), cast(Supervisor, paper))


def test_the_tenant_is_one_change_whose_objects_name_their_kind(options: PlatformOptions) -> None:
    gateway = ScriptedGateway()
    _configure(gateway, options)
    [(path, body)] = gateway.posts
    assert path == "/tenants/demo/config"
    kinds = [next(key for key in item if key != "id") for item in body["upserts"]]
    assert kinds[0] == "tenant"
    assert {kind: kinds.count(kind) for kind in ("branch", "queue", "agent", "device", "flow")} == {
        "branch": 2, "queue": 2, "agent": 11, "device": 11, "flow": 1,
    }  # fmt: skip
    assert all(len(item) == 2 for item in body["upserts"])


def test_a_second_start_sends_the_same_change(options: PlatformOptions) -> None:
    first, second = ScriptedGateway(), ScriptedGateway()
    _configure(first, options)
    _configure(second, options)
    assert first.posts == second.posts


def test_a_tenant_that_must_exist_first_is_created(options: PlatformOptions) -> None:
    gateway = ScriptedGateway(404)
    _configure(gateway, options)
    assert [path for path, _ in gateway.posts] == ["/tenants", "/tenants/demo/config"]
    assert gateway.posts[0][1]["id"] == "demo"


def test_a_service_that_is_not_there_yet_is_waited_for_but_a_refusal_is_told(
    options: PlatformOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demo, "PAUSE_S", 0.01)
    gateway = ScriptedGateway(503, 0)
    _configure(gateway, options)
    assert len(gateway.posts) == 1
    with pytest.raises(ClientError):
        _configure(ScriptedGateway(400), options)


async def test_with_people_the_simulator_is_started_at_the_rate(options: PlatformOptions) -> None:
    paper = SupervisorOnPaper()
    banner = await _prepare(ScriptedGateway(), paper, options, True)
    [spec] = paper.started
    assert spec.argv[-2:] == ("--rate", "6")
    password = (options.data_dir / "secrets" / "demo-2000.password").read_text()
    for told in ("4000", "127.0.0.1:9001", "demo-2000", password, "6 calls a minute"):
        assert told in banner


async def test_the_board_is_shown_with_a_key_that_only_reads(options: PlatformOptions) -> None:
    gateway = ScriptedGateway()
    banner = await _prepare(gateway, SupervisorOnPaper(), options, False)
    assert [body["role"] for body in gateway.keys] == ["agent"]
    assert "#key=demo.wallboard.secret-of-the-board" in banner
    kept = options.data_dir / "secrets" / demo.BOARD_SECRET
    assert (kept.read_text(), kept.stat().st_mode & 0o777) == ("demo.wallboard.secret-of-the-board", 0o600)
    again = await _prepare(gateway, SupervisorOnPaper(), options, False)  # a gateway that does not answer
    assert again == banner
    assert len(gateway.keys) == 1


async def test_without_people_nobody_stays_logged_in(options: PlatformOptions) -> None:
    states = [
        {"agent_id": "agent-01", "presence": "PRESENCE_READY"},
        {"agent_id": "agent-02", "presence": "PRESENCE_LOGGED_OUT"},
        {"agent_id": "own-phone", "presence": "PRESENCE_READY"},
    ]
    gateway, paper = ScriptedGateway(states=states), SupervisorOnPaper()
    banner = await _prepare(gateway, paper, options, False)
    assert paper.started == []
    assert gateway.posts[1:] == [("/tenants/demo/agents/agent-01/state", {"action": "logout"})]
    assert "seatbus call 4000" in banner
