"""What a Coqui model's config.json says of its languages. Read by coqui.py, without importing the library."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class CoquiModel:
    """`languages`: as the model itself names them, such as `en` or `zh-cn`; never empty."""

    languages: Sequence[str]
    is_multilingual: bool

    def language_for(self, wanted: str) -> str | None:
        """The model's own name for a BCP 47 tag: the whole tag, else its primary subtag."""
        tag = wanted.lower().replace("_", "-")
        exact = [name for name in self.languages if name.lower() == tag]
        same = [name for name in self.languages if _primary(name) == _primary(tag)]
        return next(iter(exact + same), None)


def read_model(folder: Path, default_language: str) -> CoquiModel | None:
    """None for a folder whose config.json is not Coqui's. `default_language`: of one that names none.

    Source: coqui-tts, `languages` of XttsConfig, `phoneme_language` of BaseTTSConfig, `language` of its
    datasets.
    """
    try:
        config = json.loads((folder / "config.json").read_text("utf-8"))
    except (OSError, ValueError):
        return None
    if not isinstance(config, dict) or "audio" not in config:
        return None
    listed = [name for name in config.get("languages") or [] if isinstance(name, str)]
    languages = listed or _dataset_languages(config) or [config.get("phoneme_language") or default_language]
    arguments = config.get("model_args") or {}
    return CoquiModel(tuple(languages), bool(listed or arguments.get("use_language_embedding")))


def _dataset_languages(config: Mapping[str, Any]) -> list[str]:
    named = [dataset.get("language") for dataset in config.get("datasets") or [] if isinstance(dataset, dict)]
    return list(dict.fromkeys(name for name in named if name))


def _primary(tag: str) -> str:
    return tag.lower().replace("_", "-").split("-")[0]
