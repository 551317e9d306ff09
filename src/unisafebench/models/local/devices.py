"""The device that a model runs on, checked to be there before anything is loaded."""

import torch

from unisafebench.core.errors import UsageError

__all__ = ["describe_device", "find_device"]

_KINDS = "auto, cpu, cuda, cuda:N or mps"


def find_device(wanted: str) -> str:
    """Return the device that an option means: `cpu`, `mps`, `cuda:0`, ...

    `auto` is a GPU where there is one, else the CPU.

    Raises:
        UsageError: it is no device, or this machine has none of the kind.
    """
    if wanted == "auto":
        return _best()
    try:
        device = torch.device(wanted)
    except RuntimeError as error:
        raise UsageError(f"the option 'device' is {wanted!r}; give {_KINDS}.") from error
    if device.type == "cuda":
        return _gpu(device.index or 0, wanted)
    if device.type == "mps" and not torch.backends.mps.is_available():
        raise UsageError("the option 'device' is 'mps', which this machine does not have.")
    if device.type not in ("cpu", "mps"):
        raise UsageError(f"the option 'device' is {wanted!r}; give {_KINDS}.")
    return device.type


def describe_device(device: str) -> str:
    """Return what the device is called; a CPU has no name of its own."""
    return torch.cuda.get_device_name(device) if device.startswith("cuda") else device


def _best() -> str:
    if torch.cuda.is_available():
        return "cuda:0"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def _gpu(index: int, wanted: str) -> str:
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if index < count:
        return f"cuda:{index}"
    if count:
        found = f"this machine has {count}: cuda:0 to cuda:{count - 1}"
    elif torch.version.cuda is None and torch.version.hip is None:
        found = (
            f"the installed torch ({torch.__version__}) cannot use GPUs. Install one built for "
            "your GPU (pytorch.org says how)"
        )
    else:
        found = f"torch {torch.__version__} finds no GPU. Check the driver and CUDA_VISIBLE_DEVICES"
    raise UsageError(f"the option 'device' is {wanted!r}, but {found}. Or use device=cpu.")
