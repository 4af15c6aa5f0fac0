"""Draw specs of networks. They are decoded from a few small integers, as those of tensors are."""

from __future__ import annotations

import functools
from collections.abc import Iterable

from hypothesis import reject
from hypothesis import strategies as st

from ..backends import BUILTIN, capabilities, get_backend, is_installed
from ..specs import LAYERS, LayerSpec, ModelSpec
from ..specs.layers import MIXED, RECURRENT, placed
from .names import checked_names

_BYTE = st.integers(0, 255)
#: The code of one layer.
THREE_BYTES = st.tuples(_BYTE, _BYTE, _BYTE)


def model_specs(
    backend: str,
    *,
    layers: Iterable[str] | None = None,
    containers: bool = True,
    flags: bool = True,
    max_layers: int = 5,
) -> st.SearchStrategy[ModelSpec]:
    """Return a strategy of `ModelSpec`: networks with at least one layer that has parameters.

    ``layers`` are names in `LAYERS` (default: all that the backend has). ``containers=False`` draws
    no layers that contain other layers or refer to them. ``flags=False`` draws no frozen layers and
    no dtypes but float32. A network has up to ``max_layers`` layers (default 5), not counting those
    inside others.

    Raise ValueError for an unknown name, for a backend without models, or if the backend has none
    of the layers.
    """
    check_has_models(backend)
    wanted = tuple(LAYERS) if layers is None else checked_names(layers, LAYERS, "layer")
    kinds = tuple(kind for kind in wanted if kind in capabilities(backend).layers)
    kinds = tuple(kind for kind in kinds if containers or not LAYERS[kind].needs)
    if not any(LAYERS[kind].learns for kind in kinds):
        raise ValueError(f"the backend {backend!r} has no layer with parameters among {', '.join(wanted)}")
    codes = st.lists(THREE_BYTES, min_size=1, max_size=max_layers)
    return st.tuples(THREE_BYTES, codes).map(functools.partial(_network, backend, kinds, flags))


def check_has_models(backend: str) -> None:
    """Raise ValueError for an unknown backend, or one that has no models."""
    if "models" not in capabilities(backend).features:
        others = [name for name in BUILTIN if "models" in capabilities(name).features]
        raise ValueError(f"the backend {backend!r} has no models; backends with models: {', '.join(others)}")


def _network(backend: str, kinds: tuple[str, ...], flags: bool, drawn: tuple[tuple[int, ...], list[tuple[int, ...]]]) -> ModelSpec:
    """Return the network that the drawn bytes encode; zeros encode the simplest one."""
    head, codes = drawn
    ranks = sorted({length for kind in kinds for length in LAYERS[kind].lengths if not LAYERS[kind].needs})
    rank = ranks[head[0] * len(ranks) >> 8]
    inputs = (*(2 + (head[1] >> 2 * axis & 1) for axis in range(rank)), 1 + head[1] % 4)
    layers: list[LayerSpec] = []
    for code in codes:
        takes = placed(tuple(layers), inputs)[-1].gives if layers else inputs
        if (layer := _drawn_layer(backend, kinds, flags, takes, tuple(layers), inputs, code)) is not None:
            layers.append(layer)
    if not any(LAYERS[layer.kind].learns for layer in layers):
        takes = placed(tuple(layers), inputs)[-1].gives if layers else inputs
        learning = [kind for kind in kinds if LAYERS[kind].learns and not LAYERS[kind].needs and _takes(kind, takes, not layers)]
        if not learning:
            reject()
        layers.append(LayerSpec(learning[0], 2 if LAYERS[learning[0]].sized else 0))
    return ModelSpec(tuple(layers), inputs, seed=1 + head[2], training=head[2] % 2 == 1)


def _takes(kind: str, takes: tuple[int, ...], first: bool) -> bool:
    """Return whether a kind of layer accepts inputs of the shape ``takes``."""
    row = LAYERS[kind]
    if kind == "embedding" and not first:
        return False
    if kind in ("max-pool", "average-pool") and min(takes[:-1], default=0) < 2:
        return False
    return len(takes) - 1 in row.lengths and not (row.even and takes[-1] % 2)


def _drawn_layer(
    backend: str,
    kinds: tuple[str, ...],
    flags: bool,
    takes: tuple[int, ...],
    before: tuple[LayerSpec, ...],
    inputs: tuple[int, ...],
    code: tuple[int, ...],
) -> LayerSpec | None:
    """Return the layer that ``code`` encodes, for inputs of the shape ``takes``.

    Return None if no layer of ``kinds`` accepts such inputs.
    """
    fitting = [kind for kind in kinds if _takes(kind, takes, not before)]
    if not fitting:
        return None
    # Layers that refer to others count twice, because most places have no layer to refer to.
    fitting += [kind for kind in fitting if LAYERS[kind].needs == "of"]
    kind, size, more = fitting[code[0] * len(fitting) >> 8], 1 + code[1] % 4, code[2]
    row = LAYERS[kind]
    if row.needs == "inside":
        simple = tuple(each for each in kinds if not LAYERS[each].needs and each != "embedding")
        first = _drawn_layer(backend, simple, flags, takes, before, inputs, (code[1], code[2], 0))
        if first is None:
            return None
        inside = (LayerSpec("model", inside=(first,)),) if more >= 192 and kind != "model" and "model" in kinds else (first,)
        if kind == "residual" and placed((LayerSpec("model", inside=inside),), takes)[-1].gives != takes:
            kind = "model"
        return LayerSpec(kind, inside=inside) if kind in kinds else None
    if row.needs == "of":
        # If no layer fits yet, take one that a later layer can refer to.
        return _drawn_reference(kind, takes, before, inputs, code[1]) or (LayerSpec("dense", takes[-1]) if "dense" in kinds else None)
    dtype = _mixed(backend)[more % 3] if flags and more >= 128 and kind in MIXED else "float32"
    frozen = flags and "frozen-layers" in capabilities(backend).features and row.learns and more % 16 == 15
    depth = 1 + more % 2 if kind in RECURRENT else 1
    both_ways = kind in RECURRENT and more >= 128
    return LayerSpec(kind, size if row.sized else 0, dtype=dtype, frozen=frozen, depth=depth, both_ways=both_ways)


def _mixed(backend: str) -> tuple[str, ...]:
    """Return three dtypes to choose the one of a layer from; impossible ones are replaced by float32.

    Specs of a framework that is not installed can be drawn too.
    """
    possible = get_backend(backend).dtypes() if is_installed(backend) else ("float64", "float16")
    return ("float32", *(name if name in possible else "float32" for name in ("float64", "float16")))


def _drawn_reference(
    kind: str, takes: tuple[int, ...], before: tuple[LayerSpec, ...], inputs: tuple[int, ...], code: int
) -> LayerSpec | None:
    """Return a layer that uses an earlier layer again or shares its weight, or None without one."""
    earlier = list(enumerate(ModelSpec(before, inputs).all_layers())) if before else []
    if kind == "again":
        same = [LayerSpec(kind, of=place) for place, here in earlier if here.takes == takes and _can_repeat(here.layer)]
    else:
        same = [
            LayerSpec(kind, here.gives[-1], of=place)
            for place, here in earlier
            if here.layer.kind == "dense" and here.layer.dtype == "float32" and here.takes[-1] == takes[-1] and not here.layer.frozen
        ]
    return same[code * len(same) >> 8] if same else None


def _can_repeat(layer: LayerSpec) -> bool:
    """Return whether a network may use this layer twice."""
    row = LAYERS[layer.kind]
    return row.learns and not row.needs and layer.kind not in ("embedding", "lazy-dense")
