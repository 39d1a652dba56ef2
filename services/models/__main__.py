"""`python -m services.models`."""

import signal
import sys
from types import FrameType

from services.models.cli import EXIT_TERMINATED, main


def _terminated(signal_number: int, frame: FrameType | None) -> None:
    """As with Ctrl-C, what is half done is tidied up on the way out."""
    raise SystemExit(EXIT_TERMINATED)


signal.signal(signal.SIGTERM, _terminated)
sys.exit(main(sys.argv[1:]))
