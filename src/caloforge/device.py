"""Where networks are computed: the processor, or a graphics card where there is one; imports PyTorch when asked."""

__all__ = ["DEVICES", "Device", "choose_device"]

from typing import TYPE_CHECKING, Literal, get_args

from caloforge.errors import BadValue

Device = Literal["auto", "cpu", "cuda"]
DEVICES: tuple[Device, ...] = get_args(Device)

if TYPE_CHECKING:
    import torch


def choose_device(name: Device | str) -> "torch.device":
    """The device of a name; ``auto`` is ``cuda`` where PyTorch finds a card, else ``cpu``.

    Raises:
        BadValue: another name, or ``cuda`` where there is none.
    """
    import torch

    if name not in DEVICES:
        raise BadValue("device", name, f"give one of {', '.join(DEVICES)}")
    if name == "cuda" and not torch.cuda.is_available():
        raise BadValue("device", name, "PyTorch finds no card that it can use here; give cpu or auto")
    return torch.device("cuda" if name == "auto" and torch.cuda.is_available() else name.replace("auto", "cpu"))
