"""`python -m pytest_ckpt`: the command line."""

import sys

from .cli import main

sys.exit(main())
