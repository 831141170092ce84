"""The state of an unfinished training: saved between steps, read to go on from there; tensors only."""

__all__ = ["load_state", "save_state"]
import pickle
from pathlib import Path

import torch

from caloforge.errors import BadFile
from caloforge.files import replace_when_complete
from caloforge.training.loop import TrainingState

_DATA = "data_digest"


def save_state(folder: Path, state: TrainingState, data: str) -> None:
    """Write what resuming needs.

    Args:
        folder: of the run.
        state: after any step.
        data: digest of the training showers.

    Raises:
        UnwritablePath: the folder cannot be written.
    """
    replace_when_complete(folder / "state.pt", lambda target: torch.save({**state.state_dict(), _DATA: data}, target))


def load_state(folder: Path, state: TrainingState, data: str) -> None:
    """Continue from a saved state, tensors only.

    Args:
        folder: of the run.
        state: of a training with the same configuration; it takes the saved values.
        data: digest of the training showers, which must be those of the saved state.

    Raises:
        BadFile: no state, damaged, of another model, or of other training showers.
    """
    path = folder / "state.pt"
    if not path.is_file():
        raise BadFile(path, "nothing to resume from", "train anew, without resume")
    try:
        saved = torch.load(path, map_location="cpu", weights_only=True)
        same = saved.pop(_DATA) == data
        if same:
            state.load_state_dict(saved)
    except (RuntimeError, KeyError, ValueError, EOFError, pickle.UnpicklingError) as error:
        raise BadFile(path, "damaged, or of another configuration", "train anew, without resume") from error
    if not same:
        raise BadFile(path, "the run was started with other showers", "resume with the same file, or train anew")
