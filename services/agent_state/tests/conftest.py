"""Fixtures of this service's tests."""

from .agent_replicas import replicas

__all__ = ["replicas"]
