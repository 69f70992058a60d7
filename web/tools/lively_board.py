"""A busy company for work on the page, without a platform: `python web/tools/lively_board.py --queues 4`.

Figures are drawn by chance, but hang together: waits lead to answers or abandons, minutes add up to the day.
"""

from __future__ import annotations

import argparse
import random
import time
from datetime import UTC, datetime

from board_server import KEY, BoardServer, Update

QUEUES = (
    "Sales", "Support", "Billing", "Complaints", "客户服务", "Technical", "Renewals", "Returns", "Dispatch",
    "Night desk", "Partners", "VIP",
)  # fmt: skip
AGENTS = (
    "Anna Weber", "李娜", "Ben Okafor", "Carla Rossi", "张伟", "Dev Patel", "Elif Kaya", "王芳", "Jonas Berg",
    "Maria Silva", "Noah Klein", "刘洋", "Olga Petrova", "Pedro Costa", "陈静", "Sara Lind", "Tom Evans",
    "Yuki Mori", "Zoe Martin", "赵磊",
)  # fmt: skip
SERVICE_LEVEL_S = 20
REASONS = ("break", "lunch", "training", "no_answer")


def iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat().replace("+00:00", "Z")


class Queue:
    def __init__(self, id: str, name: str, load: float, chance: random.Random, now: float) -> None:
        self.id, self.name, self.load, self.chance = id, name, load, chance
        self.waiting: list[float] = []
        self.talking = 0
        self.answered = int(load * 420 + chance.random() * 60)
        self.abandoned = int(self.answered * (0.02 + 0.16 * max(0.0, load - 0.6)))
        self.in_time = int(self.answered * min(0.97, 1.32 - 0.62 * load))
        self.wait_sum = self.answered * (4 + 14 * load)
        self.minutes: dict[int, list[int]] = {}
        for ago in range(29, -1, -1):
            offered = sum(chance.random() < 0.11 * load for _ in range(60))
            lost = sum(chance.random() < 0.03 + 0.12 * max(0.0, load - 0.6) for _ in range(offered))
            self.minutes[int(now // 60) - ago] = [offered, max(0, offered - lost), lost, chance.randrange(3)]

    def step(self, now: float) -> None:
        minute = self.minutes.setdefault(int(now // 60), [0, 0, 0, len(self.waiting)])
        if self.chance.random() < 0.11 * self.load:
            self.waiting.append(now)
            minute[0] += 1
        if self.waiting and self.chance.random() < 0.105:
            wait = now - self.waiting.pop(0)
            if wait > 75 and self.chance.random() < 0.5:
                self.abandoned += 1
                minute[2] += 1
            else:
                self.answered += 1
                self.in_time += wait <= SERVICE_LEVEL_S
                self.wait_sum += wait
                minute[1] += 1
        minute[3] = max(minute[3], len(self.waiting))

    def figures(self) -> Update:
        served = self.answered + self.abandoned
        figures: Update = {
            "queue_id": self.id,
            "name": self.name,
            "waiting": len(self.waiting),
            "offered": served + len(self.waiting) + self.talking,
            "answered": self.answered,
            "abandoned": self.abandoned,
            "short_abandoned": self.abandoned // 4,
            "answered_in_time": self.in_time,
            "service_level": self.in_time / served if served else -1,
            "service_level_s": SERVICE_LEVEL_S,
            "talking": self.talking,
            "asa_s": self.wait_sum / self.answered if self.answered else -1,
        }
        if self.waiting:
            figures["oldest_enqueued_at"] = iso(self.waiting[0])
        return figures

    def points(self, last: int) -> list[Update]:
        return [
            {
                "minute": iso(minute * 60),
                "queue_id": self.id,
                "offered": figures[0],
                "answered": figures[1],
                "abandoned": figures[2],
                "waiting_max": figures[3],
            }
            for minute, figures in list(self.minutes.items())[-last:]
        ]


class Agent:
    def __init__(self, number: int, chance: random.Random, queues: list[Queue], now: float) -> None:
        self.id, self.name = f"agent-{number:02d}", AGENTS[number % len(AGENTS)]
        self.chance, self.queues = chance, queues
        self.reason = ""
        self.queue = chance.choice(queues)
        self.enter(
            chance.choices(
                ("ready", "ringing", "talking", "held", "wrap_up", "not_ready", "logged_out"),
                (24, 6, 42, 4, 12, 9, 3),
            )[0],
            now - chance.random() * 200,
        )

    def enter(self, state: str, now: float) -> None:
        self.state, self.since = state, now
        self.reason = self.chance.choice(REASONS) if state == "not_ready" else ""
        if state == "ringing":
            self.queue = self.chance.choice(self.queues)

    def step(self, now: float) -> bool:
        follows = {
            "ready": ("ringing", 0.06),
            "ringing": ("talking", 0.3),
            "talking": ("wrap_up", 0.012),
            "held": ("talking", 0.05),
            "wrap_up": ("ready", 0.09),
            "not_ready": ("ready", 0.006),
            "logged_out": ("not_ready", 0.0),
        }
        state, odds = follows[self.state]
        if self.chance.random() >= odds:
            return False
        self.enter(state, now)
        return True

    def figures(self) -> Update:
        busy = self.state in ("ringing", "talking", "held", "wrap_up")
        return {
            "agent_id": self.id,
            "agent_tenant_id": "demo",
            "name": self.name,
            "state": self.state,
            "reason": self.reason,
            "since": iso(self.since),
            "queue_id": self.queue.id if busy else "",
        }


class Company:
    def __init__(self, queues: int, agents: int, seed: int) -> None:
        now = time.time()
        chance = random.Random(seed)
        loads = (0.62, 1.05, 0.78, 0.5)
        self.queues = [
            Queue(f"q{index}", QUEUES[index % len(QUEUES)], loads[index % len(loads)], chance, now)
            for index in range(queues)
        ]
        self.agents = [Agent(number, chance, self.queues, now) for number in range(agents)]
        for queue, waits in zip(self.queues, ((9,), (33, 14, 5), (), (2,)), strict=False):
            queue.waiting = [now - wait for wait in waits]
        self.count_talking()

    def count_talking(self) -> None:
        for queue in self.queues:
            queue.talking = sum(
                agent.queue is queue and agent.state in ("talking", "held") for agent in self.agents
            )

    def update(self, kind: str, agents: list[Agent]) -> Update:
        return {
            "kind": kind,
            "at": iso(time.time()),
            "queues": [queue.figures() for queue in self.queues],
            "agents": [agent.figures() for agent in agents],
            "minutes": [
                point for queue in self.queues for point in queue.points(30 if kind == "snapshot" else 1)
            ],
            "calls_now": sum(len(queue.waiting) + queue.talking for queue in self.queues),
            "stream_seqs": {},
        }

    def snapshot(self) -> Update:
        return self.update("snapshot", self.agents)

    def step(self) -> Update:
        now = time.time()
        for queue in self.queues:
            queue.step(now)
        changed = [agent for agent in self.agents if agent.step(now)]
        self.count_talking()
        return self.update("delta", changed)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--queues", type=int, default=2)
    parser.add_argument("--agents", type=int, default=14)
    parser.add_argument("--port", type=int, default=8080)
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args()
    company = Company(options.queues, options.agents, options.seed)
    with BoardServer(company.snapshot, port=options.port) as server:
        print(f"{server.url}/#key={KEY}", flush=True)
        try:
            while True:
                time.sleep(1)
                server.send(company.step())
        except KeyboardInterrupt:
            pass


if __name__ == "__main__":
    main()
