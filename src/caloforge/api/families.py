"""The model families as Python objects: what a configuration file writes under ``model:``."""

__all__ = ["GAN", "VAE", "WGAN"]

from typing import Any

from caloforge.api.calls import checked
from caloforge.models.gan import GANConfig
from caloforge.models.vae import VAEConfig
from caloforge.models.wgan import WGANConfig


def VAE(**fields: Any) -> VAEConfig:  # noqa: N802
    """A variational autoencoder; the fields are those of `caloforge.models.vae.VAEConfig`.

    Raises:
        BadValue: a field that does not exist or has a value that it cannot have.

    Example:
        >>> import caloforge as cf
        >>> cf.VAE(latent=16, beta=0.5).latent
        16
    """
    return checked(VAEConfig, fields, "VAE")


def GAN(**fields: Any) -> GANConfig:  # noqa: N802
    """A generative adversarial network; the fields are those of `caloforge.models.gan.GANConfig`.

    Raises:
        BadValue: a field that does not exist or has a value that it cannot have.
    """
    return checked(GANConfig, fields, "GAN")


def WGAN(**fields: Any) -> WGANConfig:  # noqa: N802
    """A Wasserstein GAN with gradient penalty; the fields are those of `caloforge.models.wgan.WGANConfig`.

    Raises:
        BadValue: a field that does not exist or has a value that it cannot have.
    """
    return checked(WGANConfig, fields, "WGAN")
