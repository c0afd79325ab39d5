"""What the dial decides: the network, its size, and how it is trained."""

from typing import Any

import pytest

from aprende.core.errors import SettingError
from aprende.core.settings import make
from aprende.methods.classification import recipes
from aprende.methods.classification.recipes import PictureSettings


def settings(**values: Any) -> PictureSettings:
    return make(PictureSettings, values)


def facts(name: str, side: int = 28, channels: int = 1, pictures: int = 60_000) -> dict[str, Any]:
    return {"shape": {"network": name}, "side": side, "channels": channels, "pictures": pictures}


@pytest.mark.parametrize(
    ("count", "side", "channels", "expected"),
    [
        (60_000, 28, 1, "resnet"),
        (500, 28, 1, "efficientnet_lite0"),
        (5_000, 32, 3, "efficientnet_lite0"),
        (120, 160, 3, "efficientnet_lite0"),
        (5_000, 160, 1, "efficientnet_lite0"),
    ],
)
def test_network_by_number_size_and_colour(count: int, side: int, channels: int, expected: str) -> None:
    assert recipes.network(settings(), count, side, channels) == expected
    assert recipes.network(settings(network="mlp"), count, side, channels) == "mlp"


def test_small_photos_are_enlarged_by_the_network_and_large_ones_stored_as_seen() -> None:
    assert recipes.sides(settings(), "efficientnet_lite0", 32) == (32, 96)
    assert recipes.sides(settings(), "efficientnet_lite0", 160) == (160, 160)
    assert recipes.sides(settings(size=224), "efficientnet_lite0", 160) == (224, 224)
    assert recipes.sides(settings(), "perceptron", 160) == (32, 32)
    assert recipes.sides(settings(), "resnet", 1) == (16, 16)
    with pytest.raises(SettingError, match="at least 16"):
        recipes.sides(settings(size=4), "resnet", 28)


def test_digits_are_never_mirrored_and_photos_are_unless_told() -> None:
    digits, photos = facts("resnet"), facts("resnet", 32, 3, 5_000)
    assert not recipes.plan(settings(), digits).augment.flip
    assert recipes.plan(settings(), digits).looks == "shifted"
    assert recipes.plan(settings(), photos).augment.flip
    assert recipes.plan(settings(), photos).looks == "mirrored"
    assert not recipes.plan(settings(flips="no"), photos).augment.flip
    assert not recipes.plan(settings(), facts("resnet", 160, 1)).augment.flip  # X-rays: left is not right
    assert recipes.plan(settings(), facts("perceptron")).augment == recipes.Augment()


def test_batches_are_never_larger_than_an_eighth_of_a_few_pictures() -> None:
    assert recipes.plan(settings(), facts("efficientnet_lite0", 160, 3, 100)).batch == 8
    assert recipes.plan(settings(), facts("efficientnet_lite0", 160, 3, 5_000)).batch == 64
    assert recipes.plan(settings(batch=32), facts("resnet")).batch == 32


def test_published_weights_are_taken_at_their_full_size_and_gently() -> None:
    chosen, own = settings(network="senet", weights="se.pth"), settings(network="senet")
    assert recipes.sides(chosen, "senet", 160) == (224, 224)
    assert recipes.sides(chosen, "senet", 32) == (32, 224)
    made = recipes.shape(chosen, "senet", 5, 224, 3)
    assert (made["width"], made["depth"], made["published"]) == (64, 0, True)
    small = recipes.shape(own, "senet", 5, 28, 1)
    assert (small["width"], small["depth"], small["published"]) == (8, 1, False)
    new_head, whole = (recipes.plan(chosen, facts("senet", 160, 3), kept) for kept in (False, True))
    assert (new_head.pretrained, new_head.whole) == (True, False)
    assert (whole.pretrained, whole.whole) == (False, True)
    assert whole.recipe.lr < recipes.plan(own, facts("senet", 160, 3)).recipe.lr


@pytest.mark.parametrize("name", ["auto", "resnet", "neocognitron"])
def test_published_weights_need_the_name_of_their_network(name: str) -> None:
    with pytest.raises(SettingError, match="network= one of alexnet, vgg11, vgg16, senet"):
        recipes.network(settings(network=name, weights="w.pth"), 100, 160, 3)
