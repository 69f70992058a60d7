"""What a change of the configuration touches, and what it leaves alone."""

from __future__ import annotations

from typing import Any, cast

from seatbus.ivr.v1 import types_pb2 as ivr
from seatbus.tenancy.v1 import types_pb2 as tenancy
from seatbus_acd.adapters.config import TopologyReader
from seatbus_acd.domain.model import Relaxation, ShareCap, Strategy
from seatbus_kit.config_view import ConfigView


class View:
    """A watched copy that the test writes."""

    def __init__(self) -> None:
        self.objects_of: dict[tuple[str, str], dict[str, tenancy.ConfigObject]] = {}

    def put(self, tenant: str, id: str, **object: Any) -> None:
        [kind] = object
        self.objects_of.setdefault((tenant, kind), {})[id] = tenancy.ConfigObject(**object)

    def tenants(self) -> set[str]:
        return {tenant for tenant, _ in self.objects_of}

    def objects(self, tenant: str, kind: str) -> dict[str, tenancy.ConfigObject]:
        return self.objects_of.get((tenant, kind), {})


def member(name: str, **fields: Any) -> tenancy.Member:
    return tenancy.Member(agent_id=name, **fields)


def company(view: View, tenant: str) -> None:
    for name in ("a", "b"):
        view.put(tenant, name, agent=tenancy.Agent(name=name, team_id="red" if name == "a" else ""))
    view.put(tenant, "sales", queue=tenancy.Queue(name="Sales", members=[tenancy.Member(team_id="red")]))
    view.put(tenant, "zeal", queue=tenancy.Queue(name="Zeal", members=[member("b")]))


def made() -> tuple[View, TopologyReader]:
    view = View()
    company(view, "x")
    company(view, "y")
    return view, TopologyReader(cast("ConfigView", view))


def test_a_flow_that_names_several_queues_for_one_contact_joins_them() -> None:
    view, reader = made()
    reader.read()
    node = ivr.Node(id="wait", queue=ivr.QueueNode(queue_id="sales", also_queue_ids=["zeal", "gone"]))
    plain = ivr.Node(id="other", queue=ivr.QueueNode(queue_id="zeal"))
    view.put("x", "main", flow=ivr.Flow(name="Main", nodes=[plain]))
    assert not reader.read().changed
    view.put("x", "main", flow=ivr.Flow(name="Main", nodes=[plain, node]))
    joined = reader.read()
    assert joined.groups == {"g-x", "g-y", "g-y_zeal"}
    assert joined.changed == {"g-x", "g-x_zeal"}
    view.put("x", "main", flow=ivr.Flow(name="Main 2", nodes=[node]))
    assert not reader.read().changed
    view.put("x", "main", flow=ivr.Flow(name="Main", nodes=[plain]))
    assert reader.read().changed == {"g-x", "g-x_zeal"}


def test_a_change_that_joins_nobody_touches_its_own_group_alone() -> None:
    view, reader = made()
    first = reader.read()
    assert first.groups == {"g-x", "g-x_zeal", "g-y", "g-y_zeal"}
    assert first.changed == first.groups
    same = reader.read()
    assert not same.changed
    assert same.queues["x", "sales"] is first.queues["x", "sales"]
    view.put("x", "zeal", queue=tenancy.Queue(name="Zeal", members=[member("b")], wrap_up_s=9))
    after = reader.read()
    assert after.changed == {"g-x_zeal"}
    assert after.shape is first.shape
    assert after.part("g-x_zeal").queues["x", "zeal"].wrap_up_s == 9


def test_a_shared_agent_merges_groups_and_taking_him_away_splits_them() -> None:
    view, reader = made()
    reader.read()
    view.put("x", "zeal", queue=tenancy.Queue(name="Zeal", members=[member("a"), member("b")]))
    merged = reader.read()
    assert merged.changed == {"g-x", "g-x_zeal"}
    assert (merged.group(("x", "zeal")), merged.group_of_agent(("x", "b"))) == ("g-x", "g-x")
    view.put("x", "zeal", queue=tenancy.Queue(name="Zeal", members=[member("b")]))
    assert reader.read().group(("x", "zeal")) == "g-x_zeal"


def test_an_agent_who_joins_a_team_is_a_member_of_its_queues_at_once() -> None:
    view, reader = made()
    reader.read()
    view.put("x", "b", agent=tenancy.Agent(name="b", team_id="red"))
    after = reader.read()
    assert after.queues["x", "sales"].members == {("x", "a"), ("x", "b")}
    assert after.group(("x", "zeal")) == "g-x", "he serves both queues"
    assert "g-y" not in after.changed


def test_rules_are_read_as_they_are_configured() -> None:
    view, reader = made()
    cap = tenancy.ShareCap(tenant_id="y", percent=10)
    view.put("x", "red", team=tenancy.Team(name="Red", share_caps=[cap, tenancy.ShareCap(max_agents=4)]))
    steps = [
        tenancy.RelaxationStep(after_s=40, other_branches=True, overflow=True),
        tenancy.RelaxationStep(after_s=20, requirements=[{"name": "en", "level": 3}]),
    ]
    queue = tenancy.Queue(
        name="Sales",
        strategy=tenancy.STRATEGY_WEIGHTED_RANDOM,
        members=[member("a", weight=3, order=2), tenancy.Member(team_id="red")],
        relaxation=steps,
        overflow_queue_ids=["zeal", "sales"],
        comfort=tenancy.ComfortSchedule(every_s=30),
    )
    view.put("x", "sales", queue=queue)
    topology = reader.read()
    spec = topology.queues["x", "sales"]
    assert (spec.strategy, spec.ranks) == (Strategy.WEIGHTED_RANDOM, {("x", "a"): (2, 3)})
    assert spec.relaxation == (Relaxation(20, (("en", 3),)), Relaxation(40, (), True, True))
    assert spec.overflow_queues == (("x", "zeal"),), "never to itself"
    assert spec.comfort is not None
    assert (spec.comfort.first_s, spec.comfort.every_s) == (30, 30)
    # A tenth of one agent is still one.
    assert topology.caps["x", "red"] == (ShareCap("y", "", 1), ShareCap("x", "", 4))
    assert topology.part("g-x").caps == topology.caps
