"""Reads a multipart upload within a limit, counted while it arrives. Used by stt.py."""

import os
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from typing import BinaryIO

from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from services.common.problems import InvalidRequest, PayloadTooLarge

_FORM_SLACK_BYTES = 64 * 1024
"""For the other fields and the boundaries, on top of the file."""


@dataclass(frozen=True, slots=True)
class Upload:
    """The file is spooled to disk beyond 1 MiB; `fields` are the form's other values."""

    file: BinaryIO
    size_bytes: int
    fields: dict[str, str]
    form: FormData


async def read_upload(request: Request, field: str, max_bytes: int) -> Upload:
    """Raises PayloadTooLarge before the body is read where its length is declared, else while it arrives."""
    _refuse_declared_length(request, max_bytes)
    form = await _parse(request, max_bytes)
    file = form.get(field)
    if not isinstance(file, UploadFile):
        await form.close()
        raise InvalidRequest(
            f"Send the audio as a file in the form field {field!r}.",
            errors=[{"field": field, "message": "Field required"}],
        )
    fields = {name: value for name, value in form.items() if isinstance(value, str)}
    return Upload(file.file, _size(file.file), fields, form)


def _refuse_declared_length(request: Request, max_bytes: int) -> None:
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > max_bytes + _FORM_SLACK_BYTES:
        raise _too_large(max_bytes)


async def _parse(request: Request, max_bytes: int) -> FormData:
    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
        raise InvalidRequest("Send multipart/form-data.")
    body = _counted(request, max_bytes)
    parser = MultiPartParser(
        request.headers, body, max_files=4, max_fields=32, max_part_size=_FORM_SLACK_BYTES
    )
    try:
        async with aclosing(body):
            return await parser.parse()
    except MultiPartException as exc:
        raise InvalidRequest("The multipart body is malformed.") from exc


async def _counted(request: Request, max_bytes: int) -> AsyncGenerator[bytes, None]:
    received = 0
    async with aclosing(request.stream()) as stream:
        async for chunk in stream:
            received += len(chunk)
            if received > max_bytes + _FORM_SLACK_BYTES:
                raise _too_large(max_bytes)
            yield chunk


def _too_large(max_bytes: int) -> PayloadTooLarge:
    return PayloadTooLarge(f"At most {max_bytes // (1024 * 1024)} MiB are taken.", max_bytes=max_bytes)


def _size(file: BinaryIO) -> int:
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    return size
