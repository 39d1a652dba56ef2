#!/usr/bin/env python3
"""Asks a running Parley to do everything it promises, and writes down the evidence. Exit 1 on any failure."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

if __name__ == "__main__":
    from scripts._bootstrap import enter_environment

    enter_environment()

    from gateway.integration_validator.cli import main

    sys.exit(main())
