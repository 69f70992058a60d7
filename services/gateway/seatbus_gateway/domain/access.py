"""Who may do what. A key without a tenant is the operator's; every other one is good for one tenant only."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Permission(StrEnum):
    TENANTS_READ = "tenants.read"
    TENANTS_WRITE = "tenants.write"
    CONFIG_READ = "config.read"
    CONFIG_WRITE = "config.write"
    AGENTS_READ = "agents.read"
    AGENTS_CONTROL = "agents.control"
    AGENTS_SUPERVISE = "agents.supervise"
    CALLS_READ = "calls.read"
    CALLS_CONTROL = "calls.control"
    CALLS_SUPERVISE = "calls.supervise"
    REPORTS_READ = "reports.read"
    RECORDINGS_READ = "recordings.read"
    BOARD_READ = "board.read"
    STATUS_READ = "status.read"
    KEYS_READ = "keys.read"
    KEYS_WRITE = "keys.write"


class Role(StrEnum):
    """Names as in `tenancy.v1.Role`, lower case, without prefix."""

    OPERATOR = "operator"
    TENANT_ADMIN = "tenant_admin"
    SUPERVISOR = "supervisor"
    AGENT = "agent"
    QA = "qa"
    AUDITOR = "auditor"


_P = Permission
_READS: Final = frozenset(
    {_P.CONFIG_READ, _P.AGENTS_READ, _P.CALLS_READ, _P.REPORTS_READ, _P.BOARD_READ}
)  # fmt: skip
GRANTS: Final[dict[Role, frozenset[Permission]]] = {
    Role.OPERATOR: frozenset(Permission),
    Role.TENANT_ADMIN: _READS
    | {_P.CONFIG_WRITE, _P.AGENTS_CONTROL, _P.AGENTS_SUPERVISE, _P.CALLS_CONTROL, _P.CALLS_SUPERVISE}
    | {_P.RECORDINGS_READ, _P.TENANTS_READ}
    | {_P.KEYS_READ, _P.KEYS_WRITE},
    Role.SUPERVISOR: _READS
    | {_P.AGENTS_CONTROL, _P.AGENTS_SUPERVISE, _P.CALLS_CONTROL, _P.CALLS_SUPERVISE, _P.RECORDINGS_READ},
    Role.AGENT: frozenset({_P.AGENTS_READ, _P.BOARD_READ}),
    Role.QA: frozenset({_P.REPORTS_READ, _P.RECORDINGS_READ, _P.AGENTS_READ}),
    Role.AUDITOR: _READS | {_P.TENANTS_READ, _P.KEYS_READ},
}
# What belongs to the whole platform and not to one tenant.
PLATFORM: Final = frozenset({_P.TENANTS_WRITE, _P.STATUS_READ})
# What the operator agrees with a tenant: no tenant lifts its own suspension or limits.
OPERATORS_KINDS: Final = frozenset({"tenant", "quota", "contract", "seat_lease"})


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks. `tenant` None: any tenant."""

    id: str
    role: Role
    tenant: str | None

    def refusal(self, permission: Permission, tenant: str | None) -> str:
        """Why not, as the broken rule; empty when allowed. `tenant` None: a question to the platform."""
        if permission not in GRANTS[self.role]:
            return f"role {self.role.value} has no permission {permission.value}"
        if self.tenant is not None:
            if permission in PLATFORM:
                return "only the operator may do this"
            if tenant != self.tenant:
                return "the key belongs to another tenant"
        return ""
