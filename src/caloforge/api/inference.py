r"""A model from within: its noise z, the pushforward :math:`x = G(z, c)`, likelihoods and the terms of its loss."""

__all__ = ["Inference"]

import numpy as np
import torch
from jaxtyping import Float
from numpy import ndarray as Array

from caloforge.api.calls import require_one
from caloforge.api.dataset import Dataset
from caloforge.api.incident import Energy, incident_particles
from caloforge.api.run_source import RunSource
from caloforge.data.showers import Showers
from caloforge.errors import BadValue
from caloforge.generation.likelihood import log_likelihood
from caloforge.interpretation.latents import draw_noise, latents_of, posterior_of, showers_from
from caloforge.rng import torch_stream
from caloforge.training.run import Run


class Inference(RunSource):
    """What `caloforge.api.model.Model` can be asked besides showers; of an ensemble, its members are asked one by one.

    Args:
        name: what it was asked for by.
        ensemble: its members; one for a single model.
    """

    @property
    def _run(self) -> Run:
        if len(self.ensemble.members) > 1:
            raise BadValue("model", self.name, "it is an ensemble: open one of its members, FOLDER/members/1")
        return self.ensemble.members[0]

    @property
    def noise_columns(self) -> dict[str, slice]:
        """Columns of the noise by what they are for: layer energies, shape (the latents of a VAE), single cells."""
        parts = latents_of(self._run.model)
        return {} if parts is None else {name: slice(*ends) for name, ends in parts.groups.items()}

    def noise(self, n: int, seed: int = 1) -> Float[Array, "n ..."]:
        """Draws of z, the standard normal noise that `pushforward` turns into showers.

        Args:
            n: showers that it is for.
            seed: same seed, same noise.

        Raises:
            BadValue: an ensemble, or no shower.

        Example:
            >>> import caloforge as cf
            >>> cf.load("vae-siw-1080").noise(3).shape[0]
            3
        """
        require_one("number of showers", n, "ask for one at least")
        return draw_noise(self._run.model, n, seed).numpy()

    def pushforward(self, noise: Float[Array, "n ..."], energy: Energy) -> Showers:
        """The showers G(z, c) of given noise: a function without any randomness of its own.

        Args:
            noise: (n, ...) as `noise` gives it, moved or exchanged as one likes.
            energy: of the incident particles, perpendicular and of the model's first kind: ``"50GeV"``, a spectrum, a
                number in MeV, or a list.

        Raises:
            BadValue: an ensemble, noise of another shape or with NaN in it, an energy that is none.
            OutsideTraining: an energy outside the training.
        """
        try:
            z = np.ascontiguousarray(noise, np.float32)  # torch takes no array that runs backwards
        except (TypeError, ValueError) as error:
            raise BadValue("noise", noise, "give an array of numbers: see .noise") from error
        shape = tuple(self._run.model.noise_shape)
        if z.shape[1:] != shape or len(z) == 0 or not np.isfinite(z).all():
            raise BadValue("shape of the noise", z.shape, f"give (n, {', '.join(map(str, shape))}), finite: see .noise")
        trained = self.ensemble.pipeline.condition
        incident = incident_particles(trained.trained, energy, None, None, None, len(z), 1)
        trained.check_range(incident)
        return showers_from(self._run, torch.from_numpy(z).to(self.ensemble.pipeline.device), incident)

    def encode(self, showers: Showers | Dataset, seed: int = 1) -> tuple[Float[Array, "N Z"], Float[Array, "N Z"]]:
        """Means and standard deviations of q(z | shower), the posterior of the latents of given showers.

        Args:
            showers: N of them, on the model's mesh.
            seed: of the noise that the preprocessing adds.

        Raises:
            BadValue: a model without an encoder, or an ensemble.
        """
        posterior = posterior_of(self._run, _in_memory(showers), seed)
        if posterior is None:
            raise BadValue("model", self.name, "it has no encoder; a VAE with a latent has one")
        return posterior

    def log_likelihood(self, showers: Showers | Dataset, seed: int = 1, samples: int = 16) -> Float[Array, " N"]:
        """log p(shower | incident particle), nats: a density of the cell energies in MeV.

        With a latent it is a lower bound that rises with ``samples``, of hadronic cells one that does not.

        Args:
            showers: N of them, on the model's mesh.
            seed: of dequantisation and latents.
            samples: draws of the latent for each shower.

        Raises:
            ImplicitDensity: the model has no density (GAN, WGAN).
            BadValue: it was trained on rare showers shown more often, or is an ensemble.
            BinningMismatch: the showers have another mesh.
        """
        return log_likelihood(self._run.model, self._run.pipeline, _in_memory(showers), seed, samples)[0]

    def losses(self, showers: Showers | Dataset, seed: int = 1) -> dict[str, float]:
        """The terms of the loss on given showers, as the training logs them: of a VAE in nats a shower.

        A VAE has ``reconstruction`` (the distortion), ``kl`` (the rate) and ``kl_0``, ``kl_1``, ... of each latent.

        Args:
            showers: N of them, on the model's mesh; those that it was not trained on say what it has learned.
            seed: of dequantisation and latents.

        Raises:
            BadValue: an ensemble, or a model whose loss needs what only its training has, such as a critic.
        """
        run, generator = self._run, torch_stream(seed, "losses")
        if run.model.training_parts:
            raise BadValue("model", self.name, "its loss needs parts that only the training has, such as a critic")
        with torch.inference_mode():
            x, c, _ = run.pipeline(_in_memory(showers), generator)
            return {name: float(value) for name, value in run.model.loss(x, c, 1.0, generator).items()}


def _in_memory(showers: Showers | Dataset) -> Showers:
    if not isinstance(showers, Dataset | Showers):
        raise BadValue("showers", showers, "give Showers, or a Dataset of cf.open")
    return showers.read() if isinstance(showers, Dataset) else showers
