"""A customer is met in the city, an agent in the branch, each by a media instance of their own: what becomes
of the call when several instances are lost, in whatever order.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import pytest

from seatbus.call.v1 import types_pb2 as call_types
from seatbus.media.v1 import service_pb2 as media
from seatbus.media.v1 import service_pb2_grpc as media_grpc
from seatbus.media.v1.types_pb2 import ENDPOINT_KIND_LINK
from seatbus.tenancy.v1 import types_pb2 as tenancy
from seatbus_sip_edge.application import link_move, media_commands, media_links, media_move, media_watch
from seatbus_sip_edge.domain.model import Phase
from seatbus_testkit.phone import PhoneCall

from .conftest import FakeMedia, Neighbour, World


class Instance(FakeMedia):
    """In one network. Once told to, it does not answer the next request that describes a leg."""

    def __init__(self, name: str, zone: str) -> None:
        super().__init__()
        self.name, self.zone = name, zone
        self.asked = asyncio.Event()
        self.answers = asyncio.Event()
        self.answers.set()
        self.there: Neighbour

    async def start(self, world: World, load: float) -> None:
        add = media_grpc.add_MediaServicer_to_server
        self.there = await Neighbour("media", add, self, world.bus, name=self.name).start(
            load, zones=self.zone
        )

    async def kill(self) -> None:
        self.answers.set()
        await self.there.rpc.stop(0)

    async def Execute(self, request: media.ExecuteRequest, context: Any) -> media.ExecuteResponse:
        describes = {command.WhichOneof("command") for command in request.commands}
        if not self.answers.is_set() and describes & {"make_offer", "accept_offer"}:
            self.asked.set()
            await self.answers.wait()
        return await super().Execute(request, context)

    def has(self, call_id: str) -> bool:
        return call_id in self.sessions


@dataclass
class Estate:
    world: World
    city: list[Instance]
    branch: list[Instance]
    customer: PhoneCall
    agent: PhoneCall

    @property
    def call(self) -> Any:
        (session,) = self.world.app.edge.sessions.values()  # type: ignore[union-attr]
        return session.call

    @property
    def agent_leg(self) -> Any:
        return self.call.agent_leg

    async def moved_to(self, city: Instance, branch: Instance) -> None:
        """The call and the agent's leg are met there, and their media says who hears whom."""
        await self.world.until(
            lambda: (self.call.media_instance, self.agent_leg.met_by) == (city.name, branch.name)
        )
        for instance in (city, branch):
            await self.world.until(lambda instance=instance: "connect" in instance.names(self.call.call_id))
        link = city.last("accept_offer", self.call.call_id)
        assert (link.endpoint_id, link.kind) == (self.agent_leg.leg_id, ENDPOINT_KIND_LINK)
        assert branch.last("accept_answer", self.call.call_id).endpoint_id
        assert self.call.phase is Phase.BRIDGED


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is 20 s of patience outside is 2 s here, and the dead are not asked for long."""
    for module, name, seconds in (
        (media_watch, "_LOST_S", 2.0),
        (media_move, "GIVE_UP_S", 2.0),
        (link_move, "GIVE_UP_S", 2.0),
        (media_move, "_EXECUTE_S", 1.0),
        (media_links, "_ASK_S", 1.0),
        (media_commands, "_END_S", 0.5),
    ):
        monkeypatch.setattr(module, name, seconds)


async def _estate(world: World, steps: Any, city: int, branch: int) -> Estate:
    await world.neighbours.pop("media").stop()
    instances = [
        Instance(f"{zone}-{number}-{world.tenant}", zone)
        for zone, count in (("city", city), ("branch", branch))
        for number in range(count)
    ]
    for number, instance in enumerate(instances):
        await instance.start(world, load=number / 10)
        world.neighbours[instance.name] = instance.there
    await world.start_edge(sip_t1_s=0.1)
    caller = await world.phone()
    await world.configure(caller)
    host, port = caller.address
    trunk = tenancy.Trunk(name="c", source_addresses=[f"{host}:{port}"], media_zone="city")
    await world.put("trunk", "carrier", trunk)
    await world.put("branch", "branch", tenancy.Branch(name="Branch", media_zone="branch"))
    await world.put("agent", "anna", tenancy.Agent(name="Anna", extension="1001", branch_id="branch"))
    config = world.app.edge.config  # type: ignore[union-attr]
    await world.until(lambda: config.get(world.tenant, "agent", "anna").agent.branch_id == "branch")
    await world.until(lambda: config.get(world.tenant, "trunk", "carrier").trunk.media_zone == "city")
    phone = await world.agent_phone()
    world.script(steps.enqueue())
    customer = await caller.dial(world.number)
    await world.until(lambda: world.acd.enqueued)
    await world.offer()
    agent = await phone.next_call()
    await agent.answer()
    await world.until(lambda: "CallBridged" in world.types())
    made = Estate(world, instances[:city], instances[city:], customer, agent)
    await world.until(lambda: made.call.phase is Phase.BRIDGED)
    assert (made.call.media_instance, made.agent_leg.met_by) == (instances[0].name, instances[city].name)
    return made


async def _goes_on(made: Estate) -> None:
    """Nobody was hung up, and the end is that of any call."""
    assert made.customer.state == made.agent.state == "answered"
    await made.customer.hang_up()
    await made.agent.wait_ended()
    assert (await made.world.ended()).cause == call_types.HANGUP_CAUSE_CALLER_HUNG_UP


@pytest.mark.parametrize("first", ["city", "branch"])
async def test_the_other_one_dies_while_the_move_is_asked_for(
    empty_world: World, steps: Any, first: str
) -> None:
    made = await _estate(empty_world, steps, city=2, branch=2)
    lost, other = (made.city, made.branch) if first == "city" else (made.branch, made.city)
    lost[1].answers.clear()
    await lost[0].kill()
    await asyncio.wait_for(lost[1].asked.wait(), 20)
    await other[0].kill()
    lost[1].answers.set()
    await made.moved_to(made.city[1], made.branch[1])
    await _goes_on(made)


async def test_both_die_at_once(empty_world: World, steps: Any) -> None:
    made = await _estate(empty_world, steps, city=2, branch=2)
    await asyncio.gather(made.city[0].kill(), made.branch[0].kill())
    await made.moved_to(made.city[1], made.branch[1])
    await _goes_on(made)


async def test_the_instance_that_the_call_moves_to_dies_too(empty_world: World, steps: Any) -> None:
    made = await _estate(empty_world, steps, city=3, branch=1)
    made.city[1].answers.clear()
    await made.city[0].kill()
    await asyncio.wait_for(made.city[1].asked.wait(), 20)
    await made.city[1].kill()
    await made.moved_to(made.city[2], made.branch[0])
    await _goes_on(made)


@pytest.mark.parametrize(("city", "branch"), [(2, 1), (1, 2)])
async def test_without_another_one_for_each_the_call_ends(
    empty_world: World, steps: Any, city: int, branch: int
) -> None:
    made = await _estate(empty_world, steps, city=city, branch=branch)
    await asyncio.gather(made.city[0].kill(), made.branch[0].kill())
    await asyncio.gather(made.customer.wait_ended(), made.agent.wait_ended())
    ended = await made.world.ended()
    assert ended.cause == call_types.HANGUP_CAUSE_MEDIA_FAILED
    # What had been begun at the living ones is over too.
    for instance in (*made.city[1:], *made.branch[1:]):
        await made.world.until(lambda instance=instance: not instance.has(ended.call.call_id))
