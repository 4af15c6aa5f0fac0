"""Names that have changed, so that files written by earlier versions can still be read."""

from __future__ import annotations

#: Checks, by their earlier names.
CHECKS = {
    "files/no-litter": "files/no-leftovers",
    "process/growth": "process/leaks",
    "process/second-generation": "process/resave",
    "tensor/kind": "tensor/class",
}
#: Classes of specs, by their earlier names.
SPECS = {
    "Attacked": "AttackCase",
    "Attacking": "AttackSweep",
    "Crashed": "CrashState",
    "Crashing": "CrashSweep",
    "Damaged": "DamageCase",
    "Damaging": "DamageSweep",
    "Interrupted": "InterruptCase",
    "Interrupting": "InterruptSweep",
    "Into": "LoadInto",
    "Misfit": "Mismatch",
    "Narrow": "NarrowLoad",
    "Partial": "PartialLoad",
    "Scene": "NamedScenario",
}
