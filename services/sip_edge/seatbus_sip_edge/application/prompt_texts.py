"""Prompts that are configured as a text, with no sound uploaded, are spoken: media finds sounds alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seatbus.media.v1 import service_pb2 as media

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seatbus.ivr.v1 import types_pb2 as ivr
    from seatbus.media.v1.types_pb2 import Playlist
    from seatbus_kit.config_view import ConfigView


def with_texts(config: ConfigView, tenant: str, command: media.Command) -> media.Command:
    """The command with the texts of such prompts in the place of their ids."""
    playlist = _playlist(command)
    if playlist is None or not any(_text(config, tenant, item.prompt_id)[0] for item in _items(playlist)):
        return command
    made = media.Command()
    made.CopyFrom(command)
    for item in _items(_playlist(made) or playlist):
        text, language = _text(config, tenant, item.prompt_id)
        if text:
            item.text = text
            item.language = item.language or language
    return made


def _playlist(command: media.Command) -> Playlist | None:
    match command.WhichOneof("command"):
        case "play":
            return command.play.playlist
        case "collect":
            return command.collect.playlist
        case "hold":
            return command.hold.music
    return None


def _items(playlist: Playlist) -> Iterator[ivr.Audio]:
    yield from playlist.items
    yield from playlist.comfort.items


def _text(config: ConfigView, tenant: str, prompt_id: str) -> tuple[str, str]:
    found = config.get(tenant, "prompt", prompt_id) if prompt_id else None
    if found is None or found.prompt.object_name:
        return "", ""
    return found.prompt.text, found.prompt.language
