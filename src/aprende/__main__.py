"""`python -m aprende` is `aprende`."""

import sys

from aprende.app.cli import main

if __name__ == "__main__":
    sys.exit(main())
