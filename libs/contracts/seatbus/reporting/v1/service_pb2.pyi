import datetime

from buf.validate import validate_pb2 as _validate_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from seatbus.common.v1 import types_pb2 as _types_pb2
from seatbus.reporting.v1 import types_pb2 as _types_pb2_1
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ListCdrsRequest(_message.Message):
    __slots__ = ("tenant_id", "until", "queue_id", "agent_id", "cause", "caller", "page")
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    FROM_FIELD_NUMBER: _ClassVar[int]
    UNTIL_FIELD_NUMBER: _ClassVar[int]
    QUEUE_ID_FIELD_NUMBER: _ClassVar[int]
    AGENT_ID_FIELD_NUMBER: _ClassVar[int]
    CAUSE_FIELD_NUMBER: _ClassVar[int]
    CALLER_FIELD_NUMBER: _ClassVar[int]
    PAGE_FIELD_NUMBER: _ClassVar[int]
    tenant_id: str
    until: _timestamp_pb2.Timestamp
    queue_id: str
    agent_id: str
    cause: str
    caller: str
    page: _types_pb2.Page
    def __init__(self, tenant_id: _Optional[str] = ..., until: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., queue_id: _Optional[str] = ..., agent_id: _Optional[str] = ..., cause: _Optional[str] = ..., caller: _Optional[str] = ..., page: _Optional[_Union[_types_pb2.Page, _Mapping]] = ..., **kwargs) -> None: ...

class ListCdrsResponse(_message.Message):
    __slots__ = ("cdrs", "next_cursor")
    CDRS_FIELD_NUMBER: _ClassVar[int]
    NEXT_CURSOR_FIELD_NUMBER: _ClassVar[int]
    cdrs: _containers.RepeatedCompositeFieldContainer[_types_pb2_1.Cdr]
    next_cursor: str
    def __init__(self, cdrs: _Optional[_Iterable[_Union[_types_pb2_1.Cdr, _Mapping]]] = ..., next_cursor: _Optional[str] = ...) -> None: ...

class GetCdrRequest(_message.Message):
    __slots__ = ("tenant_id", "call_id")
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    CALL_ID_FIELD_NUMBER: _ClassVar[int]
    tenant_id: str
    call_id: str
    def __init__(self, tenant_id: _Optional[str] = ..., call_id: _Optional[str] = ...) -> None: ...

class GetCdrResponse(_message.Message):
    __slots__ = ("cdr",)
    CDR_FIELD_NUMBER: _ClassVar[int]
    cdr: _types_pb2_1.Cdr
    def __init__(self, cdr: _Optional[_Union[_types_pb2_1.Cdr, _Mapping]] = ...) -> None: ...

class ListQueueVisitsRequest(_message.Message):
    __slots__ = ("tenant_id", "until", "queue_id", "call_id", "page")
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    FROM_FIELD_NUMBER: _ClassVar[int]
    UNTIL_FIELD_NUMBER: _ClassVar[int]
    QUEUE_ID_FIELD_NUMBER: _ClassVar[int]
    CALL_ID_FIELD_NUMBER: _ClassVar[int]
    PAGE_FIELD_NUMBER: _ClassVar[int]
    tenant_id: str
    until: _timestamp_pb2.Timestamp
    queue_id: str
    call_id: str
    page: _types_pb2.Page
    def __init__(self, tenant_id: _Optional[str] = ..., until: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., queue_id: _Optional[str] = ..., call_id: _Optional[str] = ..., page: _Optional[_Union[_types_pb2.Page, _Mapping]] = ..., **kwargs) -> None: ...

class ListQueueVisitsResponse(_message.Message):
    __slots__ = ("visits", "next_cursor")
    VISITS_FIELD_NUMBER: _ClassVar[int]
    NEXT_CURSOR_FIELD_NUMBER: _ClassVar[int]
    visits: _containers.RepeatedCompositeFieldContainer[_types_pb2_1.QueueVisit]
    next_cursor: str
    def __init__(self, visits: _Optional[_Iterable[_Union[_types_pb2_1.QueueVisit, _Mapping]]] = ..., next_cursor: _Optional[str] = ...) -> None: ...

class ListAgentIntervalsRequest(_message.Message):
    __slots__ = ("tenant_id", "agent_id", "until", "page")
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    AGENT_ID_FIELD_NUMBER: _ClassVar[int]
    FROM_FIELD_NUMBER: _ClassVar[int]
    UNTIL_FIELD_NUMBER: _ClassVar[int]
    PAGE_FIELD_NUMBER: _ClassVar[int]
    tenant_id: str
    agent_id: str
    until: _timestamp_pb2.Timestamp
    page: _types_pb2.Page
    def __init__(self, tenant_id: _Optional[str] = ..., agent_id: _Optional[str] = ..., until: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., page: _Optional[_Union[_types_pb2.Page, _Mapping]] = ..., **kwargs) -> None: ...

class ListAgentIntervalsResponse(_message.Message):
    __slots__ = ("intervals", "next_cursor")
    INTERVALS_FIELD_NUMBER: _ClassVar[int]
    NEXT_CURSOR_FIELD_NUMBER: _ClassVar[int]
    intervals: _containers.RepeatedCompositeFieldContainer[_types_pb2_1.AgentInterval]
    next_cursor: str
    def __init__(self, intervals: _Optional[_Iterable[_Union[_types_pb2_1.AgentInterval, _Mapping]]] = ..., next_cursor: _Optional[str] = ...) -> None: ...

class GetBoardRequest(_message.Message):
    __slots__ = ("tenant_id",)
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    tenant_id: str
    def __init__(self, tenant_id: _Optional[str] = ...) -> None: ...

class BoardUpdate(_message.Message):
    __slots__ = ("kind", "at", "queues", "agents", "minutes", "stream_seqs", "calls_now", "removed_queue_ids", "removed_agent_ids", "emergencies")
    class StreamSeqsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    KIND_FIELD_NUMBER: _ClassVar[int]
    AT_FIELD_NUMBER: _ClassVar[int]
    QUEUES_FIELD_NUMBER: _ClassVar[int]
    AGENTS_FIELD_NUMBER: _ClassVar[int]
    MINUTES_FIELD_NUMBER: _ClassVar[int]
    STREAM_SEQS_FIELD_NUMBER: _ClassVar[int]
    CALLS_NOW_FIELD_NUMBER: _ClassVar[int]
    REMOVED_QUEUE_IDS_FIELD_NUMBER: _ClassVar[int]
    REMOVED_AGENT_IDS_FIELD_NUMBER: _ClassVar[int]
    EMERGENCIES_FIELD_NUMBER: _ClassVar[int]
    kind: str
    at: _timestamp_pb2.Timestamp
    queues: _containers.RepeatedCompositeFieldContainer[_types_pb2_1.QueueBoard]
    agents: _containers.RepeatedCompositeFieldContainer[_types_pb2_1.AgentBoard]
    minutes: _containers.RepeatedCompositeFieldContainer[_types_pb2_1.MinutePoint]
    stream_seqs: _containers.ScalarMap[str, int]
    calls_now: int
    removed_queue_ids: _containers.RepeatedScalarFieldContainer[str]
    removed_agent_ids: _containers.RepeatedScalarFieldContainer[str]
    emergencies: _containers.RepeatedCompositeFieldContainer[_types_pb2_1.EmergencyCall]
    def __init__(self, kind: _Optional[str] = ..., at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., queues: _Optional[_Iterable[_Union[_types_pb2_1.QueueBoard, _Mapping]]] = ..., agents: _Optional[_Iterable[_Union[_types_pb2_1.AgentBoard, _Mapping]]] = ..., minutes: _Optional[_Iterable[_Union[_types_pb2_1.MinutePoint, _Mapping]]] = ..., stream_seqs: _Optional[_Mapping[str, int]] = ..., calls_now: _Optional[int] = ..., removed_queue_ids: _Optional[_Iterable[str]] = ..., removed_agent_ids: _Optional[_Iterable[str]] = ..., emergencies: _Optional[_Iterable[_Union[_types_pb2_1.EmergencyCall, _Mapping]]] = ...) -> None: ...

class QueryMetricRequest(_message.Message):
    __slots__ = ("tenant_id", "metric", "until", "group_by")
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    METRIC_FIELD_NUMBER: _ClassVar[int]
    FROM_FIELD_NUMBER: _ClassVar[int]
    UNTIL_FIELD_NUMBER: _ClassVar[int]
    GROUP_BY_FIELD_NUMBER: _ClassVar[int]
    tenant_id: str
    metric: str
    until: _timestamp_pb2.Timestamp
    group_by: str
    def __init__(self, tenant_id: _Optional[str] = ..., metric: _Optional[str] = ..., until: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., group_by: _Optional[str] = ..., **kwargs) -> None: ...

class QueryMetricResponse(_message.Message):
    __slots__ = ("formula", "values")
    class ValuesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    FORMULA_FIELD_NUMBER: _ClassVar[int]
    VALUES_FIELD_NUMBER: _ClassVar[int]
    formula: str
    values: _containers.ScalarMap[str, float]
    def __init__(self, formula: _Optional[str] = ..., values: _Optional[_Mapping[str, float]] = ...) -> None: ...

class CommittedWatermarkRequest(_message.Message):
    __slots__ = ("call_ids",)
    CALL_IDS_FIELD_NUMBER: _ClassVar[int]
    call_ids: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, call_ids: _Optional[_Iterable[str]] = ...) -> None: ...

class CommittedWatermarkResponse(_message.Message):
    __slots__ = ("committed",)
    class CommittedEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    COMMITTED_FIELD_NUMBER: _ClassVar[int]
    committed: _containers.ScalarMap[str, int]
    def __init__(self, committed: _Optional[_Mapping[str, int]] = ...) -> None: ...
