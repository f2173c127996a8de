"""fastai's transfer learning: ``freeze`` and ``freeze_to`` with one cycle, ``fine_tune`` for the whole network.

Full is ``fine_tune`` with its usual one frozen epoch, which counts as one of the epochs. Runs only where fastai is
installed; thaw does not ask for it.
"""

from __future__ import annotations

import importlib
import importlib.util
import tempfile
from typing import Any

from sklearn.metrics import roc_auc_score
from torch import nn

from bench.rivals.contract import Settings, build_network, read_settings, report


def make_loaders(fastai: Any, settings: Settings) -> Any:
    """Training and validation images under fastai's own augmentation, set as mild as thaw's ``light``."""
    augment = fastai.aug_transforms(do_flip=False, max_rotate=7.0, max_zoom=1.06, max_lighting=0.12, max_warp=0.0)
    return fastai.ImageDataLoaders.from_folder(
        settings.data,
        train="train",
        valid="val",
        item_tfms=fastai.Resize(settings.size, method=fastai.ResizeMethod.Squish),
        batch_tfms=[*augment, fastai.Normalize.from_stats(settings.backbone.mean, settings.backbone.std)],
        bs=settings.batch,
        num_workers=settings.threads,
    )


def groups(network: nn.Module, settings: Settings) -> list[list[nn.Parameter]]:
    """The parameters as ``freeze_to`` counts them: all before the last two blocks, these, the head."""
    last, head = settings.backbone.last_blocks, settings.backbone.head
    named = list(network.named_parameters())
    return [
        [parameter for name, parameter in named if not name.startswith((*last, head))],
        [parameter for name, parameter in named if name.startswith(last)],
        [parameter for name, parameter in named if name.startswith(head)],
    ]


def train(learner: Any, settings: Settings) -> None:
    """All epochs of a strategy."""
    match settings.strategy:
        case "full" if settings.epochs > 1:
            learner.fine_tune(settings.epochs - 1, settings.lr, freeze_epochs=1)
            return
        case "full":
            learner.unfreeze()
        case "partial":
            learner.freeze_to(-2)
        case _:
            learner.freeze()
    learner.fit_one_cycle(settings.epochs, settings.lr)


def main() -> None:
    """Train and test once."""
    settings = read_settings(__doc__)
    if importlib.util.find_spec("fastai") is None:
        raise SystemExit("fastai is not installed")
    # fastai is no part of thaw's environment, so nothing is known of its types either
    fastai: Any = importlib.import_module("fastai.vision.all")
    loaders = make_loaders(fastai, settings)
    test = loaders.test_dl(fastai.get_image_files(settings.data / "test"), with_labels=True)
    with tempfile.TemporaryDirectory() as kept:
        learner = fastai.Learner(
            loaders,
            build_network(settings),
            loss_func=fastai.CrossEntropyLossFlat(),
            splitter=lambda network: groups(network, settings),
            metrics=fastai.RocAucBinary(),
            cbs=fastai.SaveModelCallback(monitor="roc_auc_score"),
            model_dir=kept,
        )
        with learner.no_bar(), learner.no_logging():
            train(learner, settings)
            scores, labels = learner.get_preds(dl=test)
    reached = float(roc_auc_score(labels.numpy(), scores[:, 1].numpy()))
    report(reached, {"train": len(loaders.train_ds), "val": len(loaders.valid_ds), "test": len(test.dataset)})


if __name__ == "__main__":
    main()
