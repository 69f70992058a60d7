"""Other people's phones for tests: SIPp as a caller, baresip as a registered agent."""

from __future__ import annotations

import asyncio
import contextlib
import random
import shutil
import signal
import socket
import struct
import wave
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import pytest

from seatbus_rtp.g711 import encode_pcma
from seatbus_rtp.tones import tone
from seatbus_testkit.platform import PlatformError

SCENARIOS = Path(__file__).parent / "scenarios"
_given: deque[int] = deque(maxlen=300)


def need(program: str, package: str) -> str:
    """Path of a peer; skips the test, saying what to install, when it is not there."""
    found = shutil.which(program)
    if found is None:
        pytest.skip(f"{program} is not installed (package {package})")
    return found


def free_port(host: str) -> int:
    """An even port that is free with the next one, that was not given out lately, and that neither the system
    gives to an outgoing connection nor SIPp takes for its audio (6000 and more).
    """
    for port in random.sample(range(2000, 6000, 2), 500):
        if port in _given:
            continue
        with contextlib.ExitStack() as probes:
            try:
                for number, kind in product((port, port + 1), (socket.SOCK_DGRAM, socket.SOCK_STREAM)):
                    family = socket.AF_INET6 if ":" in host else socket.AF_INET
                    probe = probes.enter_context(socket.socket(family, kind))
                    probe.bind((host, number))
            except OSError:
                continue
            _given.append(port)
            return port
    raise PlatformError(f"no free port at {host}")


def write_pcap(path: Path, payload_type: int, packets: list[tuple[int, int, bool, bytes]]) -> None:
    """RTP in a capture file, as SIPp plays it: (microseconds, RTP timestamp, marker, payload) each."""
    with path.open("wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
        for sequence, (at_us, timestamp, marker, payload) in enumerate(packets):
            rtp = (
                struct.pack(
                    "!BBHII", 0x80, payload_type | (0x80 if marker else 0), sequence, timestamp, 0x5EA7B05
                )
                + payload
            )
            udp = struct.pack("!HHHH", 6000, 6000, 8 + len(rtp), 0) + rtp
            ip = struct.pack(
                "!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), sequence, 0, 64, 17, 0, b"\x7f\0\0\1", b"\x7f\0\0\1"
            )
            frame = b"\0" * 12 + b"\x08\0" + ip + udp
            file.write(
                struct.pack("<IIII", at_us // 1_000_000, at_us % 1_000_000, len(frame), len(frame)) + frame
            )


def tone_pcap(path: Path, hz: float, seconds: float, dbfs: float = -12.0) -> None:
    """A sine as PCMA in 20 ms packets. The timestamps begin where a digit before it would have ended."""
    pcm = tone((hz,), seconds, dbfs)
    data = encode_pcma(pcm)
    frames = [data[i : i + 160] for i in range(0, len(data) - 159, 160)]
    write_pcap(path, 8, [(i * 20_000, 100_000 + i * 160, i == 0, frame) for i, frame in enumerate(frames)])


def digit_pcap(path: Path, digit: int) -> None:
    """One RFC 4733 digit of 100 ms, payload type 101, with its three end packets."""
    packets = []
    for i in range(8):
        end = i >= 5
        duration = min((i + 1) * 160, 800)
        packets.append(
            (i * 20_000, 50_000, i == 0, struct.pack("!BBH", digit, (0x80 if end else 0) | 10, duration))
        )
    write_pcap(path, 101, packets)


@dataclass
class SippResult:
    code: int
    output: str


async def run_sipp(
    folder: Path, server: tuple[str, int], *, host: str, service: str, talk_ms: int, hz: float, seconds: float
) -> SippResult:
    """One call by SIPp with `caller.xml`: digit 1, then a tone of `hz`. Raw sockets: needs root."""
    program = need("sipp", "sip-tester")
    digit_pcap(folder / "digit.pcap", 1)
    tone_pcap(folder / "voice.pcap", hz, seconds)
    scenario = (SCENARIOS / "caller.xml").read_text()
    scenario = scenario.replace("[dtmf_pcap]", str(folder / "digit.pcap")).replace(
        "[voice_pcap]", str(folder / "voice.pcap")
    )
    (folder / "caller.xml").write_text(scenario.replace("[talk_ms]", str(talk_ms)))
    process = await asyncio.create_subprocess_exec(
        program, f"{server[0]}:{server[1]}", "-sf", str(folder / "caller.xml"), "-s", service,
        "-m", "1", "-l", "1", "-i", host, "-p", str(free_port(host)),
        "-mi", host, "-mp", str(free_port(host)),
        "-timeout", "60", "-trace_err", "-nostdin", cwd=folder,
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    try:
        output, _ = await asyncio.wait_for(process.communicate(), 70)
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
    return SippResult(process.returncode or 0, output.decode(errors="replace"))


async def _sipp(
    program: str, folder: Path, *args: str, calls: str = "1", seconds: str = "30"
) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        program, *args, "-m", calls, "-timeout", seconds, "-trace_err", "-nostdin", cwd=folder,
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip


async def sipp_once(
    folder: Path, server: tuple[str, int], username: str, password: str, scenario: str, port: int = 0
) -> None:
    """SIPp goes through one scenario that begins with a request. Raises RuntimeError if it goes otherwise."""
    process = await _sipp(
        need("sipp", "sip-tester"), folder, f"{server[0]}:{server[1]}", "-sf", str(SCENARIOS / scenario),
        "-s", username, "-au", username, "-ap", password,
        "-i", server[0], "-p", str(port or free_port(server[0])),
    )  # fmt: skip
    output, _ = await asyncio.wait_for(process.communicate(), 35)
    if process.returncode:
        raise RuntimeError(f"SIPp did not go through {scenario}: {output[-2000:]!r}")


@asynccontextmanager
async def sipp_agent(
    folder: Path, server: tuple[str, int], username: str, password: str, scenario: str, *, calls: int = 1
) -> AsyncIterator[asyncio.subprocess.Process]:
    """A registered SIPp that takes calls as the scenario says; the process, to be waited for."""
    port = free_port(server[0])
    await sipp_once(folder, server, username, password, "agent_register.xml", port)
    answering = await _sipp(
        need("sipp", "sip-tester"), folder, "-sf", str(SCENARIOS / scenario),
        "-i", server[0], "-p", str(port), calls=str(calls), seconds="60",
    )  # fmt: skip
    try:
        yield answering
    finally:
        with contextlib.suppress(ProcessLookupError):
            answering.kill()
        await answering.wait()


@asynccontextmanager
async def sipp_carrier(folder: Path, host: str, scenario: str) -> AsyncIterator[int]:
    """SIPp as the peer of a trunk, at this port. Raises RuntimeError when a call goes otherwise."""
    program, port = need("sipp", "sip-tester"), free_port(host)
    at = ["-i", host, "-p", str(port)]
    process = await _sipp(program, folder, "-sf", str(SCENARIOS / scenario), *at, calls="1000", seconds="120")
    try:
        yield port
        # It ends once its calls have.
        process.send_signal(signal.SIGUSR1)
        await asyncio.wait_for(process.communicate(), 30)
        if process.returncode:
            said = "".join(path.read_text(errors="replace") for path in folder.glob("*errors.log"))
            raise RuntimeError(f"SIPp, {process.returncode}: {said[-3000:]}")
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


@asynccontextmanager
async def baresip_agent(
    folder: Path,
    server: tuple[str, int],
    username: str,
    password: str,
    *,
    hz: int,
    transport: str = "udp",
    encryption: str = "",
    host: str = "",
    dials: str = "",
    control: int = 0,
) -> AsyncIterator[Path]:
    """A registered baresip that answers by itself, sends a sine of `hz`, and writes what it hears.

    Yields the folder into which it writes wave files (`dump-*-dec.wav`). `encryption` is its `mediaenc`; with
    `dials` it does not register but calls that number, from `host`; with `control` it does what it is told at
    that TCP port, and answers when told.
    """
    host = host or server[0]
    program = need("baresip", "baresip-core")
    config = folder / "baresip"
    config.mkdir(parents=True, exist_ok=True)
    with wave.open(str(folder / "voice.wav"), "wb") as voice:
        voice.setnchannels(1)
        voice.setsampwidth(2)
        voice.setframerate(8000)
        voice.writeframes(tone((hz,), 60.0, -12.0).astype("<i2").tobytes())
    (config / "config").write_text(
        "\n".join(
            [
                f"sip_listen {host}:{free_port(host)}",
                "module_path /usr/lib/baresip/modules",
                "module stdio.so",
                "module g711.so",
                *(["module srtp.so"] if encryption else []),
                "module aufile.so",
                "module sndfile.so",
                "module aubridge.so",
                "module_app account.so",
                "module_app menu.so",
                *(["module_app ctrl_tcp.so", f"ctrl_tcp_listen 127.0.0.1:{control}"] if control else []),
                f"audio_source aufile,{folder}/voice.wav",
                "audio_player aubridge,sink",
                "audio_alert aubridge,alert",
                "ausrc_srate 8000",
                "auplay_srate 8000",
                "ausrc_channels 1",
                "auplay_channels 1",
                f"snd_path {folder}",
                f"net_interface {host}",
                "sip_cafile",
            ]
        )
        + "\n"
    )
    answers = "manual" if control else "auto"
    (config / "accounts").write_text(
        f"<sip:{username}@{server[0]}:{server[1]};transport={transport}>;auth_user={username};auth_pass={password};"
        f"answermode={answers};regint={0 if dials else 60};audio_codecs=PCMA/8000/1,PCMU/8000/1"
        + (f";mediaenc={encryption}" if encryption else "")
        + "\n"
    )
    commands = ["-e", f"/dial sip:{dials}@{server[0]}:{server[1]}"] if dials else []
    process = await asyncio.create_subprocess_exec(
        program, "-f", str(config), "-v", *commands,
        stdout=(folder / "baresip.log").open("wb"), stderr=asyncio.subprocess.STDOUT,
        stdin=asyncio.subprocess.PIPE, cwd=folder,
    )  # fmt: skip
    try:
        yield folder
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(process.wait(), 5)
        except TimeoutError:
            process.kill()
            await process.wait()
