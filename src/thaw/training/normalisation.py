"""BatchNorm statistics estimated anew on the training images, without their labels."""

from __future__ import annotations

import torch
from torch import nn

from thaw import strategies
from thaw.backbones.classifier import Classifier
from thaw.training.batches import Examples, cut
from thaw.training.device import Precision, autocast
from thaw.training.distributed import ALONE, Group

BatchNorm = nn.modules.batchnorm._BatchNorm


@torch.no_grad()
def adapt_statistics(
    classifier: Classifier, examples: Examples, batch_size: int, device: torch.device, precision: Precision,
    group: Group = ALONE,
) -> None:  # fmt: skip
    """Replace the running mean and variance of every BatchNorm layer by their averages over the batches of one pass.

    AdaBN, Li et al. 2017 (arXiv:1603.04779), section 3, in the form of torch's ``swa_utils.update_bn``: each layer is
    normalised by its batch while the averages are taken, over the batches with equal weight, with the unbiased variance
    of each. No weight moves, dropout stays off, images are not augmented and keep their order. Of several processes
    with GPUs each takes its share of a batch, and BatchNorm sees the whole; on CPUs each takes all.
    """
    strategies.set_evaluation(classifier)
    norms = [module for module in classifier.network.modules() if isinstance(module, BatchNorm)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # torch's word for the plain average over all batches
        norm.training = True
    for positions in cut(torch.arange(len(examples)), batch_size):
        seen = group.share(len(positions)).seen if device.type == "cuda" else slice(None)
        images, _ = examples.batch(positions[seen], device)
        with autocast(device, precision):
            classifier(images)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
    strategies.set_evaluation(classifier)
