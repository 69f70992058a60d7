"""What a successor of this process needs of a session, and how it takes the session up.

Laws: a reclaimed leg has its port, its latch, its keys and its stream again; the numbers of the stream jump
ahead: what was sent last is not known, and no keystream may be used twice. A recording goes on with its
clock: the time without a process is silence. A collection is over: whoever waits for it is told by the Hello
of a new incarnation.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from typing import Any, Final, Protocol, runtime_checkable

from seatbus.media.v1.service_pb2 import ExecuteResponse
from seatbus.recording.v1.service_pb2 import Open
from seatbus_kit.errors import SeatbusError
from seatbus_kit.log import get_logger
from seatbus_media.application.commands import Commands
from seatbus_media.application.endpoint import Endpoint
from seatbus_media.application.negotiation import Negotiation
from seatbus_media.application.ports import EventSink
from seatbus_media.application.recording_run import RecordingRun
from seatbus_media.application.session import Session
from seatbus_media.domain.hearing import SuperviseMode
from seatbus_rtp.errors import SrtpError
from seatbus_rtp.rewriter import StreamState
from seatbus_rtp.srtp_place import RESERVED
from seatbus_sip.sdp import Agreed, Codec, Direction

log = get_logger("seatbus.media")

_VERSION: Final = 1
_ANSWERS: Final = 8
_LONGEST_S: Final = 60.0
"""A file older than this is of calls that are long over."""

Record = dict[str, Any]
"""What JSON can hold, and frozen dataclasses and enums as they are."""


SECRETS: Final = "secrets"


class Ledger(Protocol):
    """Where session records are kept; what is under `SECRETS` apart, and only as long as the session. Nothing
    here raises.
    """

    def save(self, session_id: str, record: Record) -> None: ...

    def forget(self, session_id: str) -> None: ...

    def load(self) -> list[Record]: ...


@runtime_checkable
class KeepsPlace(Protocol):
    """A port that a successor can open again."""

    def keep(self) -> Record | None:
        """Where it listens and whom it hears; None where that cannot be taken up again."""
        ...

    def secrets(self) -> Record:
        """Keys and passwords that belong to it; empty for a plain leg."""
        ...

    def restore(self, kept: Record, secrets: Record) -> None:
        """Raises KeyError, TypeError, ValueError, SrtpError."""
        ...


class Reopens(Protocol):
    """Opens the ports of a leg of a process that is gone."""

    async def reopen(self, port: int, *, shared: bool, zone: str) -> Endpoint:
        """A leg on its pair, or on the port that browsers share. Raises ResourceExhausted where the port is
        not free, InvalidArgument where the zone is gone.
        """
        ...


def record_of(session: Session, negotiation: Negotiation, now: float) -> Record | None:
    """None for a session that cannot be reclaimed."""
    legs, secrets = [], {}
    for endpoint in session.endpoints.values():
        wire = endpoint.wire
        kept = wire.keep() if isinstance(wire, KeepsPlace) else None
        if kept is None or not isinstance(wire, KeepsPlace):
            return None
        legs.append(_leg(endpoint, kept, negotiation))
        secrets[endpoint.id] = wire.secrets()
        endpoint.packets_kept = endpoint.rewriter.packets
    if not legs:
        return None
    conference, supervisions = session.gathering.described()
    return {
        "version": _VERSION,
        "id": session.id,
        "tenant": session.tenant,
        "owner": session.owner,
        "epoch": session.epoch,
        "at": now,
        "legs": legs,
        "conference": conference,
        "supervisions": supervisions,
        SECRETS: {name: one for name, one in secrets.items() if one},
        "recordings": [run.kept() for run in session.recordings.values()],
        "answers": [
            [request_id, b64encode(answer.SerializeToString()).decode()]
            for request_id, answer in session.newest_answers(_ANSWERS)
        ],
    }


def _leg(endpoint: Endpoint, kept: Record, negotiation: Negotiation) -> Record:
    agreed = endpoint.agreed
    player = endpoint.player
    return {
        "id": endpoint.id,
        "wire": kept,
        "zone": endpoint.zone.name,
        "session_id": endpoint.session_id,
        "version": endpoint.version,
        "held": endpoint.held,
        "muted": endpoint.muted,
        "agreed": agreed,
        "offer": negotiation.open_offer(endpoint),
        "stream": tuple(endpoint.rewriter.state()),
        "peer": endpoint.peer.id if endpoint.peer is not None else "",
        "plays": b64encode(player.origin).decode() if player is not None and player.origin else "",
        "plays_at_ms": player.cursor.position_ms if player is not None else 0,
    }


class Reclaim:
    """Takes up what a process before this one left."""

    def __init__(
        self, sockets: Reopens, negotiation: Negotiation, commands: Commands, events: EventSink
    ) -> None:
        self._sockets = sockets
        self._negotiation = negotiation
        self._commands = commands
        self._events = events

    async def session(self, record: Record, now: float) -> Session | None:
        """The session with its packets flowing; None (and a log line) where that is impossible."""
        opened: list[Endpoint] = []
        try:
            if record["version"] != _VERSION:
                raise ValueError(f"version {record['version']}")
            if not 0 <= now - float(record["at"]) <= _LONGEST_S:
                raise ValueError("it is too old")
            session = Session(
                record["id"], record["tenant"], record["owner"], int(record["epoch"]), self._events
            )
            for leg in record["legs"]:
                kept = leg["wire"]
                endpoint = await self._sockets.reopen(
                    int(kept["port"]), shared=bool(kept.get("shared")), zone=str(leg.get("zone", ""))
                )
                opened.append(endpoint)
                secrets = record[SECRETS].get(leg["id"], {})
                self._take_up(session, endpoint, leg, secrets, float(record["at"]), now)
            self._join(session, record)
            for request_id, answer in record["answers"]:
                session.remember(request_id, ExecuteResponse.FromString(b64decode(answer)))
        except (KeyError, TypeError, ValueError, SrtpError, SeatbusError) as error:
            for endpoint in opened:
                self._negotiation.close(endpoint)
            log.error("a session cannot be reclaimed", call=record.get("id", ""), reason=repr(error))
            return None
        return session

    def _take_up(
        self, session: Session, endpoint: Endpoint, leg: Record, secrets: Record, kept_at: float, now: float
    ) -> None:
        endpoint.id = leg["id"]
        endpoint.listener = session
        endpoint.session_id, endpoint.version = int(leg["session_id"]), int(leg["version"])
        session.endpoints[endpoint.id] = endpoint
        if isinstance(endpoint.wire, KeepsPlace):
            endpoint.wire.restore(leg["wire"], secrets)
        if leg["offer"]:
            self._negotiation.expect_answer(endpoint, leg["offer"])
        said = leg["agreed"]
        if said is None:
            return
        agreed = Agreed(
            **{
                **said,
                "remote": (said["remote"][0], said["remote"][1]),
                "send": Codec(**said["send"]),
                "receive": tuple(Codec(**codec) for codec in said["receive"]),
                "direction": Direction(said["direction"]),
            }
        )
        endpoint.negotiated(agreed, now)
        codec = endpoint.hears
        endpoint.rewriter.resume(
            StreamState(*leg["stream"]),
            kept_at,
            now,
            codec.clock_rate,
            codec.frame_ticks,
            RESERVED if secrets else 0,
        )
        endpoint.packets_kept = endpoint.rewriter.packets
        if leg["held"]:
            endpoint.hold(True)
        if leg["muted"]:
            endpoint.mute(True)

    def _join(self, session: Session, record: Record) -> None:
        legs = session.endpoints
        for leg in record["legs"]:
            one, other = legs[leg["id"]], legs.get(leg["peer"])
            if other is not None and one.peer is None and other.peer is None:
                one.pair(other)
        if record["conference"]:
            session.gathering.confer([legs[name] for name in record["conference"]])
        for supervisor, agent, mode in record["supervisions"]:
            session.gathering.supervise(legs[supervisor], legs[agent], SuperviseMode(mode))
        session.arrange()
        for kept in record["recordings"]:
            left, right = legs.get(kept["left"]), legs.get(kept["right"])
            if left is not None and right is not None:
                opening = Open.FromString(b64decode(kept["opening"]))
                session.recordings[kept["id"]] = self._commands.resume_recording(
                    session, RecordingRun.Kept(**{**kept, "opening": opening}), left, right
                )

    async def sounds(self, session: Session, record: Record, now: float) -> None:
        """What was played goes on where it would be by now. It may have to be fetched first."""
        for leg in record["legs"]:
            endpoint = session.endpoints.get(leg["id"])
            if leg["plays"] and endpoint is not None and endpoint.player is None:
                passed_ms = int((now - float(record["at"])) * 1000)
                try:
                    await self._commands.play_on(
                        session, endpoint, b64decode(leg["plays"]), leg["plays_at_ms"] + passed_ms
                    )
                except SeatbusError as error:
                    log.warning("what was played cannot go on", call=session.id, reason=str(error))
