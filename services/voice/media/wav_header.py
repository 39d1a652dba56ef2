"""Whether a WAV file holds what its header promises. FFmpeg plays what is there and says nothing.

Source: Multimedia Programming Interface and Data Specifications 1.0 (RIFF); RFC 2361.
"""

import struct
from typing import BinaryIO

from services.voice.problems import DamagedAudio

_UNKNOWN_LENGTHS = (0, 0xFFFFFFFF, 0x7FFFFFFF, 0x7FFFFFFF - 36, 0xFFFFFFFF - 36)
"""What writers that cannot seek back (a pipe, a live recorder) put where the length belongs."""
_MAX_CHUNKS = 64


def refuse_lying_wav(file: BinaryIO, size_bytes: int) -> None:
    """Raises DamagedAudio when the data chunk promises more than there is. Rewinds the file."""
    file.seek(0)
    header = file.read(12)
    if header[:4] == b"RIFF" and header[8:12] == b"WAVE":
        promised = _promised_end(file)
        if promised is not None and promised > size_bytes + 1:  # one byte of padding may be missing
            raise DamagedAudio(
                "The WAV header promises more audio than the file holds.",
                promised_bytes=promised,
                received_bytes=size_bytes,
            )
    file.seek(0)


def _promised_end(file: BinaryIO) -> int | None:
    """Offset at which the data chunk ends by its own account; None when there is none or it is open-ended."""
    for _ in range(_MAX_CHUNKS):
        chunk = file.read(8)
        if len(chunk) < 8:
            return None
        name, length = struct.unpack("<4sI", chunk)
        if name == b"data":
            return None if length in _UNKNOWN_LENGTHS else file.tell() + length
        file.seek(length + (length & 1), 1)
    return None
