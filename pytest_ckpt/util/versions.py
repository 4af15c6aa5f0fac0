"""Look up which versions of other packages are installed, without importing them."""

from __future__ import annotations


def installed_version(name: str) -> str | None:
    """Return the installed version of a distribution or an import package, or None if it is not installed.

    An import package may come from a distribution with another name, as ``tensorflow`` does from ``tensorflow-cpu``.
    """
    import importlib.metadata  # a worker rarely needs it

    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        distributions = importlib.metadata.packages_distributions().get(name)
        return importlib.metadata.version(distributions[0]) if distributions else None
