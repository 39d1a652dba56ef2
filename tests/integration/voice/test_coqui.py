"""The real Coqui library, in its own environment, on a model that is made here: it babbles, but in time."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.voice.engine_python import EnginePython
from services.voice.synthesis.coqui import CoquiEngine
from services.voice.synthesis.coqui_model import read_model
from services.voice.synthesis.engine import SynthesisEngine
from tests.conftest import ENGINES_PYTHON
from tests.support.synthesis_contract import MissingPartContract, SynthesisContract

MAKE_MODEL = Path(__file__).parents[2] / "support" / "make_coqui_model.py"


@pytest.fixture(scope="module")
def model_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "coqui"
    subprocess.run([ENGINES_PYTHON, MAKE_MODEL, folder], check=True, capture_output=True)
    return folder


@pytest.fixture(scope="module")
def engine(model_dir: Path) -> Iterator[CoquiEngine]:
    engine = CoquiEngine(model_dir, python=EnginePython(ENGINES_PYTHON))
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def language() -> str:
    return "en-US"


@pytest.fixture
def engine_without_part(tmp_path: Path) -> tuple[SynthesisEngine, str]:
    return CoquiEngine(tmp_path / "coqui", python=EnginePython(ENGINES_PYTHON)), "no_model"


@pytest.mark.slow
@pytest.mark.engines
class TestCoqui(SynthesisContract, MissingPartContract):
    unknown_language = "tlh"


def test_without_its_environment_it_says_so(tmp_path: Path) -> None:
    engine = CoquiEngine(tmp_path, python=EnginePython(tmp_path / "bin" / "python"))
    availability = engine.availability("default", "en")
    assert (availability.available, availability.reason) == (False, "not_installed")


@pytest.mark.parametrize(
    ("config", "languages", "multilingual"),
    [
        ({}, ("de",), False),
        ({"phoneme_language": "en-us"}, ("en-us",), False),
        ({"datasets": [{"language": "fr"}, {"language": "fr"}]}, ("fr",), False),
        ({"languages": ["en", "zh-cn"]}, ("en", "zh-cn"), True),
        (
            {
                "datasets": [{"language": "en"}, {"language": "pt-br"}],
                "model_args": {"use_language_embedding": True},
            },
            ("en", "pt-br"),
            True,
        ),
    ],
)
def test_a_models_languages_are_read_from_its_configuration(
    tmp_path: Path, config: dict[str, object], languages: tuple[str, ...], multilingual: bool
) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"audio": {}, **config}))
    model = read_model(tmp_path, "de")
    assert model is not None
    assert (tuple(model.languages), model.is_multilingual) == (languages, multilingual)


@pytest.mark.parametrize("content", ["", "[]", "{", '{"model_type": "whisper"}'])
def test_a_configuration_of_something_else_is_no_model(tmp_path: Path, content: str) -> None:
    (tmp_path / "config.json").write_text(content)
    assert read_model(tmp_path, "en") is None


def test_a_language_is_found_by_its_whole_tag_before_its_primary_one(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"audio": {}, "languages": ["pt", "pt-br", "zh-cn"]}))
    model = read_model(tmp_path, "en")
    assert model is not None
    assert [model.language_for(tag) for tag in ("pt_BR", "pt-PT", "zh", "tlh")] == [
        "pt-br",
        "pt",
        "zh-cn",
        None,
    ]
