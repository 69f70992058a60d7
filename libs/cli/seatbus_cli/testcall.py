"""A test call from the command line: a caller with a 1000 Hz voice who tells what is heard."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from seatbus_cli.client import ClientError
from seatbus_testkit.phone import Phone, PhoneCall

VOICE_HZ, VOICE_DBFS = 1000, -20.0
ANSWER_TIMEOUT_S = 40.0
_QUIET_DBFS = -50.0


def sip_address(data_dir: Path) -> tuple[str, int]:
    """Host and port of the running platform's SIP side. Raises ClientError if none runs."""
    state = data_dir / "run" / "platform.json"
    if not state.exists():
        raise ClientError(f"no platform runs with the data directory {data_dir} (start it with `seatbus up`)")
    host, _, port = str(json.loads(state.read_text())["sip"]).rpartition(":")
    return host.strip("[]"), int(port)


def place_call(data_dir: Path, number: str, digits: str, seconds: float) -> dict[str, Any]:
    """Calls, presses the digits two seconds apart, hangs up after `seconds`; progress goes to stderr.

    Returns final status, times, what was heard and who ended it. Raises ClientError if no platform runs.
    """
    return asyncio.run(_call(sip_address(data_dir), number, digits, seconds))


async def _call(server: tuple[str, int], number: str, digits: str, seconds: float) -> dict[str, Any]:
    phone = await Phone.start(server, host=server[0], username="test-call", display="Test call")
    try:
        call = await phone.dial(number)
        _say(f"calling {number} at {server[0]}:{server[1]}")
        began = call.history[0][0]
        heard: list[dict[str, float]] = []
        if await _answered(call):
            call.mouth.play_tone(VOICE_HZ, VOICE_DBFS)
            heard = await _talk(call, digits, seconds)
        local = call.state != "ended"
        await call.hang_up()
        return _result(call, began, heard, digits, hung_up=local)
    finally:
        await phone.close()


async def _answered(call: PhoneCall) -> bool:
    try:
        await call.wait_ringing(ANSWER_TIMEOUT_S)
        if call.answered_at is None:
            _say("it rings")
        await call.wait_answered(ANSWER_TIMEOUT_S)
    except TimeoutError:
        _say(f"not answered: {_status(call)}")
        return False
    _say("answered")
    return True


async def _talk(call: PhoneCall, digits: str, seconds: float) -> list[dict[str, float]]:
    """One entry a second: what was heard in it."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    heard: list[dict[str, float]] = []
    waiting = list(digits)
    second = 0
    while call.state != "ended" and second < seconds:
        second += 1
        try:
            await call.wait_ended(max(0.0, began + min(second, seconds) - loop.time()))
        except TimeoutError:
            pass
        hz, _ = call.ears.tone(1.0)
        dbfs = call.ears.level_dbfs(1.0)
        heard.append({"at_s": float(second), "hz": round(hz, 1), "dbfs": round(dbfs, 1)})
        _say(f"{second:3d} s  " + (f"{hz:6.1f} Hz at {dbfs:.1f} dBFS" if dbfs > _QUIET_DBFS else "silence"))
        if waiting and second % 2 == 0 and call.state == "answered":
            digit = waiting.pop(0)
            call.mouth.send_dtmf(digit)
            _say(f"pressed {digit}")
    return heard


def _result(
    call: PhoneCall, began: float, heard: list[dict[str, float]], digits: str, *, hung_up: bool
) -> dict[str, Any]:
    ended = call.history[-1][0]
    loud = [entry for entry in heard if entry["dbfs"] > _QUIET_DBFS]
    # The loudest second is mostly a prompt; the last one tells who was there in the end.
    loudest = max(loud, key=lambda entry: entry["dbfs"], default=None)
    if call.answered_at is None:
        how = "never answered"
    else:
        how = "hung up here" if hung_up or call.ended_by == "local" else "the other side hung up"
    return {
        "number": call.dialed,
        "sip_call_id": call.id,
        "status": call.status,
        "reason": call.reason,
        "rang_after_s": _since(call.rang_at, began),
        "answered_after_s": _since(call.answered_at, began),
        "duration_s": None if call.answered_at is None else round(ended - call.answered_at, 2),
        "ended": how,
        "digits": digits if call.answered_at is not None else "",
        "heard_s": len(loud),
        "dominant_hz": loudest["hz"] if loudest else None,
        "level_dbfs": loudest["dbfs"] if loudest else None,
        "last_hz": heard[-1]["hz"] if heard and heard[-1] in loud else None,
        "last_dbfs": heard[-1]["dbfs"] if heard else None,
        "packets": call.ears.received,
        "longest_gap_ms": round(call.ears.longest_gap_ms(), 1),
        "heard": heard,
    }


def _since(at: float | None, began: float) -> float | None:
    return None if at is None else round(at - began, 3)


def _status(call: PhoneCall) -> str:
    return f"{call.status} {call.reason}" if call.status else "no final answer"


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
