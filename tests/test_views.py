"""What a part of a picture depends on, layer by layer."""

import torch
from conftest import VGG19, MakeEncoder, MakePicture, MakeTensors

from impasto.views import View, margins, view


def test_margins_of_vgg19_to_its_last_block() -> None:
    pooled = [False, False, True, False, True, False, False, False, True, False, False, False, True]
    assert margins(pooled) == [70, 69, 68, 33, 32, 15, 14, 13, 12, 5, 4, 3, 2, 0]


def test_a_view_ends_with_its_grid() -> None:
    assert view((100, 37), (32, 0, 64, 16), 4, 3) == View((5, 19), (0, 7), (25, 10))
    assert view((100, 37), (32, 0, 64, 37), 4, 30) == View((0, 25), (0, 10), (25, 10))
    assert view((100, 37), (32, 0, 64, 16), 4, 3).ends == (False, True, False, False)


def test_parts_and_their_adjoint() -> None:
    image = torch.arange(7 * 9.0).view(1, 1, 7, 9)
    outer, inner = View((2, 6), (0, 5), (7, 9)), View((3, 5), (0, 4), (7, 9))
    assert torch.equal(outer.cut(image), image[..., 2:6, :5])
    assert torch.equal(outer.part(image[0, :, 2:6, :5].permute(1, 2, 0), inner)[..., 0], image[0, 0, 3:5, :4])
    assert float((outer.embedded(outer.cut(image)) * image).sum()) == float(outer.cut(image).square().sum())


def test_less_is_computed_the_deeper_the_layer(
    make_encoder: MakeEncoder, make_tensors: MakeTensors, make_picture: MakePicture
) -> None:
    encoder = make_encoder(["relu1_1", "relu5_1"], VGG19, tensors=make_tensors(VGG19, channels=2))
    features = encoder.forward(make_picture(192, 192), (80, 80, 112, 112))
    assert {tap: tuple(feature.shape[2:]) for tap, feature in features.items()} == {
        "relu1_1": (32, 32),
        "relu5_1": (2, 2),
    }
    sides = [output.shape[0] for output in encoder._outputs]
    assert sides == [32 + 2 * 69, 32 + 2 * 68, 16 + 66, 16 + 64, 8 + 30, 8 + 28, 8 + 26, 8 + 24, 14, 12, 10, 8, 2]
