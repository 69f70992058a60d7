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

class ContactState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CONTACT_STATE_UNSPECIFIED: _ClassVar[ContactState]
    CONTACT_STATE_WAITING: _ClassVar[ContactState]
    CONTACT_STATE_OFFERED: _ClassVar[ContactState]
    CONTACT_STATE_CONNECTED: _ClassVar[ContactState]
    CONTACT_STATE_ENDED: _ClassVar[ContactState]

class VisitOutcome(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    VISIT_OUTCOME_UNSPECIFIED: _ClassVar[VisitOutcome]
    VISIT_OUTCOME_ANSWERED: _ClassVar[VisitOutcome]
    VISIT_OUTCOME_ABANDONED: _ClassVar[VisitOutcome]
    VISIT_OUTCOME_SHORT_ABANDONED: _ClassVar[VisitOutcome]
    VISIT_OUTCOME_OVERFLOWED: _ClassVar[VisitOutcome]
    VISIT_OUTCOME_VOICEMAIL: _ClassVar[VisitOutcome]
    VISIT_OUTCOME_CALLBACK: _ClassVar[VisitOutcome]
    VISIT_OUTCOME_TRANSFERRED_OUT: _ClassVar[VisitOutcome]
    VISIT_OUTCOME_REFUSED: _ClassVar[VisitOutcome]

class CallbackOrder(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CALLBACK_ORDER_UNSPECIFIED: _ClassVar[CallbackOrder]
    CALLBACK_ORDER_AGENT_FIRST: _ClassVar[CallbackOrder]
    CALLBACK_ORDER_CUSTOMER_FIRST: _ClassVar[CallbackOrder]
CONTACT_STATE_UNSPECIFIED: ContactState
CONTACT_STATE_WAITING: ContactState
CONTACT_STATE_OFFERED: ContactState
CONTACT_STATE_CONNECTED: ContactState
CONTACT_STATE_ENDED: ContactState
VISIT_OUTCOME_UNSPECIFIED: VisitOutcome
VISIT_OUTCOME_ANSWERED: VisitOutcome
VISIT_OUTCOME_ABANDONED: VisitOutcome
VISIT_OUTCOME_SHORT_ABANDONED: VisitOutcome
VISIT_OUTCOME_OVERFLOWED: VisitOutcome
VISIT_OUTCOME_VOICEMAIL: VisitOutcome
VISIT_OUTCOME_CALLBACK: VisitOutcome
VISIT_OUTCOME_TRANSFERRED_OUT: VisitOutcome
VISIT_OUTCOME_REFUSED: VisitOutcome
CALLBACK_ORDER_UNSPECIFIED: CallbackOrder
CALLBACK_ORDER_AGENT_FIRST: CallbackOrder
CALLBACK_ORDER_CUSTOMER_FIRST: CallbackOrder

class Contact(_message.Message):
    __slots__ = ("meta", "tenant_id", "contact_id", "channel", "call_id", "edge_instance", "queue_id", "group", "requirements", "priority", "state", "fifo", "enqueued_at", "offer", "epoch", "offers", "preferred_agent_id", "visit", "attributes", "interaction_id", "branch_id", "first_enqueued_at", "also_queue_ids", "caller", "callback", "also_offered", "onward", "previous_contact_id")
    class AttributesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    META_FIELD_NUMBER: _ClassVar[int]
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    CONTACT_ID_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    CALL_ID_FIELD_NUMBER: _ClassVar[int]
    EDGE_INSTANCE_FIELD_NUMBER: _ClassVar[int]
    QUEUE_ID_FIELD_NUMBER: _ClassVar[int]
    GROUP_FIELD_NUMBER: _ClassVar[int]
    REQUIREMENTS_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    FIFO_FIELD_NUMBER: _ClassVar[int]
    ENQUEUED_AT_FIELD_NUMBER: _ClassVar[int]
    OFFER_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    OFFERS_FIELD_NUMBER: _ClassVar[int]
    PREFERRED_AGENT_ID_FIELD_NUMBER: _ClassVar[int]
    VISIT_FIELD_NUMBER: _ClassVar[int]
    ATTRIBUTES_FIELD_NUMBER: _ClassVar[int]
    INTERACTION_ID_FIELD_NUMBER: _ClassVar[int]
    BRANCH_ID_FIELD_NUMBER: _ClassVar[int]
    FIRST_ENQUEUED_AT_FIELD_NUMBER: _ClassVar[int]
    ALSO_QUEUE_IDS_FIELD_NUMBER: _ClassVar[int]
    CALLER_FIELD_NUMBER: _ClassVar[int]
    CALLBACK_FIELD_NUMBER: _ClassVar[int]
    ALSO_OFFERED_FIELD_NUMBER: _ClassVar[int]
    ONWARD_FIELD_NUMBER: _ClassVar[int]
    PREVIOUS_CONTACT_ID_FIELD_NUMBER: _ClassVar[int]
    meta: _types_pb2.RecordMeta
    tenant_id: str
    contact_id: str
    channel: str
    call_id: str
    edge_instance: str
    queue_id: str
    group: str
    requirements: _containers.RepeatedCompositeFieldContainer[_types_pb2.Skill]
    priority: int
    state: ContactState
    fifo: int
    enqueued_at: _timestamp_pb2.Timestamp
    offer: Offer
    epoch: int
    offers: int
    preferred_agent_id: str
    visit: int
    attributes: _containers.ScalarMap[str, str]
    interaction_id: str
    branch_id: str
    first_enqueued_at: _timestamp_pb2.Timestamp
    also_queue_ids: _containers.RepeatedScalarFieldContainer[str]
    caller: str
    callback: Callback
    also_offered: _containers.RepeatedCompositeFieldContainer[Offer]
    onward: Onward
    previous_contact_id: str
    def __init__(self, meta: _Optional[_Union[_types_pb2.RecordMeta, _Mapping]] = ..., tenant_id: _Optional[str] = ..., contact_id: _Optional[str] = ..., channel: _Optional[str] = ..., call_id: _Optional[str] = ..., edge_instance: _Optional[str] = ..., queue_id: _Optional[str] = ..., group: _Optional[str] = ..., requirements: _Optional[_Iterable[_Union[_types_pb2.Skill, _Mapping]]] = ..., priority: _Optional[int] = ..., state: _Optional[_Union[ContactState, str]] = ..., fifo: _Optional[int] = ..., enqueued_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., offer: _Optional[_Union[Offer, _Mapping]] = ..., epoch: _Optional[int] = ..., offers: _Optional[int] = ..., preferred_agent_id: _Optional[str] = ..., visit: _Optional[int] = ..., attributes: _Optional[_Mapping[str, str]] = ..., interaction_id: _Optional[str] = ..., branch_id: _Optional[str] = ..., first_enqueued_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., also_queue_ids: _Optional[_Iterable[str]] = ..., caller: _Optional[str] = ..., callback: _Optional[_Union[Callback, _Mapping]] = ..., also_offered: _Optional[_Iterable[_Union[Offer, _Mapping]]] = ..., onward: _Optional[_Union[Onward, _Mapping]] = ..., previous_contact_id: _Optional[str] = ...) -> None: ...

class Onward(_message.Message):
    __slots__ = ("contact_id", "queue_id", "cause", "refusal")
    CONTACT_ID_FIELD_NUMBER: _ClassVar[int]
    QUEUE_ID_FIELD_NUMBER: _ClassVar[int]
    CAUSE_FIELD_NUMBER: _ClassVar[int]
    REFUSAL_FIELD_NUMBER: _ClassVar[int]
    contact_id: str
    queue_id: str
    cause: str
    refusal: str
    def __init__(self, contact_id: _Optional[str] = ..., queue_id: _Optional[str] = ..., cause: _Optional[str] = ..., refusal: _Optional[str] = ...) -> None: ...

class Callback(_message.Message):
    __slots__ = ("number", "order", "attempts", "max_attempts", "retry_s", "requested_at", "not_before", "expires_at", "last_failure", "customer_waits")
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    ORDER_FIELD_NUMBER: _ClassVar[int]
    ATTEMPTS_FIELD_NUMBER: _ClassVar[int]
    MAX_ATTEMPTS_FIELD_NUMBER: _ClassVar[int]
    RETRY_S_FIELD_NUMBER: _ClassVar[int]
    REQUESTED_AT_FIELD_NUMBER: _ClassVar[int]
    NOT_BEFORE_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AT_FIELD_NUMBER: _ClassVar[int]
    LAST_FAILURE_FIELD_NUMBER: _ClassVar[int]
    CUSTOMER_WAITS_FIELD_NUMBER: _ClassVar[int]
    number: str
    order: CallbackOrder
    attempts: int
    max_attempts: int
    retry_s: int
    requested_at: _timestamp_pb2.Timestamp
    not_before: _timestamp_pb2.Timestamp
    expires_at: _timestamp_pb2.Timestamp
    last_failure: str
    customer_waits: bool
    def __init__(self, number: _Optional[str] = ..., order: _Optional[_Union[CallbackOrder, str]] = ..., attempts: _Optional[int] = ..., max_attempts: _Optional[int] = ..., retry_s: _Optional[int] = ..., requested_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., not_before: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., expires_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., last_failure: _Optional[str] = ..., customer_waits: _Optional[bool] = ...) -> None: ...

class Offer(_message.Message):
    __slots__ = ("rid", "agent_tenant_id", "agent_id", "offered_at", "agent_revision", "queue_id", "call_id", "edge_instance", "ring_rid")
    RID_FIELD_NUMBER: _ClassVar[int]
    AGENT_TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    AGENT_ID_FIELD_NUMBER: _ClassVar[int]
    OFFERED_AT_FIELD_NUMBER: _ClassVar[int]
    AGENT_REVISION_FIELD_NUMBER: _ClassVar[int]
    QUEUE_ID_FIELD_NUMBER: _ClassVar[int]
    CALL_ID_FIELD_NUMBER: _ClassVar[int]
    EDGE_INSTANCE_FIELD_NUMBER: _ClassVar[int]
    RING_RID_FIELD_NUMBER: _ClassVar[int]
    rid: str
    agent_tenant_id: str
    agent_id: str
    offered_at: _timestamp_pb2.Timestamp
    agent_revision: int
    queue_id: str
    call_id: str
    edge_instance: str
    ring_rid: str
    def __init__(self, rid: _Optional[str] = ..., agent_tenant_id: _Optional[str] = ..., agent_id: _Optional[str] = ..., offered_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., agent_revision: _Optional[int] = ..., queue_id: _Optional[str] = ..., call_id: _Optional[str] = ..., edge_instance: _Optional[str] = ..., ring_rid: _Optional[str] = ...) -> None: ...

class Decision(_message.Message):
    __slots__ = ("contact_id", "queue_id", "at", "rule", "chosen_agent_id", "candidate_agent_ids", "candidates", "position", "won_queue_id", "step", "also_chosen_agent_ids")
    CONTACT_ID_FIELD_NUMBER: _ClassVar[int]
    QUEUE_ID_FIELD_NUMBER: _ClassVar[int]
    AT_FIELD_NUMBER: _ClassVar[int]
    RULE_FIELD_NUMBER: _ClassVar[int]
    CHOSEN_AGENT_ID_FIELD_NUMBER: _ClassVar[int]
    CANDIDATE_AGENT_IDS_FIELD_NUMBER: _ClassVar[int]
    CANDIDATES_FIELD_NUMBER: _ClassVar[int]
    POSITION_FIELD_NUMBER: _ClassVar[int]
    WON_QUEUE_ID_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    ALSO_CHOSEN_AGENT_IDS_FIELD_NUMBER: _ClassVar[int]
    contact_id: str
    queue_id: str
    at: _timestamp_pb2.Timestamp
    rule: str
    chosen_agent_id: str
    candidate_agent_ids: _containers.RepeatedScalarFieldContainer[str]
    candidates: int
    position: int
    won_queue_id: str
    step: str
    also_chosen_agent_ids: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, contact_id: _Optional[str] = ..., queue_id: _Optional[str] = ..., at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., rule: _Optional[str] = ..., chosen_agent_id: _Optional[str] = ..., candidate_agent_ids: _Optional[_Iterable[str]] = ..., candidates: _Optional[int] = ..., position: _Optional[int] = ..., won_queue_id: _Optional[str] = ..., step: _Optional[str] = ..., also_chosen_agent_ids: _Optional[_Iterable[str]] = ...) -> None: ...

class LastAgent(_message.Message):
    __slots__ = ("tenant_id", "customer", "agent_tenant_id", "agent_id", "queue_id", "at")
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    CUSTOMER_FIELD_NUMBER: _ClassVar[int]
    AGENT_TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    AGENT_ID_FIELD_NUMBER: _ClassVar[int]
    QUEUE_ID_FIELD_NUMBER: _ClassVar[int]
    AT_FIELD_NUMBER: _ClassVar[int]
    tenant_id: str
    customer: str
    agent_tenant_id: str
    agent_id: str
    queue_id: str
    at: _timestamp_pb2.Timestamp
    def __init__(self, tenant_id: _Optional[str] = ..., customer: _Optional[str] = ..., agent_tenant_id: _Optional[str] = ..., agent_id: _Optional[str] = ..., queue_id: _Optional[str] = ..., at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class WaitStatistics(_message.Message):
    __slots__ = ("last_answer_at", "interval_s", "error_s")
    LAST_ANSWER_AT_FIELD_NUMBER: _ClassVar[int]
    INTERVAL_S_FIELD_NUMBER: _ClassVar[int]
    ERROR_S_FIELD_NUMBER: _ClassVar[int]
    last_answer_at: float
    interval_s: float
    error_s: float
    def __init__(self, last_answer_at: _Optional[float] = ..., interval_s: _Optional[float] = ..., error_s: _Optional[float] = ...) -> None: ...

class QueueSnapshot(_message.Message):
    __slots__ = ("tenant_id", "queue_id", "waiting", "offered", "oldest_enqueued_at", "ready_agents", "estimated_wait_s", "estimate_error_s", "agents_logged_in", "closed", "callbacks")
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    QUEUE_ID_FIELD_NUMBER: _ClassVar[int]
    WAITING_FIELD_NUMBER: _ClassVar[int]
    OFFERED_FIELD_NUMBER: _ClassVar[int]
    OLDEST_ENQUEUED_AT_FIELD_NUMBER: _ClassVar[int]
    READY_AGENTS_FIELD_NUMBER: _ClassVar[int]
    ESTIMATED_WAIT_S_FIELD_NUMBER: _ClassVar[int]
    ESTIMATE_ERROR_S_FIELD_NUMBER: _ClassVar[int]
    AGENTS_LOGGED_IN_FIELD_NUMBER: _ClassVar[int]
    CLOSED_FIELD_NUMBER: _ClassVar[int]
    CALLBACKS_FIELD_NUMBER: _ClassVar[int]
    tenant_id: str
    queue_id: str
    waiting: int
    offered: int
    oldest_enqueued_at: _timestamp_pb2.Timestamp
    ready_agents: int
    estimated_wait_s: int
    estimate_error_s: int
    agents_logged_in: int
    closed: bool
    callbacks: int
    def __init__(self, tenant_id: _Optional[str] = ..., queue_id: _Optional[str] = ..., waiting: _Optional[int] = ..., offered: _Optional[int] = ..., oldest_enqueued_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., ready_agents: _Optional[int] = ..., estimated_wait_s: _Optional[int] = ..., estimate_error_s: _Optional[int] = ..., agents_logged_in: _Optional[int] = ..., closed: _Optional[bool] = ..., callbacks: _Optional[int] = ...) -> None: ...

class WaitingContact(_message.Message):
    __slots__ = ("contact_id", "queue_id", "call_id", "caller", "priority", "position", "enqueued_at", "agent_id", "rule", "channel", "callback", "also_agent_ids")
    CONTACT_ID_FIELD_NUMBER: _ClassVar[int]
    QUEUE_ID_FIELD_NUMBER: _ClassVar[int]
    CALL_ID_FIELD_NUMBER: _ClassVar[int]
    CALLER_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    POSITION_FIELD_NUMBER: _ClassVar[int]
    ENQUEUED_AT_FIELD_NUMBER: _ClassVar[int]
    AGENT_ID_FIELD_NUMBER: _ClassVar[int]
    RULE_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    CALLBACK_FIELD_NUMBER: _ClassVar[int]
    ALSO_AGENT_IDS_FIELD_NUMBER: _ClassVar[int]
    contact_id: str
    queue_id: str
    call_id: str
    caller: str
    priority: int
    position: int
    enqueued_at: _timestamp_pb2.Timestamp
    agent_id: str
    rule: str
    channel: str
    callback: bool
    also_agent_ids: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, contact_id: _Optional[str] = ..., queue_id: _Optional[str] = ..., call_id: _Optional[str] = ..., caller: _Optional[str] = ..., priority: _Optional[int] = ..., position: _Optional[int] = ..., enqueued_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., agent_id: _Optional[str] = ..., rule: _Optional[str] = ..., channel: _Optional[str] = ..., callback: _Optional[bool] = ..., also_agent_ids: _Optional[_Iterable[str]] = ...) -> None: ...

class ContactStatus(_message.Message):
    __slots__ = ("contact_id", "queue_id", "channel", "state", "caller", "priority", "enqueued_at", "interaction_id", "attributes", "offered", "outcome", "call_id", "onward", "previous_contact_id")
    class AttributesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    CONTACT_ID_FIELD_NUMBER: _ClassVar[int]
    QUEUE_ID_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    CALLER_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    ENQUEUED_AT_FIELD_NUMBER: _ClassVar[int]
    INTERACTION_ID_FIELD_NUMBER: _ClassVar[int]
    ATTRIBUTES_FIELD_NUMBER: _ClassVar[int]
    OFFERED_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    CALL_ID_FIELD_NUMBER: _ClassVar[int]
    ONWARD_FIELD_NUMBER: _ClassVar[int]
    PREVIOUS_CONTACT_ID_FIELD_NUMBER: _ClassVar[int]
    contact_id: str
    queue_id: str
    channel: str
    state: ContactState
    caller: str
    priority: int
    enqueued_at: _timestamp_pb2.Timestamp
    interaction_id: str
    attributes: _containers.ScalarMap[str, str]
    offered: _containers.RepeatedCompositeFieldContainer[Offer]
    outcome: VisitOutcome
    call_id: str
    onward: Onward
    previous_contact_id: str
    def __init__(self, contact_id: _Optional[str] = ..., queue_id: _Optional[str] = ..., channel: _Optional[str] = ..., state: _Optional[_Union[ContactState, str]] = ..., caller: _Optional[str] = ..., priority: _Optional[int] = ..., enqueued_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., interaction_id: _Optional[str] = ..., attributes: _Optional[_Mapping[str, str]] = ..., offered: _Optional[_Iterable[_Union[Offer, _Mapping]]] = ..., outcome: _Optional[_Union[VisitOutcome, str]] = ..., call_id: _Optional[str] = ..., onward: _Optional[_Union[Onward, _Mapping]] = ..., previous_contact_id: _Optional[str] = ...) -> None: ...

class CallbackEntry(_message.Message):
    __slots__ = ("contact_id", "queue_id", "call_id", "priority", "enqueued_at", "callback", "calling_call_id", "agent_id")
    CONTACT_ID_FIELD_NUMBER: _ClassVar[int]
    QUEUE_ID_FIELD_NUMBER: _ClassVar[int]
    CALL_ID_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    ENQUEUED_AT_FIELD_NUMBER: _ClassVar[int]
    CALLBACK_FIELD_NUMBER: _ClassVar[int]
    CALLING_CALL_ID_FIELD_NUMBER: _ClassVar[int]
    AGENT_ID_FIELD_NUMBER: _ClassVar[int]
    contact_id: str
    queue_id: str
    call_id: str
    priority: int
    enqueued_at: _timestamp_pb2.Timestamp
    callback: Callback
    calling_call_id: str
    agent_id: str
    def __init__(self, contact_id: _Optional[str] = ..., queue_id: _Optional[str] = ..., call_id: _Optional[str] = ..., priority: _Optional[int] = ..., enqueued_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., callback: _Optional[_Union[Callback, _Mapping]] = ..., calling_call_id: _Optional[str] = ..., agent_id: _Optional[str] = ...) -> None: ...
