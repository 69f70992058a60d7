"""gRPC between services: one error table, validation, deadlines and trace context on both sides."""

import os

# The library's own chatter about closed connections goes to stderr around our logs.
os.environ.setdefault("GRPC_VERBOSITY", "ERROR")

from seatbus_kit.rpc.client import Channels, invoke, stream
from seatbus_kit.rpc.server import RpcServer

__all__ = ["Channels", "RpcServer", "invoke", "stream"]
