"""timm's training recipe as a short script on its own loaders, transforms, optimizer and scheduler factories.

Its published options where they make it faster or nearer to thaw's parameters: ``--channels-last``, on a GPU ``--amp``,
``--opt adamw --weight-decay 0.01 --sched cosine``, and ``--scale 0.88 1 --ratio 0.94 1.06 --hflip 0 --color-jitter 0.1
--crop-pct 1`` for an augmentation about as mild as thaw's ``light``. Frozen by ``requires_grad``: the recipe has no
option for it.
"""

from __future__ import annotations

from typing import Any

import torch
from timm.data import create_dataset, create_loader  # type: ignore[attr-defined]
from timm.optim import create_optimizer_v2  # type: ignore[attr-defined]
from timm.scheduler import create_scheduler_v2  # type: ignore[attr-defined]
from torch import nn

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


def make_sets(settings: Settings) -> dict[str, Any]:
    """The three parts; the loader gives them their transforms."""
    return {part: create_dataset("", root=str(settings.data), split=part) for part in PARTS}


def make_loader(images: Any, part: str, settings: Settings) -> Any:
    """timm's prefetching loader with its own transforms."""
    device = device_here()
    return create_loader(
        images,
        input_size=(3, settings.size, settings.size),
        batch_size=settings.batch,
        is_training=part == "train",
        scale=(0.88, 1.0),
        ratio=(0.94, 1.06),
        hflip=0.0,
        color_jitter=0.1,
        interpolation="bicubic",
        mean=settings.backbone.mean,
        std=settings.backbone.std,
        num_workers=settings.threads,
        crop_pct=1.0,
        pin_memory=device.type == "cuda",
        device=device,
    )


def main() -> None:
    """Train and test once."""
    settings, device = read_settings(__doc__), device_here()
    sets = make_sets(settings)
    loaders = {part: make_loader(images, part, settings) for part, images in sets.items()}
    network = build_network(settings).to(device).to(memory_format=torch.channels_last)
    freeze(network, settings)
    optimizer = create_optimizer_v2(network, opt="adamw", lr=settings.lr, weight_decay=0.01)
    schedule, _ = create_scheduler_v2(optimizer, sched="cosine", num_epochs=settings.epochs)
    criterion = nn.CrossEntropyLoss()
    amp = device.type == "cuda"
    scaler = torch.amp.GradScaler(device.type, enabled=amp)

    def train_epoch(epoch: int) -> None:
        for images, labels in loaders["train"]:
            with torch.autocast(device.type, enabled=amp):
                loss = criterion(network(images.contiguous(memory_format=torch.channels_last)), labels)
            optimizer.zero_grad()
            scaler.scale(loss).backward()
            scaler.step(optimizer)
            scaler.update()
        schedule.step(epoch + 1)

    reached = train_and_test(network, settings, train_epoch, loaders["val"], loaders["test"])
    report(reached, {part: len(images) for part, images in sets.items()})


if __name__ == "__main__":
    main()
