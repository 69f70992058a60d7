"""Routing groups: what must be decided in one place because it shares agents.

Tenants whose queues draw on the same tenant's agents form one group. It is named after its first tenant, so
that every replica computes the same names from the same configuration.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from seatbus_acd.domain.model import QueueSpec


def groups(tenants: Iterable[str], queues: Iterable[QueueSpec]) -> Mapping[str, str]:
    """Tenant -> group."""
    parent = {tenant: tenant for tenant in tenants}

    def root(tenant: str) -> str:
        parent.setdefault(tenant, tenant)
        while parent[tenant] != tenant:
            parent[tenant] = parent[parent[tenant]]
            tenant = parent[tenant]
        return tenant

    for queue in queues:
        own = root(queue.key[0])
        for tenant in {agent_tenant for agent_tenant, _ in queue.members}:
            other = root(tenant)
            # The smaller name wins, so the root of a set is its first tenant.
            first, second = sorted((own, other))
            parent[second] = own = first
    return {tenant: f"g-{root(tenant)}" for tenant in parent}
