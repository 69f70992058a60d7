"""What the platform itself says to people, in their language."""

from __future__ import annotations

from typing import Final

from seatbus.ivr.v1 import types_pb2 as ivr

_OTHERWISE: Final = "en"
_PRESS_ONE: Final = {
    "de": "Sie haben einen Anruf. Drücken Sie die Eins, um ihn anzunehmen.",
    "en": "You have a call. Press one to take it.",
    "es": "Tiene una llamada. Pulse uno para atenderla.",
    "fr": "Vous avez un appel. Appuyez sur un pour le prendre.",
    "it": "Ha una chiamata. Prema uno per rispondere.",
    "nl": "U hebt een oproep. Druk op één om hem aan te nemen.",
    "pl": "Masz połączenie. Naciśnij jeden, aby je odebrać.",
    "pt": "Tem uma chamada. Prima um para a atender.",
}


def press_one(language: str) -> ivr.Audio:
    """`language` as in BCP 47; one that is not known here is spoken to in English, by an English voice."""
    tongue = language.lower().partition("-")[0]
    if tongue in _PRESS_ONE:
        return ivr.Audio(text=_PRESS_ONE[tongue], language=language)
    return ivr.Audio(text=_PRESS_ONE[_OTHERWISE], language=_OTHERWISE)
