"""Rules of single objects that the contract's field rules cannot say."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from seatbus.tenancy.v1.types_pb2 import ROLE_OPERATOR, STRATEGY_SIMULTANEOUS_RING
from seatbus_contracts.flows import FlowError, check_periods, validate_flow
from seatbus_kit.errors import InvalidArgument
from seatbus_tenancy.domain.kinds import OPERATOR

if TYPE_CHECKING:
    from collections.abc import Callable

    from seatbus.tenancy.v1 import types_pb2 as tenancy

# One value of the bus holds at most a megabyte, headers included.
MAX_OBJECT_BYTES: Final = 900 * 1024


def check_object(item: tenancy.ConfigObject, path: str) -> None:
    """Raises InvalidArgument with the path of the field (below `path`) and the rule."""
    if item.ByteSize() > MAX_OBJECT_BYTES:
        raise InvalidArgument(
            f"an object has at most {MAX_OBJECT_BYTES} bytes", field=path, rule="object.size"
        )
    match item.WhichOneof("object"):
        case "tenant":
            _tenant(item, path)
        case "branch":
            _zone(item.branch.time_zone, f"{path}.branch.time_zone")
        case "flow":
            _flow(lambda: validate_flow(item.flow), path)
        case "schedule":
            schedule = item.schedule
            _flow(lambda: check_periods("schedule", schedule.time_zone, schedule.open), path)
            for at, text in enumerate(schedule.closed_dates):
                _date(text, f"{path}.schedule.closed_dates[{at}]")
        case "api_key":
            _role(item.api_key.role, item.tenant_id, f"{path}.api_key.role")
        case "user":
            _role(item.user.role, item.tenant_id, f"{path}.user.role")
        case "quota":
            if item.quota.toll_guard.time_zone:
                _zone(item.quota.toll_guard.time_zone, f"{path}.quota.toll_guard.time_zone")
        case "trunk":
            _trunk(item.trunk, path)
        case "queue":
            if item.queue.ring_agents and item.queue.strategy != STRATEGY_SIMULTANEOUS_RING:
                raise InvalidArgument(
                    "several agents ring at once in a queue with the strategy simultaneous_ring alone",
                    field=f"{path}.queue.ring_agents",
                    rule="strategy.simultaneous_ring",
                )
            for at, member in enumerate(item.queue.members):
                if member.agent_tenant_id not in ("", item.tenant_id, OPERATOR):
                    raise InvalidArgument(
                        "members are the tenant's own or the operator's",
                        field=f"{path}.queue.members[{at}].agent_tenant_id",
                        rule="own_or_operator",
                    )


def _tenant(item: tenancy.ConfigObject, path: str) -> None:
    if item.id != item.tenant_id:
        raise InvalidArgument("a tenant's object has the tenant's id", field=f"{path}.id", rule="tenant.id")
    if item.tenant.operator != (item.tenant_id == OPERATOR):
        raise InvalidArgument(
            f"the platform's own tenant is {OPERATOR!r}, and no other one is",
            field=f"{path}.tenant.operator",
            rule="tenant.operator",
        )


def _trunk(trunk: tenancy.Trunk, path: str) -> None:
    if (trunk.outbound or trunk.registers) and not trunk.host:
        raise InvalidArgument(
            "calls and registrations go to the trunk's host", field=f"{path}.trunk.host", rule="required"
        )
    if (trunk.registers or trunk.challenge) and not trunk.username:
        raise InvalidArgument(
            "who registers or is challenged has a username", field=f"{path}.trunk.username", rule="required"
        )


def _role(role: int, tenant: str, field: str) -> None:
    if role == ROLE_OPERATOR and tenant != OPERATOR:
        raise InvalidArgument(
            f"operators belong to the tenant {OPERATOR!r}", field=field, rule="role.operator"
        )


def _flow(check: Callable[[], None], path: str) -> None:
    try:
        check()
    except FlowError as error:
        raise InvalidArgument(error.message, field=f"{path}.{error.field}", rule=error.rule) from None


def _zone(name: str, field: str) -> None:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise InvalidArgument(f"not an IANA time zone: {name!r}", field=field, rule="time_zone") from None


def _date(text: str, field: str) -> None:
    try:
        date.fromisoformat(text)
    except ValueError:
        raise InvalidArgument(f"not a date: {text!r}", field=field, rule="date") from None
