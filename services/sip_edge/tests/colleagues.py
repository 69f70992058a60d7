"""More agents than the world's one, with phones of their own."""

from __future__ import annotations

from typing import Any

from seatbus.call.v1 import service_pb2 as call_pb
from seatbus.tenancy.v1 import types_pb2 as tenancy
from seatbus_kit.ids import uuid7
from seatbus_sip import ha1
from seatbus_testkit.phone import Phone, PhoneCall

REALM = "seatbus"


async def device_of(world: Any, agent: str, device: str, extension: str = "") -> str:
    """Configures one more device, of an agent who may be new; returns its username."""
    username = f"{world.tenant}-{device}"
    await world.put("agent", agent, tenancy.Agent(name=agent, extension=extension))
    await world.put(
        "device",
        device,
        tenancy.Device(
            agent_id=agent,
            kind=tenancy.DEVICE_KIND_SIP,
            username=username,
            ha1_md5=ha1("MD5", username, REALM, "pw"),
            ha1_sha256=ha1("SHA-256", username, REALM, "pw"),
        ),
    )
    await world.until(lambda: world.app.edge.config.device_by_username(username))
    return username


async def phone_of(world: Any, agent: str, device: str, extension: str = "") -> Phone:
    """A phone of this device; it is not registered."""
    username = await device_of(world, agent, device, extension)
    phone: Phone = await world.phone(username=username, password="pw")
    return phone


async def ringing(world: Any, steps: Any) -> tuple[PhoneCall, PhoneCall]:
    """The caller's side, and a phone of anna's that rings."""
    caller = await world.phone()
    await world.configure(caller)
    phone = await world.agent_phone()
    world.script(steps.enqueue())
    call = await caller.dial(world.number)
    await world.until(lambda: world.acd.enqueued)
    await world.offer()
    side = await phone.next_call()
    await side.ring()
    await world.until(lambda: "LegRinging" in world.types())
    return call, side


async def talking(world: Any, steps: Any) -> tuple[PhoneCall, PhoneCall]:
    """The caller's side and anna's of a conversation."""
    call, side = await ringing(world, steps)
    await side.answer()
    await world.until(lambda: "CallBridged" in world.types())
    return call, side


async def offer_to(world: Any, agent: str, contact: Any, *, ring_rid: str = "", rid: str = "") -> str:
    """acd offers a contact to this agent, beside the others of a ring; returns the reservation."""
    rid = rid or uuid7()
    await world.ask(
        "OfferAgent",
        call_pb.OfferAgentRequest(
            context=world.context(),
            call_id=contact.call_id,
            contact_id=contact.contact_id,
            rid=rid,
            epoch=1,
            group="g",
            agent_tenant_id=world.tenant,
            agent_id=agent,
            ring_timeout_s=20 if ring_rid else 5,
            queue_id=contact.queue_id,
            ring_rid=ring_rid,
        ),
    )
    return rid


async def ring_of(
    world: Any, steps: Any, *colleagues: str
) -> tuple[PhoneCall, dict[str, PhoneCall], dict[str, Phone]]:
    """The caller's side, what rings together at anna and these, and their phones."""
    caller = await world.phone()
    await world.configure(caller)
    phones = {"anna": await world.agent_phone()}
    for agent in colleagues:
        phones[agent] = await phone_of(world, agent, f"{agent}-phone")
        await phones[agent].register()
    world.script(steps.enqueue())
    call = await caller.dial(world.number)
    await world.until(lambda: world.acd.enqueued)
    first = uuid7()
    sides: dict[str, PhoneCall] = {}
    for agent, phone in phones.items():
        rid = "" if sides else first
        await offer_to(world, agent, world.acd.enqueued[-1], ring_rid=first, rid=rid)
        sides[agent] = await phone.next_call()
        await sides[agent].ring()
    await world.until(lambda: world.types().count("LegRinging") == len(phones))
    return call, sides, phones
