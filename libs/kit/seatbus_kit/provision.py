"""The streams and buckets of the platform. `ensure` makes what is missing; any process may call it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Final

from seatbus_kit.errors import NotFound, OutcomeUnknown, Refused, Unavailable
from seatbus_kit.log import get_logger

if TYPE_CHECKING:
    from seatbus_kit.bus import Bus
    from seatbus_kit.settings import ServiceSettings

log = get_logger("seatbus.provision")

_SECOND_NS: Final = 1_000_000_000
_DAY_NS: Final = 86_400 * _SECOND_NS
PROMPTS: Final = "prompts"


@dataclass(frozen=True, slots=True)
class Stream:
    """A stream of facts. Seven days is longer than any snapshot or outbox lives."""

    name: str
    subjects: tuple[str, ...]
    days: int = 7
    schedules: bool = False

    def config(self, replicas: int) -> dict[str, object]:
        config: dict[str, object] = {
            "name": self.name,
            "subjects": list(self.subjects),
            "retention": "limits",
            "discard": "old",
            "storage": "file",
            "max_age": self.days * _DAY_NS,
            "duplicate_window": 120 * _SECOND_NS,
            "num_replicas": replicas,
            "allow_direct": False,
        }
        if self.schedules:
            config |= {"allow_msg_schedules": True, "allow_msg_ttl": True, "allow_rollup_hdrs": True}
        return config


@dataclass(frozen=True, slots=True)
class BucketSpec:
    """A key-value bucket of live state.

    Direct reads are off (they were stale right after a write), one value a key, and ended records leave by
    purge with roll-up and TTL.
    """

    name: str
    atomic: bool = False

    def config(self, replicas: int) -> dict[str, object]:
        return {
            "name": f"KV_{self.name}",
            "subjects": [f"$KV.{self.name}.>"],
            "retention": "limits",
            "discard": "new",
            "storage": "file",
            "max_msgs_per_subject": 1,
            "max_age": 0,
            "duplicate_window": 120 * _SECOND_NS,
            "num_replicas": replicas,
            "allow_direct": False,
            "allow_rollup_hdrs": True,
            "allow_msg_ttl": True,
            "deny_delete": True,
            "allow_atomic": self.atomic,
        }


STREAMS: Final = (
    Stream("CALL", ("sb.*.call.>",)),
    Stream("AGENT", ("sb.*.agent.>",)),
    Stream("CONTACT", ("sb.*.contact.>",)),
    Stream("RECORDING", ("sb.*.recording.>",)),
    Stream("CONFIG", ("sb.*.config.>",)),
    Stream("DLQ", ("sb_dlq.>",)),
    Stream("SCHEDULE", ("sb_timer.>",), schedules=True),
)

BUCKETS: Final = (
    BucketSpec("config", atomic=True),
    BucketSpec("instances"),
    BucketSpec("calls"),
    BucketSpec("registrations"),
    BucketSpec("dialogs"),
    BucketSpec("ivr"),
    BucketSpec("waiting"),
    BucketSpec("routing"),
    BucketSpec("agents"),
    BucketSpec("seats"),
    BucketSpec("leases"),
    BucketSpec("recordings"),
    BucketSpec("board"),
    BucketSpec("toll"),
)


def _prompts_config(replicas: int) -> dict[str, object]:
    return {
        "name": f"OBJ_{PROMPTS}",
        "subjects": [f"$O.{PROMPTS}.C.>", f"$O.{PROMPTS}.M.>"],
        "retention": "limits",
        "discard": "new",
        "storage": "file",
        "num_replicas": replicas,
        "allow_rollup_hdrs": True,
        "allow_direct": False,
    }


def configs(replicas: int) -> list[dict[str, object]]:
    """Every stream of the platform as the server wants it described."""
    return [
        *(stream.config(replicas) for stream in STREAMS),
        *(bucket.config(replicas) for bucket in BUCKETS),
        _prompts_config(replicas),
    ]


async def _existing(bus: Bus) -> dict[str, dict[str, object]]:
    found: dict[str, dict[str, object]] = {}
    while True:
        page = await bus.api("STREAM.LIST", {"offset": len(found)})
        streams = page.get("streams") or []
        if not isinstance(streams, list) or not streams:
            return found
        before = len(found)
        for stream in streams:
            found[stream["config"]["name"]] = stream["config"]
        if len(found) >= int(str(page.get("total", 0))):
            return found
        if page.get("missing") or len(found) == before:
            # Nodes that did not answer in time: what they have is not new, and no later page tells of it.
            raise Unavailable("the cluster did not tell of all streams")


def _differs(wanted: dict[str, object], found: dict[str, object]) -> bool:
    # Where the server leaves a false or zero field out, missing equals the falsy value.
    return any((found.get(key) or None) != (value or None) for key, value in wanted.items())


async def ensure(bus: Bus, replicas: int = 1, *, timeout: float = 30.0) -> None:
    """Makes missing streams and brings changed ones in line. Idempotent and safe beside other callers.

    Raises Refused when the server rejects a stream, Unavailable when the bus did not take it in `timeout` s.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + timeout
    while True:
        try:
            found = await _existing(bus)
            await asyncio.gather(*(_ensure_one(bus, config, found) for config in configs(replicas)))
            return
        except (Unavailable, OutcomeUnknown) as error:
            if loop.time() > deadline:
                raise Unavailable(f"streams could not be made: {error.message}") from error
            log.info("waiting for JetStream", reason=error.message)
            await asyncio.sleep(0.2)


async def _ensure_one(bus: Bus, config: dict[str, object], found: dict[str, dict[str, object]]) -> None:
    name = str(config["name"])
    present = found.get(name)
    if present is None:
        try:
            await bus.api(f"STREAM.CREATE.{name}", config, timeout=10.0)
        except Refused as error:
            if error.rule == _NO_PEERS:
                # A cluster that has just formed does not know all its nodes yet.
                raise Unavailable(f"no nodes for the replicas of stream {name}") from None
            if error.rule != _NAME_IN_USE:
                raise
    elif _differs(config, present):
        try:
            await bus.api(f"STREAM.UPDATE.{name}", present | config, timeout=10.0)
        except NotFound:
            raise Unavailable(f"stream {name} vanished") from None


_NO_PEERS = "10005"
_NAME_IN_USE = "10058"


class Sync(Enum):
    """What a node's monitor says of its writes."""

    ALWAYS = "always"
    LATER = "later"
    SILENT = "silent"


async def check_durability(settings: ServiceSettings) -> None:
    """Asks every NATS node whether it syncs before it acknowledges; clients cannot see that otherwise.

    Raises Refused in production when a node that answers does not, or when no majority of the nodes answers.
    A minority that is silent is only told: a service must be able to start while one node is down.
    In dev everything is only told.
    """
    urls = settings.nats_monitors
    production = settings.environment == "production"
    if not urls:
        if production:
            raise Refused("not_durable", "no nats_monitor_url, sync_interval cannot be checked")
        return
    answers = await asyncio.gather(*(asyncio.to_thread(_sync, url) for url in urls))
    said = list(zip(urls, answers, strict=True))
    lazy = [url for url, sync in said if sync is Sync.LATER]
    silent = [url for url, sync in said if sync is Sync.SILENT]
    if lazy:
        if production:
            raise Refused("not_durable", f"without sync_interval: always: {', '.join(lazy)}")
        log.warning("JetStream may lose acknowledged writes", nodes=lazy)
    if silent:
        if production and len(silent) * 2 >= len(urls):
            raise Refused(
                "not_durable", f"no majority of the monitors answers: {', '.join(silent)} are silent"
            )
        log.warning("monitors do not answer, their sync_interval is not known", nodes=silent)


def _sync(url: str) -> Sync:
    import urllib.request

    import orjson

    try:
        with urllib.request.urlopen(f"{url}/varz", timeout=3) as answer:
            jetstream = orjson.loads(answer.read()).get("jetstream", {}).get("config", {})
    except (OSError, ValueError) as error:
        log.info("monitor does not answer", url=url, reason=str(error))
        return Sync.SILENT
    return Sync.ALWAYS if jetstream.get("sync_always") else Sync.LATER
