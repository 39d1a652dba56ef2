"""The manifests that ship are whole: every model can be had, every profile names models that there are."""

from pathlib import Path

import pytest

import services
from services.models.errors import ManifestRefused, UnknownModel
from services.models.manifest import Catalogue, Wheel, read_catalogue
from services.models.profiles import DEFAULT_PROFILE, profile, profiles

SHA256 = "0" * 64
FOLDER = Path(services.__path__[0])

GOOD = f"""
[[models]]
name = "small-model"
purpose = "for a test"
languages = ["en"]
licence = "MIT"
about = "https://example.org"
files = [{{ path = "a/model.bin", bytes = 3, sha256 = "{SHA256}" }}]
[models.official]
base = "https://example.org/files/"
"""


@pytest.fixture(name="shipped", scope="module")
def shipped_fixture() -> Catalogue:
    return read_catalogue(FOLDER)


def _read(folder: Path, text: str) -> Catalogue:
    (folder / "service").mkdir()
    (folder / "service" / "models.toml").write_text(text)
    return read_catalogue(folder)


def test_every_file_and_archive_of_a_shipped_model_has_a_checksum(shipped: Catalogue) -> None:
    for model in shipped:
        assert all(file.sha256 for file in model.files), model.name
        assert model.archive is None or model.archive.sha256, model.name


def test_parts_that_wheels_carry_are_all_named(shipped: Catalogue) -> None:
    for model in shipped:
        paths = {file.path for file in model.files}
        assert model.wheel is None or set(model.wheel.members) <= paths, model.name


@pytest.mark.parametrize("name", list(profiles()))
def test_a_profile_names_only_models_that_there_are(shipped: Catalogue, name: str) -> None:
    wanted = profile(name)
    for choice in [*wanted.choices, wanted.optional]:
        for model in choice:
            assert shipped.model(model)


@pytest.mark.parametrize("name", list(profiles()))
def test_every_need_of_a_profile_can_be_met_from_the_package_index_alone(
    shipped: Catalogue, name: str
) -> None:
    for choice in profile(name).choices:
        assert any(shipped.model(model).wheel for model in choice), choice


def test_the_whisper_that_a_profile_tells_the_service_is_one_that_it_brings() -> None:
    for each in profiles().values():
        assert each.environment["VOICE_WHISPER_MODEL"] in each.models


def test_the_default_profile_exists() -> None:
    assert profile(DEFAULT_PROFILE)
    with pytest.raises(UnknownModel, match="there are: tiny, small"):
        profile("huge")


def test_an_unknown_model_is_refused_with_the_names_there_are(tmp_path: Path) -> None:
    catalogue = _read(tmp_path, GOOD)
    with pytest.raises(UnknownModel, match="there is no model big-model; there are: small-model"):
        catalogue.model("big-model")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (("a/model.bin", "../model.bin"), "not a path inside"),
        (("a/model.bin", "/etc/passwd"), "not a path inside"),
        (("a/model.bin", "a\\\\model.bin"), "not a path inside"),
        (("a/model.bin", "parley-model.json"), "not a path inside"),
        ((SHA256, "abc"), "sha256"),
        (("https://example.org/files/", "http://example.org/files/"), "not an https address"),
        (("https://example.org/files/", "file:///etc/"), "not an https address"),
        (("small-model", "../escape"), "name"),
        (('purpose = "for a test"\n', ""), "purpose"),
        (("[models.official]", "[models.oficial]"), "oficial"),
        (('[models.official]\nbase = "https://example.org/files/"\n', ""), "has no source"),
        ((GOOD, GOOD + GOOD), "two manifests name the model small-model"),
        ((GOOD, "[[models"), "service/models.toml"),
    ],
)
def test_a_manifest_that_is_wrong_is_refused_with_the_place(
    tmp_path: Path, change: tuple[str, str], reason: str
) -> None:
    with pytest.raises(ManifestRefused, match=reason):
        _read(tmp_path, GOOD.replace(*change))


@pytest.mark.parametrize(
    ("file_name", "is_it"),
    [
        ("some_model_part1-1.0.0-py3-none-any.whl", True),
        ("Some.Model_part1-1.0.0-py3-none-any.whl", True),
        ("some_model_part1-1.0.1-py3-none-any.whl", False),
        ("some_model_part2-1.0.0-py3-none-any.whl", False),
        ("some_model_part1-1.0.0.tar.gz", False),
        ("some_model_part1.whl", False),
    ],
)
def test_a_wheel_is_known_by_its_file_name(file_name: str, is_it: bool) -> None:
    wheel = Wheel(name="some-model-part1", version="1.0.0", bytes=1, sha256=SHA256)
    assert wheel.is_named(file_name) is is_it
