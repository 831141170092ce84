"""The model families as Python objects: what a configuration file writes under ``model:``."""

__all__ = ["GAN", "VAE", "WGAN", "Flow", "FlowMatching"]

from typing import Any

from caloforge.models.flow_matching_options import FlowMatchingConfig
from caloforge.models.gan import GANConfig
from caloforge.models.normalising_flow import FlowConfig
from caloforge.models.vae import VAEConfig
from caloforge.models.wgan import WGANConfig
from caloforge.yaml_model import checked

_FIELDS = "docs/configuration.md"


def VAE(**fields: Any) -> VAEConfig:  # noqa: N802
    """A variational autoencoder; the fields are those of `caloforge.models.vae.VAEConfig`.

    Args:
        fields: by name.

    Raises:
        UnknownName: a field that does not exist; the sentence has the names that may be meant.
        BadField: a value that the field cannot have.

    Example:
        >>> import caloforge as cf
        >>> cf.VAE(latent=16, beta=0.5).latent
        16
    """
    return checked(VAEConfig, fields, _FIELDS, "VAE")


def GAN(**fields: Any) -> GANConfig:  # noqa: N802
    """A generative adversarial network; the fields are those of `caloforge.models.gan.GANConfig`.

    Args:
        fields: by name.

    Raises:
        UnknownName: a field that does not exist; the sentence has the names that may be meant.
        BadField: a value that the field cannot have.
    """
    return checked(GANConfig, fields, _FIELDS, "GAN")


def WGAN(**fields: Any) -> WGANConfig:  # noqa: N802
    """A Wasserstein GAN with gradient penalty; the fields are those of `caloforge.models.wgan.WGANConfig`.

    Args:
        fields: by name.

    Raises:
        UnknownName: a field that does not exist; the sentence has the names that may be meant.
        BadField: a value that the field cannot have.
    """
    return checked(WGANConfig, fields, _FIELDS, "WGAN")


def Flow(**fields: Any) -> FlowConfig:  # noqa: N802
    """A normalising flow; the fields are those of `caloforge.models.normalising_flow.FlowConfig`.

    Args:
        fields: by name.

    Raises:
        UnknownName: a field that does not exist; the sentence has the names that may be meant.
        BadField: a value that the field cannot have.
    """
    return checked(FlowConfig, fields, _FIELDS, "Flow")


def FlowMatching(**fields: Any) -> FlowMatchingConfig:  # noqa: N802
    """Conditional flow matching; the fields are those of `caloforge.models.flow_matching_options.FlowMatchingConfig`.

    Args:
        fields: by name.

    Raises:
        UnknownName: a field that does not exist; the sentence has the names that may be meant.
        BadField: a value that the field cannot have.
    """
    return checked(FlowMatchingConfig, fields, _FIELDS, "FlowMatching")
