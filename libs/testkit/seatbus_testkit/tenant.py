"""A company for one test: trunk, number, flow, queue, agents with phones; created through the API."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import Any

from seatbus_testkit.platform import Platform, PlatformError

_counter = itertools.count(1)

PASSWORD = "correct-horse-9"


@dataclass
class TestTenant:
    """Names of what was created. Callers bind to `caller_host`, the address that the trunk is known by."""

    __test__ = False

    platform: Platform
    id: str
    index: int
    number: str
    caller_host: str
    queue: str = "q1"
    agents: list[str] = field(default_factory=list)

    @classmethod
    def create(
        cls,
        platform: Platform,
        *,
        agents: int = 2,
        queue: dict[str, Any] | None = None,
        number: dict[str, Any] | None = None,
        flow_nodes: list[dict[str, Any]] | None = None,
    ) -> TestTenant:
        """One atomic change through `POST /tenants/{t}/config`. `queue` and `number` override fields.

        `flow_nodes` replaces the flow (greeting, menu, queue, good bye); its first node is where it starts.
        """
        index = next(_counter)
        tenant = cls(
            platform,
            f"t{index}",
            index,
            number=f"7{index:03d}000",
            caller_host=f"127.0.{1 + index // 250}.{1 + index % 250}",
            agents=[f"a{i}" for i in range(1, agents + 1)],
        )
        platform.post("/tenants", {"id": tenant.id, "name": f"Company {index}", "language": "en"})
        platform.post(
            f"/tenants/{tenant.id}/config",
            {"upserts": tenant._objects(queue or {}, number or {}, flow_nodes or tenant.flow_nodes())},
        )
        return tenant

    def _objects(
        self, queue: dict[str, Any], number: dict[str, Any], nodes: list[dict[str, Any]]
    ) -> list[dict[str, Any]]:
        objects: list[dict[str, Any]] = [
            {"id": "main", "branch": {"name": "Main", "time_zone": "Europe/Berlin"}},
            {"id": "trunk", "trunk": {"name": "Carrier", "source_addresses": [self.caller_host]}},
            {"id": "entry", "flow": {"name": "Entry", "start": nodes[0]["id"], "nodes": nodes}},
            {
                "id": self.queue,
                "queue": {
                    "name": "Sales",
                    "ring_timeout_s": 5,
                    "wrap_up_s": 1,
                    "service_level_s": 20,
                    "record": True,
                    "members": [{"agent_id": agent} for agent in self.agents],
                    **queue,
                },
            },
            {
                "id": "main-number",
                "number": {"e164": self.number, "branch_id": "main", "flow_id": "entry", **number},
            },
        ]
        for agent in self.agents:
            objects.append({"id": agent, "agent": {"name": agent.upper(), "branch_id": "main"}})
            device = {
                "agent_id": agent,
                "kind": "DEVICE_KIND_SIP",
                "username": self.username(agent),
                "password": PASSWORD,
            }
            objects.append({"id": f"{agent}-phone", "device": device})
        return objects

    def flow_nodes(self) -> list[dict[str, Any]]:
        return [
            {
                "id": "greeting",
                "play": {"audio": [{"text": "Welcome to the company."}], "barge_in": True, "next": "menu"},
            },
            {
                "id": "menu",
                "menu": {
                    "audio": [{"text": "Press one for sales, two to end."}],
                    "choices": {"1": "sales", "2": "bye"},
                    "timeout_ms": 4000,
                    "attempts": 2,
                    "on_timeout": "bye",
                    "on_invalid": "bye",
                },
            },
            {"id": "sales", "queue": {"queue_id": self.queue, "on_overflow": "bye"}},
            {"id": "bye", "hang_up": {"audio": [{"text": "Good bye."}]}},
        ]

    def username(self, agent: str) -> str:
        return f"{self.id}-{agent}"

    # -- what tests ask for ----------------------------------------------------------------------------

    def path(self, rest: str) -> str:
        return f"/tenants/{self.id}/{rest}"

    def agent_do(self, agent: str, action: str, **more: Any) -> Any:
        return self.platform.post(self.path(f"agents/{agent}/state"), {"action": action, **more})

    def agent(self, agent: str) -> dict[str, Any]:
        """The agent's record, as `GET …/state` gives it."""
        found: dict[str, Any] = self.platform.get(self.path(f"agents/{agent}/state"))
        return found

    def cdrs(self, **filters: Any) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.platform.get(self.path("cdrs"), **filters)["cdrs"]
        return found

    def wait_cdr(self, timeout: float = 45, **match: Any) -> dict[str, Any]:
        """The first final call record with these fields; raises PlatformError with all of them otherwise."""

        rows: list[dict[str, Any]] = []

        def found() -> dict[str, Any] | None:
            rows[:] = self.cdrs(limit=1000)
            for row in rows:
                if row.get("final") and all(row.get(key) == value for key, value in match.items()):
                    return row
            return None

        try:
            row: dict[str, Any] = self.platform.until(found, timeout, f"a call record with {match}")
        except PlatformError as error:
            live = self.platform.get(self.path("calls"))
            raise PlatformError(f"{error} in {self.id}; records: {rows}; live calls: {live}") from None
        return row

    def board_queue(self) -> dict[str, Any]:
        board = self.platform.get(self.path("board"))
        return next(queue for queue in board["queues"] if queue["queue_id"] == self.queue)
