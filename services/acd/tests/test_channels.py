"""Several channels at one agent, each with its own capacity, on real NATS with the services as processes."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from seatbus.acd.v1 import service_pb2 as acd
from seatbus.agent.v1 import types_pb2 as agent_types
from seatbus_kit.errors import InvalidArgument
from seatbus_kit.rpc import invoke
from seatbus_testkit.eventually import eventually
from seatbus_testkit.nats import NatsServer

from .world import Call, T, World


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    with NatsServer.start(tmp_path / "nats") as server:
        async with World(server.url, tmp_path) as made:
            yield made


def chat() -> dict[str, object]:
    return {"channel": "chat", "over": asyncio.Event()}


async def in_hand(world: World, agent_id: str) -> list[str]:
    """Channels of what the agent talks about."""
    work = (await world.agent(agent_id)).work
    return sorted(item.channel for item in work if item.state == agent_types.WORK_STATE_TALKING)


async def until_in_hand(world: World, *channels: str) -> None:
    async def there() -> bool:
        return await in_hand(world, "a1") == list(channels)

    await eventually(there)


def end(found: Call) -> None:
    assert found.over is not None
    found.over.set()


async def waits_for_an_agent(world: World, found: Call) -> None:
    """The queue has looked for an agent and there was none."""

    async def looked() -> bool:
        request = acd.ExplainRequest(tenant_id=T, contact_id=found.contact_id)
        told = await invoke(world.acd().Explain, request, 2)
        rules = [decision.rule for decision in told.decisions]
        return told.position > 0 and rules[-1:] == ["no_agent_ready"]

    await eventually(looked)
    assert found.offered_to == []


async def filled_to_the_capacity_of_each_channel(world: World) -> None:
    """What ends makes room for one of its kind."""
    first, second = await world.enqueue(**chat()), await world.enqueue(**chat())
    await until_in_hand(world, "chat", "chat")
    third, fourth = await world.enqueue(**chat()), await world.enqueue(**chat())
    await waits_for_an_agent(world, third)

    # A chat is no obstacle for a call, nor does the end of a call make room for a chat.
    call = await world.enqueue(over=asyncio.Event())
    await until_in_hand(world, "chat", "chat", "voice")
    another = await world.enqueue(over=asyncio.Event())
    await waits_for_an_agent(world, another)
    end(call)
    await eventually(lambda: another.connected == ["a1"])
    await waits_for_an_agent(world, third)

    end(second)
    await eventually(lambda: third.connected == ["a1"])
    await until_in_hand(world, "chat", "chat", "voice")
    await waits_for_an_agent(world, fourth)

    # On a channel for which nobody has capacity a contact waits.
    mail = await world.enqueue(channel="email")
    await waits_for_an_agent(world, mail)
    with pytest.raises(InvalidArgument) as wrong:
        await world.enqueue(channel="fax")
    assert wrong.value.field == "channel"
    for found in (first, third, another):
        end(found)
    await eventually(lambda: fourth.connected == ["a1"])
    end(fourth)
    await until_in_hand(world)


async def kept_while_the_queue_is_handed_over(world: World) -> None:
    chats = await asyncio.gather(*(world.enqueue(channel="chat", talk_s=0.1) for _ in range(16)))
    await eventually(lambda: sum(found.done.is_set() for found in chats) >= 2)
    (await world.holder()).signal(signal.SIGTERM)
    calls = await asyncio.gather(*(world.enqueue(talk_s=0.05) for _ in range(8)))
    await asyncio.wait_for(asyncio.gather(*(found.done.wait() for found in (*chats, *calls))), 60)
    assert all(len(found.connected) == 1 for found in (*chats, *calls))


async def test_agents_have_as_many_contacts_of_each_channel_as_they_have_capacity_for(world: World) -> None:
    await world.configure(["a1", "a2"], capacities={"voice": 1, "chat": 2})
    await asyncio.gather(world.start("acd", "acd-1", "acd-2"), world.start("agent_state", "as-1", "as-2"))
    await world.login("a1")
    await filled_to_the_capacity_of_each_channel(world)
    await world.login("a2")
    await kept_while_the_queue_is_handed_over(world)
    assert not world.edge.complaints
