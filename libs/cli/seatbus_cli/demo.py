"""The demo tenant: configured through the gateway as any tenant is, then peopled by the simulator."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import Awaitable, Callable
from typing import Any

from google.protobuf import json_format

from seatbus_cli.client import Client, ClientError
from seatbus_cli.specs import PlatformOptions, secret
from seatbus_cli.supervisor import Supervisor
from seatbus_cli.up import simulator_spec
from seatbus_testkit.demo_tenant import (
    E164,
    NUMBER,
    OWN_AGENT,
    OWN_USERNAME,
    TENANT,
    agent_id,
    demo_objects,
)

AGENTS = 10
PHONES_SECRET = "demo-phones.password"
OWN_SECRET = f"{OWN_USERNAME}.password"
BOARD_SECRET = "demo-board.key"
BOARD_KEY = "wallboard"
_PATIENCE_S = 20.0
PAUSE_S = 0.5
_PASSING = (0, 502, 503, 504)


def prepare_demo(
    options: PlatformOptions, simulate: bool, rate: float
) -> Callable[[Client, Supervisor], Awaitable[str]]:
    """What to do once the platform is up: configure, start the simulator (`rate` calls a minute), explain.

    The returned function raises ClientError if the platform refuses the configuration.
    """

    async def prepare(client: Client, supervisor: Supervisor) -> str:
        await asyncio.to_thread(configure, client, options)
        if simulate:
            supervisor.start(simulator_spec(options, ["--rate", f"{rate:g}"]))
        else:
            await asyncio.to_thread(_send_home, client)
        key = await asyncio.to_thread(board_key, client, options)
        return _banner(options, simulate, rate, key)

    return prepare


def configure(client: Client, options: PlatformOptions) -> None:
    """Writes the demo tenant as one atomic change. Again is no error. Raises ClientError."""
    objects = demo_objects(
        AGENTS,
        password=secret(options.data_dir / "secrets" / PHONES_SECRET, 18),
        own_password=secret(options.data_dir / "secrets" / OWN_SECRET, 9),
        trunk_source=options.host,
    )
    upserts = []
    for item in objects:
        fields = json_format.MessageToDict(item, preserving_proto_field_name=True)
        fields.pop("tenant_id", None)
        upserts.append(fields)
    deadline = time.monotonic() + _PATIENCE_S
    while True:
        try:
            _apply(client, upserts)
        except ClientError as error:
            # The services have announced themselves; their first watch of the bus may still be under way.
            if error.status not in _PASSING or time.monotonic() > deadline:
                raise
            time.sleep(PAUSE_S)
        else:
            return


def _apply(client: Client, upserts: list[dict[str, Any]]) -> None:
    try:
        client.post(f"/tenants/{TENANT}/config", {"upserts": upserts})
    except ClientError as error:
        if error.status != 404:
            raise
        tenant = next(item["tenant"] for item in upserts if "tenant" in item)
        client.post("/tenants", {"id": TENANT, **tenant})
        client.post(f"/tenants/{TENANT}/config", {"upserts": upserts})


def _send_home(client: Client) -> None:
    """Logs out what an earlier simulation left logged in: calls would ring phones that are not there."""
    simulated = {agent_id(number) for number in range(1, AGENTS + 1)}
    states = client.get(f"/tenants/{TENANT}/agent-states").get("agents", [])
    for state in states:
        out = state.get("presence") in (None, "PRESENCE_LOGGED_OUT", "PRESENCE_UNSPECIFIED")
        if state.get("agent_id") in simulated and not out:
            client.post(f"/tenants/{TENANT}/agents/{state['agent_id']}/state", {"action": "logout"})


def board_key(client: Client, options: PlatformOptions) -> str:
    """A key that reads the demo's board and changes nothing: addresses are copied and stay in histories.

    It is kept from start to start; one that the platform does not know any more is made anew. Raises
    ClientError.
    """
    path = options.data_dir / "secrets" / BOARD_SECRET
    if path.exists():
        key = path.read_text().strip()
        try:
            Client(client.url, key).get(f"/tenants/{TENANT}/board")
        except ClientError as error:
            if error.status not in (401, 403):
                return key
        else:
            return key
        path.unlink()
    with contextlib.suppress(ClientError):  # its secret is lost
        client.delete(f"/tenants/{TENANT}/api-keys/{BOARD_KEY}")
    body = {"id": BOARD_KEY, "label": "wallboard of the demo", "role": "agent"}
    key = str(client.post(f"/tenants/{TENANT}/api-keys", body)["key"])
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w") as file:
        file.write(key)
    return key


def _banner(options: PlatformOptions, simulate: bool, rate: float, key: str) -> str:
    password = secret(options.data_dir / "secrets" / OWN_SECRET, 9)
    server = f"{options.host}:{options.ports.sip}"
    where = f"--data-dir {options.data_dir}"
    if simulate:
        first = f"  demo        {AGENTS} simulated agents, about {rate:g} calls a minute (--rate changes it)"
    else:
        first = "  demo        quiet: nobody is logged in, nobody calls"
    return "\n".join(
        [
            f"  wallboard   {options.http_url}/?tenant={TENANT}#key={key}",
            first,
            f"  dial        {NUMBER} (or {E164}), then 1 for sales, 2 for support",
            f"  your phone  register at {server} (UDP) as {OWN_USERNAME}, password {password}",
            "  take calls  log its agent in:",
            f"      curl -s -X POST {options.http_url}/api/v1/tenants/{TENANT}/agents/{OWN_AGENT}/state \\",
            f'           -H "Authorization: Bearer $(cat {options.operator_key_file})" \\',
            "           -H 'Content-Type: application/json' \\",
            """           -d '{"action": "login", "device_id": "phone-2000", "ready": true}'""",
            f"  test call   seatbus call {NUMBER} --digits 1 --seconds 30 {where}",
        ]
    )
