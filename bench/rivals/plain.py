"""A plain script as people write it: ImageFolder and DataLoader, fp32, every batch through the whole network.

Augmentation is thaw's ``light`` in torchvision's words; AdamW and a cosine as in thaw's parameters.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.utils.data import DataLoader
from torchvision import transforms
from torchvision.datasets import ImageFolder

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
    """The three parts, the training part augmented."""
    resize = transforms.Resize((settings.size, settings.size))
    augment = [
        transforms.RandomAffine(7, translate=(0.04, 0.04), scale=(0.94, 1.06)),
        transforms.ColorJitter(brightness=0.08, contrast=0.12),
    ]
    tensor = [transforms.ToTensor(), transforms.Normalize(settings.backbone.mean, settings.backbone.std)]
    plain, augmented = transforms.Compose([resize, *tensor]), transforms.Compose([resize, *augment, *tensor])
    return {part: ImageFolder(settings.data / part, augmented if part == "train" else plain) for part in PARTS}


def main() -> None:
    """Train and test once."""
    settings, device = read_settings(__doc__), device_here()
    sets = make_sets(settings)
    loaders = {
        part: DataLoader(images, settings.batch, shuffle=part == "train", num_workers=settings.threads)
        for part, images in sets.items()
    }
    network = build_network(settings).to(device)
    freeze(network, settings)
    trained = [parameter for parameter in network.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=settings.lr, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, settings.epochs * len(loaders["train"]))
    criterion = nn.CrossEntropyLoss()

    def train_epoch(_: int) -> None:
        for images, labels in loaders["train"]:
            optimizer.zero_grad()
            loss = criterion(network(images.to(device)), labels.to(device))
            loss.backward()
            optimizer.step()
            schedule.step()

    reached = train_and_test(network, settings, train_epoch, loaders["val"], loaders["test"])
    report(reached, {part: len(images) for part, images in sets.items()})


if __name__ == "__main__":
    main()
