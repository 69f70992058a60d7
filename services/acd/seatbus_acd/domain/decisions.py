"""Why this agent, or why nobody: the record of a decision."""

from __future__ import annotations

import heapq
from hashlib import blake2b
from itertools import islice
from typing import TYPE_CHECKING, Final
from uuid import UUID

from seatbus_acd.domain.model import Decision, Rule, Strategy
from seatbus_acd.domain.reach import OWN_BRANCH, STICKY

if TYPE_CHECKING:
    from collections.abc import Sequence

    from seatbus_acd.domain.pools import Agent, Contact, Option, Queue

_FIRST_CANDIDATES: Final = 10
_RULES: Final = {strategy: Rule(strategy.value) for strategy in Strategy}


def rule_of(option: Option, queue: Queue) -> Rule:
    return option.rule or _RULES[queue.spec.strategy]


def why_waiting(contact: Contact, queue: Queue) -> Rule:
    """The first reason that holds."""
    if not queue.roster.members:
        return Rule.NO_MEMBERS
    if any(pool.shut and pool.idle for pool in contact.joined):
        return Rule.CAPPED
    if contact.reach.step == STICKY:
        return Rule.STICKY
    if contact.reach.step == OWN_BRANCH:
        return Rule.OWN_BRANCH
    if not any(pool.eligible for pool in contact.joined):
        return Rule.NOT_ELIGIBLE
    return Rule.NO_AGENT_READY


def told(
    contact: Contact, rule: Rule, agents: Sequence[Agent], option: Option, now: float, position: int
) -> Decision:
    """`agents`: who is offered the contact, nobody or of a simultaneous ring several."""
    chosen = agents[0].key if agents else None
    pools = option.pools
    if len(pools) == 1:
        idle = list(islice(pools[0].idle, _FIRST_CANDIDATES))
    else:
        idle = list(islice(heapq.merge(*(pool.idle for pool in pools)), _FIRST_CANDIDATES))
    return Decision(
        contact.spec.key,
        contact.spec.queue,
        now,
        rule,
        chosen,
        tuple(key for _, _, key in idle),
        sum(len(pool.idle) for pool in pools),
        position,
        option.queue if chosen is not None and option.queue != contact.spec.queue else None,
        contact.reach.step,
        tuple(agent.key for agent in agents[1:]),
    )


def rid_of(contact: Contact, epoch: int, now: float, number: int = 0) -> str:
    """A UUIDv7 whose random part comes from what makes the offer unique. `number`: of a ring of several."""
    seed = f"{contact.spec.key}/{epoch}/{contact.offers}{f'/{number}' if number else ''}".encode()
    random = int.from_bytes(blake2b(seed, digest_size=10).digest(), "big")
    time_ms = int(now * 1000) & 0xFFFF_FFFF_FFFF
    value = time_ms << 80 | 0x7 << 76 | (random >> 68 & 0xFFF) << 64 | 0b10 << 62 | random & (1 << 62) - 1
    return str(UUID(int=value))
