"""Runs the real ``__main__.py`` in-process, against the recorder.

Another revision of the program is evaluated in a separate process, so that its modules do not mix with this revision's:
:func:`main` prints the evaluation as JSON.
"""

import asyncio
import gc
import json
import os
import runpy
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pulumi
from pulumi.runtime import settings, stack

from bootstrap.errors import BootstrapError
from bootstrap.platform.plan.recorder import Recorder
from bootstrap.platform.plan.registration import SECRET, Evaluation
from bootstrap.stackfile import read_stack
from settings import LOOKED_AT, PLAN, SPELLING


class ProgramError(BootstrapError):
    """The program cannot be evaluated; the text is its own error message."""


def evaluate(root: Path, stack_name: str, overrides: dict[str, str] | None = None) -> Evaluation:
    """Run the program in a folder as the engine would in a preview.

    Args:
        root: folder with ``Pulumi.yaml`` and ``__main__.py``.
        stack_name: name of the stack.
        overrides: values by full config key, which replace those of the stack file.

    Raises:
        StackFileError: the stack's files cannot be read.
        ProgramError: the configuration is invalid, or the program fails.
    """
    config = read_stack(root, stack_name)
    SPELLING.set(config.spelling)
    gc.disable()  # as startup.py does for the program in a process of its own
    recorder = Recorder()
    pulumi.runtime.set_all_config({**config.values, **(overrides or {})}, config.secret_keys)
    # the SDK runs the test monitor in an event loop and in threads that need one each; all of them are closed below
    loops: list[asyncio.AbstractEventLoop] = []

    def open_loop() -> asyncio.AbstractEventLoop:
        loops.append(asyncio.new_event_loop())
        asyncio.set_event_loop(loops[-1])
        return loops[-1]

    loop = open_loop()
    threads = ThreadPoolExecutor(max_workers=4, initializer=open_loop)
    loop.set_default_executor(threads)
    outputs: dict[str, Any] = {}
    declared: dict[tuple[str, str], int] = {}

    def declare(args: pulumi.ResourceTransformationArgs) -> None:
        declared.setdefault((args.type_, args.name), len(declared))

    os.environ[LOOKED_AT] = PLAN
    try:
        settings.reset_options()
        settings.SETTINGS.rpc_manager.clear()
        settings.SETTINGS.outputs.clear()
        pulumi.runtime.set_mocks(
            recorder.mocks, project=config.project, stack=stack_name, preview=False, monitor=recorder
        )

        async def run() -> None:
            pulumi.runtime.register_stack_transformation(declare)
            runpy.run_path(str(root / "__main__.py"), run_name="__main__")
            exports = getattr(settings.get_root_resource(), "outputs", {})
            for key, value in exports.items():
                output = pulumi.Output.from_input(value)
                outputs[key] = SECRET if await output.is_secret() else await output.future()

        loop.run_until_complete(stack.run_pulumi_func(run))
    except pulumi.RunError as error:
        raise ProgramError(str(error)) from None
    finally:
        del os.environ[LOOKED_AT]
        threads.shutdown()
        for opened in loops:
            opened.close()
        asyncio.set_event_loop(None)
        gc.enable()
    return Evaluation(
        stack=stack_name,
        project=config.project,
        # in the program's order: registrations arrive as their inputs resolve, and that order differs from run to run
        registrations=sorted(recorder.registrations, key=lambda found: declared[found.type, found.name]),
        outputs=outputs,
    )


def main(arguments: list[str]) -> int:
    """Print the evaluation of a program as JSON, and return the exit status.

    Args:
        arguments: the program's folder, and the stack's name.
    """
    root = Path(arguments[0]).resolve()
    sys.path.insert(0, str(root))
    try:
        json.dump(evaluate(root, arguments[1]).to_json(), sys.stdout)
    except BootstrapError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
