"""All operations of the HTTP API."""

from __future__ import annotations

from typing import cast

from seatbus_gateway.adapters.neighbours import Neighbours
from seatbus_gateway.entrypoints.agent_routes import AgentRoutes
from seatbus_gateway.entrypoints.call_routes import CallRoutes
from seatbus_gateway.entrypoints.callback_routes import CallbackRoutes
from seatbus_gateway.entrypoints.config_routes import ConfigRoutes
from seatbus_gateway.entrypoints.contact_routes import ContactRoutes
from seatbus_gateway.entrypoints.key_routes import KeyRoutes
from seatbus_gateway.entrypoints.live_routes import LiveRoutes
from seatbus_gateway.entrypoints.prompt_routes import PromptRoutes, Store
from seatbus_gateway.entrypoints.report_routes import ReportRoutes
from seatbus_gateway.entrypoints.route import Route
from seatbus_gateway.entrypoints.routing_routes import RoutingRoutes


def all_routes(neighbours: Neighbours, prompts: Store) -> list[Route]:
    """Longer paths of words first: `agents/{id}/state` and `agents/{id}` never meet."""
    return [
        *AgentRoutes(neighbours).routes(),
        *LiveRoutes(neighbours).routes(),
        *CallRoutes(neighbours).routes(),
        *ContactRoutes(neighbours).routes(),
        *RoutingRoutes(neighbours).routes(),
        *CallbackRoutes(neighbours).routes(),
        *ReportRoutes(neighbours).routes(),
        *KeyRoutes(neighbours).routes(),
        *PromptRoutes(prompts).routes(),
        *ConfigRoutes(neighbours).routes(),
    ]


def routes_for_document() -> list[Route]:
    """The table without a platform behind it."""
    return all_routes(cast("Neighbours", None), cast("Store", None))
