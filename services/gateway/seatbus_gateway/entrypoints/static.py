"""The web pages: static files, and the one page of the application for every other address."""

from __future__ import annotations

from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response

_FOREVER = "public, max-age=31536000, immutable"


class WebPages:
    def __init__(self, folder: Path | None) -> None:
        self._folder = folder.resolve() if folder is not None else None

    async def serve(self, request: Request) -> Response:
        """A file; below `assets/` its name changes with its content, so it may be kept for ever."""
        folder = self._folder
        path = request.path_params["path"]
        if folder is None or not (folder / "index.html").is_file():
            if path:
                raise HTTPException(404)
            return PlainTextResponse("Seatbus. The API is below /api/v1; the web pages are not installed.\n")
        if "\0" in path or any(len(part.encode()) > 255 for part in path.split("/")) or len(path) > 1024:
            raise HTTPException(404)  # no file system has such a name
        file = (folder / path).resolve()
        if path and file.is_relative_to(folder) and file.is_file():
            kept = _FOREVER if path.startswith("assets/") else "no-cache"
            return FileResponse(file, headers={"Cache-Control": kept})
        if path.startswith("assets/") or "." in path.rpartition("/")[2]:
            raise HTTPException(404)
        return FileResponse(folder / "index.html", headers={"Cache-Control": "no-cache"})
