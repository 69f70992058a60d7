"""Routing groups: what must be decided in one place because it shares agents.

Queues that share an agent, a capped team, or agents by overflow are of one group, and so are those that one
contact waits in at once: a queue node of a flow names them. Queues without members
decide nothing: they go with the first queue of their tenant. A group is named after its first queue, so that
every replica computes the same names from the same configuration.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from seatbus_acd.domain.model import AgentKey, AgentSpec, QueueKey, QueueSpec


def groups(
    queues: Mapping[QueueKey, QueueSpec],
    agents: Mapping[AgentKey, AgentSpec],
    capped_teams: Collection[AgentKey] = (),
    together: Iterable[Collection[QueueKey]] = (),
) -> Mapping[QueueKey, str]:
    """Queue -> name of its group."""
    parent = {key: key for key in queues}

    def root(key: QueueKey) -> QueueKey:
        while parent[key] != key:
            parent[key] = parent[parent[key]]
            key = parent[key]
        return key

    def join(one: QueueKey, other: QueueKey) -> None:
        # The smaller name wins, so the root of a set is its first queue.
        first, second = sorted((root(one), root(other)))
        parent[second] = first

    first_of_tenant: dict[str, QueueKey] = {}
    seen: dict[tuple[str, AgentKey], QueueKey] = {}
    for key in sorted(queues):
        first = first_of_tenant.setdefault(key[0], key)
        queue = queues[key]
        if not queue.members:
            join(key, first)
        for member in queue.members:
            join(key, seen.setdefault(("agent", member), key))
            spec = agents.get(member)
            if spec is not None and spec.team is not None and spec.team in capped_teams:
                join(key, seen.setdefault(("team", spec.team), key))
        for other in queue.overflow_queues:
            if other in parent:
                join(key, other)
    for named in together:
        known = [key for key in named if key in parent]
        for other in known[1:]:
            join(known[0], other)
    return {key: group_name(root(key), first_of_tenant) for key in queues}


def group_name(root: QueueKey, first_of_tenant: Mapping[str, QueueKey]) -> str:
    """Short for the group of a tenant's first queue: most tenants have one group."""
    tenant, queue = root
    return f"g-{tenant}" if first_of_tenant[tenant] == root else f"g-{tenant}_{queue}"
