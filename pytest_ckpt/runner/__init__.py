"""Run checks on formats: the loop over checks, the run of one check, and surveys."""

from .format_runner import Runner, check_expectations, check_format

__all__ = ["Runner", "check_expectations", "check_format"]
