"""The demo's people: agents with SIP phones and callers with moods, on real SIP and RTP.

`python -m seatbus_cli.simulator --data-dir DIR --rate 12`. Everything random follows from `--seed` and the
name of the actor. Whatever restarts on the platform, the simulator goes on: phones refresh and repeat their
registrations, agents who are not ready without a reason of their own come back.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import signal
from collections.abc import Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Protocol

import httpx
import uvloop

from seatbus_cli.client import Client
from seatbus_cli.demo import AGENTS, PHONES_SECRET
from seatbus_cli.specs import secret
from seatbus_cli.testcall import sip_address
from seatbus_kit import log
from seatbus_kit.settings import ServiceSettings
from seatbus_testkit.actors import ActorError, Policy, RegistrationRefused
from seatbus_testkit.demo_tenant import NUMBER, TENANT, agent_id, username
from seatbus_testkit.phone import Phone, PhoneCall

logger = log.get_logger(__name__)

VOICE_DBFS = -32.0
AGENT_HZ = 1013
AGENT_HZ_STEP = 37
EARS_KEEP_S = 1.0
REGISTER_S = 60
ROSTER_S = 5.0
MOST_CALLS = 200


class SimulatorSettings(ServiceSettings):
    service: ClassVar[str] = "simulator"


@dataclass(frozen=True, slots=True)
class Habits:
    """How people behave; probabilities from 0 to 1, times in seconds."""

    answer_after: tuple[float, float] = (1.0, 4.0)
    rings_out: float = 0.03
    agent_hangs_up_first: float = 0.3
    takes_break: float = 0.06
    break_time: tuple[float, float] = (20.0, 60.0)
    listens: tuple[float, float] = (1.5, 4.5)
    leaves_in_flow: float = 0.06
    presses_nothing: float = 0.02
    presses_one: float = 0.6
    patience_mean: float = 50.0
    patience_least: float = 4.0
    talk_median: float = 20.0
    talk_sigma: float = 0.6
    """Log-normal: the mean is median * exp(sigma^2 / 2), here 24 s."""

    def talk(self, dice: random.Random) -> float:
        return min(180.0, dice.lognormvariate(0.0, self.talk_sigma) * self.talk_median)

    def patience(self, dice: random.Random) -> float:
        return self.patience_least + dice.expovariate(1 / self.patience_mean)


class Office(Protocol):
    """What agents do through the API."""

    async def act(self, agent: str, action: str, **more: Any) -> bool:
        """False: refused or no answer (logged)."""


class Api:
    """The gateway; an outage is told once, and its end."""

    def __init__(self, url: str, key: str) -> None:
        self._http = httpx.AsyncClient(
            base_url=f"{url}/api/v1/tenants/{TENANT}",
            headers={"Authorization": f"Bearer {key}"},
            timeout=5.0,
            trust_env=False,
        )
        self._away = False

    async def act(self, agent: str, action: str, **more: Any) -> bool:
        answer = await self._send("POST", f"/agents/{agent}/state", {"action": action, **more})
        return answer is not None

    async def states(self) -> dict[str, dict[str, Any]] | None:
        """Agents' records by agent id; None while the gateway is away."""
        answer = await self._send("GET", "/agent-states")
        if answer is None:
            return None
        return {str(state["agent_id"]): state for state in answer.get("agents", [])}

    async def _send(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        try:
            answer = await self._http.request(method, path, json=body)
        except httpx.HTTPError as error:
            if not self._away:
                logger.warning("gateway does not answer; trying on", tenant=TENANT, error=repr(error))
            self._away = True
            return None
        if self._away:
            logger.info("gateway answers again", tenant=TENANT)
            self._away = False
        if answer.status_code >= 400:
            logger.warning(
                "gateway refused", tenant=TENANT, path=path, status=answer.status_code, body=answer.text[:300]
            )
            return None
        return answer.json() if answer.content else {}

    async def close(self) -> None:
        await self._http.aclose()


class SimulatedAgent:
    """One agent with one phone."""

    def __init__(
        self, number: int, phone: Phone, office: Office, dice: random.Random, habits: Habits
    ) -> None:
        self.id = agent_id(number)
        self.device = f"phone-{1000 + number}"
        self.phone = phone
        self.on_break = False
        self._office = office
        self._dice = dice
        self._habits = habits
        self._hz = AGENT_HZ + AGENT_HZ_STEP * number
        self._seen_idle = 0

    async def run(self) -> None:
        """Register, log in, take calls, for ever."""
        await self.register()
        await self._office.act(self.id, "login", device_id=self.device, ready=True)
        while True:
            try:
                call = await self.phone.next_call(3600)
            except TimeoutError:
                continue
            try:
                await self._take(call)
            except ActorError as error:
                logger.info("agent's call ended under the hand", agent=self.id, reason=str(error))
            if self._dice.random() < self._habits.takes_break:
                await self._rest()

    async def register(self) -> None:
        """Until the registrar takes it."""
        while True:
            try:
                await self.phone.register(REGISTER_S)
            except RegistrationRefused as error:
                logger.warning("phone not registered; trying on", agent=self.id, reason=str(error))
                await asyncio.sleep(2.0 + self._dice.random())
            else:
                return

    async def look(self, state: dict[str, Any] | None) -> None:
        """Compare with the platform's record, come back if it is not as the agent wants it."""
        presence = (state or {}).get("presence", "PRESENCE_LOGGED_OUT")
        if presence in ("PRESENCE_LOGGED_OUT", "PRESENCE_UNSPECIFIED"):
            if self.phone.registered:
                await self._office.act(self.id, "login", device_id=self.device, ready=True)
            return
        if presence == "PRESENCE_READY" or self.on_break or self.phone.calls:
            self._seen_idle = 0
            return
        # Not ready for no reason of one's own (a call rang out): a person needs a moment to notice.
        self._seen_idle += 1
        if self._seen_idle >= 2:
            self._seen_idle = 0
            if str((state or {}).get("reason")) == "device_unreachable":
                await self.register()
            await self._office.act(self.id, "ready")

    async def _take(self, call: PhoneCall) -> None:
        habits, dice = self._habits, self._dice
        if dice.random() < habits.rings_out:
            logger.info("agent lets it ring out", agent=self.id, caller=call.caller)
            await _until_end(call, 120.0)
            return
        if await _until_end(call, dice.uniform(*habits.answer_after)):
            return
        await call.answer()
        call.mouth.play_tone(self._hz, VOICE_DBFS)
        first = dice.random() < habits.agent_hangs_up_first
        if not await _until_end(call, habits.talk(dice) if first else 300.0):
            await call.hang_up()

    async def _rest(self) -> None:
        self.on_break = True
        try:
            if await self._office.act(self.id, "not_ready", reason="break"):
                await asyncio.sleep(self._dice.uniform(*self._habits.break_time))
                await self._office.act(self.id, "ready")
        finally:
            self.on_break = False


class SimulatedCaller:
    """One call of one customer."""

    def __init__(self, name: str, call: PhoneCall, dice: random.Random, habits: Habits) -> None:
        self._name = name
        self._call = call
        self._dice = dice
        self._habits = habits

    async def run(self) -> None:
        call = self._call
        began = asyncio.get_running_loop().time()
        try:
            outcome = await self._live()
        except TimeoutError:
            outcome = "not answered"
        except ActorError as error:
            outcome = str(error)
        try:
            await call.hang_up()
        except TimeoutError as error:
            logger.warning("a call could not be ended", caller=self._name, reason=str(error))
        logger.info(
            "call over",
            caller=self._name,
            outcome=outcome,
            status=call.status,
            by=call.ended_by or "nobody",
            seconds=round(asyncio.get_running_loop().time() - began, 1),
        )

    async def _live(self) -> str:
        call, dice, habits = self._call, self._dice, self._habits
        await call.wait_answered(20.0)
        call.mouth.play_tone(300 + dice.randrange(0, 300, 20), VOICE_DBFS)
        if await _until_end(call, dice.uniform(*habits.listens)):
            return "ended in flow"
        if dice.random() < habits.leaves_in_flow:
            return "left in flow"
        if dice.random() < habits.presses_nothing:
            await _until_end(call, 60.0)
            return "pressed nothing"
        digit = "1" if dice.random() < habits.presses_one else "2"
        call.mouth.send_dtmf(digit)
        if not await self._hears_agent(habits.patience(dice)):
            return "ended in queue" if call.state == "ended" else "lost patience"
        talk = habits.talk(dice)
        return "agent hung up" if await _until_end(call, talk) else "served"

    async def _hears_agent(self, patience: float) -> bool:
        """Whether an agent's voice came in time: a pure tone of an agent's pitch, twice running."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + patience
        before = False
        while loop.time() < deadline:
            if await _until_end(self._call, 0.5):
                return False
            hz, dbfs = self._call.ears.tone(0.4)
            pitch = (hz - AGENT_HZ) / AGENT_HZ_STEP
            near = abs(pitch - round(pitch)) * AGENT_HZ_STEP < 4 and 1 <= round(pitch) <= AGENTS
            pure = dbfs > VOICE_DBFS - 6 and dbfs > self._call.ears.level_dbfs(0.4) - 1.0
            if near and pure and before:
                return True
            before = near and pure
        return False


async def _until_end(call: PhoneCall, seconds: float) -> bool:
    """Waits; True as soon as the call has ended."""
    try:
        await call.wait_ended(seconds)
    except TimeoutError:
        return False
    return True


class Simulation:
    """Everybody, and the clock that lets callers arrive."""

    def __init__(self, data_dir: Path, rate: float, seed: int, habits: Habits) -> None:
        self._data_dir = data_dir
        self._rate = rate
        self._seed = seed
        self._habits = habits
        self._agents: list[SimulatedAgent] = []
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop`."""
        server = sip_address(self._data_dir)
        found = Client.find(self._data_dir)
        api = Api(found.url, found.key)
        password = secret(self._data_dir / "secrets" / PHONES_SECRET, 18)
        for number in range(1, AGENTS + 1):
            phone = await Phone.start(
                server,
                host=server[0],
                username=username(number),
                password=password,
                ears_keep_s=EARS_KEEP_S,
            )
            phone.policy = Policy(max_calls=1)
            dice = self._dice(f"agent/{number}")
            self._agents.append(SimulatedAgent(number, phone, api, dice, self._habits))
        trunk = await Phone.start(server, host=server[0], username="trunk", ears_keep_s=EARS_KEEP_S)
        for agent in self._agents:
            self._begin(agent.run())
        self._begin(self._roster(api))
        self._begin(self._arrivals(trunk))
        logger.info(
            "simulation runs", tenant=TENANT, agents=AGENTS, calls_per_minute=self._rate, seed=self._seed
        )
        await stop.wait()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(trunk.close(), *(agent.phone.close() for agent in self._agents))
        await api.close()

    def _dice(self, name: str) -> random.Random:
        return random.Random(f"{self._seed}/{name}")

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("an actor failed; the others go on", error=repr(error))

    async def _roster(self, api: Api) -> None:
        await asyncio.sleep(ROSTER_S)
        while True:
            states = await api.states()
            if states is not None:
                for agent in self._agents:
                    await agent.look(states.get(agent.id))
            await asyncio.sleep(ROSTER_S)

    async def _arrivals(self, trunk: Phone) -> None:
        """Poisson arrivals. Three come early, so that a fresh board does not stay empty by chance."""
        dice = self._dice("arrivals")
        gaps = [3.0, 1.5, 2.5]
        count = 0
        while True:
            await asyncio.sleep(gaps.pop(0) if gaps else dice.expovariate(self._rate / 60.0))
            if len(trunk.calls) >= MOST_CALLS:
                logger.warning("too many calls at once: one caller less", calls=len(trunk.calls))
                continue
            count += 1
            caller = f"+4930{dice.randrange(1_000_000, 9_999_999)}"
            call = await trunk.dial(NUMBER, caller=caller)
            self._begin(SimulatedCaller(caller, call, self._dice(f"caller/{count}"), self._habits).run())


async def _main(options: argparse.Namespace) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    await Simulation(options.data_dir, options.rate, options.seed, Habits()).run(stop)


def main() -> None:
    """Entry point of `python -m seatbus_cli.simulator`."""
    parser = argparse.ArgumentParser(description="simulated agents and callers of the demo tenant")
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--rate", type=float, default=12.0, help="calls a minute")
    parser.add_argument("--seed", type=int, default=2)
    options = parser.parse_args()
    if not options.rate > 0:
        parser.error("--rate: above 0")
    log.configure(SimulatorSettings())
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_main(options))


if __name__ == "__main__":
    main()
