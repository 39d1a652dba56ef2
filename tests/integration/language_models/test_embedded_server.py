"""The embedded model server, as a process: it starts, says what it lacks, keeps shut, ends."""

import signal
from pathlib import Path

import httpx
import pytest

from tests.support.model_server import MODEL, ModelServerProcess

needs_model = pytest.mark.models(MODEL)


@needs_model
@pytest.mark.slow
def test_it_answers_and_names_its_model_not_its_path(model_server: ModelServerProcess) -> None:
    listed = httpx.get(f"{model_server.openai_base_url}/models", timeout=10).json()["data"]
    assert [model["id"] for model in listed] == [MODEL]
    assert listed[0]["meta"]["n_ctx"] == 2048
    reply = httpx.post(
        f"{model_server.openai_base_url}/chat/completions",
        json={"messages": [{"role": "user", "content": "Say hello."}], "max_tokens": 8},
        timeout=60,
    ).json()
    assert reply["choices"][0]["message"]["content"].strip()


@needs_model
@pytest.mark.slow
def test_other_peoples_prompts_cannot_be_read_nor_other_sites_ask(model_server: ModelServerProcess) -> None:
    assert httpx.get(f"{model_server.url}/slots", timeout=10).status_code == 501
    assert httpx.get(f"{model_server.url}/", timeout=10).status_code == 404
    allowed = httpx.get(f"{model_server.url}/v1/models", headers={"Origin": "http://elsewhere"}, timeout=10)
    assert not allowed.headers.get("access-control-allow-origin")


@needs_model
@pytest.mark.slow
def test_sigterm_ends_it_in_the_middle_of_an_answer(models_dir: Path) -> None:
    server = ModelServerProcess(models_dir)
    server.start()
    try:
        body = {"messages": [{"role": "user", "content": "Count."}], "stream": True, "ignore_eos": True}
        with (
            httpx.Client(timeout=60) as client,
            client.stream("POST", f"{server.openai_base_url}/chat/completions", json=body) as answer,
        ):
            next(answer.iter_lines())
            server.signal(signal.SIGTERM)
            assert server.process is not None
            assert server.process.wait(timeout=30) == 0
    finally:
        server.stop()


def test_without_a_model_it_says_which_command_brings_it(tmp_path: Path) -> None:
    process = ModelServerProcess(tmp_path).launch()
    _, said = process.communicate(timeout=60)
    assert process.returncode == 2
    assert f"python -m services.models pull {MODEL}" in said


def test_a_file_that_is_no_model_is_an_exit_with_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "broken.gguf").write_text("not a model")
    process = ModelServerProcess(tmp_path, LLM_MODEL=str(tmp_path / "broken.gguf")).launch()
    _, said = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "llama.cpp did not start" in said
    assert "Traceback" not in said
