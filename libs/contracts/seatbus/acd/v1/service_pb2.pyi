import datetime

from buf.validate import validate_pb2 as _validate_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from seatbus.acd.v1 import types_pb2 as _types_pb2
from seatbus.common.v1 import types_pb2 as _types_pb2_1
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class OfferOutcome(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    OFFER_OUTCOME_UNSPECIFIED: _ClassVar[OfferOutcome]
    OFFER_OUTCOME_RINGING: _ClassVar[OfferOutcome]
    OFFER_OUTCOME_ANSWERED: _ClassVar[OfferOutcome]
    OFFER_OUTCOME_NO_ANSWER: _ClassVar[OfferOutcome]
    OFFER_OUTCOME_BUSY: _ClassVar[OfferOutcome]
    OFFER_OUTCOME_REJECTED: _ClassVar[OfferOutcome]
    OFFER_OUTCOME_UNREACHABLE: _ClassVar[OfferOutcome]
    OFFER_OUTCOME_FAILED: _ClassVar[OfferOutcome]
    OFFER_OUTCOME_CUSTOMER_NO_ANSWER: _ClassVar[OfferOutcome]
    OFFER_OUTCOME_CUSTOMER_BUSY: _ClassVar[OfferOutcome]
    OFFER_OUTCOME_CUSTOMER_REJECTED: _ClassVar[OfferOutcome]
    OFFER_OUTCOME_CUSTOMER_UNREACHABLE: _ClassVar[OfferOutcome]
    OFFER_OUTCOME_CUSTOMER_MACHINE: _ClassVar[OfferOutcome]
    OFFER_OUTCOME_CUSTOMER_HUNG_UP: _ClassVar[OfferOutcome]
OFFER_OUTCOME_UNSPECIFIED: OfferOutcome
OFFER_OUTCOME_RINGING: OfferOutcome
OFFER_OUTCOME_ANSWERED: OfferOutcome
OFFER_OUTCOME_NO_ANSWER: OfferOutcome
OFFER_OUTCOME_BUSY: OfferOutcome
OFFER_OUTCOME_REJECTED: OfferOutcome
OFFER_OUTCOME_UNREACHABLE: OfferOutcome
OFFER_OUTCOME_FAILED: OfferOutcome
OFFER_OUTCOME_CUSTOMER_NO_ANSWER: OfferOutcome
OFFER_OUTCOME_CUSTOMER_BUSY: OfferOutcome
OFFER_OUTCOME_CUSTOMER_REJECTED: OfferOutcome
OFFER_OUTCOME_CUSTOMER_UNREACHABLE: OfferOutcome
OFFER_OUTCOME_CUSTOMER_MACHINE: OfferOutcome
OFFER_OUTCOME_CUSTOMER_HUNG_UP: OfferOutcome

class EnqueueRequest(_message.Message):
    __slots__ = ("context", "contact_id", "call_id", "queue_id", "edge_instance", "requirements", "priority", "preferred_agent_id", "channel", "visit", "interaction_id", "branch_id", "attributes", "caller", "also_queue_ids", "first_fifo", "first_enqueued_at", "callback", "previous_contact_id")
    class AttributesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    CONTACT_ID_FIELD_NUMBER: _ClassVar[int]
    CALL_ID_FIELD_NUMBER: _ClassVar[int]
    QUEUE_ID_FIELD_NUMBER: _ClassVar[int]
    EDGE_INSTANCE_FIELD_NUMBER: _ClassVar[int]
    REQUIREMENTS_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    PREFERRED_AGENT_ID_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    VISIT_FIELD_NUMBER: _ClassVar[int]
    INTERACTION_ID_FIELD_NUMBER: _ClassVar[int]
    BRANCH_ID_FIELD_NUMBER: _ClassVar[int]
    ATTRIBUTES_FIELD_NUMBER: _ClassVar[int]
    CALLER_FIELD_NUMBER: _ClassVar[int]
    ALSO_QUEUE_IDS_FIELD_NUMBER: _ClassVar[int]
    FIRST_FIFO_FIELD_NUMBER: _ClassVar[int]
    FIRST_ENQUEUED_AT_FIELD_NUMBER: _ClassVar[int]
    CALLBACK_FIELD_NUMBER: _ClassVar[int]
    PREVIOUS_CONTACT_ID_FIELD_NUMBER: _ClassVar[int]
    context: _types_pb2_1.RequestContext
    contact_id: str
    call_id: str
    queue_id: str
    edge_instance: str
    requirements: _containers.RepeatedCompositeFieldContainer[_types_pb2_1.Skill]
    priority: int
    preferred_agent_id: str
    channel: str
    visit: int
    interaction_id: str
    branch_id: str
    attributes: _containers.ScalarMap[str, str]
    caller: str
    also_queue_ids: _containers.RepeatedScalarFieldContainer[str]
    first_fifo: int
    first_enqueued_at: _timestamp_pb2.Timestamp
    callback: _types_pb2.Callback
    previous_contact_id: str
    def __init__(self, context: _Optional[_Union[_types_pb2_1.RequestContext, _Mapping]] = ..., contact_id: _Optional[str] = ..., call_id: _Optional[str] = ..., queue_id: _Optional[str] = ..., edge_instance: _Optional[str] = ..., requirements: _Optional[_Iterable[_Union[_types_pb2_1.Skill, _Mapping]]] = ..., priority: _Optional[int] = ..., preferred_agent_id: _Optional[str] = ..., channel: _Optional[str] = ..., visit: _Optional[int] = ..., interaction_id: _Optional[str] = ..., branch_id: _Optional[str] = ..., attributes: _Optional[_Mapping[str, str]] = ..., caller: _Optional[str] = ..., also_queue_ids: _Optional[_Iterable[str]] = ..., first_fifo: _Optional[int] = ..., first_enqueued_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., callback: _Optional[_Union[_types_pb2.Callback, _Mapping]] = ..., previous_contact_id: _Optional[str] = ...) -> None: ...

class EnqueueResponse(_message.Message):
    __slots__ = ("position", "estimated_wait_s")
    POSITION_FIELD_NUMBER: _ClassVar[int]
    ESTIMATED_WAIT_S_FIELD_NUMBER: _ClassVar[int]
    position: int
    estimated_wait_s: int
    def __init__(self, position: _Optional[int] = ..., estimated_wait_s: _Optional[int] = ...) -> None: ...

class CancelRequest(_message.Message):
    __slots__ = ("context", "contact_id", "outcome", "without_call")
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    CONTACT_ID_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    WITHOUT_CALL_FIELD_NUMBER: _ClassVar[int]
    context: _types_pb2_1.RequestContext
    contact_id: str
    outcome: _types_pb2.VisitOutcome
    without_call: bool
    def __init__(self, context: _Optional[_Union[_types_pb2_1.RequestContext, _Mapping]] = ..., contact_id: _Optional[str] = ..., outcome: _Optional[_Union[_types_pb2.VisitOutcome, str]] = ..., without_call: _Optional[bool] = ...) -> None: ...

class CancelResponse(_message.Message):
    __slots__ = ("outcome", "next_contact_id")
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    NEXT_CONTACT_ID_FIELD_NUMBER: _ClassVar[int]
    outcome: _types_pb2.VisitOutcome
    next_contact_id: str
    def __init__(self, outcome: _Optional[_Union[_types_pb2.VisitOutcome, str]] = ..., next_contact_id: _Optional[str] = ...) -> None: ...

class ReportOfferRequest(_message.Message):
    __slots__ = ("context", "contact_id", "rid", "outcome", "customer_waits", "without_call")
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    CONTACT_ID_FIELD_NUMBER: _ClassVar[int]
    RID_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    CUSTOMER_WAITS_FIELD_NUMBER: _ClassVar[int]
    WITHOUT_CALL_FIELD_NUMBER: _ClassVar[int]
    context: _types_pb2_1.RequestContext
    contact_id: str
    rid: str
    outcome: OfferOutcome
    customer_waits: bool
    without_call: bool
    def __init__(self, context: _Optional[_Union[_types_pb2_1.RequestContext, _Mapping]] = ..., contact_id: _Optional[str] = ..., rid: _Optional[str] = ..., outcome: _Optional[_Union[OfferOutcome, str]] = ..., customer_waits: _Optional[bool] = ..., without_call: _Optional[bool] = ...) -> None: ...

class ReportOfferResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class RequeueRequest(_message.Message):
    __slots__ = ("context", "contact_id", "front")
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    CONTACT_ID_FIELD_NUMBER: _ClassVar[int]
    FRONT_FIELD_NUMBER: _ClassVar[int]
    context: _types_pb2_1.RequestContext
    contact_id: str
    front: bool
    def __init__(self, context: _Optional[_Union[_types_pb2_1.RequestContext, _Mapping]] = ..., contact_id: _Optional[str] = ..., front: _Optional[bool] = ...) -> None: ...

class RequeueResponse(_message.Message):
    __slots__ = ("position",)
    POSITION_FIELD_NUMBER: _ClassVar[int]
    position: int
    def __init__(self, position: _Optional[int] = ...) -> None: ...

class MoveRequest(_message.Message):
    __slots__ = ("context", "contact_id", "to_queue_id")
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    CONTACT_ID_FIELD_NUMBER: _ClassVar[int]
    TO_QUEUE_ID_FIELD_NUMBER: _ClassVar[int]
    context: _types_pb2_1.RequestContext
    contact_id: str
    to_queue_id: str
    def __init__(self, context: _Optional[_Union[_types_pb2_1.RequestContext, _Mapping]] = ..., contact_id: _Optional[str] = ..., to_queue_id: _Optional[str] = ...) -> None: ...

class MoveResponse(_message.Message):
    __slots__ = ("position", "contact_id")
    POSITION_FIELD_NUMBER: _ClassVar[int]
    CONTACT_ID_FIELD_NUMBER: _ClassVar[int]
    position: int
    contact_id: str
    def __init__(self, position: _Optional[int] = ..., contact_id: _Optional[str] = ...) -> None: ...

class PrioritiseRequest(_message.Message):
    __slots__ = ("context", "contact_id", "priority")
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    CONTACT_ID_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    context: _types_pb2_1.RequestContext
    contact_id: str
    priority: int
    def __init__(self, context: _Optional[_Union[_types_pb2_1.RequestContext, _Mapping]] = ..., contact_id: _Optional[str] = ..., priority: _Optional[int] = ...) -> None: ...

class PrioritiseResponse(_message.Message):
    __slots__ = ("position",)
    POSITION_FIELD_NUMBER: _ClassVar[int]
    position: int
    def __init__(self, position: _Optional[int] = ...) -> None: ...

class PullRequest(_message.Message):
    __slots__ = ("context", "contact_id", "agent_id")
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    CONTACT_ID_FIELD_NUMBER: _ClassVar[int]
    AGENT_ID_FIELD_NUMBER: _ClassVar[int]
    context: _types_pb2_1.RequestContext
    contact_id: str
    agent_id: str
    def __init__(self, context: _Optional[_Union[_types_pb2_1.RequestContext, _Mapping]] = ..., contact_id: _Optional[str] = ..., agent_id: _Optional[str] = ...) -> None: ...

class PullResponse(_message.Message):
    __slots__ = ("rid",)
    RID_FIELD_NUMBER: _ClassVar[int]
    rid: str
    def __init__(self, rid: _Optional[str] = ...) -> None: ...

class ListCallbacksRequest(_message.Message):
    __slots__ = ("tenant_id", "queue_id", "page")
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    QUEUE_ID_FIELD_NUMBER: _ClassVar[int]
    PAGE_FIELD_NUMBER: _ClassVar[int]
    tenant_id: str
    queue_id: str
    page: _types_pb2_1.Page
    def __init__(self, tenant_id: _Optional[str] = ..., queue_id: _Optional[str] = ..., page: _Optional[_Union[_types_pb2_1.Page, _Mapping]] = ...) -> None: ...

class ListCallbacksResponse(_message.Message):
    __slots__ = ("callbacks", "next_cursor")
    CALLBACKS_FIELD_NUMBER: _ClassVar[int]
    NEXT_CURSOR_FIELD_NUMBER: _ClassVar[int]
    callbacks: _containers.RepeatedCompositeFieldContainer[_types_pb2.CallbackEntry]
    next_cursor: str
    def __init__(self, callbacks: _Optional[_Iterable[_Union[_types_pb2.CallbackEntry, _Mapping]]] = ..., next_cursor: _Optional[str] = ...) -> None: ...

class PreviewRequest(_message.Message):
    __slots__ = ("tenant_id", "queue_id")
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    QUEUE_ID_FIELD_NUMBER: _ClassVar[int]
    tenant_id: str
    queue_id: str
    def __init__(self, tenant_id: _Optional[str] = ..., queue_id: _Optional[str] = ...) -> None: ...

class PreviewResponse(_message.Message):
    __slots__ = ("contacts", "waiting")
    CONTACTS_FIELD_NUMBER: _ClassVar[int]
    WAITING_FIELD_NUMBER: _ClassVar[int]
    contacts: _containers.RepeatedCompositeFieldContainer[_types_pb2.Contact]
    waiting: _containers.RepeatedCompositeFieldContainer[_types_pb2.WaitingContact]
    def __init__(self, contacts: _Optional[_Iterable[_Union[_types_pb2.Contact, _Mapping]]] = ..., waiting: _Optional[_Iterable[_Union[_types_pb2.WaitingContact, _Mapping]]] = ...) -> None: ...

class ExplainRequest(_message.Message):
    __slots__ = ("tenant_id", "contact_id")
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    CONTACT_ID_FIELD_NUMBER: _ClassVar[int]
    tenant_id: str
    contact_id: str
    def __init__(self, tenant_id: _Optional[str] = ..., contact_id: _Optional[str] = ...) -> None: ...

class ExplainResponse(_message.Message):
    __slots__ = ("decisions", "position", "estimated_wait_s", "error_s")
    DECISIONS_FIELD_NUMBER: _ClassVar[int]
    POSITION_FIELD_NUMBER: _ClassVar[int]
    ESTIMATED_WAIT_S_FIELD_NUMBER: _ClassVar[int]
    ERROR_S_FIELD_NUMBER: _ClassVar[int]
    decisions: _containers.RepeatedCompositeFieldContainer[_types_pb2.Decision]
    position: int
    estimated_wait_s: int
    error_s: int
    def __init__(self, decisions: _Optional[_Iterable[_Union[_types_pb2.Decision, _Mapping]]] = ..., position: _Optional[int] = ..., estimated_wait_s: _Optional[int] = ..., error_s: _Optional[int] = ...) -> None: ...

class SnapshotRequest(_message.Message):
    __slots__ = ("tenant_id",)
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    tenant_id: str
    def __init__(self, tenant_id: _Optional[str] = ...) -> None: ...

class SnapshotResponse(_message.Message):
    __slots__ = ("queues", "unreachable")
    QUEUES_FIELD_NUMBER: _ClassVar[int]
    UNREACHABLE_FIELD_NUMBER: _ClassVar[int]
    queues: _containers.RepeatedCompositeFieldContainer[_types_pb2.QueueSnapshot]
    unreachable: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, queues: _Optional[_Iterable[_Union[_types_pb2.QueueSnapshot, _Mapping]]] = ..., unreachable: _Optional[_Iterable[str]] = ...) -> None: ...

class WatchContactsRequest(_message.Message):
    __slots__ = ("tenant_id", "queue_id", "channel")
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    QUEUE_ID_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    tenant_id: str
    queue_id: str
    channel: str
    def __init__(self, tenant_id: _Optional[str] = ..., queue_id: _Optional[str] = ..., channel: _Optional[str] = ...) -> None: ...

class ContactsUpdate(_message.Message):
    __slots__ = ("snapshot", "contacts", "ended")
    SNAPSHOT_FIELD_NUMBER: _ClassVar[int]
    CONTACTS_FIELD_NUMBER: _ClassVar[int]
    ENDED_FIELD_NUMBER: _ClassVar[int]
    snapshot: bool
    contacts: _containers.RepeatedCompositeFieldContainer[_types_pb2.ContactStatus]
    ended: _containers.RepeatedCompositeFieldContainer[_types_pb2.ContactStatus]
    def __init__(self, snapshot: _Optional[bool] = ..., contacts: _Optional[_Iterable[_Union[_types_pb2.ContactStatus, _Mapping]]] = ..., ended: _Optional[_Iterable[_Union[_types_pb2.ContactStatus, _Mapping]]] = ...) -> None: ...

class EstimateWaitRequest(_message.Message):
    __slots__ = ("tenant_id", "queue_id")
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    QUEUE_ID_FIELD_NUMBER: _ClassVar[int]
    tenant_id: str
    queue_id: str
    def __init__(self, tenant_id: _Optional[str] = ..., queue_id: _Optional[str] = ...) -> None: ...

class EstimateWaitResponse(_message.Message):
    __slots__ = ("estimated_wait_s", "error_s")
    ESTIMATED_WAIT_S_FIELD_NUMBER: _ClassVar[int]
    ERROR_S_FIELD_NUMBER: _ClassVar[int]
    estimated_wait_s: int
    error_s: int
    def __init__(self, estimated_wait_s: _Optional[int] = ..., error_s: _Optional[int] = ...) -> None: ...

class SetQueueModeRequest(_message.Message):
    __slots__ = ("context", "queue_id", "mode", "announcement_prompt_id")
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    QUEUE_ID_FIELD_NUMBER: _ClassVar[int]
    MODE_FIELD_NUMBER: _ClassVar[int]
    ANNOUNCEMENT_PROMPT_ID_FIELD_NUMBER: _ClassVar[int]
    context: _types_pb2_1.RequestContext
    queue_id: str
    mode: str
    announcement_prompt_id: str
    def __init__(self, context: _Optional[_Union[_types_pb2_1.RequestContext, _Mapping]] = ..., queue_id: _Optional[str] = ..., mode: _Optional[str] = ..., announcement_prompt_id: _Optional[str] = ...) -> None: ...

class SetQueueModeResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class SizeRequest(_message.Message):
    __slots__ = ("customers", "daily_rate", "busy_hour", "calls_per_hour", "aht", "max_load", "service_level", "within", "formula", "patience", "max_abandonment", "max_occupancy", "shrinkage", "agents", "seed", "simulate")
    CUSTOMERS_FIELD_NUMBER: _ClassVar[int]
    DAILY_RATE_FIELD_NUMBER: _ClassVar[int]
    BUSY_HOUR_FIELD_NUMBER: _ClassVar[int]
    CALLS_PER_HOUR_FIELD_NUMBER: _ClassVar[int]
    AHT_FIELD_NUMBER: _ClassVar[int]
    MAX_LOAD_FIELD_NUMBER: _ClassVar[int]
    SERVICE_LEVEL_FIELD_NUMBER: _ClassVar[int]
    WITHIN_FIELD_NUMBER: _ClassVar[int]
    FORMULA_FIELD_NUMBER: _ClassVar[int]
    PATIENCE_FIELD_NUMBER: _ClassVar[int]
    MAX_ABANDONMENT_FIELD_NUMBER: _ClassVar[int]
    MAX_OCCUPANCY_FIELD_NUMBER: _ClassVar[int]
    SHRINKAGE_FIELD_NUMBER: _ClassVar[int]
    AGENTS_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    SIMULATE_FIELD_NUMBER: _ClassVar[int]
    customers: float
    daily_rate: float
    busy_hour: float
    calls_per_hour: float
    aht: float
    max_load: float
    service_level: float
    within: int
    formula: str
    patience: float
    max_abandonment: float
    max_occupancy: float
    shrinkage: float
    agents: int
    seed: int
    simulate: bool
    def __init__(self, customers: _Optional[float] = ..., daily_rate: _Optional[float] = ..., busy_hour: _Optional[float] = ..., calls_per_hour: _Optional[float] = ..., aht: _Optional[float] = ..., max_load: _Optional[float] = ..., service_level: _Optional[float] = ..., within: _Optional[int] = ..., formula: _Optional[str] = ..., patience: _Optional[float] = ..., max_abandonment: _Optional[float] = ..., max_occupancy: _Optional[float] = ..., shrinkage: _Optional[float] = ..., agents: _Optional[int] = ..., seed: _Optional[int] = ..., simulate: _Optional[bool] = ...) -> None: ...

class SizeResponse(_message.Message):
    __slots__ = ("document",)
    DOCUMENT_FIELD_NUMBER: _ClassVar[int]
    document: str
    def __init__(self, document: _Optional[str] = ...) -> None: ...
