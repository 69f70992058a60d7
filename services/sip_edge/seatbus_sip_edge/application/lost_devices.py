"""Agents' phones that are lost in the middle of a talk, and are back: who says so to the call.

A phone is lost when what it was registered as is gone (its connection broke, it was restarted, it went to
another address) and nothing is heard of it, or when it is silent and does not answer. A phone that is heard
is not lost, whatever became of its connection: the talk goes on.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Final

from seatbus.media.v1 import service_pb2 as media_pb
from seatbus.media.v1 import types_pb2 as media
from seatbus_kit.errors import SeatbusError
from seatbus_kit.log import get_logger
from seatbus_kit.rpc.client import invoke
from seatbus_sip.errors import SipError
from seatbus_sip.sdp import parse_sdp
from seatbus_sip.tables import DialogState
from seatbus_sip_edge.domain import device_inputs as dev
from seatbus_sip_edge.domain import inputs as on
from seatbus_sip_edge.domain.model import LegPhase, Phase

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from seatbus_sip.message import Response
    from seatbus_sip_edge.application.edge import Edge
    from seatbus_sip_edge.application.phones import Phone
    from seatbus_sip_edge.application.session import Session
    from seatbus_sip_edge.domain.model import Leg

log = get_logger("sip_edge.devices")

# Phones send audio every 20 or 30 ms: a second without any is silence.
_LISTEN_S: Final = 1.0
_RPC_S: Final = 1.0
_ANSWER_S: Final = 2.0
# Where an agent's phone can be lost.
_TALKS: Final = (Phase.BRIDGED, Phase.CONSULTING, Phase.CONFERENCED)


class LostDevices:
    """Looks when a registration changes; asks media only for phones whose registration is gone."""

    def __init__(self, edge: Edge) -> None:
        self._edge = edge
        self._listening: dict[str, asyncio.Task[None]] = {}
        # Hears whose phone is lost: tenant and agent.
        self.on_lost: Callable[[str, str], None] | None = None
        # And whose is there again, on which device.
        self.on_back: Callable[[str, str, str], None] | None = None

    async def stop(self) -> None:
        tasks = list(self._listening.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # ---- registrations ----------------------------------------------------------------------------------
    def changed(self, username: str, registered: bool) -> None:
        """A binding of this account came, was renewed, or went."""
        # What is being changed is complete after this turn of the loop.
        self._edge.loop.call_soon(self._look, username, registered)

    def _look(self, username: str, registered: bool) -> None:
        found = self._edge.config.device_by_username(username)
        if found is None:
            return
        tenant, device_id, device = found
        for session, leg in self._talking(tenant, device.agent_id, device_id):
            if leg.lost:
                self._tell_back(session, leg, registered=registered)
            elif leg.leg_id not in self._listening:
                gone = not self.holds(leg)
                if not gone and not (registered and self._is_another(leg)):
                    continue
                listens = self._listen(session, leg, doubtful=not gone)
                task = self._listening[leg.leg_id] = asyncio.create_task(listens)
                task.add_done_callback(partial(self._heard_enough, leg.leg_id))

    def _heard_enough(self, leg_id: str, _task: asyncio.Task[None]) -> None:
        self._listening.pop(leg_id, None)

    def _talking(self, tenant: str, agent_id: str, device_id: str) -> Iterator[tuple[Session, Leg]]:
        for session in list(self._edge.sessions.values()):
            leg = session.call.agent_leg
            if (
                leg is not None
                and (leg.agent_tenant_id, leg.agent_id) == (tenant, agent_id)
                and leg.device_id in ("", device_id)
                and leg.phase is LegPhase.TALKING
                and session.call.phase in (*_TALKS, Phase.DEVICE_LOST)
            ):
                yield session, leg

    def holds(self, leg: Leg) -> bool:
        """The phone is registered as it was when it was called, or where it called from."""
        source = leg.remote_address.partition(":")[2]
        return self._edge.registrar.holds(
            leg.agent_tenant_id, leg.agent_id, binding=leg.binding, source="" if leg.binding else source
        )

    def _is_another(self, leg: Leg) -> bool:
        """What has registered now: a second phone of the account, or the same at another address."""
        phone = self._phone(leg)
        return phone is not None and leg.binding not in ("", phone.binding)

    def _phone(self, leg: Leg) -> Phone | None:
        return self._edge.registrar.reach(leg.agent_tenant_id, leg.agent_id, device_id=leg.device_id)

    # ---- lost -------------------------------------------------------------------------------------------
    async def _listen(self, session: Session, leg: Leg, *, doubtful: bool) -> None:
        """Until the phone is silent, or has registered while it is heard.

        `doubtful`: it is still registered as it was. Then it is asked as well: who is muted may be silent.
        """
        call = session.call
        before = await self.heard(session, leg.leg_id)
        while not session.over and leg.live and not leg.lost and call.agent_leg_id == leg.leg_id:
            await asyncio.sleep(_LISTEN_S)
            if not doubtful and self.holds(leg):
                return
            heard = await self.heard(session, leg.leg_id)
            if heard is None or before is None:
                before = heard
                continue
            if heard == before and call.phase in _TALKS:
                if not doubtful or not await self._answers(session, leg):
                    self._lose(session, leg, "its registration is gone and nothing is heard of it")
                return
            if doubtful:
                return
            before = heard
            phone = self._phone(leg)
            if phone is not None and phone.binding:
                # It has only moved.
                leg.binding = phone.binding
                session.checkpoint()
                return

    async def heard(self, session: Session, leg_id: str) -> int | None:
        """Packets of the leg so far; None when media does not say."""
        edge, call = self._edge, session.call
        instance = edge.neighbours.instances.get(call.media_instance)
        if instance is None:
            return None
        stub = edge.neighbours.stub("media", instance.address)
        try:
            answer = await invoke(
                stub.GetSession, media_pb.GetSessionRequest(session_id=call.call_id), _RPC_S
            )
        except SeatbusError as error:
            log.info("media does not say what is heard of a phone", call=call.call_id, reason=str(error))
            return None
        for item in answer.endpoints:
            if item.endpoint_id == leg_id:
                return int(item.statistics.packets_received)
        return None

    async def _answers(self, session: Session, leg: Leg) -> bool:
        """Whether the phone still knows the dialog, and says so soon."""
        sip = session.sip.legs.get(leg.leg_id)
        if sip is None:
            return False
        said: asyncio.Future[int] = self._edge.loop.create_future()

        def done(response: Response | None) -> None:
            if not said.done():
                said.set_result(response.status if response is not None else 408)

        session.sip.asking.ask(sip, "OPTIONS", done)
        try:
            async with asyncio.timeout(_ANSWER_S):
                return await said not in (408, 481)
        except TimeoutError:
            return False

    def silent(self, session: Session, leg_id: str) -> bool:
        """Neither audio nor an answer. False when it is no phone of an agent who talks with a customer."""
        call, leg = session.call, session.call.agent_leg
        if leg is None or leg.leg_id != leg_id or not leg.agent_id or leg.phase is not LegPhase.TALKING:
            return False
        if call.phase is Phase.DEVICE_LOST:
            return True
        if call.phase not in _TALKS:
            return False
        self._lose(session, leg, "it is silent and does not answer")
        return True

    def _lose(self, session: Session, leg: Leg, why: str) -> None:
        call = session.call
        if not leg.live or leg.lost or call.phase not in _TALKS:
            return
        log.warning(
            "an agent's phone is lost in a talk",
            phase=call.phase.value,
            tenant=call.tenant_id,
            call=call.call_id,
            agent=leg.agent_id,
            device=leg.device_id,
            reason=why,
        )
        session.feed(dev.DeviceLost(leg.leg_id))
        if self.on_lost is not None:
            self.on_lost(leg.agent_tenant_id, leg.agent_id)
        # In the same moment: who hangs up now leaves an agent whose phone is there.
        self.expect(session, leg.leg_id)

    # ---- back -------------------------------------------------------------------------------------------
    def expect(self, session: Session, leg_id: str) -> None:
        """The phone may have registered anew before anybody knew that it was lost."""
        leg = session.call.legs.get(leg_id)
        if leg is not None and leg.live:
            self._tell_back(session, leg, registered=False)

    def _tell_back(self, session: Session, leg: Leg, *, registered: bool) -> None:
        """`registered`: this moment. Else it counts if it is registered as something else than before."""
        phone = self._phone(leg)
        if phone is None or not (registered or phone.binding != leg.binding):
            return
        anew = phone.kind == media.ENDPOINT_KIND_WEBRTC
        session.feed(dev.DeviceBack(leg.leg_id, phone.binding, anew))

    def reported(self, leg: Leg) -> None:
        """agent_state knows that the phone was lost; what it heard of the phone before does not count."""
        phone = self._phone(leg)
        if phone is not None and phone.binding != leg.binding and self.on_back is not None:
            self.on_back(leg.agent_tenant_id, leg.agent_id, phone.device_id)

    def retake(self, session: Session, leg_id: str) -> None:
        """Our offer in the dialog that the phone had, over the way that it registered by."""
        known = session.call.legs.get(leg_id)
        leg = session.sip.legs.get(leg_id)
        phone = self._phone(known) if known is not None else None
        if (
            leg is None
            or phone is None
            or leg.dialog is None
            or leg.dialog.state is not DialogState.CONFIRMED
            or "a=fingerprint:" in leg.local_sdp
        ):
            session.feed(dev.LegForgotten(leg_id))
            return
        session.sip.follow(leg, leg.dialog, phone)
        sip = leg

        def offered(sdp: str) -> None:
            if not sdp:
                session.feed(dev.LegForgotten(leg_id))
                return
            sip.local_sdp = sdp
            session.sip.within.reoffer(leg_id, sdp, answered)

        def answered(status: int, sdp: str) -> None:
            if status >= 300 or not sdp:
                log.info("a lost phone does not take its talk up, it is called", leg=leg_id, status=status)
                session.feed(dev.LegForgotten(leg_id))
                return
            session.feed(dev.LegRetaken(leg_id, sdp))
            if _on_hold(sdp):
                session.feed(on.HoldChanged(leg_id, True))

        session.commands.media.own_offer(leg_id, offered)


def _on_hold(sdp: str) -> bool:
    try:
        audio = parse_sdp(sdp).audio
    except SipError:
        return False
    return audio is not None and audio.on_hold
