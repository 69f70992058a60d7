"""Datagrams pass from many peers to one address and back, until the path is cut."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import cast

Address = tuple[str, int]


class _Port(asyncio.DatagramProtocol):
    def __init__(self, take: Callable[[bytes, Address], None]) -> None:
        self._take = take

    @classmethod
    async def open(cls, local: Address, take: Callable[[bytes, Address], None]) -> asyncio.DatagramTransport:
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(lambda: cls(take), local_addr=local)
        return transport

    def datagram_received(self, data: bytes, addr: tuple[str | int, ...]) -> None:
        self._take(data, cast(Address, addr[:2]))


class Forwarder:
    """Each peer has a port of its own towards the target. While `cut`, nothing passes."""

    def __init__(self, target: Address) -> None:
        self.cut = False
        self._target = target
        self._front: asyncio.DatagramTransport
        self._backs: dict[Address, asyncio.Task[asyncio.DatagramTransport]] = {}

    @classmethod
    async def start(cls, local: Address, target: Address) -> Forwarder:
        made = cls(target)
        made._front = await _Port.open(local, made._up)
        return made

    def _up(self, data: bytes, peer: Address) -> None:
        if self.cut:
            return
        back = self._backs.get(peer)
        if back is None:
            host = self._front.get_extra_info("sockname")[0]
            opening = _Port.open((host, 0), lambda answer, _: self._down(answer, peer))
            self._backs[peer] = asyncio.create_task(opening)
        elif back.done():
            back.result().sendto(data, self._target)

    def _down(self, data: bytes, peer: Address) -> None:
        if not self.cut:
            self._front.sendto(data, peer)

    def close(self) -> None:
        self._front.close()
        for back in self._backs.values():
            if back.done():
                back.result().close()
            else:
                back.cancel()
