"""`python -m qloragen` is the command `qloragen`."""

import sys

from .cli import main

sys.exit(main())
