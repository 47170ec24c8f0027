"""Serves the stand-in as the plugin ``pulumi-resource-azure-native``."""

import asyncio
import gc
import os
import signal
import sys
from typing import Any

import grpc.aio
from pulumi.provider.experimental.server import ProviderServicer
from pulumi.runtime._grpc_settings import _GRPC_CHANNEL_OPTIONS
from pulumi.runtime.proto import provider_pb2, provider_pb2_grpc

from rehearsal.azure.provider import RefusedError, StandIn, cloud_of_environment

# renovate: datasource=pypi depName=pulumi-azure-native
VERSION = "3.29.0"
"""Of the SDK that the program uses."""


class Servicer(ProviderServicer):
    """The SDK's server, with refusals handed on as they are, and nothing where there is nothing."""


def _handed_on(name: str) -> Any:  # noqa: ANN401 - a method of the SDK's
    inherited = getattr(ProviderServicer, name)

    async def method(self: Servicer, request: Any, context: Any) -> Any:  # noqa: ANN401 - generated types
        try:
            answer = await inherited(self, request, context)
        except RefusedError as refusal:
            await context.abort(grpc.StatusCode.UNKNOWN, str(refusal))
        else:
            # the SDK sends empty properties beside an empty id, which the engine takes for a resource
            gone = isinstance(answer, provider_pb2.ReadResponse) and not answer.id
            return provider_pb2.ReadResponse() if gone else answer

    return method


for _name in ("Create", "Update", "Delete", "Read", "Invoke"):
    setattr(Servicer, _name, _handed_on(_name))


async def serve(engine: str) -> None:
    """Serve until the engine ends the process."""
    server = grpc.aio.server(options=_GRPC_CHANNEL_OPTIONS)
    servicer = Servicer(sys.argv[1:], VERSION, StandIn(cloud_of_environment()), engine_address=engine)
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    # the engine ends a plugin with SIGINT: https://github.com/pulumi/pulumi/blob/master/sdk/go/common/util/cmdutil
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGINT, ended.set)
    await ended.wait()
    await server.stop(grace=None)


def main() -> None:
    """Run as the engine starts it: its address is the last argument."""
    # as in the program: the SDK's classes live until the process ends
    gc.set_threshold(100_000)
    asyncio.run(serve(sys.argv[-1]))
    os._exit(0)  # the engine waits, and taking the SDK's modules apart takes a while
