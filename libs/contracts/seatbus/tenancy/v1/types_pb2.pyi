import datetime

from buf.validate import validate_pb2 as _validate_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from seatbus.common.v1 import types_pb2 as _types_pb2
from seatbus.ivr.v1 import types_pb2 as _types_pb2_1
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class PhoneTakeover(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PHONE_TAKEOVER_UNSPECIFIED: _ClassVar[PhoneTakeover]
    PHONE_TAKEOVER_OWN: _ClassVar[PhoneTakeover]
    PHONE_TAKEOVER_RINGING: _ClassVar[PhoneTakeover]
    PHONE_TAKEOVER_TALKING: _ClassVar[PhoneTakeover]

class LoginPolicy(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    LOGIN_POLICY_UNSPECIFIED: _ClassVar[LoginPolicy]
    LOGIN_POLICY_ASK: _ClassVar[LoginPolicy]
    LOGIN_POLICY_TAKE_OVER: _ClassVar[LoginPolicy]
    LOGIN_POLICY_REFUSE: _ClassVar[LoginPolicy]

class NumberFormat(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    NUMBER_FORMAT_UNSPECIFIED: _ClassVar[NumberFormat]
    NUMBER_FORMAT_E164: _ClassVar[NumberFormat]
    NUMBER_FORMAT_PLAIN: _ClassVar[NumberFormat]
    NUMBER_FORMAT_NATIONAL: _ClassVar[NumberFormat]
    NUMBER_FORMAT_INTERNATIONAL: _ClassVar[NumberFormat]

class CallerIdHeader(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CALLER_ID_HEADER_UNSPECIFIED: _ClassVar[CallerIdHeader]
    CALLER_ID_HEADER_ASSERTED: _ClassVar[CallerIdHeader]
    CALLER_ID_HEADER_PREFERRED: _ClassVar[CallerIdHeader]

class DiversionHeader(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    DIVERSION_HEADER_UNSPECIFIED: _ClassVar[DiversionHeader]
    DIVERSION_HEADER_DIVERSION: _ClassVar[DiversionHeader]
    DIVERSION_HEADER_HISTORY_INFO: _ClassVar[DiversionHeader]

class AnswerSupervision(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ANSWER_SUPERVISION_UNSPECIFIED: _ClassVar[AnswerSupervision]
    ANSWER_SUPERVISION_AT_FLOW: _ClassVar[AnswerSupervision]
    ANSWER_SUPERVISION_AT_QUEUE: _ClassVar[AnswerSupervision]
    ANSWER_SUPERVISION_AT_AGENT: _ClassVar[AnswerSupervision]

class Transport(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    TRANSPORT_UNSPECIFIED: _ClassVar[Transport]
    TRANSPORT_UDP: _ClassVar[Transport]
    TRANSPORT_TCP: _ClassVar[Transport]
    TRANSPORT_TLS: _ClassVar[Transport]
    TRANSPORT_WS: _ClassVar[Transport]
    TRANSPORT_WSS: _ClassVar[Transport]

class Strategy(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    STRATEGY_UNSPECIFIED: _ClassVar[Strategy]
    STRATEGY_LONGEST_IDLE: _ClassVar[Strategy]
    STRATEGY_MOST_SKILLS_FIRST: _ClassVar[Strategy]
    STRATEGY_FEWEST_SKILLS_FIRST: _ClassVar[Strategy]
    STRATEGY_LEAST_OCCUPIED: _ClassVar[Strategy]
    STRATEGY_FEWEST_CONTACTS: _ClassVar[Strategy]
    STRATEGY_ROUND_ROBIN: _ClassVar[Strategy]
    STRATEGY_FIXED_ORDER: _ClassVar[Strategy]
    STRATEGY_WEIGHTED_RANDOM: _ClassVar[Strategy]
    STRATEGY_SIMULTANEOUS_RING: _ClassVar[Strategy]

class ShiftPolicy(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SHIFT_POLICY_UNSPECIFIED: _ClassVar[ShiftPolicy]
    SHIFT_POLICY_NOT_READY: _ClassVar[ShiftPolicy]
    SHIFT_POLICY_LOG_OUT: _ClassVar[ShiftPolicy]
    SHIFT_POLICY_NOT_READY_AND_BACK: _ClassVar[ShiftPolicy]

class RingPolicy(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    RING_POLICY_UNSPECIFIED: _ClassVar[RingPolicy]
    RING_POLICY_FIRST: _ClassVar[RingPolicy]
    RING_POLICY_ALL: _ClassVar[RingPolicy]

class MediaSecurity(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    MEDIA_SECURITY_UNSPECIFIED: _ClassVar[MediaSecurity]
    MEDIA_SECURITY_NONE: _ClassVar[MediaSecurity]
    MEDIA_SECURITY_SDES_PREFERRED: _ClassVar[MediaSecurity]
    MEDIA_SECURITY_SDES_REQUIRED: _ClassVar[MediaSecurity]

class DeviceKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    DEVICE_KIND_UNSPECIFIED: _ClassVar[DeviceKind]
    DEVICE_KIND_SIP: _ClassVar[DeviceKind]
    DEVICE_KIND_WEBRTC: _ClassVar[DeviceKind]
    DEVICE_KIND_EXTERNAL: _ClassVar[DeviceKind]

class LeaseMode(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    LEASE_MODE_UNSPECIFIED: _ClassVar[LeaseMode]
    LEASE_MODE_SERVICE: _ClassVar[LeaseMode]
    LEASE_MODE_SEAT: _ClassVar[LeaseMode]
    LEASE_MODE_TEMPORARY: _ClassVar[LeaseMode]

class Role(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ROLE_UNSPECIFIED: _ClassVar[Role]
    ROLE_OPERATOR: _ClassVar[Role]
    ROLE_TENANT_ADMIN: _ClassVar[Role]
    ROLE_SUPERVISOR: _ClassVar[Role]
    ROLE_AGENT: _ClassVar[Role]
    ROLE_QA: _ClassVar[Role]
    ROLE_AUDITOR: _ClassVar[Role]
PHONE_TAKEOVER_UNSPECIFIED: PhoneTakeover
PHONE_TAKEOVER_OWN: PhoneTakeover
PHONE_TAKEOVER_RINGING: PhoneTakeover
PHONE_TAKEOVER_TALKING: PhoneTakeover
LOGIN_POLICY_UNSPECIFIED: LoginPolicy
LOGIN_POLICY_ASK: LoginPolicy
LOGIN_POLICY_TAKE_OVER: LoginPolicy
LOGIN_POLICY_REFUSE: LoginPolicy
NUMBER_FORMAT_UNSPECIFIED: NumberFormat
NUMBER_FORMAT_E164: NumberFormat
NUMBER_FORMAT_PLAIN: NumberFormat
NUMBER_FORMAT_NATIONAL: NumberFormat
NUMBER_FORMAT_INTERNATIONAL: NumberFormat
CALLER_ID_HEADER_UNSPECIFIED: CallerIdHeader
CALLER_ID_HEADER_ASSERTED: CallerIdHeader
CALLER_ID_HEADER_PREFERRED: CallerIdHeader
DIVERSION_HEADER_UNSPECIFIED: DiversionHeader
DIVERSION_HEADER_DIVERSION: DiversionHeader
DIVERSION_HEADER_HISTORY_INFO: DiversionHeader
ANSWER_SUPERVISION_UNSPECIFIED: AnswerSupervision
ANSWER_SUPERVISION_AT_FLOW: AnswerSupervision
ANSWER_SUPERVISION_AT_QUEUE: AnswerSupervision
ANSWER_SUPERVISION_AT_AGENT: AnswerSupervision
TRANSPORT_UNSPECIFIED: Transport
TRANSPORT_UDP: Transport
TRANSPORT_TCP: Transport
TRANSPORT_TLS: Transport
TRANSPORT_WS: Transport
TRANSPORT_WSS: Transport
STRATEGY_UNSPECIFIED: Strategy
STRATEGY_LONGEST_IDLE: Strategy
STRATEGY_MOST_SKILLS_FIRST: Strategy
STRATEGY_FEWEST_SKILLS_FIRST: Strategy
STRATEGY_LEAST_OCCUPIED: Strategy
STRATEGY_FEWEST_CONTACTS: Strategy
STRATEGY_ROUND_ROBIN: Strategy
STRATEGY_FIXED_ORDER: Strategy
STRATEGY_WEIGHTED_RANDOM: Strategy
STRATEGY_SIMULTANEOUS_RING: Strategy
SHIFT_POLICY_UNSPECIFIED: ShiftPolicy
SHIFT_POLICY_NOT_READY: ShiftPolicy
SHIFT_POLICY_LOG_OUT: ShiftPolicy
SHIFT_POLICY_NOT_READY_AND_BACK: ShiftPolicy
RING_POLICY_UNSPECIFIED: RingPolicy
RING_POLICY_FIRST: RingPolicy
RING_POLICY_ALL: RingPolicy
MEDIA_SECURITY_UNSPECIFIED: MediaSecurity
MEDIA_SECURITY_NONE: MediaSecurity
MEDIA_SECURITY_SDES_PREFERRED: MediaSecurity
MEDIA_SECURITY_SDES_REQUIRED: MediaSecurity
DEVICE_KIND_UNSPECIFIED: DeviceKind
DEVICE_KIND_SIP: DeviceKind
DEVICE_KIND_WEBRTC: DeviceKind
DEVICE_KIND_EXTERNAL: DeviceKind
LEASE_MODE_UNSPECIFIED: LeaseMode
LEASE_MODE_SERVICE: LeaseMode
LEASE_MODE_SEAT: LeaseMode
LEASE_MODE_TEMPORARY: LeaseMode
ROLE_UNSPECIFIED: Role
ROLE_OPERATOR: Role
ROLE_TENANT_ADMIN: Role
ROLE_SUPERVISOR: Role
ROLE_AGENT: Role
ROLE_QA: Role
ROLE_AUDITOR: Role

class ConfigObject(_message.Message):
    __slots__ = ("tenant_id", "id", "version", "updated_at", "tenant", "branch", "number", "trunk", "queue", "flow", "agent", "device", "team", "seat", "seat_lease", "reason_code", "disposition", "user", "api_key", "quota", "schedule", "prompt", "contract", "outbound_route")
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    UPDATED_AT_FIELD_NUMBER: _ClassVar[int]
    TENANT_FIELD_NUMBER: _ClassVar[int]
    BRANCH_FIELD_NUMBER: _ClassVar[int]
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    TRUNK_FIELD_NUMBER: _ClassVar[int]
    QUEUE_FIELD_NUMBER: _ClassVar[int]
    FLOW_FIELD_NUMBER: _ClassVar[int]
    AGENT_FIELD_NUMBER: _ClassVar[int]
    DEVICE_FIELD_NUMBER: _ClassVar[int]
    TEAM_FIELD_NUMBER: _ClassVar[int]
    SEAT_FIELD_NUMBER: _ClassVar[int]
    SEAT_LEASE_FIELD_NUMBER: _ClassVar[int]
    REASON_CODE_FIELD_NUMBER: _ClassVar[int]
    DISPOSITION_FIELD_NUMBER: _ClassVar[int]
    USER_FIELD_NUMBER: _ClassVar[int]
    API_KEY_FIELD_NUMBER: _ClassVar[int]
    QUOTA_FIELD_NUMBER: _ClassVar[int]
    SCHEDULE_FIELD_NUMBER: _ClassVar[int]
    PROMPT_FIELD_NUMBER: _ClassVar[int]
    CONTRACT_FIELD_NUMBER: _ClassVar[int]
    OUTBOUND_ROUTE_FIELD_NUMBER: _ClassVar[int]
    tenant_id: str
    id: str
    version: int
    updated_at: _timestamp_pb2.Timestamp
    tenant: Tenant
    branch: Branch
    number: Number
    trunk: Trunk
    queue: Queue
    flow: _types_pb2_1.Flow
    agent: Agent
    device: Device
    team: Team
    seat: Seat
    seat_lease: SeatLease
    reason_code: ReasonCode
    disposition: Disposition
    user: User
    api_key: ApiKey
    quota: Quota
    schedule: Schedule
    prompt: Prompt
    contract: Contract
    outbound_route: OutboundRoute
    def __init__(self, tenant_id: _Optional[str] = ..., id: _Optional[str] = ..., version: _Optional[int] = ..., updated_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., tenant: _Optional[_Union[Tenant, _Mapping]] = ..., branch: _Optional[_Union[Branch, _Mapping]] = ..., number: _Optional[_Union[Number, _Mapping]] = ..., trunk: _Optional[_Union[Trunk, _Mapping]] = ..., queue: _Optional[_Union[Queue, _Mapping]] = ..., flow: _Optional[_Union[_types_pb2_1.Flow, _Mapping]] = ..., agent: _Optional[_Union[Agent, _Mapping]] = ..., device: _Optional[_Union[Device, _Mapping]] = ..., team: _Optional[_Union[Team, _Mapping]] = ..., seat: _Optional[_Union[Seat, _Mapping]] = ..., seat_lease: _Optional[_Union[SeatLease, _Mapping]] = ..., reason_code: _Optional[_Union[ReasonCode, _Mapping]] = ..., disposition: _Optional[_Union[Disposition, _Mapping]] = ..., user: _Optional[_Union[User, _Mapping]] = ..., api_key: _Optional[_Union[ApiKey, _Mapping]] = ..., quota: _Optional[_Union[Quota, _Mapping]] = ..., schedule: _Optional[_Union[Schedule, _Mapping]] = ..., prompt: _Optional[_Union[Prompt, _Mapping]] = ..., contract: _Optional[_Union[Contract, _Mapping]] = ..., outbound_route: _Optional[_Union[OutboundRoute, _Mapping]] = ...) -> None: ...

class Tenant(_message.Message):
    __slots__ = ("name", "operator", "language", "suspended", "headers_in", "headers_out", "login_policy", "phone_takeover", "redirects", "phone_forwards")
    class HeadersInEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    class HeadersOutEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    NAME_FIELD_NUMBER: _ClassVar[int]
    OPERATOR_FIELD_NUMBER: _ClassVar[int]
    LANGUAGE_FIELD_NUMBER: _ClassVar[int]
    SUSPENDED_FIELD_NUMBER: _ClassVar[int]
    HEADERS_IN_FIELD_NUMBER: _ClassVar[int]
    HEADERS_OUT_FIELD_NUMBER: _ClassVar[int]
    LOGIN_POLICY_FIELD_NUMBER: _ClassVar[int]
    PHONE_TAKEOVER_FIELD_NUMBER: _ClassVar[int]
    REDIRECTS_FIELD_NUMBER: _ClassVar[int]
    PHONE_FORWARDS_FIELD_NUMBER: _ClassVar[int]
    name: str
    operator: bool
    language: str
    suspended: bool
    headers_in: _containers.ScalarMap[str, str]
    headers_out: _containers.ScalarMap[str, str]
    login_policy: LoginPolicy
    phone_takeover: PhoneTakeover
    redirects: RedirectPolicy
    phone_forwards: RedirectPolicy
    def __init__(self, name: _Optional[str] = ..., operator: _Optional[bool] = ..., language: _Optional[str] = ..., suspended: _Optional[bool] = ..., headers_in: _Optional[_Mapping[str, str]] = ..., headers_out: _Optional[_Mapping[str, str]] = ..., login_policy: _Optional[_Union[LoginPolicy, str]] = ..., phone_takeover: _Optional[_Union[PhoneTakeover, str]] = ..., redirects: _Optional[_Union[RedirectPolicy, _Mapping]] = ..., phone_forwards: _Optional[_Union[RedirectPolicy, _Mapping]] = ...) -> None: ...

class RedirectPolicy(_message.Message):
    __slots__ = ("follow", "prefixes", "same_trunk", "max_hops")
    FOLLOW_FIELD_NUMBER: _ClassVar[int]
    PREFIXES_FIELD_NUMBER: _ClassVar[int]
    SAME_TRUNK_FIELD_NUMBER: _ClassVar[int]
    MAX_HOPS_FIELD_NUMBER: _ClassVar[int]
    follow: bool
    prefixes: _containers.RepeatedScalarFieldContainer[str]
    same_trunk: bool
    max_hops: int
    def __init__(self, follow: _Optional[bool] = ..., prefixes: _Optional[_Iterable[str]] = ..., same_trunk: _Optional[bool] = ..., max_hops: _Optional[int] = ...) -> None: ...

class Branch(_message.Message):
    __slots__ = ("name", "time_zone", "media_region", "emergency_numbers", "emergency_trunk_id", "emergency_callback", "dial_plan", "record_outbound", "outbound_wrap_up_s", "caller_id", "media_zone")
    NAME_FIELD_NUMBER: _ClassVar[int]
    TIME_ZONE_FIELD_NUMBER: _ClassVar[int]
    MEDIA_REGION_FIELD_NUMBER: _ClassVar[int]
    EMERGENCY_NUMBERS_FIELD_NUMBER: _ClassVar[int]
    EMERGENCY_TRUNK_ID_FIELD_NUMBER: _ClassVar[int]
    EMERGENCY_CALLBACK_FIELD_NUMBER: _ClassVar[int]
    DIAL_PLAN_FIELD_NUMBER: _ClassVar[int]
    RECORD_OUTBOUND_FIELD_NUMBER: _ClassVar[int]
    OUTBOUND_WRAP_UP_S_FIELD_NUMBER: _ClassVar[int]
    CALLER_ID_FIELD_NUMBER: _ClassVar[int]
    MEDIA_ZONE_FIELD_NUMBER: _ClassVar[int]
    name: str
    time_zone: str
    media_region: str
    emergency_numbers: _containers.RepeatedScalarFieldContainer[str]
    emergency_trunk_id: str
    emergency_callback: str
    dial_plan: DialPlan
    record_outbound: bool
    outbound_wrap_up_s: int
    caller_id: str
    media_zone: str
    def __init__(self, name: _Optional[str] = ..., time_zone: _Optional[str] = ..., media_region: _Optional[str] = ..., emergency_numbers: _Optional[_Iterable[str]] = ..., emergency_trunk_id: _Optional[str] = ..., emergency_callback: _Optional[str] = ..., dial_plan: _Optional[_Union[DialPlan, _Mapping]] = ..., record_outbound: _Optional[bool] = ..., outbound_wrap_up_s: _Optional[int] = ..., caller_id: _Optional[str] = ..., media_zone: _Optional[str] = ...) -> None: ...

class DialPlan(_message.Message):
    __slots__ = ("country_code", "national_prefix", "international_prefix", "area_code", "outside_prefix", "pickup_prefix")
    COUNTRY_CODE_FIELD_NUMBER: _ClassVar[int]
    NATIONAL_PREFIX_FIELD_NUMBER: _ClassVar[int]
    INTERNATIONAL_PREFIX_FIELD_NUMBER: _ClassVar[int]
    AREA_CODE_FIELD_NUMBER: _ClassVar[int]
    OUTSIDE_PREFIX_FIELD_NUMBER: _ClassVar[int]
    PICKUP_PREFIX_FIELD_NUMBER: _ClassVar[int]
    country_code: str
    national_prefix: str
    international_prefix: str
    area_code: str
    outside_prefix: str
    pickup_prefix: str
    def __init__(self, country_code: _Optional[str] = ..., national_prefix: _Optional[str] = ..., international_prefix: _Optional[str] = ..., area_code: _Optional[str] = ..., outside_prefix: _Optional[str] = ..., pickup_prefix: _Optional[str] = ...) -> None: ...

class Route(_message.Message):
    __slots__ = ("queue_id", "flow_id", "agent_id", "number", "announcement_prompt_id", "voicemail", "hang_up")
    QUEUE_ID_FIELD_NUMBER: _ClassVar[int]
    FLOW_ID_FIELD_NUMBER: _ClassVar[int]
    AGENT_ID_FIELD_NUMBER: _ClassVar[int]
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    ANNOUNCEMENT_PROMPT_ID_FIELD_NUMBER: _ClassVar[int]
    VOICEMAIL_FIELD_NUMBER: _ClassVar[int]
    HANG_UP_FIELD_NUMBER: _ClassVar[int]
    queue_id: str
    flow_id: str
    agent_id: str
    number: str
    announcement_prompt_id: str
    voicemail: bool
    hang_up: bool
    def __init__(self, queue_id: _Optional[str] = ..., flow_id: _Optional[str] = ..., agent_id: _Optional[str] = ..., number: _Optional[str] = ..., announcement_prompt_id: _Optional[str] = ..., voicemail: _Optional[bool] = ..., hang_up: _Optional[bool] = ...) -> None: ...

class Number(_message.Message):
    __slots__ = ("e164", "branch_id", "flow_id", "answer_supervision", "fallback", "timed_entries", "disabled")
    E164_FIELD_NUMBER: _ClassVar[int]
    BRANCH_ID_FIELD_NUMBER: _ClassVar[int]
    FLOW_ID_FIELD_NUMBER: _ClassVar[int]
    ANSWER_SUPERVISION_FIELD_NUMBER: _ClassVar[int]
    FALLBACK_FIELD_NUMBER: _ClassVar[int]
    TIMED_ENTRIES_FIELD_NUMBER: _ClassVar[int]
    DISABLED_FIELD_NUMBER: _ClassVar[int]
    e164: str
    branch_id: str
    flow_id: str
    answer_supervision: AnswerSupervision
    fallback: Route
    timed_entries: _containers.RepeatedCompositeFieldContainer[TimedEntry]
    disabled: bool
    def __init__(self, e164: _Optional[str] = ..., branch_id: _Optional[str] = ..., flow_id: _Optional[str] = ..., answer_supervision: _Optional[_Union[AnswerSupervision, str]] = ..., fallback: _Optional[_Union[Route, _Mapping]] = ..., timed_entries: _Optional[_Iterable[_Union[TimedEntry, _Mapping]]] = ..., disabled: _Optional[bool] = ...) -> None: ...

class TimedEntry(_message.Message):
    __slots__ = ("schedule_id", "flow_id")
    SCHEDULE_ID_FIELD_NUMBER: _ClassVar[int]
    FLOW_ID_FIELD_NUMBER: _ClassVar[int]
    schedule_id: str
    flow_id: str
    def __init__(self, schedule_id: _Optional[str] = ..., flow_id: _Optional[str] = ...) -> None: ...

class Trunk(_message.Message):
    __slots__ = ("name", "branch_id", "source_addresses", "tls_name", "host", "port", "transport", "username", "secret", "registers", "max_calls", "max_calls_per_second", "media_zone", "outbound_format", "codecs", "dial_plan", "number_format", "number_prefix", "caller_id_header", "diversion_header", "caller_ids", "default_caller_id", "media_security", "outbound", "disabled", "no_options", "options_every_s", "setup_timeout_s", "reroute_statuses", "register_expires_s", "from_domain", "challenge", "redirects", "custom_headers", "auth_username")
    NAME_FIELD_NUMBER: _ClassVar[int]
    BRANCH_ID_FIELD_NUMBER: _ClassVar[int]
    SOURCE_ADDRESSES_FIELD_NUMBER: _ClassVar[int]
    TLS_NAME_FIELD_NUMBER: _ClassVar[int]
    HOST_FIELD_NUMBER: _ClassVar[int]
    PORT_FIELD_NUMBER: _ClassVar[int]
    TRANSPORT_FIELD_NUMBER: _ClassVar[int]
    USERNAME_FIELD_NUMBER: _ClassVar[int]
    SECRET_FIELD_NUMBER: _ClassVar[int]
    REGISTERS_FIELD_NUMBER: _ClassVar[int]
    MAX_CALLS_FIELD_NUMBER: _ClassVar[int]
    MAX_CALLS_PER_SECOND_FIELD_NUMBER: _ClassVar[int]
    MEDIA_ZONE_FIELD_NUMBER: _ClassVar[int]
    OUTBOUND_FORMAT_FIELD_NUMBER: _ClassVar[int]
    CODECS_FIELD_NUMBER: _ClassVar[int]
    DIAL_PLAN_FIELD_NUMBER: _ClassVar[int]
    NUMBER_FORMAT_FIELD_NUMBER: _ClassVar[int]
    NUMBER_PREFIX_FIELD_NUMBER: _ClassVar[int]
    CALLER_ID_HEADER_FIELD_NUMBER: _ClassVar[int]
    DIVERSION_HEADER_FIELD_NUMBER: _ClassVar[int]
    CALLER_IDS_FIELD_NUMBER: _ClassVar[int]
    DEFAULT_CALLER_ID_FIELD_NUMBER: _ClassVar[int]
    MEDIA_SECURITY_FIELD_NUMBER: _ClassVar[int]
    OUTBOUND_FIELD_NUMBER: _ClassVar[int]
    DISABLED_FIELD_NUMBER: _ClassVar[int]
    NO_OPTIONS_FIELD_NUMBER: _ClassVar[int]
    OPTIONS_EVERY_S_FIELD_NUMBER: _ClassVar[int]
    SETUP_TIMEOUT_S_FIELD_NUMBER: _ClassVar[int]
    REROUTE_STATUSES_FIELD_NUMBER: _ClassVar[int]
    REGISTER_EXPIRES_S_FIELD_NUMBER: _ClassVar[int]
    FROM_DOMAIN_FIELD_NUMBER: _ClassVar[int]
    CHALLENGE_FIELD_NUMBER: _ClassVar[int]
    REDIRECTS_FIELD_NUMBER: _ClassVar[int]
    CUSTOM_HEADERS_FIELD_NUMBER: _ClassVar[int]
    AUTH_USERNAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    branch_id: str
    source_addresses: _containers.RepeatedScalarFieldContainer[str]
    tls_name: str
    host: str
    port: int
    transport: Transport
    username: str
    secret: str
    registers: bool
    max_calls: int
    max_calls_per_second: int
    media_zone: str
    outbound_format: str
    codecs: _containers.RepeatedScalarFieldContainer[str]
    dial_plan: DialPlan
    number_format: NumberFormat
    number_prefix: str
    caller_id_header: CallerIdHeader
    diversion_header: DiversionHeader
    caller_ids: _containers.RepeatedScalarFieldContainer[str]
    default_caller_id: str
    media_security: MediaSecurity
    outbound: bool
    disabled: bool
    no_options: bool
    options_every_s: int
    setup_timeout_s: int
    reroute_statuses: _containers.RepeatedScalarFieldContainer[int]
    register_expires_s: int
    from_domain: str
    challenge: bool
    redirects: RedirectPolicy
    custom_headers: bool
    auth_username: str
    def __init__(self, name: _Optional[str] = ..., branch_id: _Optional[str] = ..., source_addresses: _Optional[_Iterable[str]] = ..., tls_name: _Optional[str] = ..., host: _Optional[str] = ..., port: _Optional[int] = ..., transport: _Optional[_Union[Transport, str]] = ..., username: _Optional[str] = ..., secret: _Optional[str] = ..., registers: _Optional[bool] = ..., max_calls: _Optional[int] = ..., max_calls_per_second: _Optional[int] = ..., media_zone: _Optional[str] = ..., outbound_format: _Optional[str] = ..., codecs: _Optional[_Iterable[str]] = ..., dial_plan: _Optional[_Union[DialPlan, _Mapping]] = ..., number_format: _Optional[_Union[NumberFormat, str]] = ..., number_prefix: _Optional[str] = ..., caller_id_header: _Optional[_Union[CallerIdHeader, str]] = ..., diversion_header: _Optional[_Union[DiversionHeader, str]] = ..., caller_ids: _Optional[_Iterable[str]] = ..., default_caller_id: _Optional[str] = ..., media_security: _Optional[_Union[MediaSecurity, str]] = ..., outbound: _Optional[bool] = ..., disabled: _Optional[bool] = ..., no_options: _Optional[bool] = ..., options_every_s: _Optional[int] = ..., setup_timeout_s: _Optional[int] = ..., reroute_statuses: _Optional[_Iterable[int]] = ..., register_expires_s: _Optional[int] = ..., from_domain: _Optional[str] = ..., challenge: _Optional[bool] = ..., redirects: _Optional[_Union[RedirectPolicy, _Mapping]] = ..., custom_headers: _Optional[bool] = ..., auth_username: _Optional[str] = ...) -> None: ...

class OutboundRoute(_message.Message):
    __slots__ = ("name", "branch_id", "prefixes", "trunks", "disabled")
    NAME_FIELD_NUMBER: _ClassVar[int]
    BRANCH_ID_FIELD_NUMBER: _ClassVar[int]
    PREFIXES_FIELD_NUMBER: _ClassVar[int]
    TRUNKS_FIELD_NUMBER: _ClassVar[int]
    DISABLED_FIELD_NUMBER: _ClassVar[int]
    name: str
    branch_id: str
    prefixes: _containers.RepeatedScalarFieldContainer[str]
    trunks: _containers.RepeatedCompositeFieldContainer[RouteTrunk]
    disabled: bool
    def __init__(self, name: _Optional[str] = ..., branch_id: _Optional[str] = ..., prefixes: _Optional[_Iterable[str]] = ..., trunks: _Optional[_Iterable[_Union[RouteTrunk, _Mapping]]] = ..., disabled: _Optional[bool] = ...) -> None: ...

class RouteTrunk(_message.Message):
    __slots__ = ("trunk_id", "trunk_tenant_id", "order", "weight")
    TRUNK_ID_FIELD_NUMBER: _ClassVar[int]
    TRUNK_TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    ORDER_FIELD_NUMBER: _ClassVar[int]
    WEIGHT_FIELD_NUMBER: _ClassVar[int]
    trunk_id: str
    trunk_tenant_id: str
    order: int
    weight: int
    def __init__(self, trunk_id: _Optional[str] = ..., trunk_tenant_id: _Optional[str] = ..., order: _Optional[int] = ..., weight: _Optional[int] = ...) -> None: ...

class TollGuard(_message.Message):
    __slots__ = ("allowed_prefixes", "denied_prefixes", "premium_allowed", "schedule_id", "minutes_per_day", "agent_minutes_per_day", "spend_per_day_micros", "agent_spend_per_day_micros", "rates", "time_zone")
    ALLOWED_PREFIXES_FIELD_NUMBER: _ClassVar[int]
    DENIED_PREFIXES_FIELD_NUMBER: _ClassVar[int]
    PREMIUM_ALLOWED_FIELD_NUMBER: _ClassVar[int]
    SCHEDULE_ID_FIELD_NUMBER: _ClassVar[int]
    MINUTES_PER_DAY_FIELD_NUMBER: _ClassVar[int]
    AGENT_MINUTES_PER_DAY_FIELD_NUMBER: _ClassVar[int]
    SPEND_PER_DAY_MICROS_FIELD_NUMBER: _ClassVar[int]
    AGENT_SPEND_PER_DAY_MICROS_FIELD_NUMBER: _ClassVar[int]
    RATES_FIELD_NUMBER: _ClassVar[int]
    TIME_ZONE_FIELD_NUMBER: _ClassVar[int]
    allowed_prefixes: _containers.RepeatedScalarFieldContainer[str]
    denied_prefixes: _containers.RepeatedScalarFieldContainer[str]
    premium_allowed: bool
    schedule_id: str
    minutes_per_day: int
    agent_minutes_per_day: int
    spend_per_day_micros: int
    agent_spend_per_day_micros: int
    rates: _containers.RepeatedCompositeFieldContainer[CallRate]
    time_zone: str
    def __init__(self, allowed_prefixes: _Optional[_Iterable[str]] = ..., denied_prefixes: _Optional[_Iterable[str]] = ..., premium_allowed: _Optional[bool] = ..., schedule_id: _Optional[str] = ..., minutes_per_day: _Optional[int] = ..., agent_minutes_per_day: _Optional[int] = ..., spend_per_day_micros: _Optional[int] = ..., agent_spend_per_day_micros: _Optional[int] = ..., rates: _Optional[_Iterable[_Union[CallRate, _Mapping]]] = ..., time_zone: _Optional[str] = ...) -> None: ...

class CallRate(_message.Message):
    __slots__ = ("prefix", "micros_per_minute")
    PREFIX_FIELD_NUMBER: _ClassVar[int]
    MICROS_PER_MINUTE_FIELD_NUMBER: _ClassVar[int]
    prefix: str
    micros_per_minute: int
    def __init__(self, prefix: _Optional[str] = ..., micros_per_minute: _Optional[int] = ...) -> None: ...

class Queue(_message.Message):
    __slots__ = ("name", "branch_id", "strategy", "members", "requirements", "ring_timeout_s", "wrap_up_s", "service_level_s", "short_abandon_s", "max_waiting", "max_wait_s", "overflow", "music_prompt_id", "record", "priority", "relaxation", "closed", "disposition_required", "ageing_s", "allow_pull", "whisper_prompt_id", "sticky_s", "overflow_queue_ids", "own_branch_first", "leave_without_agents", "green_numbers", "green_attribute", "blocked_numbers", "comfort", "mass_outage", "outage_prompt_id", "max_wrap_up_s", "device_lost_s", "device_lost_prompt_id", "callback", "last_agent_s", "ring_agents")
    NAME_FIELD_NUMBER: _ClassVar[int]
    BRANCH_ID_FIELD_NUMBER: _ClassVar[int]
    STRATEGY_FIELD_NUMBER: _ClassVar[int]
    MEMBERS_FIELD_NUMBER: _ClassVar[int]
    REQUIREMENTS_FIELD_NUMBER: _ClassVar[int]
    RING_TIMEOUT_S_FIELD_NUMBER: _ClassVar[int]
    WRAP_UP_S_FIELD_NUMBER: _ClassVar[int]
    SERVICE_LEVEL_S_FIELD_NUMBER: _ClassVar[int]
    SHORT_ABANDON_S_FIELD_NUMBER: _ClassVar[int]
    MAX_WAITING_FIELD_NUMBER: _ClassVar[int]
    MAX_WAIT_S_FIELD_NUMBER: _ClassVar[int]
    OVERFLOW_FIELD_NUMBER: _ClassVar[int]
    MUSIC_PROMPT_ID_FIELD_NUMBER: _ClassVar[int]
    RECORD_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    RELAXATION_FIELD_NUMBER: _ClassVar[int]
    CLOSED_FIELD_NUMBER: _ClassVar[int]
    DISPOSITION_REQUIRED_FIELD_NUMBER: _ClassVar[int]
    AGEING_S_FIELD_NUMBER: _ClassVar[int]
    ALLOW_PULL_FIELD_NUMBER: _ClassVar[int]
    WHISPER_PROMPT_ID_FIELD_NUMBER: _ClassVar[int]
    STICKY_S_FIELD_NUMBER: _ClassVar[int]
    OVERFLOW_QUEUE_IDS_FIELD_NUMBER: _ClassVar[int]
    OWN_BRANCH_FIRST_FIELD_NUMBER: _ClassVar[int]
    LEAVE_WITHOUT_AGENTS_FIELD_NUMBER: _ClassVar[int]
    GREEN_NUMBERS_FIELD_NUMBER: _ClassVar[int]
    GREEN_ATTRIBUTE_FIELD_NUMBER: _ClassVar[int]
    BLOCKED_NUMBERS_FIELD_NUMBER: _ClassVar[int]
    COMFORT_FIELD_NUMBER: _ClassVar[int]
    MASS_OUTAGE_FIELD_NUMBER: _ClassVar[int]
    OUTAGE_PROMPT_ID_FIELD_NUMBER: _ClassVar[int]
    MAX_WRAP_UP_S_FIELD_NUMBER: _ClassVar[int]
    DEVICE_LOST_S_FIELD_NUMBER: _ClassVar[int]
    DEVICE_LOST_PROMPT_ID_FIELD_NUMBER: _ClassVar[int]
    CALLBACK_FIELD_NUMBER: _ClassVar[int]
    LAST_AGENT_S_FIELD_NUMBER: _ClassVar[int]
    RING_AGENTS_FIELD_NUMBER: _ClassVar[int]
    name: str
    branch_id: str
    strategy: Strategy
    members: _containers.RepeatedCompositeFieldContainer[Member]
    requirements: _containers.RepeatedCompositeFieldContainer[_types_pb2.Skill]
    ring_timeout_s: int
    wrap_up_s: int
    service_level_s: int
    short_abandon_s: int
    max_waiting: int
    max_wait_s: int
    overflow: Route
    music_prompt_id: str
    record: bool
    priority: int
    relaxation: _containers.RepeatedCompositeFieldContainer[RelaxationStep]
    closed: bool
    disposition_required: bool
    ageing_s: int
    allow_pull: bool
    whisper_prompt_id: str
    sticky_s: int
    overflow_queue_ids: _containers.RepeatedScalarFieldContainer[str]
    own_branch_first: bool
    leave_without_agents: bool
    green_numbers: _containers.RepeatedScalarFieldContainer[str]
    green_attribute: str
    blocked_numbers: _containers.RepeatedScalarFieldContainer[str]
    comfort: ComfortSchedule
    mass_outage: bool
    outage_prompt_id: str
    max_wrap_up_s: int
    device_lost_s: int
    device_lost_prompt_id: str
    callback: CallbackPolicy
    last_agent_s: int
    ring_agents: int
    def __init__(self, name: _Optional[str] = ..., branch_id: _Optional[str] = ..., strategy: _Optional[_Union[Strategy, str]] = ..., members: _Optional[_Iterable[_Union[Member, _Mapping]]] = ..., requirements: _Optional[_Iterable[_Union[_types_pb2.Skill, _Mapping]]] = ..., ring_timeout_s: _Optional[int] = ..., wrap_up_s: _Optional[int] = ..., service_level_s: _Optional[int] = ..., short_abandon_s: _Optional[int] = ..., max_waiting: _Optional[int] = ..., max_wait_s: _Optional[int] = ..., overflow: _Optional[_Union[Route, _Mapping]] = ..., music_prompt_id: _Optional[str] = ..., record: _Optional[bool] = ..., priority: _Optional[int] = ..., relaxation: _Optional[_Iterable[_Union[RelaxationStep, _Mapping]]] = ..., closed: _Optional[bool] = ..., disposition_required: _Optional[bool] = ..., ageing_s: _Optional[int] = ..., allow_pull: _Optional[bool] = ..., whisper_prompt_id: _Optional[str] = ..., sticky_s: _Optional[int] = ..., overflow_queue_ids: _Optional[_Iterable[str]] = ..., own_branch_first: _Optional[bool] = ..., leave_without_agents: _Optional[bool] = ..., green_numbers: _Optional[_Iterable[str]] = ..., green_attribute: _Optional[str] = ..., blocked_numbers: _Optional[_Iterable[str]] = ..., comfort: _Optional[_Union[ComfortSchedule, _Mapping]] = ..., mass_outage: _Optional[bool] = ..., outage_prompt_id: _Optional[str] = ..., max_wrap_up_s: _Optional[int] = ..., device_lost_s: _Optional[int] = ..., device_lost_prompt_id: _Optional[str] = ..., callback: _Optional[_Union[CallbackPolicy, _Mapping]] = ..., last_agent_s: _Optional[int] = ..., ring_agents: _Optional[int] = ...) -> None: ...

class CallbackPolicy(_message.Message):
    __slots__ = ("customer_first", "max_attempts", "retry_s", "ring_timeout_s", "accept_by_key", "schedule_id", "max_age_s", "key", "ask_number", "ask_prompt_id", "taken_prompt_id", "greeting_prompt_id", "caller_id")
    CUSTOMER_FIRST_FIELD_NUMBER: _ClassVar[int]
    MAX_ATTEMPTS_FIELD_NUMBER: _ClassVar[int]
    RETRY_S_FIELD_NUMBER: _ClassVar[int]
    RING_TIMEOUT_S_FIELD_NUMBER: _ClassVar[int]
    ACCEPT_BY_KEY_FIELD_NUMBER: _ClassVar[int]
    SCHEDULE_ID_FIELD_NUMBER: _ClassVar[int]
    MAX_AGE_S_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    ASK_NUMBER_FIELD_NUMBER: _ClassVar[int]
    ASK_PROMPT_ID_FIELD_NUMBER: _ClassVar[int]
    TAKEN_PROMPT_ID_FIELD_NUMBER: _ClassVar[int]
    GREETING_PROMPT_ID_FIELD_NUMBER: _ClassVar[int]
    CALLER_ID_FIELD_NUMBER: _ClassVar[int]
    customer_first: bool
    max_attempts: int
    retry_s: int
    ring_timeout_s: int
    accept_by_key: bool
    schedule_id: str
    max_age_s: int
    key: str
    ask_number: bool
    ask_prompt_id: str
    taken_prompt_id: str
    greeting_prompt_id: str
    caller_id: str
    def __init__(self, customer_first: _Optional[bool] = ..., max_attempts: _Optional[int] = ..., retry_s: _Optional[int] = ..., ring_timeout_s: _Optional[int] = ..., accept_by_key: _Optional[bool] = ..., schedule_id: _Optional[str] = ..., max_age_s: _Optional[int] = ..., key: _Optional[str] = ..., ask_number: _Optional[bool] = ..., ask_prompt_id: _Optional[str] = ..., taken_prompt_id: _Optional[str] = ..., greeting_prompt_id: _Optional[str] = ..., caller_id: _Optional[str] = ...) -> None: ...

class ComfortSchedule(_message.Message):
    __slots__ = ("first_s", "every_s", "prompt_ids", "position", "estimated_wait")
    FIRST_S_FIELD_NUMBER: _ClassVar[int]
    EVERY_S_FIELD_NUMBER: _ClassVar[int]
    PROMPT_IDS_FIELD_NUMBER: _ClassVar[int]
    POSITION_FIELD_NUMBER: _ClassVar[int]
    ESTIMATED_WAIT_FIELD_NUMBER: _ClassVar[int]
    first_s: int
    every_s: int
    prompt_ids: _containers.RepeatedScalarFieldContainer[str]
    position: bool
    estimated_wait: bool
    def __init__(self, first_s: _Optional[int] = ..., every_s: _Optional[int] = ..., prompt_ids: _Optional[_Iterable[str]] = ..., position: _Optional[bool] = ..., estimated_wait: _Optional[bool] = ...) -> None: ...

class Member(_message.Message):
    __slots__ = ("agent_id", "team_id", "order", "weight", "agent_tenant_id")
    AGENT_ID_FIELD_NUMBER: _ClassVar[int]
    TEAM_ID_FIELD_NUMBER: _ClassVar[int]
    ORDER_FIELD_NUMBER: _ClassVar[int]
    WEIGHT_FIELD_NUMBER: _ClassVar[int]
    AGENT_TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    agent_id: str
    team_id: str
    order: int
    weight: int
    agent_tenant_id: str
    def __init__(self, agent_id: _Optional[str] = ..., team_id: _Optional[str] = ..., order: _Optional[int] = ..., weight: _Optional[int] = ..., agent_tenant_id: _Optional[str] = ...) -> None: ...

class RelaxationStep(_message.Message):
    __slots__ = ("after_s", "requirements", "other_branches", "overflow")
    AFTER_S_FIELD_NUMBER: _ClassVar[int]
    REQUIREMENTS_FIELD_NUMBER: _ClassVar[int]
    OTHER_BRANCHES_FIELD_NUMBER: _ClassVar[int]
    OVERFLOW_FIELD_NUMBER: _ClassVar[int]
    after_s: int
    requirements: _containers.RepeatedCompositeFieldContainer[_types_pb2.Skill]
    other_branches: bool
    overflow: bool
    def __init__(self, after_s: _Optional[int] = ..., requirements: _Optional[_Iterable[_Union[_types_pb2.Skill, _Mapping]]] = ..., other_branches: _Optional[bool] = ..., overflow: _Optional[bool] = ...) -> None: ...

class Agent(_message.Message):
    __slots__ = ("name", "branch_id", "team_id", "skills", "extension", "capacities", "auto_answer", "caller_ids", "disabled", "ring_policy", "schedule_id", "shift_policy")
    class CapacitiesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    NAME_FIELD_NUMBER: _ClassVar[int]
    BRANCH_ID_FIELD_NUMBER: _ClassVar[int]
    TEAM_ID_FIELD_NUMBER: _ClassVar[int]
    SKILLS_FIELD_NUMBER: _ClassVar[int]
    EXTENSION_FIELD_NUMBER: _ClassVar[int]
    CAPACITIES_FIELD_NUMBER: _ClassVar[int]
    AUTO_ANSWER_FIELD_NUMBER: _ClassVar[int]
    CALLER_IDS_FIELD_NUMBER: _ClassVar[int]
    DISABLED_FIELD_NUMBER: _ClassVar[int]
    RING_POLICY_FIELD_NUMBER: _ClassVar[int]
    SCHEDULE_ID_FIELD_NUMBER: _ClassVar[int]
    SHIFT_POLICY_FIELD_NUMBER: _ClassVar[int]
    name: str
    branch_id: str
    team_id: str
    skills: _containers.RepeatedCompositeFieldContainer[_types_pb2.Skill]
    extension: str
    capacities: _containers.ScalarMap[str, int]
    auto_answer: bool
    caller_ids: _containers.RepeatedScalarFieldContainer[str]
    disabled: bool
    ring_policy: RingPolicy
    schedule_id: str
    shift_policy: ShiftPolicy
    def __init__(self, name: _Optional[str] = ..., branch_id: _Optional[str] = ..., team_id: _Optional[str] = ..., skills: _Optional[_Iterable[_Union[_types_pb2.Skill, _Mapping]]] = ..., extension: _Optional[str] = ..., capacities: _Optional[_Mapping[str, int]] = ..., auto_answer: _Optional[bool] = ..., caller_ids: _Optional[_Iterable[str]] = ..., disabled: _Optional[bool] = ..., ring_policy: _Optional[_Union[RingPolicy, str]] = ..., schedule_id: _Optional[str] = ..., shift_policy: _Optional[_Union[ShiftPolicy, str]] = ...) -> None: ...

class Device(_message.Message):
    __slots__ = ("agent_id", "kind", "username", "password", "ha1_md5", "ha1_sha256", "number", "priority", "media_security", "media_zone")
    AGENT_ID_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    USERNAME_FIELD_NUMBER: _ClassVar[int]
    PASSWORD_FIELD_NUMBER: _ClassVar[int]
    HA1_MD5_FIELD_NUMBER: _ClassVar[int]
    HA1_SHA256_FIELD_NUMBER: _ClassVar[int]
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    MEDIA_SECURITY_FIELD_NUMBER: _ClassVar[int]
    MEDIA_ZONE_FIELD_NUMBER: _ClassVar[int]
    agent_id: str
    kind: DeviceKind
    username: str
    password: str
    ha1_md5: str
    ha1_sha256: str
    number: str
    priority: int
    media_security: MediaSecurity
    media_zone: str
    def __init__(self, agent_id: _Optional[str] = ..., kind: _Optional[_Union[DeviceKind, str]] = ..., username: _Optional[str] = ..., password: _Optional[str] = ..., ha1_md5: _Optional[str] = ..., ha1_sha256: _Optional[str] = ..., number: _Optional[str] = ..., priority: _Optional[int] = ..., media_security: _Optional[_Union[MediaSecurity, str]] = ..., media_zone: _Optional[str] = ...) -> None: ...

class Team(_message.Message):
    __slots__ = ("name", "branch_id", "leader_agent_id", "share_caps")
    NAME_FIELD_NUMBER: _ClassVar[int]
    BRANCH_ID_FIELD_NUMBER: _ClassVar[int]
    LEADER_AGENT_ID_FIELD_NUMBER: _ClassVar[int]
    SHARE_CAPS_FIELD_NUMBER: _ClassVar[int]
    name: str
    branch_id: str
    leader_agent_id: str
    share_caps: _containers.RepeatedCompositeFieldContainer[ShareCap]
    def __init__(self, name: _Optional[str] = ..., branch_id: _Optional[str] = ..., leader_agent_id: _Optional[str] = ..., share_caps: _Optional[_Iterable[_Union[ShareCap, _Mapping]]] = ...) -> None: ...

class ShareCap(_message.Message):
    __slots__ = ("tenant_id", "branch_id", "max_agents", "percent")
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    BRANCH_ID_FIELD_NUMBER: _ClassVar[int]
    MAX_AGENTS_FIELD_NUMBER: _ClassVar[int]
    PERCENT_FIELD_NUMBER: _ClassVar[int]
    tenant_id: str
    branch_id: str
    max_agents: int
    percent: int
    def __init__(self, tenant_id: _Optional[str] = ..., branch_id: _Optional[str] = ..., max_agents: _Optional[int] = ..., percent: _Optional[int] = ...) -> None: ...

class Seat(_message.Message):
    __slots__ = ("name", "branch_id", "trunk_id", "callback_number")
    NAME_FIELD_NUMBER: _ClassVar[int]
    BRANCH_ID_FIELD_NUMBER: _ClassVar[int]
    TRUNK_ID_FIELD_NUMBER: _ClassVar[int]
    CALLBACK_NUMBER_FIELD_NUMBER: _ClassVar[int]
    name: str
    branch_id: str
    trunk_id: str
    callback_number: str
    def __init__(self, name: _Optional[str] = ..., branch_id: _Optional[str] = ..., trunk_id: _Optional[str] = ..., callback_number: _Optional[str] = ...) -> None: ...

class SeatLease(_message.Message):
    __slots__ = ("mode", "seat_ids", "seats", "starts_at", "ends_at")
    MODE_FIELD_NUMBER: _ClassVar[int]
    SEAT_IDS_FIELD_NUMBER: _ClassVar[int]
    SEATS_FIELD_NUMBER: _ClassVar[int]
    STARTS_AT_FIELD_NUMBER: _ClassVar[int]
    ENDS_AT_FIELD_NUMBER: _ClassVar[int]
    mode: LeaseMode
    seat_ids: _containers.RepeatedScalarFieldContainer[str]
    seats: int
    starts_at: _timestamp_pb2.Timestamp
    ends_at: _timestamp_pb2.Timestamp
    def __init__(self, mode: _Optional[_Union[LeaseMode, str]] = ..., seat_ids: _Optional[_Iterable[str]] = ..., seats: _Optional[int] = ..., starts_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., ends_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class ReasonCode(_message.Message):
    __slots__ = ("label", "is_break", "limit_s")
    LABEL_FIELD_NUMBER: _ClassVar[int]
    IS_BREAK_FIELD_NUMBER: _ClassVar[int]
    LIMIT_S_FIELD_NUMBER: _ClassVar[int]
    label: str
    is_break: bool
    limit_s: int
    def __init__(self, label: _Optional[str] = ..., is_break: _Optional[bool] = ..., limit_s: _Optional[int] = ...) -> None: ...

class Disposition(_message.Message):
    __slots__ = ("label", "queue_ids")
    LABEL_FIELD_NUMBER: _ClassVar[int]
    QUEUE_IDS_FIELD_NUMBER: _ClassVar[int]
    label: str
    queue_ids: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, label: _Optional[str] = ..., queue_ids: _Optional[_Iterable[str]] = ...) -> None: ...

class User(_message.Message):
    __slots__ = ("email", "role", "password_hash", "agent_id", "disabled")
    EMAIL_FIELD_NUMBER: _ClassVar[int]
    ROLE_FIELD_NUMBER: _ClassVar[int]
    PASSWORD_HASH_FIELD_NUMBER: _ClassVar[int]
    AGENT_ID_FIELD_NUMBER: _ClassVar[int]
    DISABLED_FIELD_NUMBER: _ClassVar[int]
    email: str
    role: Role
    password_hash: str
    agent_id: str
    disabled: bool
    def __init__(self, email: _Optional[str] = ..., role: _Optional[_Union[Role, str]] = ..., password_hash: _Optional[str] = ..., agent_id: _Optional[str] = ..., disabled: _Optional[bool] = ...) -> None: ...

class ApiKey(_message.Message):
    __slots__ = ("label", "key_hash", "role", "expires_at")
    LABEL_FIELD_NUMBER: _ClassVar[int]
    KEY_HASH_FIELD_NUMBER: _ClassVar[int]
    ROLE_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AT_FIELD_NUMBER: _ClassVar[int]
    label: str
    key_hash: str
    role: Role
    expires_at: _timestamp_pb2.Timestamp
    def __init__(self, label: _Optional[str] = ..., key_hash: _Optional[str] = ..., role: _Optional[_Union[Role, str]] = ..., expires_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class Quota(_message.Message):
    __slots__ = ("max_calls", "max_calls_per_second", "max_seats", "max_waiting", "toll_guard", "max_outbound_calls")
    MAX_CALLS_FIELD_NUMBER: _ClassVar[int]
    MAX_CALLS_PER_SECOND_FIELD_NUMBER: _ClassVar[int]
    MAX_SEATS_FIELD_NUMBER: _ClassVar[int]
    MAX_WAITING_FIELD_NUMBER: _ClassVar[int]
    TOLL_GUARD_FIELD_NUMBER: _ClassVar[int]
    MAX_OUTBOUND_CALLS_FIELD_NUMBER: _ClassVar[int]
    max_calls: int
    max_calls_per_second: int
    max_seats: int
    max_waiting: int
    toll_guard: TollGuard
    max_outbound_calls: int
    def __init__(self, max_calls: _Optional[int] = ..., max_calls_per_second: _Optional[int] = ..., max_seats: _Optional[int] = ..., max_waiting: _Optional[int] = ..., toll_guard: _Optional[_Union[TollGuard, _Mapping]] = ..., max_outbound_calls: _Optional[int] = ...) -> None: ...

class Schedule(_message.Message):
    __slots__ = ("time_zone", "open", "closed_dates")
    TIME_ZONE_FIELD_NUMBER: _ClassVar[int]
    OPEN_FIELD_NUMBER: _ClassVar[int]
    CLOSED_DATES_FIELD_NUMBER: _ClassVar[int]
    time_zone: str
    open: _containers.RepeatedCompositeFieldContainer[_types_pb2_1.OpenPeriod]
    closed_dates: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, time_zone: _Optional[str] = ..., open: _Optional[_Iterable[_Union[_types_pb2_1.OpenPeriod, _Mapping]]] = ..., closed_dates: _Optional[_Iterable[str]] = ...) -> None: ...

class Prompt(_message.Message):
    __slots__ = ("name", "text", "language", "object_name", "music")
    NAME_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    LANGUAGE_FIELD_NUMBER: _ClassVar[int]
    OBJECT_NAME_FIELD_NUMBER: _ClassVar[int]
    MUSIC_FIELD_NUMBER: _ClassVar[int]
    name: str
    text: str
    language: str
    object_name: str
    music: bool
    def __init__(self, name: _Optional[str] = ..., text: _Optional[str] = ..., language: _Optional[str] = ..., object_name: _Optional[str] = ..., music: _Optional[bool] = ...) -> None: ...

class Contract(_message.Message):
    __slots__ = ("service_level_formula", "service_level_target_percent")
    SERVICE_LEVEL_FORMULA_FIELD_NUMBER: _ClassVar[int]
    SERVICE_LEVEL_TARGET_PERCENT_FIELD_NUMBER: _ClassVar[int]
    service_level_formula: str
    service_level_target_percent: int
    def __init__(self, service_level_formula: _Optional[str] = ..., service_level_target_percent: _Optional[int] = ...) -> None: ...

class ConfigVersion(_message.Message):
    __slots__ = ("meta", "tenant_id")
    META_FIELD_NUMBER: _ClassVar[int]
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    meta: _types_pb2.RecordMeta
    tenant_id: str
    def __init__(self, meta: _Optional[_Union[_types_pb2.RecordMeta, _Mapping]] = ..., tenant_id: _Optional[str] = ...) -> None: ...
