#!/usr/bin/env python3
"""Watches every upstream of the gateway from a terminal: a live table, one round, or JSON."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

if __name__ == "__main__":
    from scripts._bootstrap import enter_environment

    enter_environment()

    from gateway.health_monitor.cli import main

    sys.exit(main())
