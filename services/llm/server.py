"""Starts llama.cpp's server, in this process, with nothing open that our settings do not ask for."""

import os
import sys

import xllamacpp

from services.llm.settings import ModelServerSettings

_WARNINGS = 2
"""llama.cpp's verbosity: at this level no request leaves a trace in the log."""


class ServerFailed(Exception):
    """No model in the file, or a port that is taken: llama.cpp has said which, on standard error."""


def start_server(settings: ModelServerSettings) -> xllamacpp.Server:
    """Returns when it serves; it ends with the object. Raises ServerFailed."""
    try:
        return xllamacpp.Server(_parameters(settings))
    except RuntimeError as exc:
        raise ServerFailed(f"with {settings.model_file} on {settings.host}:{settings.port}") from exc


def _parameters(settings: ModelServerSettings) -> xllamacpp.CommonParams:
    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(settings.model_file)
    parameters.model_alias = {settings.model_name}
    parameters.hostnames, parameters.port = [settings.host], settings.port
    parameters.n_parallel = settings.llm_slots
    parameters.n_ctx = settings.llm_context_tokens * settings.llm_slots  # llama.cpp divides it by the slots
    parameters.n_threads_http = settings.llm_connections_max
    parameters.cpuparams.n_threads = settings.llm_threads or max(1, _cores() - 1)
    parameters.cache_ram_mib = settings.llm_prompt_cache_mib
    parameters.verbosity = _WARNINGS
    parameters.endpoint_metrics = True
    if settings.llm_api_key is not None:
        parameters.api_keys = [settings.llm_api_key.get_secret_value()]
    _close_what_nobody_needs(parameters)
    return parameters


def _close_what_nobody_needs(parameters: xllamacpp.CommonParams) -> None:
    """Its slots show other people's prompts, its page has no login, and any web site might ask it."""
    parameters.endpoint_slots = False
    parameters.ui = False
    parameters.cors_origins = ""
    parameters.cors_credentials = False


def _cores() -> int:
    """Those this process may use, where the system tells (Linux)."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
