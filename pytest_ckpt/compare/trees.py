"""Compare two trees bit for bit, and return the differences with the path of each leaf.

The comparison itself is in `walk`. Models in a tree are compared by `models`. Knows no format and
no check. It does not judge: `verdicts` ranks the differences.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..messages import describe
from ..verdicts import Difference
from .ignored import Ignored, parse
from .models import models_in_trees
from .paths import paths_in
from .walk import walk


def differences(actual: Any, expected: Any, ignore: Iterable[str] = ()) -> list[Difference]:
    """Return all differences between two trees, in the order of the expected tree.

    Trees may contain cycles and shared containers, and may have any depth. Models are compared by
    their tensors, flags and settings, other objects by the state that pickle would write. A key
    that has an identity and no value, such as a parameter in the state of an optimizer, is paired
    with the object at the same place elsewhere in the other tree, or else in order.

    ``ignore`` names what is left out: aspects and paths. Where an aspect is left out, values are
    still compared, after a cast that keeps them. If there is no such cast, or a value is missing,
    the difference is returned nevertheless.

    - ``values``: the value of an element or a plain leaf, bit for bit.
    - ``nan-payload``: the payload or sign bit of a number that is NaN in both trees.
    - ``dtype``: of a tensor. Numbers are compared exactly, so a rounded number is a difference.
    - ``shape``: of a tensor. Elements are compared in C order if their number is the same.
    - ``kind``: the class of a tensor, or a tensor that became a number or a list.
    - ``container``: the type of a container, an object or a plain leaf.
    - ``keys``: an additional key, index or attribute, or one of another type (1 for "1").
    - ``order``: the order of the keys of a mapping.
    - ``alias``: tensors that share memory in only one of the trees.
    - ``flags``: properties of a tensor that are not values, such as ``requires-grad``, the device,
      the byte order, or attributes of the instance.
    - ``strides``: the order of the elements in dense memory.

    An entry with one of the characters ``. [ * ?`` is a pattern for paths: ``"['w']"``,
    ``".state.step"``, ``"encoder.*"``, ``"*.bias"``. It is compared with each path, both as
    messages print it (``['encoder']['w'][0]``) and as names with dots (``encoder.w.0``). ``*``
    stands for any text, ``?`` for one character. The pattern covers everything below a path that it
    matches.

    Raises ValueError, with the nearest name, for an unknown aspect, and for a pattern that matches
    no path in either tree.
    """
    return tree_differences(actual, expected, parse(ignore))


def tree_differences(actual: Any, expected: Any, ignored: Ignored, check: bool = True) -> list[Difference]:
    """Return the differences that are not ignored.

    With ``check``, raises ValueError for a pattern without a match.
    """
    found = walk(actual, expected, ignored, models_in_trees)
    if check and ignored.patterns:
        ignored.check_used(path for tree in (expected, actual) for path in paths_in(tree))
    return found


def assert_identical(actual: Any, expected: Any, ignore: Iterable[str] = (), *, extended: bool = False) -> None:
    """Raise AssertionError, with paths, bits and numbers, unless two trees have the same values,
    dtypes, shapes and keys, bit for bit.

    With ``extended``, also compare what only extended checks judge: ``nan-payload``, ``kind``,
    ``container``, ``order``, ``alias``, ``flags`` and ``strides``. Without it, a difference in them
    counts only if a value is lost by it.

    ``ignore`` names aspects and patterns of paths that do not count, see `differences`. Raises
    ValueError for an unknown aspect, and for a pattern that matches no path.
    """
    __tracebackhide__ = True
    found = tree_differences(actual, expected, parse(ignore, extended))
    if found:
        raise AssertionError(f"{describe(found)}\nthe trees are not identical, {len(found)} difference(s)")
