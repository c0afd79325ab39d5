"""Published weights of AlexNet, VGG and SE-ResNet-50 from a file, under our names. Knows no training.

Files are read as tensors only: safetensors, or torch's own (`weights_only=True`). Which names the file has tells which
published form the network must have. The last layer is taken over where it tells as many classes, else begun anew.
"""

import pickle
from dataclasses import replace
from pathlib import Path

import torch
from safetensors import SafetensorError

from aprende.core.errors import DataError
from aprende.core.words import t
from aprende.networks.pictures import PictureNet, Shape, make

WRAPPERS = ("state_dict", "model", "model_state_dict")  # under which the tensors may lie
LEADS = ("module.", "model.")  # before every name
COUNTER = "num_batches_tracked"
NAMED = 4  # tensors named in a message

Tensors = dict[str, torch.Tensor]


def load(shape: Shape, file: Path) -> tuple[PictureNet, str, bool]:
    """Return the network with the file's weights, which form it has, and whether the last layer came with them.

    Raises DataError where the file cannot be read, or where tensors miss, do not fit, or are not known.
    """
    held = read(file)
    net = make(shape)
    forms = net.net.published()  # type: ignore[operator]
    form = max(forms, key=lambda name: len(_renamed(held, forms[name])))
    if form != shape.form:
        net = make(replace(shape, form=form))
    found = _renamed(held, forms[form])
    own = net.net.state_dict()
    kept = "head.weight" in found and found["head.weight"].shape == own["head.weight"].shape
    if not kept:
        found |= {name: own[name] for name in own if name.startswith("head.")}
    strange = [name for name in held if not name.endswith(COUNTER) and _layer(name) not in forms[form]]
    _check(file, shape.network, own, found, strange)
    net.net.load_state_dict(
        {name: found[name].view_as(tensor) for name, tensor in own.items() if name in found}, strict=False
    )
    if hasattr(net.net, "kept"):
        net.net.kept = True  # type: ignore[assignment]
    return net, form, kept


def read(file: Path) -> Tensors:
    """Return the file's tensors by name, float32, without wrappers and leading words."""
    if not file.is_file():
        raise DataError(t("weights: there is no file {file}.", file=file))
    try:
        held = _safetensors(file) if file.suffix == ".safetensors" else _torch(file)
    except (pickle.UnpicklingError, SafetensorError, RuntimeError, EOFError, OSError, ValueError) as error:
        why = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataError(t("weights: {file} cannot be read as tensors alone: {why}", file=file, why=why)) from None
    for lead in LEADS:
        if held and all(name.startswith(lead) for name in held):
            held = {name.removeprefix(lead): tensor for name, tensor in held.items()}
    return {name: tensor.float() for name, tensor in held.items()}


def _safetensors(file: Path) -> Tensors:
    from safetensors.torch import load_file

    return dict(load_file(file))


def _torch(file: Path) -> Tensors:
    held = torch.load(file, map_location="cpu", weights_only=True)
    for name in WRAPPERS:
        if isinstance(held, dict) and isinstance(held.get(name), dict):
            held = held[name]
    if not isinstance(held, dict) or not held or not all(isinstance(v, torch.Tensor) for v in held.values()):
        raise ValueError("no names with tensors")
    return dict(held)


def _layer(name: str) -> str:
    return name.rpartition(".")[0]


def _renamed(held: Tensors, names: dict[str, str]) -> Tensors:
    """The tensors of known layers, under our names."""
    return {
        f"{names[_layer(name)]}.{name.rpartition('.')[2]}": tensor
        for name, tensor in held.items()
        if _layer(name) in names
    }


def _check(file: Path, network: str, own: Tensors, found: Tensors, strange: list[str]) -> None:
    """Raise DataError where they are not the same names with the same shapes (but for sides of 1)."""
    missing = [name for name in own if name not in found and not name.endswith(COUNTER)]
    unfit = [
        f"{name} {tuple(found[name].shape)} ≠ {tuple(tensor.shape)}"
        for name, tensor in own.items()
        if name in found and found[name].squeeze().shape != tensor.squeeze().shape
    ]
    told = [
        (missing, t("missing: {names}", names=_few(missing))),
        (unfit, t("of another shape: {names}", names=_few(unfit))),
        (strange, t("not known: {names}", names=_few(strange))),
    ]
    if wrong := "; ".join(said for names, said in told if names):
        raise DataError(t("weights: {file} does not fit {network}; {wrong}.", file=file, network=network, wrong=wrong))


def _few(names: list[str]) -> str:
    more = t(" and {n} more", n=len(names) - NAMED) if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more
