"""Runs the command line, for `python -m pytest_ckpt`."""

import sys

from .cli import main

sys.exit(main())
