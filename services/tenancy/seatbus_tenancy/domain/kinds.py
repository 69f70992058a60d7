"""What refers to what: for each kind of object, the fields that name other objects."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from seatbus.tenancy.v1 import types_pb2 as tenancy

if TYPE_CHECKING:
    from seatbus.ivr.v1 import types_pb2 as ivr

OPERATOR: Final = "operator"
KINDS: Final[tuple[str, ...]] = tuple(
    field.name for field in tenancy.ConfigObject.DESCRIPTOR.oneofs_by_name["object"].fields
)


@dataclass(frozen=True, slots=True)
class Reference:
    """`field` is the path below the object. `tenant` empty means the object's own."""

    field: str
    kind: str
    id: str
    tenant: str = ""


def references(item: tenancy.ConfigObject) -> Iterator[Reference]:
    """Every other object that this one names; empty fields are left out."""
    kind = item.WhichOneof("object") or ""
    walker = _WALKERS.get(kind)
    if walker is None:
        return
    for reference in walker(getattr(item, kind)):
        if reference.id:
            yield Reference(f"{kind}.{reference.field}", reference.kind, reference.id, reference.tenant)


def _route(field: str, route: tenancy.Route) -> Iterator[Reference]:
    target = route.WhichOneof("target")
    kinds = {"queue_id": "queue", "flow_id": "flow", "agent_id": "agent", "announcement_prompt_id": "prompt"}
    if target in kinds:
        yield Reference(f"{field}.{target}", kinds[target], getattr(route, target))


def _branch(branch: tenancy.Branch) -> Iterator[Reference]:
    yield Reference("emergency_trunk_id", "trunk", branch.emergency_trunk_id)


def _number(number: tenancy.Number) -> Iterator[Reference]:
    yield Reference("branch_id", "branch", number.branch_id)
    yield Reference("flow_id", "flow", number.flow_id)
    yield from _route("fallback", number.fallback)
    for at, entry in enumerate(number.timed_entries):
        yield Reference(f"timed_entries[{at}].schedule_id", "schedule", entry.schedule_id)
        yield Reference(f"timed_entries[{at}].flow_id", "flow", entry.flow_id)


def _trunk(trunk: tenancy.Trunk) -> Iterator[Reference]:
    yield Reference("branch_id", "branch", trunk.branch_id)


def _outbound_route(route: tenancy.OutboundRoute) -> Iterator[Reference]:
    yield Reference("branch_id", "branch", route.branch_id)
    for at, item in enumerate(route.trunks):
        yield Reference(f"trunks[{at}].trunk_id", "trunk", item.trunk_id, item.trunk_tenant_id)


def _quota(quota: tenancy.Quota) -> Iterator[Reference]:
    yield Reference("toll_guard.schedule_id", "schedule", quota.toll_guard.schedule_id)


def _queue(queue: tenancy.Queue) -> Iterator[Reference]:
    yield Reference("branch_id", "branch", queue.branch_id)
    for at, member in enumerate(queue.members):
        if member.WhichOneof("who") == "agent_id":
            yield Reference(f"members[{at}].agent_id", "agent", member.agent_id, member.agent_tenant_id)
        else:
            yield Reference(f"members[{at}].team_id", "team", member.team_id, member.agent_tenant_id)
    yield from _route("overflow", queue.overflow)
    for at, id in enumerate(queue.overflow_queue_ids):
        yield Reference(f"overflow_queue_ids[{at}]", "queue", id)
    yield Reference("music_prompt_id", "prompt", queue.music_prompt_id)
    yield Reference("whisper_prompt_id", "prompt", queue.whisper_prompt_id)
    yield Reference("outage_prompt_id", "prompt", queue.outage_prompt_id)
    yield Reference("device_lost_prompt_id", "prompt", queue.device_lost_prompt_id)
    yield Reference("callback.schedule_id", "schedule", queue.callback.schedule_id)
    for name in ("ask_prompt_id", "taken_prompt_id", "greeting_prompt_id"):
        yield Reference(f"callback.{name}", "prompt", getattr(queue.callback, name))
    for at, id in enumerate(queue.comfort.prompt_ids):
        yield Reference(f"comfort.prompt_ids[{at}]", "prompt", id)


def _audio(field: str, audio: Iterable[ivr.Audio]) -> Iterator[Reference]:
    for at, item in enumerate(audio):
        if item.WhichOneof("source") == "prompt_id":
            yield Reference(f"{field}.audio[{at}].prompt_id", "prompt", item.prompt_id)


def _flow(flow: ivr.Flow) -> Iterator[Reference]:
    for at, node in enumerate(flow.nodes):
        kind = node.WhichOneof("kind") or ""
        field = f"nodes[{at}].{kind}"
        if kind in ("play", "menu", "collect", "hang_up", "voicemail"):
            yield from _audio(field, getattr(node, kind).audio)
        if kind in ("queue", "voicemail", "callback"):
            yield Reference(f"{field}.queue_id", "queue", getattr(node, kind).queue_id)
            for at_queue, id in enumerate(node.queue.also_queue_ids):
                yield Reference(f"{field}.also_queue_ids[{at_queue}]", "queue", id)
        elif kind == "hours":
            yield Reference(f"{field}.schedule_id", "schedule", node.hours.schedule_id)
        elif kind == "transfer":
            yield Reference(f"{field}.agent_id", "agent", node.transfer.agent_id)
            yield Reference(f"{field}.flow_id", "flow", node.transfer.flow_id)
        elif kind == "subflow":
            yield Reference(f"{field}.flow_id", "flow", node.subflow.flow_id)


def _agent(agent: tenancy.Agent) -> Iterator[Reference]:
    yield Reference("branch_id", "branch", agent.branch_id)
    yield Reference("team_id", "team", agent.team_id)
    yield Reference("schedule_id", "schedule", agent.schedule_id)


def _device(device: tenancy.Device) -> Iterator[Reference]:
    yield Reference("agent_id", "agent", device.agent_id)


def _team(team: tenancy.Team) -> Iterator[Reference]:
    yield Reference("branch_id", "branch", team.branch_id)
    yield Reference("leader_agent_id", "agent", team.leader_agent_id)


def _seat(seat: tenancy.Seat) -> Iterator[Reference]:
    yield Reference("branch_id", "branch", seat.branch_id)
    yield Reference("trunk_id", "trunk", seat.trunk_id)


def _seat_lease(lease: tenancy.SeatLease) -> Iterator[Reference]:
    # What is leased are the operator's seats.
    for at, id in enumerate(lease.seat_ids):
        yield Reference(f"seat_ids[{at}]", "seat", id, OPERATOR)


def _disposition(disposition: tenancy.Disposition) -> Iterator[Reference]:
    for at, id in enumerate(disposition.queue_ids):
        yield Reference(f"queue_ids[{at}]", "queue", id)


def _user(user: tenancy.User) -> Iterator[Reference]:
    yield Reference("agent_id", "agent", user.agent_id)


# The walker of a kind takes the message of that kind.
_WALKERS: Final[dict[str, Callable[[Any], Iterator[Reference]]]] = {
    "branch": _branch,
    "number": _number,
    "trunk": _trunk,
    "queue": _queue,
    "flow": _flow,
    "agent": _agent,
    "device": _device,
    "team": _team,
    "seat": _seat,
    "seat_lease": _seat_lease,
    "disposition": _disposition,
    "user": _user,
    "outbound_route": _outbound_route,
    "quota": _quota,
}
