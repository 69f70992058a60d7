"""gRPC between services: one error table, validation, deadlines and trace context on both sides."""

from seatbus_kit.rpc.client import Channels, invoke, stream
from seatbus_kit.rpc.server import RpcServer

__all__ = ["Channels", "RpcServer", "invoke", "stream"]
