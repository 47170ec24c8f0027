"""Serves the stand-in as the plugin ``pulumi-resource-azure-native``."""

import asyncio
import gc
import os
import signal
import sys
from collections.abc import Awaitable, Callable

import grpc.aio
from pulumi.provider.experimental import property_value
from pulumi.provider.experimental.server import ProviderServicer
from pulumi.runtime._grpc_settings import _GRPC_CHANNEL_OPTIONS
from pulumi.runtime.proto import provider_pb2, provider_pb2_grpc, status_pb2

from rehearsal.azure.provider import AcceptedError, RejectedError, StandIn, cloud_from_environment

# renovate: datasource=pypi depName=pulumi-azure-native
VERSION = "3.29.0"
"""Version of the SDK that the program uses."""


class Servicer(ProviderServicer):
    """The SDK's server; rejections reach the engine unchanged, and a deleted resource reads as an empty response."""


def _with_plain_errors(name: str) -> Callable[[Servicer, object, grpc.aio.ServicerContext], Awaitable[object]]:
    inherited = getattr(ProviderServicer, name)

    async def method(self: Servicer, request: object, context: grpc.aio.ServicerContext) -> object:
        try:
            response: object = await inherited(self, request, context)
        except AcceptedError as error:
            # the engine keeps the resource in its state, and updates it in the next run
            context.set_trailing_metadata((("grpc-status-details-bin", _initialization_failed(error)),))
            return await context.abort(grpc.StatusCode.UNKNOWN, str(error))
        except RejectedError as error:
            return await context.abort(grpc.StatusCode.UNKNOWN, str(error))
        # the SDK sends empty properties with an empty id, which the engine takes for a resource
        deleted = isinstance(response, provider_pb2.ReadResponse) and not response.id
        return provider_pb2.ReadResponse() if deleted else response

    return method


def _initialization_failed(error: AcceptedError) -> bytes:
    """Return the status that azure-native, too, gives for an operation that was accepted and failed.

    https://github.com/pulumi/pulumi-azure-native/blob/v3.29.0/provider/pkg/provider/crud/crud.go
    """
    detail = provider_pb2.ErrorResourceInitFailed(
        id=error.id,
        properties=property_value.PropertyValue.marshal_map(error.properties),
        inputs=property_value.PropertyValue.marshal_map(error.inputs),
        reasons=[str(error)],
    )
    status = status_pb2.Status(code=grpc.StatusCode.UNKNOWN.value[0], message=str(error))
    status.details.add().Pack(detail)
    found: bytes = status.SerializeToString()
    return found


for _name in ("Create", "Update", "Delete", "Read", "Invoke"):
    setattr(Servicer, _name, _with_plain_errors(_name))


async def serve(engine: str) -> None:
    """Serve until the engine ends the process."""
    server = grpc.aio.server(options=_GRPC_CHANNEL_OPTIONS)
    servicer = Servicer(sys.argv[1:], VERSION, StandIn(cloud_from_environment()), engine_address=engine)
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    # the engine stops a plugin with SIGINT: https://github.com/pulumi/pulumi/blob/master/sdk/go/common/util/cmdutil
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGINT, ended.set)
    await ended.wait()
    await server.stop(grace=None)


def main() -> None:
    """Run the plugin; the engine passes its own address as the last argument."""
    # as in the program: the SDK's classes live until the process ends, and collecting them is wasted time
    gc.set_threshold(100_000)
    asyncio.run(serve(sys.argv[-1]))
    os._exit(0)  # the engine waits for the exit, and the interpreter's own would first tear down the SDK's modules
