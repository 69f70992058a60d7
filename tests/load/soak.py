"""Recorded calls come and go for a while at a steady rate: is memory flat, are all ports back, is no packet
lost inside? `make soak SECONDS=3600`; the last line is `soak ok` or what went wrong.

Half load is half the figure of `make bench NAME=recorded_calls_per_core`. Memory is flat if it grows by less
than 0.1 KiB a call after the first quarter (the median of all slopes between two samples, so that one jump
says nothing), beyond a MiB that is noise: a run much shorter than an hour cannot see as little. `recording`
may grow by 0.5 KiB a call, which is less than one record of its catalogue.
Lost inside is what media has received on one leg and not sent on the other, by its own counts, or by the
numbers of the packets that arrive there: none may be. What the kernel drops before media or before the phones
(sockets' buffers, when the machine stalls) is counted apart. The phones are all in this process; their
addresses are this run's own, so others may use the same ports meanwhile.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import sys
import tempfile
import time
from collections import deque
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any, Final

import bench_relay_ratio as relay
import grpc.aio
import numpy as np
import psutil
from many_phones import SLOTS, Phones
from run_queue import turns

from seatbus.common.v1.types_pb2 import RequestContext
from seatbus.media.v1 import service_pb2 as pb
from seatbus.media.v1.service_pb2_grpc import MediaStub
from seatbus_kit.ids import uuid7
from seatbus_sip.sdp import PCMU, build_offer, parse_sdp
from seatbus_testkit.eventually import eventually
from seatbus_testkit.nats import NatsServer

TALK_S: Final = 20.0
_OWNER: Final = "soak"
GROWTH_KIB: Final = {"media": 0.1, "recording": 0.5}
"""Of memory, a call."""
_NOISE_KIB: Final = 1024.0
# Ended sessions that media remembers: memory settles once there are so many.
_REMEMBERED: Final = 2000
_LOSS: Final = 0.0005
_HELD: Final = 0.98
_STEP_S: Final = 0.02
_LATE_S: Final = 5.0
# A leg that lacks as many packets, a second's, is told by itself.
_SHORT: Final = 50
_SAMPLE_S: Final = 5.0
_TELL_S: Final = 30.0
_ANSWER_S: Final = 30.0


@dataclass(frozen=True)
class Told:
    """Packets of calls that have ended: said by the peers, received and sent by media, heard, and missing."""

    said: int = 0
    received: int = 0
    sent: int = 0
    heard: int = 0
    missing: int = 0

    def __add__(self, other: Told) -> Told:
        pairs = zip(astuple(self), astuple(other), strict=True)
        return Told(*(one + two for one, two in pairs))


class Owner:
    """Whose calls they are: hears of recordings that lose audio, and confirms its calls to a media that stood
    still, which sends nothing for them until then.
    """

    def __init__(self, stub: Any) -> None:
        self.stub = stub
        self.calls: set[str] = set()
        self.failed = 0
        self.hellos = 0

    async def watch(self) -> None:
        while True:
            async for event in self.stub.Watch(pb.WatchRequest(owner=_OWNER)):
                if event.HasField("hello"):
                    self.hellos += 1
                    known = pb.ConfirmRequest(owner=_OWNER, session_ids=sorted(self.calls))
                    await self.stub.Confirm(known, timeout=_ANSWER_S)
                elif event.HasField("recording_failed"):
                    self.failed += 1

    def faults(self) -> list[str]:
        print(f"media stood still {self.hellos - 1} times, {self.failed} recordings lost audio")
        return [f"{self.failed} recordings lost audio"] if self.failed else []


class Call:
    """Two legs, recorded; packets are counted at both ends and by media."""

    def __init__(self, owner: Owner, phones: Phones, place: int, number: int) -> None:
        self._owner = owner
        self._phones = phones
        self._id = uuid7()
        self._number = number
        self._legs = (2 * place, 2 * place + 1)
        self._ends = [uuid7(), uuid7()]
        self.place = place

    async def _execute(self, *commands: pb.Command) -> list[pb.Result]:
        request = pb.ExecuteRequest(
            context=RequestContext(request_id=uuid7(), tenant_id="soak"),
            session_id=self._id,
            owner=_OWNER,
            epoch=1,
            commands=commands,
        )
        return list((await self._owner.stub.Execute(request, timeout=_ANSWER_S)).results)

    async def live(self) -> Told:
        """Begins, talks, ends. What is late on a busy machine is not lost."""
        phones, legs = self._phones, list(self._legs)
        self._owner.calls.add(self._id)
        await self._begin()
        await asyncio.sleep(TALK_S)
        for leg in legs:
            phones.end(leg)
        with contextlib.suppress(TimeoutError):
            await eventually(lambda: phones.heard[legs].sum() >= phones.said[legs].sum(), _LATE_S, _STEP_S)
        (ended,) = await self._execute(pb.Command(end_session=pb.EndSession()))
        self._owner.calls.discard(self._id)
        counted = [info.statistics for info in ended.endpoints]
        for leg, one in zip(legs, counted, strict=True):
            if phones.said[leg] - one.packets_received > _SHORT:
                print(f"call {self._number}: media has {one.packets_received} of {phones.said[leg]} packets")
        return Told(
            int(phones.said[legs].sum()),
            sum(one.packets_received for one in counted),
            sum(one.packets_sent for one in counted),
            int(phones.heard[legs].sum()),
            sum(phones.missing(leg) for leg in legs),
        )

    async def _begin(self) -> None:
        offers = [
            pb.Command(
                accept_offer=pb.AcceptOffer(
                    endpoint_id=end,
                    sdp=str(build_offer(self._phones.address(leg), [PCMU], session_id=1)),
                )
            )
            for end, leg in zip(self._ends, self._legs, strict=True)
        ]
        bridge = pb.Command(connect=pb.Connect(endpoint_a=self._ends[0], endpoint_b=self._ends[1]))
        record = pb.StartRecording(
            recording_id=uuid7(), left_endpoint_id=self._ends[0], right_endpoint_id=self._ends[1]
        )
        answers = await self._execute(*offers, bridge, pb.Command(start_recording=record))
        for leg, result in zip(self._legs, answers[:2], strict=True):
            audio = parse_sdp(result.sdp).audio
            if audio is None:
                raise RuntimeError("media answered without audio")
            self._phones.begin(self._number, leg, (audio.host, audio.port))


class Watched:
    """A process under test: its memory by calls that have ended, its sockets, its descriptors."""

    def __init__(self, name: str, pid: int) -> None:
        self.name = name
        self._process = psutil.Process(pid)
        self._samples: list[tuple[int, float]] = []
        self._before = self._open()
        self._busy = relay.cpu(self._process)
        self._turns = turns({name: pid})[name]
        self._began = time.monotonic()

    def _open(self) -> tuple[int, int]:
        return len(self._process.net_connections(kind="udp")), self._process.num_fds()

    @property
    def _mib(self) -> float:
        return float(self._process.memory_info().rss / (1 << 20))

    def __str__(self) -> str:
        load = (relay.cpu(self._process) - self._busy) / (time.monotonic() - self._began)
        return f"{self.name} {self._mib:.1f} MiB, {load:.2f} of a core{self.kept_waiting()}"

    def kept_waiting(self) -> str:
        """Of the time that its loop had work, how much it stood ready without a CPU. Above a third or so it
        cannot read in time, and it is the machine that is measured.
        """
        now = turns({self.name: self._process.pid}).get(self.name, self._turns).since(self._turns)
        work = now.used + now.waited
        return f" ({now.waited / work:.0%} of its work without one)" if work else ""

    def sample(self, ended: int) -> None:
        self._samples.append((ended, 1024 * self._mib))

    def left(self) -> str:
        """UDP sockets that were not closed, and descriptors beyond those that a few files more may need."""
        sockets, files = (now - then for now, then in zip(self._open(), self._before, strict=True))
        return f"{self.name} left {sockets} sockets, {files} descriptors" if sockets > 0 or files > 8 else ""

    def grown(self) -> str:
        """Prints the slope of its memory; what is wrong with it."""
        total = self._samples[-1][0]
        settled = [one for one in self._samples if one[0] >= max(_REMEMBERED, total / 4)]
        calls = total - settled[0][0] if settled else 0
        if len(settled) < 3 or not calls:
            print(f"{self.name} memory {self._mib:.0f} MiB, not settled yet")
            return ""
        slope, limit = _slope(np.array(settled)), GROWTH_KIB[self.name]
        print(
            f"{self.name} memory {settled[0][1] / 1024:.1f} MiB settled, {self._mib:.1f} at the end,", end=" "
        )
        noise = _NOISE_KIB / calls
        print(f"{slope:.3f} KiB a call over {calls} calls (allowed: {limit}, and {noise:.2f} of noise)")
        if slope > limit + noise:
            return f"{self.name} grows by {slope:.2f} KiB a call"
        return ""


def _slope(samples: np.ndarray) -> float:
    """The median of the slopes between any two samples."""
    one, other = np.triu_indices(len(samples), 1)
    x, y = samples[:, 0], samples[:, 1]
    apart = x[other] - x[one]
    return float(np.median((y[other] - y[one])[apart > 0] / apart[apart > 0]))


async def soak(calls: int, seconds: float) -> str:
    media = recording = None
    host = f"127.77.{os.getpid() >> 8 & 0xFF}.{os.getpid() & 0xFF | 1}"
    phones = Phones(host, calls)
    with tempfile.TemporaryDirectory() as name:
        nats = NatsServer.start(Path(name) / "nats")
        try:
            media, port = relay.launch("seatbus_media", nats, Path(name), rtp_host=host, port_quarantine_s=2)
            recording, other = relay.launch("seatbus_recording", nats, Path(name))
            async with grpc.aio.insecure_channel(f"{relay.HOST}:{other}") as channel:
                await asyncio.wait_for(channel.channel_ready(), 60)
            async with grpc.aio.insecure_channel(f"{relay.HOST}:{port}") as channel:
                await asyncio.wait_for(channel.channel_ready(), 60)
                watched = (Watched("media", media.pid), Watched("recording", recording.pid))
                stub = MediaStub(channel)  # type: ignore[no-untyped-call]
                owner = Owner(stub)
                watch = asyncio.create_task(owner.watch())
                ended = await _run(owner, watched, phones, calls, seconds)
                faults = [one.grown() for one in watched] + _lost(ended) + owner.faults()
                if watch.done():
                    faults.append(f"the events of media ended: {watch.exception()}")
                watch.cancel()
                await asyncio.gather(watch, return_exceptions=True)
                if phones.crossed:
                    faults.append(f"{phones.crossed} packets came to another leg than they were said to")
                await asyncio.sleep(2.0)
                faults += [one.left() for one in watched]
                listed = await stub.ListSessions(pb.ListSessionsRequest(owner=_OWNER), timeout=_ANSWER_S)
                if listed.sessions:
                    faults.append(f"{len(listed.sessions)} sessions were left")
                return "; ".join(filter(None, faults))
        finally:
            phones.close()
            for process in (media, recording):
                if process is not None:
                    process.kill()
                    process.wait()
            nats.stop()


def _dropped() -> dict[str, int]:
    """Of UDP since the machine's start, whoever's packets they were: (source: /proc/net/snmp)"""
    names, values = (
        line.split()[1:] for line in Path("/proc/net/snmp").read_text().splitlines() if "Udp:" in line
    )
    kernel = dict(zip(names, map(int, values), strict=True))
    return {"no port": kernel["NoPorts"], "no room": kernel["RcvbufErrors"]}


async def _run(
    owner: Owner, watched: tuple[Watched, Watched], phones: Phones, calls: int, seconds: float
) -> Told:
    began = now = time.monotonic()
    free = deque(range(calls))
    live: dict[asyncio.Task[Told], int] = {}
    ended, over, number, turn, due = Told(), 0, 0, 0, began
    sampled = told = began
    dropped = _dropped()
    while live or now - began < seconds:
        # New calls come at a steady rate, so that ends do, too.
        if free and number < calls * (now - began) / TALK_S and now - began < seconds:
            place, number = free.popleft(), number + 1
            live[asyncio.create_task(Call(owner, phones, place, number).live())] = place
        phones.speak(turn % SLOTS)
        phones.listen(turn % SLOTS)
        turn += 1
        for task in [task for task in live if task.done()]:
            free.append(live.pop(task))
            ended, over = ended + task.result(), over + 1
        if now - sampled > _SAMPLE_S and now - began < seconds:
            sampled = now
            for one in watched:
                one.sample(over)
        if now - told > _TELL_S:
            told = now
            print(f"at {now - began:.0f} s: {over} calls over, {len(live)} live", end="")
            print(*("", *map(str, watched)), sep=", ", end="")
            kernel = (f"{count - dropped[why]} {why}" for why, count in _dropped().items())
            print(*("; dropped on the machine", *kernel), flush=True)
        due = max(due + _STEP_S / SLOTS, now - 0.5)
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        now = time.monotonic()
    held = turn * _STEP_S / SLOTS / (now - began)
    print(f"calls {over}, {calls} at once; the phones held {held:.2%} of their pace")
    if held < _HELD:
        print("the phones were late: this was less than the load that was asked for")
    return ended


def _lost(ended: Told) -> list[str]:
    print(f"packets {ended.said} said, {ended.received} received by media, {ended.sent} sent", end=", ")
    print(f"{ended.heard} heard")
    faults = []
    inside = ended.received - ended.sent
    # Sent and not heard was dropped at a peer; holes beyond that were made inside.
    holes = ended.missing - (ended.sent - ended.heard)
    if inside > 0 or holes > 0:
        faults.append(f"lost inside: {inside} not sent, {holes} holes in the numbers")
    print(f"dropped by the kernel {ended.said - ended.received} before media,", end=" ")
    print(f"{ended.sent - ended.heard} before the peers")
    if ended.said - ended.received > ended.said * _LOSS:
        faults.append(f"media did not read {ended.said - ended.received} packets in time")
    return faults


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=250)
    parser.add_argument("--seconds", type=float, default=3600.0)
    options = parser.parse_args()
    faults = asyncio.run(soak(options.calls, options.seconds))
    print(f"soak {faults or 'ok'}")
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
