"""equinox: the leaves of a tree, loaded into a template."""

import equinox

from pytest_ckpt import Format

fmt = Format(
    name="equinox",
    backend="jax",
    save=lambda tree, path: equinox.tree_serialise_leaves(path, tree),
    load=equinox.tree_deserialise_leaves,
    accepts="tree",
    template=True,
    suffix=".eqx",
)
