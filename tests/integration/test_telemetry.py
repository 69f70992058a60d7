"""Names of spans and metrics in the code are those of telemetry/names.yaml, with the same attributes."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
REGISTRY: dict[str, Any] = yaml.safe_load((ROOT / "telemetry" / "names.yaml").read_text())
# The tracer and the metrics themselves.
MACHINERY = {"libs/kit/seatbus_kit/telemetry.py", "libs/kit/seatbus_kit/metrics.py"}
NOT_ATTRIBUTES = {"parent", "kind", "context"}
METRIC_KINDS = {"counter", "gauge", "histogram"}
EXPORT_ATTRIBUTES_AT = 6


def sources() -> Iterator[tuple[str, ast.Module]]:
    for path in sorted([*ROOT.glob("libs/*/seatbus_*/**/*.py"), *ROOT.glob("services/*/seatbus_*/**/*.py")]):
        name = str(path.relative_to(ROOT))
        if name not in MACHINERY:
            yield name, ast.parse(path.read_text())


def pattern(node: ast.expr | None) -> str | None:
    """A literal's text, with `*` for what is filled in; None when it is no literal."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(pattern(part) or "*" for part in node.values)
    return None


def keys(node: ast.expr | None) -> set[str]:
    if not isinstance(node, ast.Dict):
        return set()
    return {key.value for key in node.keys if isinstance(key, ast.Constant) and isinstance(key.value, str)}


def texts(node: ast.expr) -> list[str]:
    elements = node.elts if isinstance(node, ast.Tuple | ast.List) else []
    return [element.value for element in elements if isinstance(element, ast.Constant)]


def is_span(call: ast.Call) -> bool:
    made = call.func
    if not isinstance(made, ast.Attribute) or made.attr not in {"span", "export"}:
        return False
    return ast.unparse(made.value).rpartition(".")[2].endswith("tracer")


class Found:
    def __init__(self) -> None:
        self.spans: dict[str, set[str]] = defaultdict(set)
        self.computed: set[str] = set()
        self.metrics: dict[str, tuple[str, list[str]]] = {}
        for module, tree in sources():
            calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
            for call in calls:
                if is_span(call):
                    self._span(module, tree, call)
                elif call.args and ast.unparse(call.func) in {f"metrics.{kind}" for kind in METRIC_KINDS}:
                    self._metric(call)
            self._set(tree)

    def _span(self, module: str, tree: ast.Module, call: ast.Call) -> None:
        given = {word.arg for word in call.keywords if word.arg and word.arg not in NOT_ATTRIBUTES}
        if len(call.args) > EXPORT_ATTRIBUTES_AT:
            given |= keys(call.args[EXPORT_ATTRIBUTES_AT])
        name = pattern(call.args[0])
        if name is not None:
            self.spans[name] |= given
            return
        # The name comes from elsewhere in the module: what looks like one of its service's, and is no literal
        # of another span.
        service = module.split("/")[1]
        others = {id(node.args[0]) for node in ast.walk(tree) if isinstance(node, ast.Call) and node.args}
        made = [
            text
            for node in ast.walk(tree)
            if isinstance(node, ast.Constant | ast.JoinedStr) and id(node) not in others
            if (text := pattern(node))
            and text.startswith(f"{service}.")
            and " " not in text
            and text[-1] != "."
        ]
        for text in made:
            self.spans[text] |= given
        if not made:
            self.computed.add(module)

    def _metric(self, call: ast.Call) -> None:
        name = pattern(call.args[0])
        assert name is not None, f"line {call.lineno}: the name of a metric is a literal"
        labels = call.args[2] if len(call.args) > 2 else None
        for word in call.keywords:
            if word.arg == "labels":
                labels = word.value
        kind = ast.unparse(call.func).rpartition(".")[2]
        self.metrics[name] = (kind, texts(labels) if labels is not None else [])

    def _set(self, tree: ast.Module) -> None:
        """`with tracer.span(...) as span:` and `span.set(...)` inside."""
        for node in ast.walk(tree):
            if not isinstance(node, ast.With):
                continue
            for item in node.items:
                made, target = item.context_expr, item.optional_vars
                if not (isinstance(made, ast.Call) and is_span(made) and isinstance(target, ast.Name)):
                    continue
                name = pattern(made.args[0])
                for call in (inner for inner in ast.walk(node) if isinstance(inner, ast.Call)):
                    if name and ast.unparse(call.func) == f"{target.id}.set":
                        self.spans[name] |= {word.arg for word in call.keywords if word.arg}


@pytest.fixture(scope="module")
def found() -> Found:
    return Found()


def test_every_span_is_registered_and_every_registered_one_is_made(found: Found) -> None:
    registered = {name for name, span in REGISTRY["spans"].items() if "made_in" not in span}
    assert set(found.spans) == registered


def test_names_that_are_computed_are_registered_with_their_modules(found: Found) -> None:
    modules = {module for span in REGISTRY["spans"].values() for module in span.get("made_in", ())}
    assert found.computed == modules


def test_spans_carry_the_attributes_they_are_registered_with(found: Found) -> None:
    assert {name: sorted(given) for name, given in found.spans.items()} == {
        name: sorted(span["attributes"]) for name, span in REGISTRY["spans"].items() if "made_in" not in span
    }


def test_every_metric_is_registered_with_type_and_attributes(found: Found) -> None:
    assert found.metrics == {
        name: (metric["type"], metric["attributes"]) for name, metric in REGISTRY["metrics"].items()
    }


def test_metric_names_follow_the_rules() -> None:
    for name, metric in REGISTRY["metrics"].items():
        assert name.startswith("seatbus_")
        assert name.endswith("_total") == (metric["type"] == "counter")
        assert metric["type"] in METRIC_KINDS


def test_every_entry_says_who_and_what_and_every_attribute_is_explained_and_used() -> None:
    owners = {"kit", *(path.name for path in (ROOT / "services").iterdir())}
    used: set[str] = set()
    for name, entry in [*REGISTRY["spans"].items(), *REGISTRY["metrics"].items()]:
        assert entry["owner"] in owners, name
        assert entry["meaning"].strip(), name
        assert "\n" not in entry["meaning"], name
        used |= set(entry["attributes"])
    assert used == set(REGISTRY["attributes"])
    assert list(REGISTRY["attributes"]) == sorted(REGISTRY["attributes"])


def test_the_scan_sees_names_that_are_filled_in() -> None:
    node = ast.parse("f'sip_edge.step.{action}'", mode="eval").body
    assert pattern(node) == "sip_edge.step.*"
    assert fnmatch("sip_edge.step.play", "sip_edge.step.*")
