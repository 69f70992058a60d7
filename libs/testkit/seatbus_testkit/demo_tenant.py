"""The demo company as data: what `seatbus up --demo` and the tests configure.

One Apply takes up to 500 objects: `demo_objects` fits with up to 240 agents. Referred-to objects come first,
so that a longer list may be cut into pieces.
"""

from __future__ import annotations

from typing import Final

from seatbus.common.v1.types_pb2 import Skill
from seatbus.ivr.v1 import types_pb2 as ivr
from seatbus.tenancy.v1 import types_pb2 as tenancy

TENANT: Final = "demo"
NUMBER: Final = "4000"
E164: Final = "+4930555000"
QUEUES: Final = ("sales", "support")
TRUNK: Final = "demo-trunk"
OWN_AGENT: Final = "own-phone"
OWN_USERNAME: Final = "demo-2000"
MAX_AGENTS: Final = 999

_DEFAULT_PASSWORD: Final = "demo-only-password"
_BRANCHES = {"berlin": ("Berlin", "Europe/Berlin"), "shanghai": ("Shanghai", "Asia/Shanghai")}


def agent_id(number: int) -> str:
    """`agent-01`, `agent-02`, …; `number` counts from 1."""
    return f"agent-{number:02d}"


def username(number: int) -> str:
    """The digest account of that agent's phone: `demo-1001`, …"""
    return f"demo-{1000 + number}"


def serves(number: int) -> tuple[str, ...]:
    """The queues of an agent: every third one serves both."""
    return QUEUES if number % 3 == 0 else (QUEUES[(number - 1) % 3],)


def demo_objects(
    agents: int = 10,
    password: str = _DEFAULT_PASSWORD,
    own_password: str = "",
    trunk_source: str = "127.0.0.1",
) -> list[tenancy.ConfigObject]:
    """The objects of tenant `demo`, to be written by one `TenancyService.Apply`.

    `password` is that of every simulated phone, `own_password` that of the spare phone `demo-2000` (empty:
    the same). Calls from `trunk_source` (address or network, optional port) belong to the tenant's trunk.
    """
    if not 0 <= agents <= MAX_AGENTS:
        raise ValueError(f"0 to {MAX_AGENTS} agents, not {agents}")
    objects = [_object(TENANT, tenant=tenancy.Tenant(name="Demo Company", language="en"))]
    for id, (name, zone) in _BRANCHES.items():
        objects.append(_object(id, branch=tenancy.Branch(name=name, time_zone=zone)))
    for id, name in (("team-berlin", "Berlin team"), ("team-shanghai", "Shanghai team")):
        leader = agent_id(1 if id == "team-berlin" else 2)
        objects.append(
            _object(
                id,
                team=tenancy.Team(
                    name=name,
                    branch_id=id.removeprefix("team-"),
                    leader_agent_id=leader if agents >= 2 else "",
                ),
            )
        )
    objects += _agents(agents, password, own_password or password)
    objects += [_queue(id, agents) for id in QUEUES]
    objects.append(_object("main", flow=demo_flow()))
    objects.append(
        _object(
            TRUNK, trunk=tenancy.Trunk(name="Demo trunk", branch_id="berlin", source_addresses=[trunk_source])
        )
    )
    for id, number in (("short", NUMBER), ("main", E164)):
        objects.append(
            _object(
                id,
                number=tenancy.Number(
                    e164=number,
                    branch_id="berlin",
                    flow_id="main",
                    answer_supervision=tenancy.ANSWER_SUPERVISION_AT_FLOW,
                    fallback=tenancy.Route(queue_id="support"),
                ),
            )
        )
    return objects


def demo_flow() -> ivr.Flow:
    """Hours (always open), greeting, menu: 1 sales, 2 support; who presses nothing three times is hung up."""
    return ivr.Flow(
        name="Main line",
        version=1,
        start="hours",
        nodes=[
            ivr.Node(
                id="hours",
                hours=ivr.HoursNode(
                    time_zone="Europe/Berlin",
                    open=[_whole_day(day) for day in range(1, 8)],
                    on_open="greeting",
                    on_closed="closed",
                ),
            ),
            ivr.Node(
                id="greeting",
                play=ivr.PlayNode(audio=[_say("Welcome to the demo company.")], barge_in=True, next="menu"),
            ),
            ivr.Node(
                id="menu",
                menu=ivr.MenuNode(
                    audio=[_say("For sales, press 1. For support, press 2.")],
                    choices={"1": "sales", "2": "support"},
                    timeout_ms=5000,
                    attempts=3,
                    on_timeout="goodbye",
                    on_invalid="goodbye",
                ),
            ),
            ivr.Node(id="sales", queue=ivr.QueueNode(queue_id="sales", on_overflow="busy")),
            ivr.Node(id="support", queue=ivr.QueueNode(queue_id="support", on_overflow="busy")),
            ivr.Node(
                id="busy", hang_up=ivr.HangUpNode(audio=[_say("All agents are busy. Please call later.")])
            ),
            ivr.Node(id="closed", hang_up=ivr.HangUpNode(audio=[_say("We are closed. Please call later.")])),
            ivr.Node(id="goodbye", hang_up=ivr.HangUpNode(audio=[_say("Goodbye.")])),
        ],
    )


def _object(
    id: str,
    *,
    tenant: tenancy.Tenant | None = None,
    branch: tenancy.Branch | None = None,
    number: tenancy.Number | None = None,
    trunk: tenancy.Trunk | None = None,
    queue: tenancy.Queue | None = None,
    flow: ivr.Flow | None = None,
    agent: tenancy.Agent | None = None,
    device: tenancy.Device | None = None,
    team: tenancy.Team | None = None,
) -> tenancy.ConfigObject:
    return tenancy.ConfigObject(
        tenant_id=TENANT, id=id, tenant=tenant, branch=branch, number=number, trunk=trunk,
        queue=queue, flow=flow, agent=agent, device=device, team=team,
    )  # fmt: skip


def _say(text: str) -> ivr.Audio:
    return ivr.Audio(text=text, language="en")


def _whole_day(weekday: int) -> ivr.OpenPeriod:
    # `from` is a keyword of the language.
    return ivr.OpenPeriod(weekday=weekday, until="24:00", **{"from": "00:00"})


def _phone(id: str, agent: str, name: str, password: str) -> tenancy.ConfigObject:
    device = tenancy.Device(agent_id=agent, kind=tenancy.DEVICE_KIND_SIP, username=name, password=password)
    return _object(id, device=device)


def _agents(count: int, password: str, own_password: str) -> list[tenancy.ConfigObject]:
    found: list[tenancy.ConfigObject] = []
    for number in range(1, count + 1):
        branch = "berlin" if number % 2 else "shanghai"
        agent = tenancy.Agent(
            name=f"Agent {number:02d}",
            branch_id=branch,
            team_id=f"team-{branch}",
            extension=str(1000 + number),
            skills=[
                *(Skill(name=queue, level=5) for queue in serves(number)),
                Skill(name="en", level=5),
                Skill(name="de" if branch == "berlin" else "zh", level=4),
            ],
        )
        found.append(_object(agent_id(number), agent=agent))
        found.append(_phone(f"phone-{1000 + number}", agent_id(number), username(number), password))
    own = tenancy.Agent(
        name="Your own phone",
        branch_id="berlin",
        team_id="team-berlin",
        extension="2000",
        skills=[*(Skill(name=queue, level=5) for queue in QUEUES), Skill(name="en", level=5)],
    )
    found.append(_object(OWN_AGENT, agent=own))
    found.append(_phone("phone-2000", OWN_AGENT, OWN_USERNAME, own_password))
    return found


def _queue(id: str, agents: int) -> tenancy.ConfigObject:
    members = [agent_id(number) for number in range(1, agents + 1) if id in serves(number)] + [OWN_AGENT]
    queue = tenancy.Queue(
        name=id.capitalize(),
        branch_id="berlin",
        strategy=tenancy.STRATEGY_LONGEST_IDLE,
        members=[tenancy.Member(agent_id=member, order=order) for order, member in enumerate(members, 1)],
        ring_timeout_s=20,
        wrap_up_s=3,
        service_level_s=20,
        short_abandon_s=5,
        record=True,
    )
    return _object(id, queue=queue)
