"""What is sent to media of a prompt that is a text without a sound."""

from __future__ import annotations

from typing import Any

import pytest

from seatbus.ivr.v1 import types_pb2 as ivr
from seatbus.media.v1 import service_pb2 as media
from seatbus.media.v1 import types_pb2 as media_types
from seatbus.tenancy.v1 import types_pb2 as tenancy
from seatbus_sip_edge.application.prompt_texts import with_texts

_PROMPTS = {
    "spoken": tenancy.Prompt(name="Spoken", text="Good day", language="de"),
    "sound": tenancy.Prompt(name="Sound", text="Good day", object_name="acme/sound"),
    "nothing": tenancy.Prompt(name="Nothing"),
}


class Config:
    def get(self, tenant: str, kind: str, object_id: str) -> tenancy.ConfigObject | None:
        found = _PROMPTS.get(object_id) if (tenant, kind) == ("acme", "prompt") else None
        return tenancy.ConfigObject(prompt=found) if found is not None else None


def _commands(audio: ivr.Audio) -> list[media.Command]:
    playlist = media_types.Playlist(items=[audio])
    beside = media_types.Playlist(items=[ivr.Audio(tone="music")], comfort={"items": [audio]})
    return [
        media.Command(play=media.Play(playlist=playlist)),
        media.Command(collect=media.Collect(playlist=playlist)),
        media.Command(hold=media.Hold(music=playlist)),
        media.Command(play=media.Play(playlist=beside)),
    ]


@pytest.mark.parametrize("number", range(4))
def test_a_text_is_sent_wherever_a_prompt_may_be(number: int) -> None:
    config: Any = Config()
    asked = _commands(ivr.Audio(prompt_id="spoken"))[number]
    before = asked.SerializeToString()
    spoken = _commands(ivr.Audio(text="Good day", language="de"))[number]
    assert with_texts(config, "acme", asked) == spoken
    assert asked.SerializeToString() == before


@pytest.mark.parametrize("prompt_id", ["sound", "nothing", "unknown"])
def test_media_looks_for_the_sound_of_all_others(prompt_id: str) -> None:
    config: Any = Config()
    for asked in _commands(ivr.Audio(prompt_id=prompt_id)):
        assert with_texts(config, "acme", asked) is asked


def test_what_plays_nothing_is_left_alone() -> None:
    config: Any = Config()
    asked = media.Command(connect=media.Connect(endpoint_a="a", endpoint_b="b"))
    assert with_texts(config, "acme", asked) is asked
