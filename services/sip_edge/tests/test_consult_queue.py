"""A consult with a queue: whoever goes at whatever moment, acd hears of it and nobody is left alone."""

from __future__ import annotations

from typing import Any

import pytest

from seatbus.acd.v1 import service_pb2 as acd
from seatbus.acd.v1 import types_pb2 as acd_types
from seatbus.agent.v1 import service_pb2 as agent
from seatbus.call.v1 import service_pb2 as control
from seatbus.call.v1 import types_pb2 as call_types
from seatbus.tenancy.v1 import types_pb2 as tenancy
from seatbus_kit.errors import Refused
from seatbus_testkit.phone import Phone, PhoneCall, Policy

from .colleagues import offer_to, phone_of, talking


class Asking:
    """anna talks with a customer and asks the queue `experts`, where ben is."""

    def __init__(self, world: Any, customer: PhoneCall, anna: PhoneCall, ben: Phone) -> None:
        self.world, self.customer, self.anna, self.ben = world, customer, anna, ben
        self.contact: Any = None

    @property
    def call(self) -> Any:
        return next(iter(self.world.app.edge.sessions.values())).call

    def phase(self) -> str:
        return str(self.call.phase.value)

    async def ring(self) -> PhoneCall:
        await offer_to(self.world, "ben", self.contact)
        side = await self.ben.next_call()
        await self.world.until(lambda: self.call.consult_leg is not None)
        return side

    async def answer(self) -> PhoneCall:
        side = await self.ring()
        await side.answer()
        await self.world.until(lambda: self.call.consult_leg.phase.value == "talking")
        return side

    async def end(self, how: control.ConsultEnd) -> None:
        await self.world.ask(
            "CompleteConsult",
            control.CompleteConsultRequest(
                context=self.world.context(), call_id=self.contact.call_id, end=how
            ),
        )


@pytest.fixture
async def asking(world: Any, steps: Any) -> Asking:
    customer, anna = await talking(world, steps)
    await world.put("queue", "experts", tenancy.Queue(name="Experts", wrap_up_s=7))
    await world.until(lambda: world.app.edge.directory.queue(world.tenant, "experts"))
    ben = await phone_of(world, "ben", "ben-phone")
    ben.policy = Policy()
    await ben.register()
    made = Asking(world, customer, anna, ben)
    await world.ask(
        "StartConsult",
        control.StartConsultRequest(
            context=world.context(),
            call_id=world.acd.enqueued[-1].call_id,
            target=call_types.OutboundTarget(queue_id="experts"),
        ),
    )
    await world.until(lambda: len(world.acd.enqueued) == 2)
    made.contact = world.acd.enqueued[-1]
    assert made.contact.queue_id == "experts"
    await world.until(lambda: "CallConsultStarted" in world.types())
    assert made.phase() == "consulting"
    return made


def _cancelled(world: Any, contact: Any) -> list[int]:
    return [item.outcome for item in world.acd.cancelled if item.contact_id == contact.contact_id]


async def test_whoever_is_free_comes_and_the_customer_goes_over(world: Any, asking: Asking) -> None:
    assert world.last("CallConsultStarted").target.queue_id == "experts"
    side = await asking.answer()
    await world.until(lambda: world.acd.offers[-1].contact_id == asking.contact.contact_id)
    assert world.acd.offers[-1].outcome == acd.OFFER_OUTCOME_ANSWERED
    assert asking.customer.state == "answered"
    await asking.end(control.CONSULT_END_TRANSFER)
    await asking.anna.wait_ended()
    await world.until(lambda: world.types().count("CallBridged") == 2)
    assert world.last("CallBridged").agent_id == "ben"
    await side.hang_up()
    await asking.customer.wait_ended()
    assert not _cancelled(world, asking.contact)


async def test_all_three_and_back(world: Any, asking: Asking) -> None:
    side = await asking.answer()
    await world.ask(
        "SwapConsult",
        control.SwapConsultRequest(context=world.context(), call_id=asking.contact.call_id),
    )
    assert asking.call.swapped
    await asking.end(control.CONSULT_END_CONFERENCE)
    assert asking.phase() == "conferenced"
    await asking.end(control.CONSULT_END_RETURN)
    await side.wait_ended()
    assert asking.phase() == "bridged"


async def test_the_agent_goes_back_while_waiting(world: Any, asking: Asking) -> None:
    await asking.end(control.CONSULT_END_RETURN)
    assert asking.phase() == "bridged"
    await world.until(lambda: _cancelled(world, asking.contact) == [acd_types.VISIT_OUTCOME_ABANDONED])
    await world.until(lambda: "CallConsultEnded" in world.types())
    assert world.last("CallConsultEnded").outcome == "returned"
    await world.until(
        lambda: world.agents.work and world.agents.work[-1].event == agent.WORK_EVENT_CONSULT_ENDED
    )


async def test_the_agent_goes_back_while_a_phone_rings(world: Any, asking: Asking) -> None:
    side = await asking.ring()
    await asking.end(control.CONSULT_END_RETURN)
    await side.wait_ended()
    assert asking.phase() == "bridged"
    await world.until(lambda: _cancelled(world, asking.contact) == [acd_types.VISIT_OUTCOME_ABANDONED])


@pytest.mark.parametrize("rings", [False, True])
async def test_the_customer_goes_and_the_visit_is_abandoned(world: Any, asking: Asking, rings: bool) -> None:
    side = await asking.ring() if rings else None
    await asking.customer.hang_up()
    await asking.anna.wait_ended()
    if side is not None:
        await side.wait_ended()
    assert (await world.ended()).cause == call_types.HANGUP_CAUSE_CALLER_HUNG_UP
    await world.until(lambda: _cancelled(world, asking.contact) == [acd_types.VISIT_OUTCOME_ABANDONED])


@pytest.mark.parametrize("rings", [False, True])
@pytest.mark.parametrize("by_phone", [False, True])
async def test_who_leaves_before_anybody_has_come_leaves_the_place_to_the_customer(
    world: Any, asking: Asking, rings: bool, by_phone: bool
) -> None:
    side = await asking.ring() if rings else None
    if by_phone:
        await asking.anna.hang_up()
    else:
        await asking.end(control.CONSULT_END_TRANSFER)
        await asking.anna.wait_ended()
    await world.until(lambda: asking.phase() == ("offered" if rings else "queued"))
    await world.until(lambda: world.last("CallQueued").contact_id == asking.contact.contact_id)
    if side is None:
        await offer_to(world, "ben", asking.contact)
        side = await asking.ben.next_call()
    await side.answer()
    await world.until(lambda: world.types().count("CallBridged") == 2)
    bridged = world.last("CallBridged")
    assert (bridged.agent_id, bridged.queue_id) == ("ben", "experts")
    assert asking.call.wrap_up_s == 7
    assert not _cancelled(world, asking.contact)
    await asking.customer.hang_up()
    await side.wait_ended()


async def test_whom_one_phone_refuses_the_next_one_gets(world: Any, asking: Asking) -> None:
    side = await asking.ring()
    await side.reject(603)
    await world.until(lambda: world.acd.offers and world.acd.offers[-1].outcome == acd.OFFER_OUTCOME_REJECTED)
    assert asking.phase() == "consulting"
    await asking.answer()
    await asking.end(control.CONSULT_END_RETURN)
    assert asking.phase() == "bridged"


async def test_an_offer_that_is_withdrawn_leaves_the_agent_waiting(world: Any, asking: Asking) -> None:
    rid = await offer_to(world, "ben", asking.contact)
    side = await asking.ben.next_call()
    await world.ask(
        "WithdrawOffer",
        control.WithdrawOfferRequest(
            context=world.context(), call_id=asking.contact.call_id, rid=rid, epoch=1
        ),
    )
    await side.wait_ended()
    assert asking.phase() == "consulting"
    assert asking.call.consult_waiting
    await asking.answer()


async def test_a_queue_that_gives_nobody_sends_the_agent_back(world: Any, asking: Asking) -> None:
    await world.ask(
        "LeaveQueue",
        control.LeaveQueueRequest(
            context=world.context(),
            call_id=asking.contact.call_id,
            contact_id=asking.contact.contact_id,
            reason=control.LEAVE_REASON_MAX_WAIT,
        ),
    )
    assert asking.phase() == "bridged"
    await world.until(lambda: "CallConsultEnded" in world.types())
    assert world.last("CallConsultEnded").outcome == "failed"
    assert not _cancelled(world, asking.contact)


async def test_a_queue_that_refuses_the_question(world: Any, steps: Any) -> None:
    await talking(world, steps)
    await world.put("queue", "experts", tenancy.Queue(name="Experts"))
    await world.until(lambda: world.app.edge.directory.queue(world.tenant, "experts"))
    world.acd.refuse["Enqueue"] = Refused("queue_closed", "the queue is closed", field="queue_id")
    await world.ask(
        "StartConsult",
        control.StartConsultRequest(
            context=world.context(),
            call_id=world.acd.enqueued[-1].call_id,
            target=call_types.OutboundTarget(queue_id="experts"),
        ),
    )
    session = next(iter(world.app.edge.sessions.values()))
    await world.until(lambda: session.call.phase.value == "bridged")
    await world.until(lambda: "CallConsultEnded" in world.types())
    assert world.last("CallConsultEnded").outcome == "failed"


@pytest.mark.parametrize("rings", [False, True])
async def test_a_restart_forgets_no_question(world: Any, asking: Asking, rings: bool) -> None:
    side = await asking.ring() if rings else None
    if side is not None:
        await side.ring()
        await world.until(lambda: world.types().count("LegRinging") == 2)
    port, before = world.sip[1], len(world.acd.enqueued)
    await world.stop_edge()
    await world.start_edge(sip_port=port)
    await world.until(lambda: len(world.acd.enqueued) > before)
    assert world.acd.enqueued[-1].contact_id == asking.contact.contact_id
    if side is None:
        await asking.answer()
    else:
        await side.answer()
        await world.until(lambda: asking.call.consult_leg.phase.value == "talking")
    await asking.end(control.CONSULT_END_TRANSFER)
    await asking.anna.wait_ended()
    await world.until(lambda: world.types().count("CallBridged") == 2)
