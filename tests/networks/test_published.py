"""Published weights: made-up files in the names of torchvision, Cadene and timm; forward passes written here anew."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn
from torch.nn import functional as F

from aprende.core.errors import DataError
from aprende.networks import pictures, published

MEAN, STD = (torch.tensor(v).view(1, 3, 1, 1) for v in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
Weights = dict[str, torch.Tensor]


def torchvision(net: nn.Module) -> Weights:
    """The weights of a network whose parts are called as in torchvision."""
    return {name: tensor.clone() for name, tensor in net.state_dict().items()}


class Sequentials(nn.Module):
    """As torchvision lays AlexNet and VGG out: `features`, then `classifier`."""

    def __init__(self, features: list[nn.Module], classifier: list[nn.Module]) -> None:
        super().__init__()
        self.features, self.classifier = nn.Sequential(*features), nn.Sequential(*classifier)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.classifier(self.features(x).flatten(1))
        return out


def alexnet(classes: int) -> Sequentials:
    """An eighth of AlexNet for 100 px."""
    relu, pool = nn.ReLU(), nn.MaxPool2d(3, 2)
    features = [nn.Conv2d(3, 8, 11, 4, 2), relu, pool, nn.Conv2d(8, 24, 5, padding=2), relu, pool,
                nn.Conv2d(24, 48, 3, padding=1), relu, nn.Conv2d(48, 32, 3, padding=1), relu,
                nn.Conv2d(32, 32, 3, padding=1), relu, pool]  # fmt: skip
    dense = [nn.Dropout(), nn.Linear(32 * 4, 512), relu, nn.Dropout(), nn.Linear(512, 512), relu]
    return Sequentials(features, [*dense, nn.Linear(512, classes)])


def vgg(classes: int, counts: tuple[int, ...]) -> Sequentials:
    """An eighth of VGG for 100 px."""
    features: list[nn.Module] = []
    before = 3
    for count, after in zip(counts, (8, 16, 32, 64, 64), strict=True):
        for _ in range(count):
            features += [nn.Conv2d(before, after, 3, padding=1), nn.ReLU()]
            before = after
        features.append(nn.MaxPool2d(2))
    dense = [nn.Linear(64 * 9, 512), nn.ReLU(), nn.Dropout(), nn.Linear(512, 512), nn.ReLU(), nn.Dropout()]
    return Sequentials(features, [*dense, nn.Linear(512, classes)])


def senet_weights(classes: int, late: bool) -> Weights:
    """Random weights of an eighth of SE-ResNet-50, in timm's names (late) or Cadene's."""
    held: Weights = {}

    def norm(name: str, channels: int) -> None:
        held[f"{name}.weight"], held[f"{name}.bias"] = torch.rand(channels) + 0.5, torch.randn(channels) * 0.1
        held[f"{name}.running_mean"], held[f"{name}.running_var"] = (
            torch.randn(channels) * 0.1,
            torch.rand(channels) + 1,
        )
        held[f"{name}.num_batches_tracked"] = torch.tensor(7)

    def conv(name: str, after: int, before: int, kernel: int, bias: bool = False) -> None:
        held[f"{name}.weight"] = torch.randn(after, before, kernel, kernel) * (2 / (before * kernel**2)) ** 0.5
        if bias:
            held[f"{name}.bias"] = torch.randn(after) * 0.1

    stem, squeeze = ("", "se") if late else ("layer0.", "se_module")
    conv(f"{stem}conv1", 8, 3, 7)
    norm(f"{stem}bn1", 8)
    before = 8
    for stage, blocks in enumerate((3, 4, 6, 3)):
        wide = 8 * 2**stage
        for block in range(blocks):
            at = f"layer{stage + 1}.{block}"
            for number, (out, into, kernel) in enumerate(((wide, before, 1), (wide, wide, 3), (4 * wide, wide, 1)), 1):
                conv(f"{at}.conv{number}", out, into, kernel)
                norm(f"{at}.bn{number}", out)
            conv(f"{at}.{squeeze}.fc1", 4 * wide // 16, 4 * wide, 1, bias=True)
            conv(f"{at}.{squeeze}.fc2", 4 * wide, 4 * wide // 16, 1, bias=True)
            if block == 0:
                conv(f"{at}.downsample.0", 4 * wide, before, 1)
                norm(f"{at}.downsample.1", 4 * wide)
            before = 4 * wide
    last = "fc" if late else "last_linear"
    held[f"{last}.weight"], held[f"{last}.bias"] = torch.randn(classes, before) * 0.1, torch.randn(classes)
    return held


def senet_scores(held: Weights, x: torch.Tensor, late: bool) -> torch.Tensor:
    """SE-ResNet-50 by torch's functions and the file's names alone."""
    stem, squeeze = ("", "se") if late else ("layer0.", "se_module")

    def normed(x: torch.Tensor, name: str) -> torch.Tensor:
        own = [held[f"{name}.{part}"] for part in ("running_mean", "running_var", "weight", "bias")]
        return F.batch_norm(x, *own, training=False)

    x = F.relu(normed(F.conv2d(x, held[f"{stem}conv1.weight"], stride=2, padding=3), f"{stem}bn1"))
    x = F.max_pool2d(x, 3, 2, padding=1) if late else F.max_pool2d(x, 3, 2, ceil_mode=True)
    for stage, blocks in enumerate((3, 4, 6, 3)):
        for block in range(blocks):
            at, stride = f"layer{stage + 1}.{block}", 2 if stage and not block else 1
            y = F.conv2d(x, held[f"{at}.conv1.weight"], stride=1 if late else stride)
            y = F.relu(normed(y, f"{at}.bn1"))
            y = F.conv2d(y, held[f"{at}.conv2.weight"], stride=stride if late else 1, padding=1)
            y = F.relu(normed(y, f"{at}.bn2"))
            y = normed(F.conv2d(y, held[f"{at}.conv3.weight"]), f"{at}.bn3")
            gate = F.adaptive_avg_pool2d(y, 1)
            gate = F.relu(F.conv2d(gate, held[f"{at}.{squeeze}.fc1.weight"], held[f"{at}.{squeeze}.fc1.bias"]))
            gate = F.conv2d(gate, held[f"{at}.{squeeze}.fc2.weight"], held[f"{at}.{squeeze}.fc2.bias"]).sigmoid()
            if not block:
                x = normed(F.conv2d(x, held[f"{at}.downsample.0.weight"], stride=stride), f"{at}.downsample.1")
            x = F.relu(y * gate + x)
    last = "fc" if late else "last_linear"
    return F.linear(F.adaptive_avg_pool2d(x, 1).flatten(1), held[f"{last}.weight"], held[f"{last}.bias"])


def shape(name: str, classes: int = 5, channels: int = 3) -> pictures.Shape:
    return pictures.Shape(name, classes, 100, channels, width=8, published=True)


def shares(scores: Callable[[torch.Tensor], torch.Tensor], held: torch.Tensor) -> torch.Tensor:
    """What a network says of bytes (B, H, W, 3), normalised as torchvision tells."""
    with torch.inference_mode():
        return scores((held.permute(0, 3, 1, 2) / 255 - MEAN) / STD).softmax(1)


@pytest.fixture
def photos() -> torch.Tensor:
    return torch.randint(0, 256, (3, 100, 100, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("name", ["alexnet", "vgg11", "vgg16"])
def test_torchvisions_names_give_torchvisions_answers(name: str, tmp_path: Path, photos: torch.Tensor) -> None:
    torch.manual_seed(0)
    counts = {"vgg11": (1, 1, 2, 2, 2), "vgg16": (2, 2, 3, 3, 3)}
    theirs = (alexnet(5) if name == "alexnet" else vgg(5, counts[name])).eval()
    torch.save({"state_dict": {f"module.{k}": v for k, v in theirs.state_dict().items()}}, tmp_path / "w.pth")
    net, form, kept = published.load(shape(name), tmp_path / "w.pth")
    assert (form, kept) == ("", True)
    assert torch.allclose(net.eval()(photos)[0], shares(theirs, photos), atol=1e-5)


@pytest.mark.parametrize("late", [False, True], ids=["cadene", "timm"])
def test_both_namings_of_senet_give_their_own_answers(late: bool, tmp_path: Path, photos: torch.Tensor) -> None:
    torch.manual_seed(0)
    held = senet_weights(5, late)
    save_file(held, tmp_path / "w.safetensors")
    net, form, kept = published.load(shape("senet"), tmp_path / "w.safetensors")
    assert (form, kept) == ("late" if late else "", True)
    net.train()  # norms keep their statistics even while training
    expected = shares(lambda x: senet_scores(held, x, late), photos)
    assert torch.allclose(net(photos)[0], expected, atol=1e-4)
    assert not torch.allclose(shares(lambda x: senet_scores(held, x, late), photos.flip(3)), expected, atol=1e-3)


def test_a_head_of_other_classes_is_begun_anew_and_grey_pictures_are_seen(tmp_path: Path) -> None:
    theirs = alexnet(9)
    torch.save(theirs.state_dict(), tmp_path / "w.pt")
    net, _, kept = published.load(shape("alexnet", classes=4, channels=1), tmp_path / "w.pt")
    assert not kept
    assert net.head.out_features == 4
    assert torch.equal(net.net.body.conv3[0].weight, theirs.features[6].weight)
    grey = torch.randint(0, 256, (2, 100, 100, 1), dtype=torch.uint8)
    assert torch.allclose(net.eval()(grey)[0], net(grey.expand(-1, -1, -1, 3))[0], atol=1e-6)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (lambda w: w.pop("features.6.bias"), "missing: body.conv3.0.bias"),
        (lambda w: w.update({"features.3.weight": torch.zeros(24, 8, 3, 3)}), r"of another shape: body.conv2.0.weight"),
        (lambda w: w.update({"extra.weight": torch.zeros(2)}), "not known: extra.weight"),
    ],
)
def test_what_misses_or_does_not_fit_is_named(changed: Callable[[Weights], object], said: str, tmp_path: Path) -> None:
    held = torchvision(alexnet(5))
    changed(held)
    save_file(held, tmp_path / "w.safetensors")
    with pytest.raises(DataError, match=said):
        published.load(shape("alexnet"), tmp_path / "w.safetensors")


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    save_file(torchvision(vgg(5, (1, 1, 2, 2, 2))), tmp_path / "w.safetensors")
    with pytest.raises(DataError, match="does not fit vgg16"):
        published.load(shape("vgg16"), tmp_path / "w.safetensors")


def test_files_with_more_than_tensors_are_not_run(tmp_path: Path) -> None:
    class Bad:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return (Path.touch, (tmp_path / "ran",))  # type: ignore[return-value]

    torch.save({"features.0.weight": Bad()}, tmp_path / "w.pth")
    (tmp_path / "empty.safetensors").write_bytes(b"")
    torch.save([1, 2], tmp_path / "list.pth")
    for name in ("w.pth", "empty.safetensors", "list.pth"):
        with pytest.raises(DataError, match="cannot be read as tensors alone"):
            published.load(shape("alexnet"), tmp_path / name)
    assert not (tmp_path / "ran").exists()
    with pytest.raises(DataError, match="no file"):
        published.load(shape("alexnet"), tmp_path / "nothing.pth")
