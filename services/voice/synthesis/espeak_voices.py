"""The languages that eSpeak NG's data folder holds. Read by espeak.py, without loading the library."""

from dataclasses import dataclass
from pathlib import Path

_DEFAULT_PRIORITY = 5


@dataclass(frozen=True, slots=True)
class EspeakVoice:
    """`file`: what the library knows it by, such as `gmw/en-US`; `code`: BCP 47, lower case."""

    file: str
    code: str
    name: str


@dataclass(frozen=True, slots=True)
class _LanguageFile:
    """`priorities`: code → how well the voice stands for it, less is better; the first is its own."""

    name: str
    priorities: dict[str, int]
    dictionary: str


def read_voices(data_path: Path) -> dict[str, EspeakVoice]:
    """Code → the voice that stands for it best. Source: espeak-ng, docs/voices.md, "language".

    A language that ships without its rules is left out: the library loads it and then says nothing.
    """
    root = data_path / "lang"
    best: dict[str, tuple[int, EspeakVoice]] = {}
    for path in sorted(path for path in root.rglob("*") if path.is_file()):
        found = _language_file(path.read_text(encoding="utf-8", errors="replace"))
        if found is None or not (data_path / f"{found.dictionary}_dict").is_file():
            continue
        voice = EspeakVoice(path.relative_to(root).as_posix(), next(iter(found.priorities)), found.name)
        for code, priority in found.priorities.items():
            if code not in best or priority < best[code][0]:
                best[code] = (priority, voice)
    return {code: voice for code, (_, voice) in sorted(best.items())}


def _language_file(text: str) -> _LanguageFile | None:
    name, dictionary = "", ""
    priorities: dict[str, int] = {}
    for line in (line.partition("//")[0].rstrip() for line in text.splitlines()):
        match line.split(maxsplit=2):
            case ["name", *_]:
                name = line.removeprefix("name").strip()
            case ["language", code, *rank]:
                priorities[code.lower()] = int(rank[0]) if rank and rank[0].isdigit() else _DEFAULT_PRIORITY
            case ["dictionary", named, *_]:
                dictionary = named
    if not priorities:
        return None
    return _LanguageFile(name, priorities, dictionary or next(iter(priorities)).split("-")[0])
