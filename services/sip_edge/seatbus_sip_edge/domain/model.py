"""A call with its legs: plain values only, so that the journal can hold the whole of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from seatbus.call.v1 import types_pb2 as call_types

if TYPE_CHECKING:
    from collections.abc import Mapping

Role = call_types.LegRole
Cause = call_types.HangupCause
Direction = call_types.Direction
NO_CAUSE = Cause.HANGUP_CAUSE_UNSPECIFIED


class Phase(StrEnum):
    """Where the call is.

    `reaching`: somebody whom no queue gave is called for the customer. `consulting`: the agent has a third
    party; the customer waits, or (swapped) the third party does. `device_lost`: the customer is held until
    the agent's phone is back. `ending` waits for the last statistics.
    """

    ARRIVED = "arrived"
    IN_FLOW = "in_flow"
    QUEUED = "queued"
    OFFERED = "offered"
    REACHING = "reaching"
    BRIDGED = "bridged"
    DEVICE_LOST = "device_lost"
    CONSULTING = "consulting"
    CONFERENCED = "conferenced"
    PARKED = "parked"
    DIALLING = "dialling"
    CALLING = "calling"
    CALLING_BACK = "calling_back"
    ENDING = "ending"
    ENDED = "ended"


class LegPhase(StrEnum):
    """Where a leg is. `prepared`: its offer is being made; `answered`: 200 came, not yet connected."""

    TRYING = "trying"
    PREPARED = "prepared"
    DIALLED = "dialled"
    RINGING = "ringing"
    ANSWERED = "answered"
    TALKING = "talking"
    ENDED = "ended"


_PUBLIC_PHASE: Mapping[Phase, call_types.CallState] = {
    Phase.ARRIVED: call_types.CALL_STATE_ARRIVED,
    Phase.IN_FLOW: call_types.CALL_STATE_IN_FLOW,
    Phase.QUEUED: call_types.CALL_STATE_QUEUED,
    Phase.OFFERED: call_types.CALL_STATE_RINGING_AGENT,
    Phase.REACHING: call_types.CALL_STATE_REACHING,
    Phase.BRIDGED: call_types.CALL_STATE_BRIDGED,
    Phase.DEVICE_LOST: call_types.CALL_STATE_BRIDGED,
    Phase.CONSULTING: call_types.CALL_STATE_CONSULTING,
    Phase.CONFERENCED: call_types.CALL_STATE_CONFERENCED,
    Phase.PARKED: call_types.CALL_STATE_PARKED,
    Phase.DIALLING: call_types.CALL_STATE_DIALLING,
    Phase.CALLING: call_types.CALL_STATE_DIALLING,
    Phase.CALLING_BACK: call_types.CALL_STATE_DIALLING,
    Phase.ENDING: call_types.CALL_STATE_ENDED,
    Phase.ENDED: call_types.CALL_STATE_ENDED,
}

_PUBLIC_LEG_PHASE: Mapping[LegPhase, call_types.LegState] = {
    LegPhase.TRYING: call_types.LEG_STATE_TRYING,
    LegPhase.PREPARED: call_types.LEG_STATE_TRYING,
    LegPhase.DIALLED: call_types.LEG_STATE_TRYING,
    LegPhase.RINGING: call_types.LEG_STATE_RINGING,
    LegPhase.ANSWERED: call_types.LEG_STATE_ANSWERED,
    LegPhase.TALKING: call_types.LEG_STATE_ANSWERED,
    LegPhase.ENDED: call_types.LEG_STATE_ENDED,
}


class AfterFailure(StrEnum):
    """What becomes of a customer whom nobody took that was called without a queue."""

    END = "end"
    FLOW = "flow"
    QUEUE = "queue"
    PARK = "park"


# Without slots: the journal writes it four times as fast.
@dataclass
class Leg:
    """One SIP dialog and the media endpoint of the same id. Times: microseconds since 1970, 0 = not yet."""

    leg_id: str
    role: call_types.LegRole
    phase: LegPhase = LegPhase.TRYING
    sip_call_id: str = ""
    remote_address: str = ""
    agent_id: str = ""
    agent_tenant_id: str = ""
    device_id: str = ""
    rid: str = ""
    # What it has in common with those that ring beside it for the same customer; empty: it rings alone.
    ring: str = ""
    queue_id: str = ""
    ring_timeout_s: int = 0
    created_at: int = 0
    ringing_at: int = 0
    answered_at: int = 0
    ended_at: int = 0
    cause: call_types.HangupCause = NO_CAUSE
    sip_status: int = 0
    # Of an outside leg: what is dialled, and the trunk that took it last.
    number: str = ""
    trunk_id: str = ""
    # Its INVITE came to us though it is not the customer's: an agent's phone has dialled.
    incoming: bool = False
    # Of an outside leg: ways not tried yet (tenant, trunk, host, port, transport), the present one first.
    ways: list[list[object]] = field(default_factory=list)
    # Of an agent on an outside number: what the platform speaks.
    language: str = ""
    # Numbers that have named another one (3xx), the first one first; empty: an agent's phone.
    redirected_from: list[str] = field(default_factory=list)
    # An agent's outside number has picked up and has not pressed the key yet.
    accepting: bool = False
    # By its phone, and by us (the API).
    held: bool = False
    on_hold: bool = False
    muted: bool = False
    # How a supervisor takes part: monitor, whisper, barge.
    mode: str = ""
    # The agent alone hears what the queue says before the conversation.
    whispering: bool = False
    # Whether agent_state has accepted the answer (or could not be asked).
    confirmed: bool = False
    answer_sdp: str = ""
    # Phones of several kinds rang: which of media's descriptions of the leg was answered.
    answered_as: str = ""
    # What the phone was registered as when it was called: gone with its connection, or its process.
    binding: str = ""
    # The network in which media meets it; None: it has no audio yet.
    media_zone: str | None = None
    # Where the call's media is not in it, the instance that is: which, which life of it, its end of the link.
    met_by: str = ""
    met_incarnation: str = ""
    link_id: str = ""
    # The phone is away in the talk; it is back and is asked to go on.
    lost: bool = False
    retaking: bool = False

    @property
    def live(self) -> bool:
        return self.phase is not LegPhase.ENDED

    @property
    def was_answered(self) -> bool:
        return self.answered_at > 0

    @property
    def state(self) -> call_types.LegState:
        if (self.held or self.on_hold or self.lost) and self.live:
            return call_types.LEG_STATE_HELD
        return _PUBLIC_LEG_PHASE[self.phase]

    def to_proto(self) -> call_types.Leg:
        message = call_types.Leg(
            leg_id=self.leg_id,
            role=self.role,
            state=self.state,
            sip_call_id=self.sip_call_id,
            remote_address=self.remote_address,
            agent_id=self.agent_id,
            agent_tenant_id=self.agent_tenant_id,
            device_id=self.device_id,
            rid=self.rid,
            cause=self.cause,
            sip_status=self.sip_status,
            number=self.number,
            trunk_id=self.trunk_id,
            mode=self.mode,
        )
        for name in ("created_at", "ringing_at", "answered_at", "ended_at"):
            moment = getattr(self, name)
            if moment:
                getattr(message, name).FromMicroseconds(moment)
        return message


@dataclass
class Call:
    """The owner's truth about one call. `seq` is the number of its last event.

    `caller_leg_id` is the customer's leg, whom flow, queue and agents serve: the caller's of an inbound
    call; of one that an agent began, the leg of who was called. `agent_leg_id` is the agent's, whoever
    dialled.
    """

    tenant_id: str
    call_id: str
    owner: str
    caller: str
    dialed: str
    direction: call_types.Direction
    caller_leg_id: str
    interaction_id: str = ""
    epoch: int = 1
    seq: int = 0
    phase: Phase = Phase.ARRIVED
    trunk_id: str = ""
    trunk_tenant: str = ""
    number_id: str = ""
    branch_id: str = ""
    supervision: int = 0
    flow_id: str = ""
    flow_version: int = 0
    in_flow: bool = False
    queue_id: str = ""
    contact_id: str = ""
    visit: int = 0
    # The contact still waits in acd: it must be cancelled when the caller goes.
    waiting: bool = False
    # What this visit asked acd for: a successor may have to ask again.
    requirements: dict[str, int] = field(default_factory=dict)
    priority: int = 0
    preferred_agent_id: str = ""
    also_queue_ids: list[str] = field(default_factory=list)
    # The place of an earlier visit that this one keeps.
    first_fifo: int = 0
    first_enqueued_at: int = 0
    record: bool = False
    music_prompt_id: str = ""
    whisper_prompt_id: str = ""
    wrap_up_s: int = 0
    # Under which id ivr walks the flow: empty is the call's own, a second flow has another.
    flow_run: str = ""
    step_seq: int = 0
    node_id: str = ""
    action: str = ""
    secret: bool = False
    # How the last step went (kind, digits, reason) while ivr's answer is awaited; secret digits are not kept.
    outcome: list[object] = field(default_factory=list)
    # After a restart: the present step is carried out again when ivr says that it still is the present one.
    resuming: bool = False
    # Of what was left to who called us, and how often it had been diverted: what is sent on does not circle.
    hops: int = 70
    diversions: int = 0
    # By whom, as its History-Info says.
    history: list[str] = field(default_factory=list)
    media_instance: str = ""
    media_incarnation: str = ""
    has_session: bool = False
    recording_id: str = ""
    recording: bool = False
    local_sdp: str = ""
    # The INVITE had no offer: local_sdp is ours, the caller's answer waits for media.
    late_offer: bool = False
    late_answer: str = ""
    # The caller can have our offer, and say its answer, before the call is answered.
    late_early: bool = False
    codec: str = ""
    # It runs, but takes nothing up.
    recording_paused: bool = False
    agent_leg_id: str = ""
    # While the customer waits for an agent: the endpoint that may have been made for the next one's leg.
    spare_leg_id: str = ""
    # Media was asked for it; the last such one that was given back: after a crash media may not know of it.
    spare_made: bool = False
    spare_left: str = ""
    after_failure: AfterFailure = AfterFailure.END
    # An agent has talked with the customer.
    served: bool = False
    # How long the customer is held for an agent whose phone is lost (0: as usual), and what is said first.
    device_lost_s: int = 0
    device_lost_prompt_id: str = ""
    lost_at: int = 0
    lost_leg_id: str = ""
    consult_leg_id: str = ""
    # Of a consult with a queue: its visit, whether it still waits, and what the customer takes on with it.
    consult_contact_id: str = ""
    consult_queue_id: str = ""
    consult_waiting: bool = False
    consult_queue: dict[str, str | int] = field(default_factory=dict)
    # The agent is with the customer again, the consulted party waits.
    swapped: bool = False
    # When media was last told, without being asked for a word back, who hears whom.
    rearranged_at: int = 0
    # Who has sent the customer on, as their phone says it (RFC 3892).
    referred_by: str = ""
    # A message that is being left, for whom, and how long it may be.
    voicemail_id: str = ""
    voicemail_since: int = 0
    voicemail_queue_id: str = ""
    voicemail_s: int = 0
    # Somebody picks the call up.
    picking: bool = False
    park_slot: str = ""
    parked_by: str = ""
    parked_by_tenant: str = ""
    # Of a call that an agent makes: the colleague who is called; it bypasses every limit; agent_state did not
    # answer; the far network is heard; the number is not to be shown, or the customer's not to the agent.
    direct_agent_id: str = ""
    # Whom an agent is for who is rung by the API and then is the caller.
    calls_for: dict[str, str | int] = field(default_factory=dict)
    emergency: bool = False
    unbound: bool = False
    early_media: bool = False
    withheld: bool = False
    mask_number: bool = False
    # A caller who does not want to hold the line: the key, whether a number is typed, what is said (how to
    # type it, that it is taken, to who is called), and the contact that is to be a call-back.
    callback_key: str = ""
    callback_asks: bool = False
    callback_prompts: list[str] = field(default_factory=list)
    callback_contact_id: str = ""
    # This call calls a customer back; who picks up has to press a key.
    calls_back: bool = False
    customer_first: bool = False
    accept_by_key: bool = False
    # What an announcement ends the call with.
    announced_cause: call_types.HangupCause = NO_CAUSE
    started_at: int = 0
    answered_at: int = 0
    ended_at: int = 0
    cause: call_types.HangupCause = NO_CAUSE
    sip_status: int = 0
    digits: list[str] = field(default_factory=list)
    attributes: dict[str, str] = field(default_factory=dict)
    legs: dict[str, Leg] = field(default_factory=dict)
    # Highest lease epoch seen, by routing group: a resumed stale acd is refused.
    epochs: dict[str, int] = field(default_factory=dict)

    @property
    def caller_leg(self) -> Leg:
        return self.legs[self.caller_leg_id]

    @property
    def agent_leg(self) -> Leg | None:
        """The agent's leg that is live, if any."""
        leg = self.legs.get(self.agent_leg_id)
        return leg if leg is not None and leg.live else None

    @property
    def rung(self) -> list[Leg]:
        """Live legs that ring beside the agent's."""
        return self._beside(self.agent_leg_id)

    @property
    def consult_rung(self) -> list[Leg]:
        """Live legs that ring beside the consulted one."""
        return self._beside(self.consult_leg_id)

    def _beside(self, leg_id: str) -> list[Leg]:
        leg = self.legs.get(leg_id)
        if leg is None or not leg.ring:
            return []
        return [
            other
            for other in self.legs.values()
            if other.ring == leg.ring and other.live and other is not leg
        ]

    @property
    def consult_leg(self) -> Leg | None:
        leg = self.legs.get(self.consult_leg_id)
        return leg if leg is not None and leg.live else None

    @property
    def has_audio(self) -> bool:
        """Media has said something about one of its legs."""
        return bool(self.local_sdp) or any(leg.media_zone is not None for leg in self.legs.values())

    def legs_met_by(self, instance_id: str) -> list[Leg]:
        """Live legs that this instance meets for the call's own one."""
        return [leg for leg in self.legs.values() if leg.live and leg.met_by == instance_id]

    def audio_at(self, instance_id: str) -> bool:
        return bool(instance_id) and (
            self.media_instance == instance_id or bool(self.legs_met_by(instance_id))
        )

    def waits_as(self, contact_id: str) -> bool:
        """Whether acd is to find somebody for this contact of the call."""
        if self.consult_waiting and contact_id == self.consult_contact_id:
            return True
        return self.waiting and contact_id == self.contact_id

    @property
    def supervisors(self) -> list[Leg]:
        return [leg for leg in self.legs.values() if leg.role == Role.LEG_ROLE_SUPERVISOR and leg.live]

    @property
    def flow_key(self) -> str:
        return self.flow_run or self.call_id

    @property
    def all_digits(self) -> str:
        return "".join(self.digits)

    def leg_of(self, rid: str) -> Leg | None:
        """The leg that was made for a reservation, ended ones too."""
        return next((leg for leg in self.legs.values() if leg.rid == rid), None)

    def to_proto(self) -> call_types.Call:
        message = call_types.Call(
            tenant_id=self.tenant_id,
            call_id=self.call_id,
            interaction_id=self.interaction_id,
            owner=self.owner,
            epoch=self.epoch,
            seq=self.seq,
            direction=self.direction,
            state=_PUBLIC_PHASE[self.phase],
            caller=self.caller,
            dialed=self.dialed,
            trunk_id=self.trunk_id,
            number_id=self.number_id,
            branch_id=self.branch_id,
            flow_id=self.flow_id,
            queue_id=self.queue_id,
            contact_id=self.contact_id,
            media_instance=self.media_instance,
            recording_id=self.recording_id,
            attributes=self.attributes,
            legs=[leg.to_proto() for leg in self.legs.values()],
            cause=self.cause,
            park_slot=self.park_slot,
        )
        for name in ("started_at", "answered_at", "ended_at"):
            moment = getattr(self, name)
            if moment:
                getattr(message, name).FromMicroseconds(moment)
        return message

    @classmethod
    def from_dict(cls, data: Mapping[str, object]) -> Call:
        """Reads what the journal holds. Unknown fields of a newer version are left out.

        Raises TypeError when a field that every call has is missing.
        """
        known = {name: value for name, value in data.items() if name in cls.__dataclass_fields__}
        legs = known.pop("legs", {})
        made = cls(**known)  # type: ignore[arg-type]
        made.phase = Phase(made.phase)
        made.after_failure = AfterFailure(made.after_failure)
        if isinstance(legs, dict):
            for leg_id, stored in legs.items():
                fields = {name: value for name, value in stored.items() if name in Leg.__dataclass_fields__}
                leg = Leg(**fields)
                leg.phase = LegPhase(leg.phase)
                made.legs[leg_id] = leg
        return made
