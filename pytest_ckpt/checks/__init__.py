"""The checks: one file for each family, and the selection of checks by name.

Another package adds checks by an entry point of the group ``pytest_ckpt.checks``. It names a
module, a list or tuple of checks, or a single check::

    from pytest_ckpt.checks import FormatProfile, check

    @check("family/case", judges={"values", "shape"})
    def case(profile: FormatProfile) -> Iterator[Spec]:
        \"\"\"State what is checked, why, and what to do about a failure.\"\"\"
        yield profile.tree_of(TensorSpec("float32", (2,)))

See ``examples/extra_checks`` for a complete package.
"""

from .base import CORE, EXTENDED, MODEL, TRAINING, TREE, Check, check
from .names import check_pattern, parse_selection, select_checks
from .owners import owning_check
from .profile import FormatProfile, plain_shapes
from .registry import CHECKS, SCENARIOS, CheckRegistry, checks_for, checks_from, list_checks

__all__ = [
    "CHECKS",
    "CORE",
    "EXTENDED",
    "MODEL",
    "SCENARIOS",
    "TRAINING",
    "TREE",
    "Check",
    "CheckRegistry",
    "FormatProfile",
    "check",
    "check_pattern",
    "checks_for",
    "checks_from",
    "list_checks",
    "owning_check",
    "parse_selection",
    "plain_shapes",
    "select_checks",
]
