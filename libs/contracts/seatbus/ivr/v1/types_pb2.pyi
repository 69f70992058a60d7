import datetime

from buf.validate import validate_pb2 as _validate_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from seatbus.common.v1 import types_pb2 as _types_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class OutcomeKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    OUTCOME_KIND_UNSPECIFIED: _ClassVar[OutcomeKind]
    OUTCOME_KIND_DONE: _ClassVar[OutcomeKind]
    OUTCOME_KIND_DIGITS: _ClassVar[OutcomeKind]
    OUTCOME_KIND_TIMEOUT: _ClassVar[OutcomeKind]
    OUTCOME_KIND_OVERFLOWED: _ClassVar[OutcomeKind]
    OUTCOME_KIND_FAILED: _ClassVar[OutcomeKind]
    OUTCOME_KIND_HUNG_UP: _ClassVar[OutcomeKind]
OUTCOME_KIND_UNSPECIFIED: OutcomeKind
OUTCOME_KIND_DONE: OutcomeKind
OUTCOME_KIND_DIGITS: OutcomeKind
OUTCOME_KIND_TIMEOUT: OutcomeKind
OUTCOME_KIND_OVERFLOWED: OutcomeKind
OUTCOME_KIND_FAILED: OutcomeKind
OUTCOME_KIND_HUNG_UP: OutcomeKind

class Flow(_message.Message):
    __slots__ = ("name", "version", "start", "nodes")
    NAME_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    START_FIELD_NUMBER: _ClassVar[int]
    NODES_FIELD_NUMBER: _ClassVar[int]
    name: str
    version: int
    start: str
    nodes: _containers.RepeatedCompositeFieldContainer[Node]
    def __init__(self, name: _Optional[str] = ..., version: _Optional[int] = ..., start: _Optional[str] = ..., nodes: _Optional[_Iterable[_Union[Node, _Mapping]]] = ...) -> None: ...

class Node(_message.Message):
    __slots__ = ("id", "play", "menu", "queue", "hours", "hang_up", "collect", "transfer", "set_attributes", "condition", "voicemail", "callback", "request", "subflow")
    ID_FIELD_NUMBER: _ClassVar[int]
    PLAY_FIELD_NUMBER: _ClassVar[int]
    MENU_FIELD_NUMBER: _ClassVar[int]
    QUEUE_FIELD_NUMBER: _ClassVar[int]
    HOURS_FIELD_NUMBER: _ClassVar[int]
    HANG_UP_FIELD_NUMBER: _ClassVar[int]
    COLLECT_FIELD_NUMBER: _ClassVar[int]
    TRANSFER_FIELD_NUMBER: _ClassVar[int]
    SET_ATTRIBUTES_FIELD_NUMBER: _ClassVar[int]
    CONDITION_FIELD_NUMBER: _ClassVar[int]
    VOICEMAIL_FIELD_NUMBER: _ClassVar[int]
    CALLBACK_FIELD_NUMBER: _ClassVar[int]
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    SUBFLOW_FIELD_NUMBER: _ClassVar[int]
    id: str
    play: PlayNode
    menu: MenuNode
    queue: QueueNode
    hours: HoursNode
    hang_up: HangUpNode
    collect: CollectNode
    transfer: TransferNode
    set_attributes: SetAttributesNode
    condition: ConditionNode
    voicemail: VoicemailNode
    callback: CallbackNode
    request: RequestNode
    subflow: SubflowNode
    def __init__(self, id: _Optional[str] = ..., play: _Optional[_Union[PlayNode, _Mapping]] = ..., menu: _Optional[_Union[MenuNode, _Mapping]] = ..., queue: _Optional[_Union[QueueNode, _Mapping]] = ..., hours: _Optional[_Union[HoursNode, _Mapping]] = ..., hang_up: _Optional[_Union[HangUpNode, _Mapping]] = ..., collect: _Optional[_Union[CollectNode, _Mapping]] = ..., transfer: _Optional[_Union[TransferNode, _Mapping]] = ..., set_attributes: _Optional[_Union[SetAttributesNode, _Mapping]] = ..., condition: _Optional[_Union[ConditionNode, _Mapping]] = ..., voicemail: _Optional[_Union[VoicemailNode, _Mapping]] = ..., callback: _Optional[_Union[CallbackNode, _Mapping]] = ..., request: _Optional[_Union[RequestNode, _Mapping]] = ..., subflow: _Optional[_Union[SubflowNode, _Mapping]] = ...) -> None: ...

class Audio(_message.Message):
    __slots__ = ("prompt_id", "text", "tone", "silence_ms", "say", "language")
    PROMPT_ID_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    TONE_FIELD_NUMBER: _ClassVar[int]
    SILENCE_MS_FIELD_NUMBER: _ClassVar[int]
    SAY_FIELD_NUMBER: _ClassVar[int]
    LANGUAGE_FIELD_NUMBER: _ClassVar[int]
    prompt_id: str
    text: str
    tone: str
    silence_ms: int
    say: SayValue
    language: str
    def __init__(self, prompt_id: _Optional[str] = ..., text: _Optional[str] = ..., tone: _Optional[str] = ..., silence_ms: _Optional[int] = ..., say: _Optional[_Union[SayValue, _Mapping]] = ..., language: _Optional[str] = ...) -> None: ...

class SayValue(_message.Message):
    __slots__ = ("kind", "value")
    KIND_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    kind: str
    value: str
    def __init__(self, kind: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...

class PlayNode(_message.Message):
    __slots__ = ("audio", "barge_in", "next")
    AUDIO_FIELD_NUMBER: _ClassVar[int]
    BARGE_IN_FIELD_NUMBER: _ClassVar[int]
    NEXT_FIELD_NUMBER: _ClassVar[int]
    audio: _containers.RepeatedCompositeFieldContainer[Audio]
    barge_in: bool
    next: str
    def __init__(self, audio: _Optional[_Iterable[_Union[Audio, _Mapping]]] = ..., barge_in: _Optional[bool] = ..., next: _Optional[str] = ...) -> None: ...

class MenuNode(_message.Message):
    __slots__ = ("audio", "choices", "timeout_ms", "attempts", "on_timeout", "on_invalid")
    class ChoicesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    AUDIO_FIELD_NUMBER: _ClassVar[int]
    CHOICES_FIELD_NUMBER: _ClassVar[int]
    TIMEOUT_MS_FIELD_NUMBER: _ClassVar[int]
    ATTEMPTS_FIELD_NUMBER: _ClassVar[int]
    ON_TIMEOUT_FIELD_NUMBER: _ClassVar[int]
    ON_INVALID_FIELD_NUMBER: _ClassVar[int]
    audio: _containers.RepeatedCompositeFieldContainer[Audio]
    choices: _containers.ScalarMap[str, str]
    timeout_ms: int
    attempts: int
    on_timeout: str
    on_invalid: str
    def __init__(self, audio: _Optional[_Iterable[_Union[Audio, _Mapping]]] = ..., choices: _Optional[_Mapping[str, str]] = ..., timeout_ms: _Optional[int] = ..., attempts: _Optional[int] = ..., on_timeout: _Optional[str] = ..., on_invalid: _Optional[str] = ...) -> None: ...

class CollectNode(_message.Message):
    __slots__ = ("audio", "attribute", "min_digits", "max_digits", "terminators", "timeout_ms", "inter_digit_ms", "secret", "attempts", "next", "on_failure")
    AUDIO_FIELD_NUMBER: _ClassVar[int]
    ATTRIBUTE_FIELD_NUMBER: _ClassVar[int]
    MIN_DIGITS_FIELD_NUMBER: _ClassVar[int]
    MAX_DIGITS_FIELD_NUMBER: _ClassVar[int]
    TERMINATORS_FIELD_NUMBER: _ClassVar[int]
    TIMEOUT_MS_FIELD_NUMBER: _ClassVar[int]
    INTER_DIGIT_MS_FIELD_NUMBER: _ClassVar[int]
    SECRET_FIELD_NUMBER: _ClassVar[int]
    ATTEMPTS_FIELD_NUMBER: _ClassVar[int]
    NEXT_FIELD_NUMBER: _ClassVar[int]
    ON_FAILURE_FIELD_NUMBER: _ClassVar[int]
    audio: _containers.RepeatedCompositeFieldContainer[Audio]
    attribute: str
    min_digits: int
    max_digits: int
    terminators: str
    timeout_ms: int
    inter_digit_ms: int
    secret: bool
    attempts: int
    next: str
    on_failure: str
    def __init__(self, audio: _Optional[_Iterable[_Union[Audio, _Mapping]]] = ..., attribute: _Optional[str] = ..., min_digits: _Optional[int] = ..., max_digits: _Optional[int] = ..., terminators: _Optional[str] = ..., timeout_ms: _Optional[int] = ..., inter_digit_ms: _Optional[int] = ..., secret: _Optional[bool] = ..., attempts: _Optional[int] = ..., next: _Optional[str] = ..., on_failure: _Optional[str] = ...) -> None: ...

class QueueNode(_message.Message):
    __slots__ = ("queue_id", "requirements", "priority", "on_overflow", "preferred_agent_attribute", "also_queue_ids")
    QUEUE_ID_FIELD_NUMBER: _ClassVar[int]
    REQUIREMENTS_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    ON_OVERFLOW_FIELD_NUMBER: _ClassVar[int]
    PREFERRED_AGENT_ATTRIBUTE_FIELD_NUMBER: _ClassVar[int]
    ALSO_QUEUE_IDS_FIELD_NUMBER: _ClassVar[int]
    queue_id: str
    requirements: _containers.RepeatedCompositeFieldContainer[_types_pb2.Skill]
    priority: int
    on_overflow: str
    preferred_agent_attribute: str
    also_queue_ids: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, queue_id: _Optional[str] = ..., requirements: _Optional[_Iterable[_Union[_types_pb2.Skill, _Mapping]]] = ..., priority: _Optional[int] = ..., on_overflow: _Optional[str] = ..., preferred_agent_attribute: _Optional[str] = ..., also_queue_ids: _Optional[_Iterable[str]] = ...) -> None: ...

class OpenPeriod(_message.Message):
    __slots__ = ("weekday", "until")
    WEEKDAY_FIELD_NUMBER: _ClassVar[int]
    FROM_FIELD_NUMBER: _ClassVar[int]
    UNTIL_FIELD_NUMBER: _ClassVar[int]
    weekday: int
    until: str
    def __init__(self, weekday: _Optional[int] = ..., until: _Optional[str] = ..., **kwargs) -> None: ...

class HoursNode(_message.Message):
    __slots__ = ("schedule_id", "time_zone", "open", "on_open", "on_closed")
    SCHEDULE_ID_FIELD_NUMBER: _ClassVar[int]
    TIME_ZONE_FIELD_NUMBER: _ClassVar[int]
    OPEN_FIELD_NUMBER: _ClassVar[int]
    ON_OPEN_FIELD_NUMBER: _ClassVar[int]
    ON_CLOSED_FIELD_NUMBER: _ClassVar[int]
    schedule_id: str
    time_zone: str
    open: _containers.RepeatedCompositeFieldContainer[OpenPeriod]
    on_open: str
    on_closed: str
    def __init__(self, schedule_id: _Optional[str] = ..., time_zone: _Optional[str] = ..., open: _Optional[_Iterable[_Union[OpenPeriod, _Mapping]]] = ..., on_open: _Optional[str] = ..., on_closed: _Optional[str] = ...) -> None: ...

class HangUpNode(_message.Message):
    __slots__ = ("audio",)
    AUDIO_FIELD_NUMBER: _ClassVar[int]
    audio: _containers.RepeatedCompositeFieldContainer[Audio]
    def __init__(self, audio: _Optional[_Iterable[_Union[Audio, _Mapping]]] = ...) -> None: ...

class TransferNode(_message.Message):
    __slots__ = ("number", "agent_id", "flow_id", "on_failure")
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    AGENT_ID_FIELD_NUMBER: _ClassVar[int]
    FLOW_ID_FIELD_NUMBER: _ClassVar[int]
    ON_FAILURE_FIELD_NUMBER: _ClassVar[int]
    number: str
    agent_id: str
    flow_id: str
    on_failure: str
    def __init__(self, number: _Optional[str] = ..., agent_id: _Optional[str] = ..., flow_id: _Optional[str] = ..., on_failure: _Optional[str] = ...) -> None: ...

class SetAttributesNode(_message.Message):
    __slots__ = ("attributes", "next")
    class AttributesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    ATTRIBUTES_FIELD_NUMBER: _ClassVar[int]
    NEXT_FIELD_NUMBER: _ClassVar[int]
    attributes: _containers.ScalarMap[str, str]
    next: str
    def __init__(self, attributes: _Optional[_Mapping[str, str]] = ..., next: _Optional[str] = ...) -> None: ...

class ConditionNode(_message.Message):
    __slots__ = ("attribute", "equals", "otherwise")
    class EqualsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    ATTRIBUTE_FIELD_NUMBER: _ClassVar[int]
    EQUALS_FIELD_NUMBER: _ClassVar[int]
    OTHERWISE_FIELD_NUMBER: _ClassVar[int]
    attribute: str
    equals: _containers.ScalarMap[str, str]
    otherwise: str
    def __init__(self, attribute: _Optional[str] = ..., equals: _Optional[_Mapping[str, str]] = ..., otherwise: _Optional[str] = ...) -> None: ...

class VoicemailNode(_message.Message):
    __slots__ = ("audio", "queue_id", "max_s", "next")
    AUDIO_FIELD_NUMBER: _ClassVar[int]
    QUEUE_ID_FIELD_NUMBER: _ClassVar[int]
    MAX_S_FIELD_NUMBER: _ClassVar[int]
    NEXT_FIELD_NUMBER: _ClassVar[int]
    audio: _containers.RepeatedCompositeFieldContainer[Audio]
    queue_id: str
    max_s: int
    next: str
    def __init__(self, audio: _Optional[_Iterable[_Union[Audio, _Mapping]]] = ..., queue_id: _Optional[str] = ..., max_s: _Optional[int] = ..., next: _Optional[str] = ...) -> None: ...

class CallbackNode(_message.Message):
    __slots__ = ("queue_id", "number_attribute", "next", "on_failure")
    QUEUE_ID_FIELD_NUMBER: _ClassVar[int]
    NUMBER_ATTRIBUTE_FIELD_NUMBER: _ClassVar[int]
    NEXT_FIELD_NUMBER: _ClassVar[int]
    ON_FAILURE_FIELD_NUMBER: _ClassVar[int]
    queue_id: str
    number_attribute: str
    next: str
    on_failure: str
    def __init__(self, queue_id: _Optional[str] = ..., number_attribute: _Optional[str] = ..., next: _Optional[str] = ..., on_failure: _Optional[str] = ...) -> None: ...

class RequestNode(_message.Message):
    __slots__ = ("url", "method", "timeout_ms", "results", "next", "on_failure")
    class ResultsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    URL_FIELD_NUMBER: _ClassVar[int]
    METHOD_FIELD_NUMBER: _ClassVar[int]
    TIMEOUT_MS_FIELD_NUMBER: _ClassVar[int]
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    NEXT_FIELD_NUMBER: _ClassVar[int]
    ON_FAILURE_FIELD_NUMBER: _ClassVar[int]
    url: str
    method: str
    timeout_ms: int
    results: _containers.ScalarMap[str, str]
    next: str
    on_failure: str
    def __init__(self, url: _Optional[str] = ..., method: _Optional[str] = ..., timeout_ms: _Optional[int] = ..., results: _Optional[_Mapping[str, str]] = ..., next: _Optional[str] = ..., on_failure: _Optional[str] = ...) -> None: ...

class SubflowNode(_message.Message):
    __slots__ = ("flow_id", "next")
    FLOW_ID_FIELD_NUMBER: _ClassVar[int]
    NEXT_FIELD_NUMBER: _ClassVar[int]
    flow_id: str
    next: str
    def __init__(self, flow_id: _Optional[str] = ..., next: _Optional[str] = ...) -> None: ...

class Step(_message.Message):
    __slots__ = ("step_seq", "node_id", "attributes", "play", "collect", "enqueue", "transfer", "hang_up", "voicemail", "callback")
    class AttributesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    STEP_SEQ_FIELD_NUMBER: _ClassVar[int]
    NODE_ID_FIELD_NUMBER: _ClassVar[int]
    ATTRIBUTES_FIELD_NUMBER: _ClassVar[int]
    PLAY_FIELD_NUMBER: _ClassVar[int]
    COLLECT_FIELD_NUMBER: _ClassVar[int]
    ENQUEUE_FIELD_NUMBER: _ClassVar[int]
    TRANSFER_FIELD_NUMBER: _ClassVar[int]
    HANG_UP_FIELD_NUMBER: _ClassVar[int]
    VOICEMAIL_FIELD_NUMBER: _ClassVar[int]
    CALLBACK_FIELD_NUMBER: _ClassVar[int]
    step_seq: int
    node_id: str
    attributes: _containers.ScalarMap[str, str]
    play: PlayAction
    collect: CollectAction
    enqueue: EnqueueAction
    transfer: TransferAction
    hang_up: HangUpAction
    voicemail: VoicemailAction
    callback: CallbackAction
    def __init__(self, step_seq: _Optional[int] = ..., node_id: _Optional[str] = ..., attributes: _Optional[_Mapping[str, str]] = ..., play: _Optional[_Union[PlayAction, _Mapping]] = ..., collect: _Optional[_Union[CollectAction, _Mapping]] = ..., enqueue: _Optional[_Union[EnqueueAction, _Mapping]] = ..., transfer: _Optional[_Union[TransferAction, _Mapping]] = ..., hang_up: _Optional[_Union[HangUpAction, _Mapping]] = ..., voicemail: _Optional[_Union[VoicemailAction, _Mapping]] = ..., callback: _Optional[_Union[CallbackAction, _Mapping]] = ...) -> None: ...

class PlayAction(_message.Message):
    __slots__ = ("audio", "barge_in")
    AUDIO_FIELD_NUMBER: _ClassVar[int]
    BARGE_IN_FIELD_NUMBER: _ClassVar[int]
    audio: _containers.RepeatedCompositeFieldContainer[Audio]
    barge_in: bool
    def __init__(self, audio: _Optional[_Iterable[_Union[Audio, _Mapping]]] = ..., barge_in: _Optional[bool] = ...) -> None: ...

class CollectAction(_message.Message):
    __slots__ = ("audio", "min_digits", "max_digits", "terminators", "timeout_ms", "inter_digit_ms", "secret")
    AUDIO_FIELD_NUMBER: _ClassVar[int]
    MIN_DIGITS_FIELD_NUMBER: _ClassVar[int]
    MAX_DIGITS_FIELD_NUMBER: _ClassVar[int]
    TERMINATORS_FIELD_NUMBER: _ClassVar[int]
    TIMEOUT_MS_FIELD_NUMBER: _ClassVar[int]
    INTER_DIGIT_MS_FIELD_NUMBER: _ClassVar[int]
    SECRET_FIELD_NUMBER: _ClassVar[int]
    audio: _containers.RepeatedCompositeFieldContainer[Audio]
    min_digits: int
    max_digits: int
    terminators: str
    timeout_ms: int
    inter_digit_ms: int
    secret: bool
    def __init__(self, audio: _Optional[_Iterable[_Union[Audio, _Mapping]]] = ..., min_digits: _Optional[int] = ..., max_digits: _Optional[int] = ..., terminators: _Optional[str] = ..., timeout_ms: _Optional[int] = ..., inter_digit_ms: _Optional[int] = ..., secret: _Optional[bool] = ...) -> None: ...

class EnqueueAction(_message.Message):
    __slots__ = ("queue_id", "requirements", "priority", "preferred_agent_id", "also_queue_ids")
    QUEUE_ID_FIELD_NUMBER: _ClassVar[int]
    REQUIREMENTS_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    PREFERRED_AGENT_ID_FIELD_NUMBER: _ClassVar[int]
    ALSO_QUEUE_IDS_FIELD_NUMBER: _ClassVar[int]
    queue_id: str
    requirements: _containers.RepeatedCompositeFieldContainer[_types_pb2.Skill]
    priority: int
    preferred_agent_id: str
    also_queue_ids: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, queue_id: _Optional[str] = ..., requirements: _Optional[_Iterable[_Union[_types_pb2.Skill, _Mapping]]] = ..., priority: _Optional[int] = ..., preferred_agent_id: _Optional[str] = ..., also_queue_ids: _Optional[_Iterable[str]] = ...) -> None: ...

class TransferAction(_message.Message):
    __slots__ = ("number", "agent_id")
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    AGENT_ID_FIELD_NUMBER: _ClassVar[int]
    number: str
    agent_id: str
    def __init__(self, number: _Optional[str] = ..., agent_id: _Optional[str] = ...) -> None: ...

class HangUpAction(_message.Message):
    __slots__ = ("audio",)
    AUDIO_FIELD_NUMBER: _ClassVar[int]
    audio: _containers.RepeatedCompositeFieldContainer[Audio]
    def __init__(self, audio: _Optional[_Iterable[_Union[Audio, _Mapping]]] = ...) -> None: ...

class VoicemailAction(_message.Message):
    __slots__ = ("audio", "queue_id", "max_s")
    AUDIO_FIELD_NUMBER: _ClassVar[int]
    QUEUE_ID_FIELD_NUMBER: _ClassVar[int]
    MAX_S_FIELD_NUMBER: _ClassVar[int]
    audio: _containers.RepeatedCompositeFieldContainer[Audio]
    queue_id: str
    max_s: int
    def __init__(self, audio: _Optional[_Iterable[_Union[Audio, _Mapping]]] = ..., queue_id: _Optional[str] = ..., max_s: _Optional[int] = ...) -> None: ...

class CallbackAction(_message.Message):
    __slots__ = ("queue_id", "number")
    QUEUE_ID_FIELD_NUMBER: _ClassVar[int]
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    queue_id: str
    number: str
    def __init__(self, queue_id: _Optional[str] = ..., number: _Optional[str] = ...) -> None: ...

class Outcome(_message.Message):
    __slots__ = ("kind", "digits", "reason")
    KIND_FIELD_NUMBER: _ClassVar[int]
    DIGITS_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    kind: OutcomeKind
    digits: str
    reason: str
    def __init__(self, kind: _Optional[_Union[OutcomeKind, str]] = ..., digits: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class FlowPosition(_message.Message):
    __slots__ = ("meta", "tenant_id", "call_id", "flow_id", "flow_version", "node_id", "step_seq", "attempts", "attributes", "started_at", "step", "caller", "dialed", "return_nodes", "idle_steps")
    class AttributesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    META_FIELD_NUMBER: _ClassVar[int]
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    CALL_ID_FIELD_NUMBER: _ClassVar[int]
    FLOW_ID_FIELD_NUMBER: _ClassVar[int]
    FLOW_VERSION_FIELD_NUMBER: _ClassVar[int]
    NODE_ID_FIELD_NUMBER: _ClassVar[int]
    STEP_SEQ_FIELD_NUMBER: _ClassVar[int]
    ATTEMPTS_FIELD_NUMBER: _ClassVar[int]
    ATTRIBUTES_FIELD_NUMBER: _ClassVar[int]
    STARTED_AT_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    CALLER_FIELD_NUMBER: _ClassVar[int]
    DIALED_FIELD_NUMBER: _ClassVar[int]
    RETURN_NODES_FIELD_NUMBER: _ClassVar[int]
    IDLE_STEPS_FIELD_NUMBER: _ClassVar[int]
    meta: _types_pb2.RecordMeta
    tenant_id: str
    call_id: str
    flow_id: str
    flow_version: int
    node_id: str
    step_seq: int
    attempts: int
    attributes: _containers.ScalarMap[str, str]
    started_at: _timestamp_pb2.Timestamp
    step: Step
    caller: str
    dialed: str
    return_nodes: _containers.RepeatedScalarFieldContainer[str]
    idle_steps: int
    def __init__(self, meta: _Optional[_Union[_types_pb2.RecordMeta, _Mapping]] = ..., tenant_id: _Optional[str] = ..., call_id: _Optional[str] = ..., flow_id: _Optional[str] = ..., flow_version: _Optional[int] = ..., node_id: _Optional[str] = ..., step_seq: _Optional[int] = ..., attempts: _Optional[int] = ..., attributes: _Optional[_Mapping[str, str]] = ..., started_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., step: _Optional[_Union[Step, _Mapping]] = ..., caller: _Optional[str] = ..., dialed: _Optional[str] = ..., return_nodes: _Optional[_Iterable[str]] = ..., idle_steps: _Optional[int] = ...) -> None: ...
