"""torchvision's training recipe, references/classification, as a short script.

Its presets (RandomResizedCrop and flip; for evaluation the shorter side to 256/224 of the size, and a centre crop), SGD
with momentum 0.9 and weight decay 1e-4, ``--lr-scheduler cosineannealinglr``, ``--label-smoothing 0.1``, and on a GPU
``--amp``. Frozen by ``requires_grad``, since the recipe has no option for it. Its augmentation is its own: no option
makes it as mild as thaw's.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.utils.data import DataLoader
from torchvision.datasets import ImageFolder
from torchvision.transforms import v2

from bench.rivals.contract import (
    PARTS,
    Settings,
    build_network,
    device_here,
    freeze,
    read_settings,
    report,
    train_and_test,
)


def make_sets(settings: Settings) -> dict[str, ImageFolder]:
    """The three parts under the recipe's presets."""
    crop = [v2.RandomResizedCrop(settings.size, antialias=True), v2.RandomHorizontalFlip(0.5)]
    centre = [v2.Resize(round(settings.size * 256 / 224), antialias=True), v2.CenterCrop(settings.size)]
    tensor = [
        v2.PILToTensor(),
        v2.ToDtype(torch.float, scale=True),
        v2.Normalize(settings.backbone.mean, settings.backbone.std),
        v2.ToPureTensor(),
    ]
    presets = {"train": v2.Compose([*crop, *tensor])}
    return {
        part: ImageFolder(settings.data / part, presets.get(part, v2.Compose([*centre, *tensor]))) for part in PARTS
    }


def main() -> None:
    """Train and test once."""
    settings, device = read_settings(__doc__), device_here()
    sets = make_sets(settings)
    loaders = {
        part: DataLoader(
            images,
            settings.batch,
            shuffle=part == "train",
            num_workers=settings.threads,
            pin_memory=device.type == "cuda",
        )
        for part, images in sets.items()
    }
    network = build_network(settings).to(device)
    freeze(network, settings)
    trained = [parameter for parameter in network.parameters() if parameter.requires_grad]
    optimizer = torch.optim.SGD(trained, lr=settings.lr, momentum=0.9, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=settings.epochs)
    criterion = nn.CrossEntropyLoss(label_smoothing=0.1)
    amp = device.type == "cuda"
    scaler = torch.amp.GradScaler(device.type, enabled=amp)

    def train_epoch(_: int) -> None:
        for images, labels in loaders["train"]:
            with torch.autocast(device.type, enabled=amp):
                loss = criterion(network(images.to(device, non_blocking=True)), labels.to(device, non_blocking=True))
            optimizer.zero_grad()
            scaler.scale(loss).backward()
            scaler.step(optimizer)
            scaler.update()
        schedule.step()

    reached = train_and_test(network, settings, train_epoch, loaders["val"], loaders["test"])
    report(reached, {part: len(images) for part, images in sets.items()})


if __name__ == "__main__":
    main()
