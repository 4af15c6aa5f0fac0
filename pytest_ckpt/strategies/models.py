"""Draws specs of networks and of training runs: decoded from a handful of small ints, as tensors are, simplest first.

`strategies` offers what is drawn here; this module builds nothing.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterable

from hypothesis import reject
from hypothesis import strategies as st

from ..backends import BUILTIN, capabilities, get_backend, is_installed
from ..specs import LAYERS, OPTIMIZERS, SCHEDULES, LayerSpec, ModelSpec, TrainingSpec
from ..specs.layers import MIXED, RECURRENT, placed
from ..util.suggestions import nearest

_BYTE = st.integers(0, 255)
#: Layers that training runs are drawn with; no others are needed to tell optimizers apart, and these train fast.
_TRAINED = ("dense", "relu", "prelu", "parameter", "layer-norm", "batch-norm", "dropout")
_CODE = st.tuples(_BYTE, _BYTE, _BYTE)


def model_specs(
    backend: str,
    *,
    layers: Iterable[str] | None = None,
    containers: bool = True,
    flags: bool = True,
    max_layers: int = 5,
) -> st.SearchStrategy[ModelSpec]:
    """Specs of networks that ``backend`` has, each with at least one layer that has parameters.

    ``layers`` are names of `LAYERS` (default: all that the backend has). ``containers=False`` draws no layers that hold others or
    refer to others, ``flags=False`` no frozen layers and none of another dtype than float32. Raises ValueError for an unknown name,
    or where the backend has none of the layers.
    """
    _check_has_models(backend)
    wanted = tuple(LAYERS) if layers is None else chosen(layers, LAYERS, "layer")
    kinds = tuple(kind for kind in wanted if kind in capabilities(backend).layers)
    kinds = tuple(kind for kind in kinds if containers or not LAYERS[kind].needs)
    if not any(LAYERS[kind].learns for kind in kinds):
        raise ValueError(f"{backend} has no layer with parameters among {', '.join(wanted)}")
    codes = st.lists(_CODE, min_size=1, max_size=max_layers)
    return st.tuples(_CODE, codes).map(functools.partial(_network, backend, kinds, flags))


def _check_has_models(backend: str) -> None:
    """Raises ValueError for a backend that is not known, or that has no models."""
    if "models" not in capabilities(backend).features:
        others = [name for name in BUILTIN if "models" in capabilities(name).features]
        raise ValueError(f"{backend} has no models; those that have are {', '.join(others)}")


def _network(backend: str, kinds: tuple[str, ...], flags: bool, drawn: tuple[tuple[int, ...], list[tuple[int, ...]]]) -> ModelSpec:
    """The network that some drawn bytes stand for; zeros stand for the plainest."""
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
    """One layer that fits what flows in; None where what was drawn does not."""
    fitting = [kind for kind in kinds if _takes(kind, takes, not before)]
    if not fitting:
        return None
    # References twice: most places have nothing that fits.
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
        # Where there is nothing to refer to yet, a layer that a later one can refer to.
        return _drawn_reference(kind, takes, before, inputs, code[1]) or (LayerSpec("dense", takes[-1]) if "dense" in kinds else None)
    dtype = _mixed(backend)[more % 3] if flags and more >= 128 and kind in MIXED else "float32"
    frozen = flags and "frozen-layers" in capabilities(backend).features and row.learns and more % 16 == 15
    depth = 1 + more % 2 if kind in RECURRENT else 1
    both_ways = kind in RECURRENT and more >= 128
    return LayerSpec(kind, size if row.sized else 0, dtype=dtype, frozen=frozen, depth=depth, both_ways=both_ways)


def _mixed(backend: str) -> tuple[str, ...]:
    """What layers may be made of beside float32, with the settings that the process has; specs are drawn without a framework too."""
    possible = get_backend(backend).dtypes() if is_installed(backend) else ("float64", "float16")
    return ("float32", *(name if name in possible else "float32" for name in ("float64", "float16")))


def _drawn_reference(
    kind: str, takes: tuple[int, ...], before: tuple[LayerSpec, ...], inputs: tuple[int, ...], code: int
) -> LayerSpec | None:
    """A layer that uses an earlier one again, or shares its weight."""
    earlier = list(enumerate(ModelSpec(before, inputs).every())) if before else []
    if kind == "again":
        same = [LayerSpec(kind, of=place) for place, here in earlier if here.takes == takes and _repeats(here.layer)]
    else:
        same = [
            LayerSpec(kind, here.gives[-1], of=place)
            for place, here in earlier
            if here.layer.kind == "dense" and here.layer.dtype == "float32" and here.takes[-1] == takes[-1] and not here.layer.frozen
        ]
    return same[code * len(same) >> 8] if same else None


def _repeats(layer: LayerSpec) -> bool:
    row = LAYERS[layer.kind]
    return row.learns and not row.needs and layer.kind not in ("embedding", "lazy-dense")


def training_specs(
    backend: str, *, optimizers: Iterable[str] | None = None, schedules: Iterable[str] | None = None
) -> st.SearchStrategy[TrainingSpec]:
    """Specs of training runs of small networks; ``optimizers`` and ``schedules`` are names of `OPTIMIZERS` and `SCHEDULES`.

    Raises ValueError for an unknown name, or where the backend has none of the optimizers.
    """
    _check_has_models(backend)
    named = tuple(OPTIMIZERS) if optimizers is None else chosen(optimizers, OPTIMIZERS, "optimizer")
    rates = tuple(SCHEDULES) if schedules is None else chosen(schedules, SCHEDULES, "schedule")
    kinds = tuple(name for name in named if name in capabilities(backend).optimizers)
    plans = ("", *(name for name in rates if name in capabilities(backend).schedules))
    if not kinds:
        raise ValueError(f"{backend} has none of the optimizers {', '.join(named)}")
    models = model_specs(backend, layers=_TRAINED, containers=False, flags=False, max_layers=3)

    def run(drawn: tuple[ModelSpec, tuple[int, ...], tuple[int, ...]]) -> TrainingSpec:
        model, (optimizer, schedule, steps), (more, seed, _) = drawn
        return TrainingSpec(
            dataclasses.replace(model, training=False),
            kinds[optimizer * len(kinds) >> 8],
            plans[schedule * len(plans) >> 8],
            noise=more >= 192,
            before=1 + steps % 4,
            after=1 + (steps >> 6),
            seed=1 + seed,
        )

    return st.tuples(models, _CODE, _CODE).map(run)


def chosen(given: Iterable[str], known: Iterable[str], what: str) -> tuple[str, ...]:
    """The given names as a tuple; raises ValueError for one that is not known, with the nearest."""
    names = (given,) if isinstance(given, str) else tuple(given)
    for name in names:
        if name not in known:
            raise ValueError(f"unknown {what} {name!r}: {nearest(name, known)}")
    if not names:
        raise ValueError(f"no {what} is left to draw from")
    return names
