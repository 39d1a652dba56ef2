"""The store's small file system for the drill: filled, and gone afterwards with all that was its own."""

from pathlib import Path

import pytest

from scripts.local_stack.drill.faults import disk_full
from scripts.local_stack.drill.small_disk import is_small, small_disk


def test_what_the_store_had_before_the_drill_is_there_again_afterwards(tmp_path: Path) -> None:
    (tmp_path / "conversations").write_text("kept")
    with small_disk(tmp_path):
        (tmp_path / "of the drill").write_text("forgotten where it was mounted")
    assert (tmp_path / "conversations").read_text() == "kept"
    assert not is_small(tmp_path)


async def test_a_full_disk_takes_nothing_until_the_fault_is_over(tmp_path: Path) -> None:
    with small_disk(tmp_path):
        if not is_small(tmp_path):
            pytest.skip("a file system can be mounted only as root on Linux")
        async with disk_full(tmp_path):
            with pytest.raises(OSError, match="No space left"):
                (tmp_path / "more").write_bytes(b"x" * 8192)
        (tmp_path / "more").write_bytes(b"x" * 8192)
