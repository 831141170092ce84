"""Model families; importing the package registers them all by name.

A `Generator` maps noise and conditions to features of showers; VAE, flow, GAN and WGAN-GP are registered here, models
of one's own by `register`.
"""

from caloforge.models import flow_matching_options as flow_matching_options
from caloforge.models import gan as gan
from caloforge.models import normalising_flow as normalising_flow
from caloforge.models import vae as vae
from caloforge.models import wgan as wgan
from caloforge.models.base import Estimate as Estimate
from caloforge.models.base import Generator as Generator
from caloforge.models.base import ImplicitDensity as ImplicitDensity
from caloforge.models.base import Losses as Losses
from caloforge.models.base import Player as Player
from caloforge.models.registry import MODELS as MODELS
from caloforge.models.registry import ModelConfig as ModelConfig
from caloforge.models.registry import model_config as model_config
from caloforge.models.registry import register as register
