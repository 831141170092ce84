r"""Features on the calorimeter's r-z plane: what a classifier sees of each ring of each layer.

For the cells i of ring r in layer l, with the incident energy :math:`E_\text{inc}` and the sector's angle
:math:`\alpha_i`,

.. math:: \ln\Big(1 + \frac{\sum_i E_i}{10^{-4} E_\text{inc}}\Big), \qquad \text{hits} = \#\{E_i > 0\}, \qquad
          (d_x, d_y) = \frac{\sum_i E_i (\cos\alpha_i, \sin\alpha_i)}{\sum_i E_i},

the dipole being 0 where the ring is empty or not divided. Summed over the sectors there are few enough of them for a
few thousand showers to tell, and each belongs to a place in r and z.
"""

__all__ = ["KINDS", "Ring", "on_plane", "ring_features", "rings_of"]

from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from numpy import ndarray as Array

from caloforge.classifiers.features import ENERGY, Features
from caloforge.data.showers import Showers
from caloforge.geometry.binning import Binning

KINDS = ("energy", "hits", "dipole_x", "dipole_y")
_SCALE = 1e-4  # of the incident energy


class Ring(NamedTuple):
    """Positions of a layer and of a ring in it.

    Args:
        layer: position of the layer.
        ring: index of the ring, 0 on the axis.
    """

    layer: int
    ring: int


def rings_of(binning: Binning) -> tuple[Ring, ...]:
    """All rings, layer by layer, from the axis outwards.

    Args:
        binning: the mesh.
    """
    return tuple(Ring(i, j) for i, layer in enumerate(binning.layers) for j in range(layer.n_r))


def ring_features(showers: Showers) -> Features:
    """log10 of the incident energy, then each of `KINDS` for all rings; names are ``energy[layer 3, ring 0]``.

    Args:
        showers: N of them.
    """
    binning = showers.binning
    rings = rings_of(binning)
    place = {ring: k for k, ring in enumerate(rings)}
    where = [place[Ring(*at)] for at in zip(binning.layer_of_voxel, binning.ring_of_voxel, strict=True)]
    member = (np.array(where)[:, None] == np.arange(len(rings))).astype(np.float32)
    divided = np.array([layer.n_alpha > 1 for layer in binning.layers])[binning.layer_of_voxel][:, None]
    x, y = (member * divided * f(binning.alpha_centres)[:, None] for f in (np.cos, np.sin))
    energy = showers.energy @ member
    filled = np.maximum(energy, np.float32(1e-12))
    blocks = [
        np.log10(showers.incident_energy)[:, None],
        np.log1p(energy / (_SCALE * showers.incident_energy[:, None])),
        (showers.energy > 0).astype(np.float32) @ member,
        *((showers.energy @ axis.astype(np.float32)) / filled for axis in (x, y)),
    ]
    names = [ENERGY, *(f"{kind}[layer {r.layer}, ring {r.ring}]" for kind in KINDS for r in rings)]
    return Features(np.concatenate(blocks, axis=1, dtype=np.float32), tuple(names))


def on_plane(values: Float[Array, " f"], binning: Binning) -> Float[Array, "4 R"]:
    """Numbers of the features (without the incident energy) as one row a kind, one column a ring.

    Args:
        values: (1 + 4 R,), one number a feature, that of the incident energy first.
        binning: the mesh, with R rings.
    """
    return values[1:].reshape(len(KINDS), len(rings_of(binning)))
