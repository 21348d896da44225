"""The seed's method in Keras, written anew from its description: losses, gradient and Adam steps, into a file.

    python seed_tensorflow.py INPUT.npz OUTPUT.npz

Runs in an environment of its own (requirements.txt); compare.py makes the input and reads the output.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf


def main(source: str, target: str) -> None:
    """Everything that is compared, of the pictures, weights and settings in `source`."""
    data = np.load(source)
    settings = json.loads(str(data["settings"]))
    network = build_network(data, settings)
    content, style = as_input(data["content"]), as_input(data["style"])
    losses = make_losses(network, settings, network(content), network(style), content.shape)

    def value_and_gradient(image: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(image)
            terms = losses(image)
            total = weighted(terms, settings)
        return terms, total, tape.gradient(total, image)

    compiled = tf.function(value_and_gradient)
    found = [compiled(as_input(picture)) for picture in data["points"]]
    image, seconds = descend(compiled, content, settings["steps"])
    np.savez(
        target,
        names=np.array(list(found[0][0])),
        terms=np.array([[float(value) for value in terms.values()] for terms, _, _ in found]),
        totals=np.array([float(total) for _, total, _ in found]),
        gradients=np.stack([as_rgb(gradient.numpy(), mean=False) for _, _, gradient in found]),
        result=as_rgb(image.numpy()),
        seconds=seconds,
        seconds_stacked=time_stacked(network, content, style, settings),
        version=tf.__version__,
    )


def build_network(data: Any, settings: dict[str, Any]) -> Any:
    """Keras' own VGG-19 with our weights; a picture in, {layer: activation} out."""
    vgg = tf.keras.applications.VGG19(include_top=False, weights=None, input_shape=(None, None, 3))
    for layer in vgg.layers:
        if "conv" in layer.name:
            layer.set_weights([data[f"{layer.name}.weight"], data[f"{layer.name}.bias"]])
    names = [settings["content_layer"], *settings["style_layers"]]
    return tf.keras.Model(vgg.input, {name: vgg.get_layer(name).output for name in names})


def as_input(picture: Any) -> Any:
    """[H, W, 3], RGB in 0..255 -> [1, H, W, 3] as the network expects it: BGR less the mean."""
    return tf.constant(tf.keras.applications.vgg19.preprocess_input(picture[None].astype(np.float32)))


def as_rgb(image: Any, mean: bool = True) -> Any:
    """The way back, without clipping; of a gradient, without the mean."""
    return image[0][..., ::-1] + (np.array([123.68, 116.779, 103.939]) if mean else 0)


def gram(features: Any) -> Any:
    """F Fᵀ, summed over positions."""
    flat = tf.reshape(features, (-1, features.shape[-1]))
    return tf.matmul(flat, flat, transpose_a=True)


def make_losses(
    network: Any, settings: dict[str, Any], content: Any, style: Any, shape: Any
) -> Callable[[Any], dict[str, Any]]:
    """{term: loss without its weight} of an image."""
    pixels = shape[1] * shape[2]
    targets = {name: gram(style[name]) for name in settings["style_layers"]}

    def losses(image: Any) -> dict[str, Any]:
        found = network(image)
        layer = settings["content_layer"]
        terms = {"content": tf.reduce_sum(tf.square(found[layer] - content[layer]))}
        for name, target in targets.items():
            terms[f"style {name}"] = tf.reduce_sum(tf.square(gram(found[name]) - target)) / (
                4.0 * (3.0 * pixels) ** 2
            )
        terms["variation"] = variation(image)
        return terms

    return losses


def variation(image: Any) -> Any:
    """Σ (dx² + dy²)^1.25 over the pixels that have a right and a lower neighbour."""
    corner = image[:, :-1, :-1]
    down, across = image[:, 1:, :-1] - corner, image[:, :-1, 1:] - corner
    return tf.reduce_sum(tf.pow(tf.square(down) + tf.square(across), 1.25))


def weighted(terms: dict[str, Any], settings: dict[str, Any]) -> Any:
    """The sum that is minimised."""
    share = settings["style_weight"] / len(settings["style_layers"])
    weights = {"content": settings["content_weight"], "variation": settings["tv_weight"]}
    return tf.add_n([weights.get(name, share) * value for name, value in terms.items()])


def descend(value_and_gradient: Any, start: Any, steps: int) -> tuple[Any, list[float]]:
    """Keras' Adam with a rate of 1 and its defaults, from the photograph; seconds of each step."""
    image, optimizer, seconds = tf.Variable(start), tf.keras.optimizers.Adam(learning_rate=1.0), []
    for _ in range(steps):
        begun = time.perf_counter()
        gradient = value_and_gradient(tf.identity(image))[2]
        optimizer.apply_gradients([(gradient, image)])
        image.numpy()
        seconds.append(time.perf_counter() - begun)
    return image, seconds


def time_stacked(network: Any, content: Any, style: Any, settings: dict[str, Any], rounds: int = 6) -> list[float]:
    """Seconds of each gradient as the script has it: photograph, style and result through the network every time."""
    pixels = content.shape[1] * content.shape[2]

    def gradient_of(image: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(image)
            stacked = network(tf.concat([content, style, image], 0))
            photo, painting, found = (
                {name: part[index : index + 1] for name, part in stacked.items()} for index in range(3)
            )
            layer = settings["content_layer"]
            terms = {"content": tf.reduce_sum(tf.square(found[layer] - photo[layer]))}
            for name in settings["style_layers"]:
                error = tf.square(gram(found[name]) - gram(painting[name]))
                terms[name] = tf.reduce_sum(error) / (4.0 * (3.0 * pixels) ** 2)
            terms["variation"] = variation(image)
            total = weighted(terms, settings)
        return tape.gradient(total, image)

    compiled, seconds = tf.function(gradient_of), []
    for _ in range(rounds):
        begun = time.perf_counter()
        compiled(content).numpy()
        seconds.append(time.perf_counter() - begun)
    return seconds[1:]  # the first one traces


if __name__ == "__main__":
    main(*sys.argv[1:])
