"""The document is what is served, and the file in docs/api is the document."""

from __future__ import annotations

import re
from pathlib import Path

import orjson
import pytest

from seatbus_gateway.application import models, refusals
from seatbus_gateway.entrypoints.examples import EXAMPLES
from seatbus_gateway.entrypoints.openapi import document, text

FILE = Path(__file__).parents[3] / "docs" / "api" / "openapi.json"


def test_the_file_is_up_to_date() -> None:
    assert FILE.read_text() == text(), "run: python -m seatbus_gateway openapi > docs/api/openapi.json"


def test_every_reference_resolves_and_operation_ids_are_unique() -> None:
    schemas = document()["components"]["schemas"]
    for name in re.findall(r'"#/components/schemas/([^"]+)"', text()):
        assert name in schemas
    ids = [op["operationId"] for path in document()["paths"].values() for op in path.values()]
    assert len(ids) == len(set(ids))
    assert not any(secret in schemas["DeviceObject"]["properties"] for secret in ("password", "ha1_md5"))


@pytest.mark.parametrize("word", sorted(models.KINDS))
def test_each_example_passes_its_own_model(word: str) -> None:
    field = models.kind_field(word)
    assert field is not None
    refusals.read(models.create_model_of(field.message_type), orjson.dumps(EXAMPLES[word]))
