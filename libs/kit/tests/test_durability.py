"""What a service makes of nodes that may lose acknowledged writes."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from seatbus_kit.errors import Refused
from seatbus_kit.provision import check_durability
from seatbus_kit.settings import ServiceSettings

SILENT = "http://127.0.0.1:1"


@pytest.fixture(scope="module")
def nodes() -> Iterator[dict[str, str]]:
    """Monitors by what they say."""

    class Monitor(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            always = self.path.startswith("/always")
            body = b'{"jetstream":{"config":{"sync_always":%s}}}' % (b"true" if always else b"false")
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Monitor)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    at = f"http://127.0.0.1:{server.server_port}"
    yield {"always": f"{at}/always", "later": f"{at}/later", "silent": SILENT}
    server.shutdown()


def settings(environment: str, urls: list[str]) -> ServiceSettings:
    return ServiceSettings.model_validate(
        {"environment": environment, "nats_monitor_url": ",".join(urls) or None}
    )


@pytest.mark.parametrize(
    ("said", "refusal"),
    [
        (["always"], ""),
        (["always", "always", "always"], ""),
        (["always", "silent", "always"], ""),
        (["always", "silent", "silent"], "majority"),
        (["always", "silent"], "majority"),
        (["silent"], "majority"),
        (["later"], "sync_interval"),
        (["always", "later", "always"], "sync_interval"),
        ([], "nats_monitor_url"),
    ],
)
async def test_production_starts_only_where_a_majority_is_known_to_sync(
    nodes: dict[str, str], said: list[str], refusal: str
) -> None:
    urls = [nodes[name] for name in said]
    if refusal:
        with pytest.raises(Refused, match=refusal):
            await check_durability(settings("production", urls))
    else:
        await check_durability(settings("production", urls))


@pytest.mark.parametrize("said", [["later"], ["silent"], []])
async def test_dev_is_only_told(nodes: dict[str, str], said: list[str]) -> None:
    await check_durability(settings("dev", [nodes[name] for name in said]))
