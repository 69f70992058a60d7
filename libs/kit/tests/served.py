"""A process of its own that answers every EstimateWait; prints its address first."""

import asyncio
from typing import Any

from seatbus.acd.v1 import service_pb2, service_pb2_grpc
from seatbus_kit.rpc import RpcServer
from seatbus_kit.settings import ServiceSettings


class Acd(service_pb2_grpc.AcdServiceServicer):
    async def EstimateWait(self, request: Any, context: Any) -> Any:
        return service_pb2.EstimateWaitResponse()


async def main() -> None:
    server = RpcServer(ServiceSettings())
    server.add(service_pb2_grpc.add_AcdServiceServicer_to_server, Acd())
    await server.start()
    print(server.address, flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
