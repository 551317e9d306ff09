"""The settings of the adapter, from a model's name and its options."""

import os
import shlex
from collections.abc import Mapping
from pathlib import Path

import msgspec

from unisafebench.core.errors import UsageError
from unisafebench.models.options import Options

__all__ = ["ExecSettings", "read_settings"]

_PROVIDER = "exec:"
_DEVICES = Path("/dev")
_MEBIBYTE = 1024 * 1024


class ExecSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How workers are started, driven and given up. Times are in seconds."""

    command: tuple[str, ...]
    devices: tuple[str | None, ...] = (None,)
    """For each worker the value of CUDA_VISIBLE_DEVICES; None leaves it as it is."""
    hello_timeout: float = 600.0
    timeout: float = 600.0
    """For one sample, from when it was sent."""
    grace: float = 10.0
    """For a worker to end, before a stronger signal."""
    backoff: float = 1.0
    """The wait before the second restart in a row; each further one is twice as long."""
    max_crashes: int = 12
    """So many ends of workers in a row, without any answer, end the run."""
    max_line: int = 256 * _MEBIBYTE
    """The longest line that is read, in bytes."""
    log: Path | None = None
    """Directory of the logs."""


def read_settings(name: str, options: Options) -> ExecSettings:
    """Read the command in `exec:COMMAND` and the options.

    Raises:
        UsageError: there is no command in it, or an option is unusable.
    """
    try:
        command = tuple(shlex.split(name.removeprefix(_PROVIDER)))
    except ValueError as error:
        raise UsageError(
            f"the command in {name!r} cannot be split into words: {error}. "
            "It is read as a shell would, but no shell runs it."
        ) from None
    if not name.startswith(_PROVIDER) or not command:
        raise UsageError(
            f"{name!r} names no command. Write exec:COMMAND, for example exec:'python3 worker.py'."
        )
    gpus = _gpus(options)
    log = options.text("log")
    settings = ExecSettings(
        command=command,
        devices=_devices(options.count("workers", max(len(gpus), 1), high=1024), gpus),
        hello_timeout=_seconds(options, "hello_timeout", 600.0),
        timeout=_seconds(options, "timeout", 600.0),
        grace=_seconds(options, "grace", 10.0),
        backoff=_seconds(options, "backoff", 1.0),
        max_crashes=options.count("max_crashes", 12),
        max_line=options.count("max_line", 256, high=4096) * _MEBIBYTE,
        log=None if log is None else Path(log),
    )
    options.finish(name)
    return settings


def _seconds(options: Options, name: str, default: float) -> float:
    found = options.number(name, default)
    assert found is not None  # noqa: S101 -- the default is a number
    return found


def _gpus(options: Options) -> tuple[str, ...]:
    """Return what each worker gets of the devices, as the user divides them."""
    given = options.text("gpus")
    if given is None:
        return ()
    gpus = tuple(part.strip().replace("+", ",") for part in given.split(","))
    if not all(gpus):
        raise UsageError(
            f"the option 'gpus' is {given!r}; give devices as CUDA_VISIBLE_DEVICES numbers them, "
            "for example 0,1 for two workers, or 0+1,2+3 for two workers with two devices each."
        )
    return gpus


def _devices(workers: int, gpus: tuple[str, ...]) -> tuple[str | None, ...]:
    """Return the devices of each worker; a single one may use all that there are."""
    if not gpus and workers > 1:
        gpus = _visible(os.environ)
    return tuple(gpus[n % len(gpus)] if gpus else None for n in range(workers))


def _visible(environment: Mapping[str, str]) -> tuple[str, ...]:
    """Return the devices that this process may use."""
    given = environment.get("CUDA_VISIBLE_DEVICES")
    if given is not None:
        return tuple(part.strip() for part in given.split(",") if part.strip())
    numbers = [path.name.removeprefix("nvidia") for path in _DEVICES.glob("nvidia[0-9]*")]
    return tuple(sorted((n for n in numbers if n.isdigit()), key=int))
