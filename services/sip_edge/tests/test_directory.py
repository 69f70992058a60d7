"""Who is meant by an id or a number, in a call that an agent of the operator has for a company."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from seatbus.call.v1.types_pb2 import OutboundTarget
from seatbus_kit.errors import NotFound
from seatbus_sip_edge.application.directory import Directory
from seatbus_sip_edge.domain.destinations import Destination, Kind

AGENTS = {
    ("acme", "ann"): "1001",
    ("acme", "bob"): "1002",
    ("operator", "ann"): "2001",
    ("operator", "cleo"): "1002",
}
DEVICES = {"acme-bob": ("acme", "bob"), "operator-cleo": ("operator", "cleo")}


class Config:
    def get(self, tenant: str, _kind: str, id: str) -> object:
        return object() if (tenant, id) in AGENTS else None

    def device_by_username(self, name: str) -> object:
        tenant, agent = DEVICES.get(name, ("", ""))
        return (tenant, name, SimpleNamespace(agent_id=agent)) if tenant else None

    def number(self, _: str) -> None:
        """No access number is configured."""


def agent_at(tenant: str, extension: str) -> str:
    return next((id for (of, id), has in AGENTS.items() if (of, has) == (tenant, extension)), "")


CONFIG: Any = Config()
DIRECTORY = Directory(CONFIG)


def test_an_id_names_the_companys_agent_then_one_of_who_lends_the_agent_of_the_call() -> None:
    def named(id: str, lent_by: str = "") -> str:
        return DIRECTORY.existing("acme", OutboundTarget(agent_id=id), lent_by).tenant_id

    assert (named("ann"), named("ann", "operator"), named("cleo", "operator")) == ("acme", "acme", "operator")
    for id, lent_by in (("cleo", ""), ("cleo", "acme"), ("nobody", "operator")):
        with pytest.raises(NotFound):
            named(id, lent_by)


@pytest.mark.parametrize(
    ("user", "own", "tenant", "agent"),
    [
        ("1002", "", "acme", "bob"),
        ("1002", "operator", "operator", "cleo"),
        ("1001", "operator", "acme", "ann"),
        ("2001", "operator", "operator", "ann"),
        ("operator-cleo", "operator", "operator", "cleo"),
        ("acme-bob", "operator", "acme", "bob"),
    ],
)
def test_a_lent_agents_phone_names_its_own_people_as_ever_and_those_of_the_company(
    user: str, own: str, tenant: str, agent: str
) -> None:
    assert DIRECTORY.dialled("acme", user, agent_at, own) == Destination(Kind.AGENT, agent, tenant)


def test_nobody_of_another_company_is_reached() -> None:
    assert DIRECTORY.dialled("acme", "2001", agent_at) == Destination(Kind.NUMBER, "2001")
    assert DIRECTORY.dialled("acme", "operator-cleo", agent_at) is None
