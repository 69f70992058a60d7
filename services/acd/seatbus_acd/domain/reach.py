"""Whom a contact may be offered to after how long: sticky agent, own branch, relaxed levels, overflow."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

from seatbus_acd.domain.model import Rule
from seatbus_acd.domain.pools import Option, Reach

if TYPE_CHECKING:
    from seatbus_acd.domain.floor import Floor
    from seatbus_acd.domain.model import ContactSpec, Requirements
    from seatbus_acd.domain.pools import Queue

STICKY = "sticky"
OWN_BRANCH = "own_branch"


def relax(wanted: Requirements, levels: Requirements) -> Requirements:
    """Each named skill's level replaces the one that was asked for; 0 drops it, others are not added."""
    if not levels:
        return wanted
    new = dict(levels)
    relaxed = ((name, new.get(name, level)) for name, level in wanted)
    return tuple((name, level) for name, level in relaxed if level)


def reach(floor: Floor, spec: ContactSpec, now: float) -> Reach:
    """What holds at `now`, and until when. The contact's own queue is configured."""
    own = floor.queues[spec.queue]
    options: list[Option] = []
    until = inf
    sticky = _sticky(floor, spec, own)
    if sticky is not None:
        ends = spec.enqueued_at + own.spec.sticky_s
        if own.spec.sticky_s and now < ends and floor.agents[sticky].present:
            return Reach((_only(floor, spec, own, sticky, waits=True),), STICKY, ends)
        options.append(_only(floor, spec, own, sticky, waits=False))
    step = ""
    for key in spec.queues:
        queue = floor.queues.get(key)
        if queue is None or queue.spec.closed:
            continue
        found, narrow, passed, next_at = _of_queue(floor, spec, queue, own, now)
        options += found
        until = min(until, next_at)
        if queue is own:
            step = f"step {passed}" if passed else OWN_BRANCH if narrow else ""
    return Reach(tuple(options), step, until)


def _sticky(floor: Floor, spec: ContactSpec, own: Queue) -> tuple[str, str] | None:
    preferred = spec.preferred
    if preferred is None or preferred not in own.roster.members or preferred not in floor.agents:
        return None
    return preferred


def _only(floor: Floor, spec: ContactSpec, own: Queue, agent: tuple[str, str], *, waits: bool) -> Option:
    pools = floor.pools(floor.rosters.single(agent), spec.channel, (), own.spec)
    return Option(spec.queue, pools, Rule.STICKY, waits)


def _of_queue(
    floor: Floor, spec: ContactSpec, queue: Queue, own: Queue, now: float
) -> tuple[list[Option], bool, int, float]:
    """Options, whether only the own branch is among them, steps that have passed, and the next one's time."""
    config = queue.spec
    wanted = spec.requirements or config.requirements
    overflow_wanted: Requirements | None = spec.requirements or None
    passed, until = 0, inf
    # Without a step that says when, other branches are never left out.
    others = not any(step.other_branches for step in config.relaxation)
    overflow = False
    for step in config.relaxation:
        at = spec.enqueued_at + step.after_s
        if now < at:
            until = at
            break
        passed += 1
        wanted = relax(wanted, step.levels)
        overflow_wanted = relax(overflow_wanted, step.levels) if overflow_wanted is not None else None
        others |= step.other_branches
        overflow |= step.overflow
    branch = spec.branch or config.branch
    rosters, options = floor.rosters, []
    narrow = bool(branch) and not others
    if branch and (narrow or config.own_branch_first):
        near = floor.pools(rosters.in_branch(queue.roster, branch), spec.channel, wanted, own.spec)
        options.append(Option(config.key, near, Rule.OWN_BRANCH, narrow))
    if not narrow:
        options.append(Option(config.key, floor.pools(queue.roster, spec.channel, wanted, own.spec)))
    if overflow:
        for key in config.overflow_queues:
            other = floor.queues.get(key)
            if other is not None and not other.spec.closed:
                theirs = overflow_wanted if overflow_wanted is not None else other.spec.requirements
                pools = floor.pools(other.roster, spec.channel, theirs, own.spec)
                options.append(Option(key, pools))
    return options, narrow, passed, until
