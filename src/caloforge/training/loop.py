"""The training loop: plain PyTorch, AdamW with a cosine schedule, clipped gradients, averaged weights (EMA).

Every random number is drawn from a stream named by (seed, step), so a resumed run takes the same steps as one that was
never stopped.
"""

__all__ = ["TrainingState", "fit"]

import copy
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor, nn

from caloforge.errors import TrainingDiverged
from caloforge.models.base import Generator, Losses, Player
from caloforge.rng import torch_stream
from caloforge.training.batches import Batches, Features
from caloforge.training.draws import Stage, owner, showers_of
from caloforge.training.options import TrainingConfig
from caloforge.training.penalties import PhysicsPenalty
from caloforge.training.processes import ALONE, Processes

_PENALTY: dict[Stage, str] = {"energies": "penalty", "shape": "penalty_cells"}  # names in the log
Augment = Callable[[Tensor, Tensor, torch.Generator], Features]


@dataclass
class TrainingState:
    """All that a later step depends on.

    Args:
        model: the weights of the latest step.
        average: the averaged weights (EMA), which are saved and validated.
        optimisers: of each player, by name.
        step: steps done.
        penalties: laws of physics for each stage.
    """

    model: Generator
    average: Generator
    optimisers: dict[str, torch.optim.Optimizer]
    step: int = 0
    penalties: dict[Stage, PhysicsPenalty] = field(default_factory=dict)

    @classmethod
    def start(
        cls, model: Generator, config: TrainingConfig, penalties: dict[Stage, PhysicsPenalty] | None = None
    ) -> "TrainingState":
        """Before the first step; ``penalties`` for the stages of the model, on its device.

        Args:
            model: with its starting weights, on the device where it is trained.
            config: how long and how fast.
            penalties: for the stages of the model, on its device.
        """
        optimisers: dict[str, torch.optim.Optimizer] = {
            player.name: torch.optim.AdamW(
                _decayed(model, player.parameters, config.weight_decay), lr=config.learning_rate, betas=player.betas
            )
            for player in model.players()
        }
        average = copy.deepcopy(model).requires_grad_(False).eval()
        return cls(model, average, optimisers, penalties=penalties or {})

    def state_dict(self) -> dict[str, Any]:
        """All of it as tensors and numbers."""
        return {
            "model": self.model.state_dict(),
            "average": self.average.state_dict(),
            "optimisers": {name: optimiser.state_dict() for name, optimiser in self.optimisers.items()},
            "penalties": {stage: penalty.state_dict() for stage, penalty in self.penalties.items()},
            "step": self.step,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go back to where ``state_dict`` was called.

        Args:
            state: what it returned, of a training with the same configuration.

        Raises:
            RuntimeError, KeyError, ValueError: the state is of another configuration.
        """
        self.model.load_state_dict(state["model"])
        self.average.load_state_dict(state["average"])
        for name, optimiser in self.optimisers.items():
            optimiser.load_state_dict(state["optimisers"][name])
        for stage, penalty in self.penalties.items():
            penalty.load_state_dict(state["penalties"][stage])
        self.step = state["step"]


def _decayed(model: Generator, parameters: list[nn.Parameter], weight_decay: float) -> list[dict[str, Any]]:
    """Groups of parameters for the optimiser: those that decay, and biases, which stand where the data have them."""
    biases = {id(x) for name, x in model.named_parameters() if x.ndim < 2 or name.endswith("bias")}
    groups = ([x for x in parameters if (id(x) in biases) == bias] for bias in (False, True))
    return [{"params": x, "weight_decay": decay} for x, decay in zip(groups, (weight_decay, 0.0), strict=True) if x]


def fit(
    state: TrainingState,
    train: Batches,
    validation: Features,
    config: TrainingConfig,
    seed: int,
    augment: Augment | None = None,
    until: int | None = None,
    processes: Processes = ALONE,
) -> Iterator[dict[str, float]]:
    """Train up to ``config.steps``, yielding after each step; every ``log_every`` steps the yielded record has losses.

    ``until`` asks for more steps than ``config.steps``; their learning rate is constant (see `training.swag`).

    The caller stops early by not asking for more; ``state`` is then a valid place to resume from.

    Args:
        state: where to go on from.
        train: the training showers.
        validation: features and conditions of held-out showers.
        config: how long and how fast.
        seed: of batches, noise and images.
        augment: draws an image of each shower of a batch.
        until: last step, if it is not ``config.steps``.
        processes: that train together, each with ``config.batch`` showers a step.

    Raises:
        TrainingDiverged: the loss is not finite.
        ProcessLost: another process has ended.
    """
    players = state.model.players()
    if config.compile:
        players = [replace(player, loss=torch.compile(player.loss)) for player in players]
    turns = sum(player.turns for player in players)
    while state.step < (until or config.steps):
        common = torch_stream(seed, "training", state.step)
        own = common if processes.count == 1 else torch_stream(seed, "training", state.step, processes.rank)
        losses: dict[str, float] = {}
        drawn = state.step * turns
        for player in players:
            for _ in range(player.turns):
                x, c = train.draw(drawn, processes.count * config.batch, common)
                drawn += 1
                if augment is not None:
                    x, c = augment(x, c, common)
                x, c = processes.share(x), processes.share(c)
                penalty = _penalty(state, player, train.conditions, config, seed)
                terms = _turn(state, player, x, c, config, own, penalty, processes)
            losses |= terms if len(players) == 1 else _named(terms, player.name)
        processes.share_buffers(state.model)
        _average(state, min(config.ema, (1 + state.step) / (10 + state.step)))
        state.step += 1
        if state.step % config.log_every == 0 or state.step == config.steps:
            held_out = _validate(state, validation, seed)
            rate = _learning_rate(state.step, config)
            yield {"step": state.step, **losses, **held_out, "learning_rate": rate}
        else:
            yield {"step": state.step}


def _named(terms: dict[str, float], player: str) -> dict[str, float]:
    """Terms of one player of several: the names that all of them have get the player's in front."""
    shared = ("total", "gradient_norm")
    return {f"{player}_{name}" if name in shared else name: value for name, value in terms.items()}


def _progress(state: TrainingState, config: TrainingConfig) -> float:
    return min(1.0, state.step / config.steps)


def _learning_rate(step: int, config: TrainingConfig) -> float:
    if config.swag and step >= config.steps:
        return config.learning_rate * config.swag_rate
    rise = max(1, round(0.05 * config.steps))
    if step < rise:
        return config.learning_rate * (step + 1) / rise
    return config.learning_rate * 0.5 * (1 + math.cos(math.pi * (step - rise) / max(1, config.steps - rise)))


def _penalty(state: TrainingState, player: Player, c: Tensor, config: TrainingConfig, seed: int) -> Losses:
    """What the laws of physics add to a player's loss; ``c``: conditions of the training showers."""
    terms: Losses = {}
    every = config.penalties.every
    if state.step < config.penalties.start * config.steps or (state.step + 1) % every:
        return terms
    for stage, penalty in state.penalties.items():
        if owner(state.model, stage) == player.name:
            generator = torch_stream(seed, f"penalty on {stage}", state.step)
            total, violations = penalty(showers_of(state.model, stage, c, generator))
            terms |= violations | {_PENALTY[stage]: every * total}
    return terms


def _turn(
    state: TrainingState,
    player: Player,
    x: Tensor,
    c: Tensor,
    config: TrainingConfig,
    generator: torch.Generator,
    penalty: Losses,
    processes: Processes,
) -> dict[str, float]:
    """One optimiser step of one player."""
    optimiser = state.optimisers[player.name]
    for group in optimiser.param_groups:
        group["lr"] = player.speed * _learning_rate(state.step, config)
    with torch.autocast(x.device.type, torch.bfloat16, enabled=config.precision == "bf16"):
        losses = player.loss(x, c, _progress(state, config), generator) | penalty
    losses["total"] = sum((penalty[name] for name in _PENALTY.values() if name in penalty), losses["total"])
    optimiser.zero_grad(set_to_none=True)
    losses["total"].backward(inputs=player.parameters)  # type: ignore[no-untyped-call]
    processes.average_gradients(player.parameters)
    norm = nn.utils.clip_grad_norm_(player.parameters, config.clip)
    terms = processes.mean({name: float(value.detach()) for name, value in losses.items()})
    if not math.isfinite(terms["total"]) or not math.isfinite(float(norm)):
        raise TrainingDiverged(
            f"the loss is not finite at step {state.step}; lower training.learning_rate and train again"
        )
    optimiser.step()
    return terms | {"gradient_norm": float(norm)}


@torch.no_grad()
def _average(state: TrainingState, decay: float) -> None:
    """One step of averaged weights and learned statistics; counters and parts of the training follow the latest."""
    for averaged, latest in zip(state.average.players(), state.model.players(), strict=True):
        weight = 1 - decay if latest.averaged else 1.0
        for slow, fast in zip(averaged.parameters, latest.parameters, strict=True):
            slow.lerp_(fast, weight)
    training_parts = tuple(f"{part}." for part in state.model.training_parts)
    saved = state.model.state_dict()
    for name, statistic in state.average.named_buffers():
        if name not in saved or torch.equal(statistic, saved[name]):
            continue
        if statistic.is_floating_point() and not name.startswith(training_parts):
            statistic.lerp_(saved[name], 1 - decay)
        else:
            statistic.copy_(saved[name])


@torch.no_grad()
def _validate(state: TrainingState, validation: Features, seed: int) -> dict[str, float]:
    """Figures of merit of the averaged weights on 512 held-out showers at most."""
    rows = slice(0, 512)
    terms = state.average.held_out(validation[0][rows], validation[1][rows], torch_stream(seed, "validation"))
    return {name: float(value) for name, value in terms.items()}
