"""`python -m monnaie_locale.audit EXPORT`."""

import sys

from monnaie_locale.audit.program import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], program="python -m monnaie_locale.audit"))
