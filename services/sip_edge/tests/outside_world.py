"""Trunks' peers for tests of calls to the outside: phones that play a carrier."""

from __future__ import annotations

from typing import Any

from seatbus.tenancy.v1 import types_pb2 as tenancy
from seatbus_sip import Request
from seatbus_sip_edge.domain.routes import TrunkRef
from seatbus_testkit.eventually import eventually
from seatbus_testkit.phone import Phone, PhoneCall, Policy

PLAN = {"country_code": "49", "national_prefix": "0", "international_prefix": "00", "area_code": "30"}
OUTSIDE = "089123456"
E164 = "+4989123456"


class Carrier:
    """A trunk named `trunk_id` with its peer."""

    def __init__(self, world: Any, trunk_id: str, phone: Phone) -> None:
        self.world = world
        self.trunk_id = trunk_id
        self.phone = phone

    async def call(self) -> PhoneCall:
        return await self.phone.next_call(5.0)

    async def invite(self) -> Request:
        return (await self.call()).request


async def carrier(
    world: Any, trunk_id: str = "out", *, policy: Policy | None = None, **fields: Any
) -> Carrier:
    """A trunk whose peer rings for half a moment and answers, unless `policy` says otherwise."""
    phone = await world.phone(username=trunk_id)
    phone.policy = policy or Policy(answer_after_s=0.05)
    host, port = phone.address
    given = {
        "host": host,
        "port": port,
        "outbound": True,
        "no_options": True,
        "setup_timeout_s": 20,
        **fields,
    }
    await world.put("trunk", trunk_id, tenancy.Trunk(name=trunk_id, **given))
    app = world.app
    if app is not None and given["outbound"]:
        ref = TrunkRef(world.tenant, trunk_id)
        await eventually(lambda: app.edge.trunks.ways(ref))
    return Carrier(world, trunk_id, phone)


async def company(world: Any, **agent: Any) -> Phone:
    """The tenant with a branch in Berlin, and its agent Anna's phone."""
    caller = await world.phone()
    await world.configure(caller)
    await world.put(
        "branch",
        "berlin",
        tenancy.Branch(name="Berlin", time_zone="Europe/Berlin", dial_plan=PLAN, caller_id="+4930555000"),
    )
    fields = {"name": "Anna", "extension": "1001", "branch_id": "berlin", **agent}
    await world.put("agent", "anna", tenancy.Agent(**fields))
    await known(world, "branch", "berlin")
    await eventually(lambda: _agent(world).branch_id == "berlin")
    return await world.agent_phone()


async def known(world: Any, kind: str, object_id: str) -> None:
    app = world.app
    assert app is not None
    await eventually(lambda: app.edge.config.get(world.tenant, kind, object_id))


def _agent(world: Any) -> tenancy.Agent:
    assert world.app is not None
    found = world.app.edge.config.get(world.tenant, "agent", "anna")
    return found.agent if found is not None else tenancy.Agent()
