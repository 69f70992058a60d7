"""From the type name in an event's header to its protobuf class."""

from __future__ import annotations

from google.protobuf.message import Message

from seatbus.acd.v1 import events_pb2 as acd
from seatbus.agent.v1 import events_pb2 as agent
from seatbus.call.v1 import events_pb2 as call
from seatbus.media.v1 import events_pb2 as media
from seatbus.recording.v1 import events_pb2 as recording
from seatbus.tenancy.v1 import events_pb2 as tenancy


class UnknownEventType(LookupError):
    """An event whose type this build does not know: a newer producer, or not one of ours."""

    def __init__(self, type_name: str) -> None:
        super().__init__(f"no event type {type_name!r} in this build's contracts")
        self.type_name = type_name


def _classes() -> dict[str, type[Message]]:
    found: dict[str, type[Message]] = {}
    for module in (acd, agent, call, media, recording, tenancy):
        for name, descriptor in module.DESCRIPTOR.message_types_by_name.items():
            found[descriptor.full_name] = getattr(module, name)
    return found


EVENT_TYPES: dict[str, type[Message]] = _classes()


def event_class(type_name: str) -> type[Message]:
    """The class of an event type; raises UnknownEventType."""
    try:
        return EVENT_TYPES[type_name]
    except KeyError:
        raise UnknownEventType(type_name) from None
