"""Scenes of the family `files`: what saving does to the disk and to the caller."""

from __future__ import annotations
