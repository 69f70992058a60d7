"""A headless Chromium, steered over its DevTools protocol: open a page, ask it, take its picture."""

from __future__ import annotations

import base64
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from websockets.sync.client import ClientConnection, connect

FLAGS: Final = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
    "--no-default-browser-check",
    "--remote-debugging-port=0",
)


class PageError(Exception):
    """The browser or the page did not do what was asked."""


def program() -> str | None:
    """Path of a Chromium on this machine, if there is one."""
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


class Chromium:
    """One browser with one page. `language` is that of the browser, e.g. `zh-CN`; `flags` come on top."""

    def __init__(
        self, width: int = 1920, height: int = 1080, language: str = "en-US", flags: Sequence[str] = ()
    ) -> None:
        self._flags = tuple(flags)
        self._size = (width, height)
        self._language = language
        self._profile = tempfile.TemporaryDirectory(prefix="seatbus-chromium-", ignore_cleanup_errors=True)
        self._process: subprocess.Popen[bytes] | None = None
        self._socket: ClientConnection | None = None
        self._open = ExitStack()
        self._calls = 0

    def __enter__(self) -> Self:
        path = program()
        if path is None:
            raise PageError("no chromium on this machine")
        width, height = self._size
        self._process = subprocess.Popen(
            [
                path,
                *FLAGS,
                *self._flags,
                f"--user-data-dir={self._profile.name}",
                f"--window-size={width},{height}",
                f"--lang={self._language}",
                f"--accept-lang={self._language}",
                "about:blank",
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "LANGUAGE": self._language},
            start_new_session=True,
        )
        try:
            self._socket = self._open.enter_context(
                connect(self._page_address(), max_size=None, open_timeout=20)
            )
            self.call("Page.enable")
            self.call(
                "Emulation.setDeviceMetricsOverride",
                width=width,
                height=height,
                deviceScaleFactor=1,
                mobile=False,
            )
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    def open(self, url: str) -> None:
        self.call("Page.navigate", url=url)
        self.wait_for("document.readyState === 'complete'")

    def evaluate(self, expression: str) -> Any:
        """Value of a JavaScript expression, as JSON carries it. Raises PageError if it throws."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            raise PageError(
                f"{expression}: {answer['exceptionDetails'].get('exception', {}).get('description')}"
            )
        return answer["result"].get("value")

    def text(self, selector: str) -> str | None:
        """Text of the first element that fits, None if there is none."""
        found = self.evaluate(f"document.querySelector({json.dumps(selector)})?.innerText ?? null")
        return found if found is None else str(found)

    def wait_for(self, expression: str, timeout_s: float = 15) -> Any:
        """First true value of the expression. Raises PageError with the page's text after `timeout_s`."""
        until = time.monotonic() + timeout_s
        while True:
            value = self.evaluate(expression)
            if value:
                return value
            if time.monotonic() > until:
                raise PageError(
                    f"not within {timeout_s:g} s: {expression}\n{self.evaluate('document.body.innerText')}"
                )
            time.sleep(0.05)

    def click(self, selector: str) -> None:
        self.evaluate(f"document.querySelector({json.dumps(selector)}).click()")

    def picture(self, path: Path) -> None:
        answer = self.call("Page.captureScreenshot", format="png")
        path.write_bytes(base64.b64decode(answer["data"]))

    def call(self, method: str, **parameters: object) -> dict[str, Any]:
        if self._socket is None:
            raise PageError("the browser is not running")
        self._calls += 1
        self._socket.send(json.dumps({"id": self._calls, "method": method, "params": parameters}))
        while True:
            answer = json.loads(self._socket.recv(timeout=30))
            if answer.get("id") == self._calls:
                break
        if "error" in answer:
            raise PageError(f"{method}: {answer['error']['message']}")
        result: dict[str, Any] = answer["result"]
        return result

    def _page_address(self) -> str:
        port_file = Path(self._profile.name) / "DevToolsActivePort"
        until = time.monotonic() + 30
        while time.monotonic() < until:
            if self._process is None or self._process.poll() is not None:
                raise PageError("chromium ended at once")
            if port_file.exists() and (lines := port_file.read_text().splitlines()):
                with urllib.request.urlopen(f"http://127.0.0.1:{lines[0]}/json/list", timeout=10) as answer:
                    pages = [target for target in json.load(answer) if target["type"] == "page"]
                if pages:
                    return str(pages[0]["webSocketDebuggerUrl"])
            time.sleep(0.1)
        raise PageError("chromium did not open a page within 30 s")

    def _stop(self) -> None:
        self._socket = None
        self._open.close()
        if self._process is not None:
            # Its renderers are in the same group: none may outlive the test.
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(timeout=10)
            self._process = None
        self._profile.cleanup()
