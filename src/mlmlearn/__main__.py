"""``python -m mlmlearn``: the command line."""

import sys

from mlmlearn.cli import main

sys.exit(main())
