"""A process that stands back: it and its session, in a process of its own since there is no way back."""

import subprocess
import sys
from pathlib import Path

import pytest

ASK = """
import os
from pathlib import Path
from services.common.standing_back import stand_back

before = os.nice(0)
stand_back(3)
autogroup = Path("/proc/self/autogroup")
print(os.nice(0) - before, autogroup.read_text().split()[-1] if autogroup.exists() else 3)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no nice values there")
def test_the_process_and_its_session_stand_back() -> None:
    root = Path(__file__).resolve().parents[3]
    done = subprocess.run(
        [sys.executable, "-c", ASK],
        cwd=root,
        capture_output=True,
        text=True,
        check=True,
        start_new_session=True,
    )
    assert done.stdout.split() == ["3", "3"]
