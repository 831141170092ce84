"""All targets of `caloforge export` by name."""

__all__ = ["TARGETS"]

from caloforge.deployment.ddml import DDMLTarget
from caloforge.deployment.fastcalosim import FastCaloSimTarget
from caloforge.deployment.par04 import Par04Target
from caloforge.deployment.target import GenericTarget, Target

TARGETS: dict[str, Target] = {
    target.contract.name: target for target in (GenericTarget(), Par04Target(), DDMLTarget(), FastCaloSimTarget())
}
