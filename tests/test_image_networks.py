"""Larger image networks: any stem and colour, weights from a file, a frozen backbone whose features are kept."""

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn

from clsunbias.errors import InputError
from clsunbias.networks import DenseNet121, EfficientNetB0, ResNet18, ResNet50, SmallConvNet, Timm
from tests.images import write_folders
from tests.test_cli import fit


@pytest.mark.parametrize(
    ("make", "width"), [(ResNet18, 512), (ResNet50, 2048), (DenseNet121, 1024), (EfficientNetB0, 1280)]
)
def test_stems_and_colours(make: type[ResNet18], width: int) -> None:
    """A logit for each class of grey or colour images; the small stem leaves several positions of 28×28 pixels."""
    grey, small = make(1, 4).eval(), make(3, 4, "small").eval()
    seen: list[tuple[int, ...]] = []
    last = [part for part in small.modules() if isinstance(part, nn.Conv2d)][-1]
    last.register_forward_hook(lambda part, given, out: seen.append(tuple(out.shape)))
    with torch.no_grad():
        assert grey(torch.randn(2, 1, 64, 64)).shape == (2, 4)
        assert small.features(torch.randn(2, 3, 28, 28)).shape == (2, width)
    assert seen[0][-1] > 1


def test_the_small_network_takes_larger_images() -> None:
    """With the weights of 28×28 pixels, whose figures stay what they were."""
    network = SmallConvNet(3, 2)
    assert network(torch.randn(2, 3, 48, 64)).shape == (2, 2)
    x = torch.randn(5, 3, 28, 28)
    flat = network.backbone[:3](x.contiguous(memory_format=torch.channels_last)).flatten(1)
    assert torch.equal(network(x), network.head(network.backbone[4:](flat)))


def torchvision_weights(path: Path) -> dict[str, torch.Tensor]:
    """A file of weights as torchvision's are: three channels, a head for 1,000 classes."""
    from torchvision.models import resnet18

    weights: dict[str, torch.Tensor] = resnet18().state_dict()
    torch.save(weights, path)
    return weights


def test_weights_of_a_file(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """All of the backbone; grey sums the first convolution; what has no use is said."""
    weights = torchvision_weights(tmp_path / "a.pth")
    network = ResNet18(3, 2, weights=tmp_path / "a.pth")
    assert torch.equal(network.backbone.get_parameter("layer4.1.conv2.weight"), weights["layer4.1.conv2.weight"])
    assert "no use for fc.weight, fc.bias; the head starts anew" in capfd.readouterr().err
    grey = ResNet18(1, 1, weights=tmp_path / "a.pth")
    torch.testing.assert_close(
        grey.backbone.get_parameter("conv1.weight"), weights["conv1.weight"].sum(1, keepdim=True)
    )
    assert "conv1.weight is summed over its channels" in capfd.readouterr().err
    torch.save({"state_dict": {f"module.{name}": value for name, value in weights.items()}}, tmp_path / "b.pth")
    small = ResNet18(3, 1, "small", tmp_path / "b.pth")
    assert torch.equal(small.backbone.get_parameter("bn1.weight"), weights["bn1.weight"])
    assert "the first convolution starts anew, since conv1.weight is (64, 3, 7, 7) there" in capfd.readouterr().err


def test_weights_that_are_others(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Of another network, of none, of code, of no numbers, or not there."""
    weights = torchvision_weights(tmp_path / "a.pth")
    for make in (ResNet50, DenseNet121):
        with pytest.raises(InputError, match=f"another network than {make.__name__}: .* do not fit: .* absent"):
            make(weights=tmp_path / "a.pth")
    given = ["--model.network", "clsunbias.networks.ResNet50", "--model.network.weights", str(tmp_path / "a.pth")]
    assert fit("image_folder", tmp_path / "run", *given) == 2
    assert "a.pth holds the weights of another network than ResNet50" in " ".join(capfd.readouterr().err.split())
    with pytest.raises(InputError, match=r"there are no weights .*none\.pth"):
        ResNet18(weights=tmp_path / "none.pth")
    (tmp_path / "text.pth").write_text("text")
    torch.save(nn.Linear(1, 1), tmp_path / "code.pth")
    for name in ("text.pth", "code.pth"):
        with pytest.raises(InputError, match=f"{name} is not a file of weights that can be read"):
            ResNet18(weights=tmp_path / name)
    torch.save({"epoch": 3}, tmp_path / "epoch.pth")
    with pytest.raises(InputError, match="it holds no tensors by their names"):
        ResNet18(weights=tmp_path / "epoch.pth")
    torch.save(weights | {"conv1.weight": weights["conv1.weight"] * torch.nan}, tmp_path / "nan.pth")
    with pytest.raises(InputError, match=r"no finite numbers \(conv1.weight\)"):
        ResNet18(weights=tmp_path / "nan.pth")


def test_timm_is_an_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """Named where it is missing; its networks are made without a head, an unknown one is told."""
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(InputError, match=r"pip install 'clsunbias\[timm\]'"):
        Timm("resnet10t")

    def create_model(name: str, pretrained: bool, in_chans: int, num_classes: int) -> nn.Module:
        if name == "nothing":
            raise RuntimeError("Unknown model (nothing)")
        assert (pretrained, num_classes) == (False, 0)
        network = nn.Sequential(nn.Conv2d(in_chans, 7, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten())
        network.num_features = 7  # type: ignore[assignment]
        return network

    monkeypatch.setitem(sys.modules, "timm", SimpleNamespace(create_model=create_model))
    assert Timm("resnet10t", 1, 3)(torch.randn(2, 1, 28, 28)).shape == (2, 3)
    with pytest.raises(InputError, match="timm has no network 'nothing': Unknown model"):
        Timm("nothing")


def test_a_frozen_backbone_is_run_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Its features are kept for the next run, with which its figures are those of a run that computes them anew."""
    monkeypatch.setenv("CLSUNBIAS_CACHE", str(tmp_path / "cache"))
    write_folders(tmp_path / "my_images")
    torchvision_weights(tmp_path / "a.pth")
    network = ["--model.network", "clsunbias.networks.ResNet18", "--model.network.weights", str(tmp_path / "a.pth")]
    options = ["--data.root", str(tmp_path), "--data.size", "28", "--trainer.max_epochs", "2", *network]
    called: list[int] = []
    forward = ResNet18.features

    def counted(self: Any, images: torch.Tensor) -> torch.Tensor:
        called.append(len(images))
        return forward(self, images)

    monkeypatch.setattr(ResNet18, "features", counted)
    assert fit("image_folder", tmp_path / "a", *options, "--freeze", "backbone") == 0
    first = capfd.readouterr().err
    assert first.count("computed once, and kept in") == 3
    assert sum(called) == 24 + 2  # every image once, and two to try the network
    called.clear()
    assert fit("image_folder", tmp_path / "b", *options, "--freeze", "backbone") == 0
    assert capfd.readouterr().err.count("are taken from") == 3
    assert sum(called) == 2
    scores = [(tmp_path / name / "predictions.csv").read_text() for name in ("a", "b")]
    assert scores[0] == scores[1]
    assert len(list((tmp_path / "cache" / "features").glob("*.npy"))) == 3
