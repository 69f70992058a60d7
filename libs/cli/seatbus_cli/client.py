"""The gateway's HTTP interface, as the `seatbus` command uses it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import httpx


class ClientError(Exception):
    """What the platform answered, in one sentence for the terminal."""

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


class Client:
    """Requests to one platform, with the operator's key of its data directory unless another is given."""

    def __init__(self, url: str, key: str, timeout: float = 10.0) -> None:
        self.url = url.rstrip("/")
        self.key = key
        self._http = httpx.Client(
            base_url=f"{self.url}/api/v1",
            headers={"Authorization": f"Bearer {key}"},
            timeout=timeout,
            trust_env=False,
        )

    @classmethod
    def find(cls, data_dir: Path, url: str | None = None, key: str | None = None) -> Client:
        """Address and key: the options, `SEATBUS_URL` and `SEATBUS_KEY`, or the platform of `data_dir`."""
        url = url or os.environ.get("SEATBUS_URL")
        key = key or os.environ.get("SEATBUS_KEY")
        state = data_dir / "run" / "platform.json"
        if not (url and key):
            if not state.exists():
                raise ClientError(
                    f"no platform runs with the data directory {data_dir} (start it with `seatbus up`, "
                    "or give --url and --key)"
                )
            found = json.loads(state.read_text())
            url = url or str(found["http"])
            key = key or Path(found["operator_key_file"]).read_text().strip()
        return cls(url, key)

    def get(self, path: str, **params: object) -> Any:
        return self._request("GET", path, params={k: v for k, v in params.items() if v not in (None, "")})

    def post(self, path: str, body: object) -> Any:
        return self._request("POST", path, json=body)

    def put(self, path: str, body: object) -> Any:
        return self._request("PUT", path, json=body)

    def delete(self, path: str) -> Any:
        return self._request("DELETE", path)

    def download(self, path: str, target: Path) -> int:
        """Writes what `path` returns to a file; returns its size in bytes."""
        with self._http.stream("GET", path) as answer:
            if answer.status_code != 200:
                answer.read()
                raise _error(answer)
            with target.open("wb") as file:
                for piece in answer.iter_bytes():
                    file.write(piece)
        return target.stat().st_size

    def _request(self, method: str, path: str, **options: Any) -> Any:
        try:
            answer = self._http.request(method, path, **options)
        except httpx.HTTPError as error:
            raise ClientError(f"{self.url} does not answer: {error}") from error
        if answer.status_code >= 400:
            raise _error(answer)
        return answer.json() if answer.content else None


def _error(answer: httpx.Response) -> ClientError:
    try:
        detail = answer.json()["error"]
        where = (
            f" (field {detail['field']}: {detail.get('rule') or 'refused'})" if detail.get("field") else ""
        )
        return ClientError(f"{detail['code']}: {detail['message']}{where}", answer.status_code)
    except (ValueError, KeyError, TypeError):
        return ClientError(f"HTTP {answer.status_code} from {answer.url}", answer.status_code)
