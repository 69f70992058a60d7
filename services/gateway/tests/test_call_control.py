"""Requests that control a live call reach the edge that owns it, with what the contract wants."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from seatbus.call.v1 import service_pb2 as call_rpc
from seatbus_gateway.domain.access import GRANTS, Permission, Role

LEG = "0199c2a4-0000-7000-8000-00000000000a"


async def test_each_request_goes_to_the_owner_alone(world: SimpleNamespace) -> None:
    owner, other = world.edges[1], world.edges[0]
    base = f"/api/v1/tenants/acme/calls/{world.call_ids[1]}"
    for path, body, status in (
        ("hold", {"leg_id": LEG, "on": True}, 204),
        ("transfer", {"queue_id": "support"}, 204),
        ("consult", {"agent_id": "bert"}, 200),
        ("consult/complete", {"end": "conference"}, 204),
        ("supervise", {"supervisor_agent_id": "eva", "mode": "take_over"}, 204),
        ("recording", {"action": "pause"}, 204),
        ("park", None, 200),
    ):
        answer = await world.http.post(f"{base}/{path}", json=body)
        assert answer.status_code == status, (path, answer.text)
    assert other.asked == []
    hold, transfer, consult, complete, supervise, recording, park = owner.asked
    assert (hold.leg_id, hold.on, hold.context.tenant_id) == (LEG, True, "acme")
    assert transfer.target.queue_id == "support"
    assert consult.target.agent_id == "bert"
    assert complete.end == call_rpc.CONSULT_END_CONFERENCE
    assert (supervise.supervisor_agent_id, supervise.mode) == ("eva", call_rpc.SUPERVISE_MODE_TAKE_OVER)
    assert recording.control == call_rpc.RECORDING_CONTROL_PAUSE
    assert park.call_id == world.call_ids[1]


async def test_a_parked_call_is_found_by_its_slot(world: SimpleNamespace) -> None:
    base = "/api/v1/tenants/acme"
    parked = await world.http.post(f"{base}/calls/{world.call_ids[1]}/park")
    assert parked.json() == {"slot": "701"}
    assert (
        await world.http.post(f"{base}/pick-up", json={"slot": "701", "agent_id": "ann"})
    ).status_code == 204
    assert world.edges[1].asked[-1].call_id == world.call_ids[1]
    gone = await world.http.post(f"{base}/pick-up", json={"slot": "702", "agent_id": "ann"})
    assert gone.status_code == 404


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("transfer", {}),
        ("transfer", {"queue_id": "a", "agent_id": "b"}),
        ("transfer", {"number": "sip:somebody@example.org"}),
        ("consult", {"flow_id": "a"}),
        ("consult", {"queue_id": "a", "agent_id": "b"}),
        ("hold", {"leg_id": "x", "on": True}),
        ("dtmf", {"leg_id": LEG, "digits": "1\r\nX: y"}),
        ("supervise", {"supervisor_agent_id": "eva", "mode": "shout"}),
    ],
)
async def test_what_the_contract_does_not_know_is_refused_here(
    world: SimpleNamespace, path: str, body: dict[str, object]
) -> None:
    answer = await world.http.post(f"/api/v1/tenants/acme/calls/{world.call_ids[0]}/{path}", json=body)
    assert answer.status_code == 400
    assert world.edges[0].asked == []


def test_listening_in_is_a_permission_of_its_own() -> None:
    may = {role for role, granted in GRANTS.items() if Permission.CALLS_SUPERVISE in granted}
    assert may == {Role.OPERATOR, Role.TENANT_ADMIN, Role.SUPERVISOR}
