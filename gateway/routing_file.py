"""Reads service_routing.yml. A mistake is refused with the line where it stands."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import MarkedYAMLError

from gateway.schema import Balance, Routing, Service

DEFAULT_PATH = Path(__file__).with_name("service_routing.yml")
Location = Sequence[str | int]


@dataclass(frozen=True, slots=True)
class Fault:
    """One mistake. `line` counts from 1; `key` is where in the document, such as `services.chat.routes`."""

    line: int
    key: str
    message: str


class RoutingFileRefused(Exception):
    """One line for each fault, as compilers write them: `service_routing.yml:12: key: what is wrong`."""

    def __init__(self, path: Path, faults: Sequence[Fault]) -> None:
        self.faults = tuple(sorted(faults, key=lambda fault: fault.line))
        lines = (f"{path.name}:{fault.line}: {fault.key}: {fault.message}" for fault in self.faults)
        super().__init__("\n".join(lines))


def load_routing(path: Path = DEFAULT_PATH) -> Routing:
    """Raises RoutingFileRefused; an OSError where the file cannot be read."""
    document = _parse(path)
    try:
        routing = Routing.model_validate(document)
    except ValidationError as error:
        raise RoutingFileRefused(path, [_fault(document, *item) for item in _causes(error)]) from error
    contradictions = [_fault(document, *item) for item in _contradictions(routing)]
    if contradictions:
        raise RoutingFileRefused(path, contradictions)
    return routing


def _parse(path: Path) -> Any:
    try:
        return YAML().load(path.read_text(encoding="utf-8"))
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise RoutingFileRefused(path, [Fault(line, "yaml", str(error.problem))]) from error


def _causes(error: ValidationError) -> Iterator[tuple[Location, str]]:
    """Without what only follows: a list whose one item was refused is not also "too short"."""
    items = error.errors()
    for item in items:
        location = item["loc"]
        if not any(other["loc"][: len(location)] == location for other in items if other["loc"] != location):
            yield location, item["msg"]


def _contradictions(routing: Routing) -> Iterator[tuple[Location, str]]:
    """What each value alone does not show."""
    seen: dict[str, str] = {}
    for name, service in routing.services.items():
        if fault := _colour_fault(service):
            yield ("services", name, "colours"), fault
        for path, route in service.routes.items():
            where = ("services", name, "routes", path)
            if path in seen:
                yield where, f"{seen[path]} has this route already"
            seen.setdefault(path, name)
            if route.cut_prefix and not path.startswith(f"{route.cut_prefix}/"):
                yield (*where, "cut_prefix"), f"{path} does not begin with {route.cut_prefix}/"
            if route.cut_prefix and route.rewrite_to:
                yield (*where, "rewrite_to"), "a route has cut_prefix or rewrite_to, not both"


def _colour_fault(service: Service) -> str | None:
    if not service.colours:
        return None
    if service.balance is not Balance.ORDERED:
        return "only a service with `balance: ordered` has colours"
    if len(service.colours) != len(service.upstreams) or len(set(service.colours)) != len(service.colours):
        return f"name a colour of its own for each of the {len(service.upstreams)} upstreams"
    return None


def _fault(document: Any, location: Location, message: str) -> Fault:
    key = ".".join(str(part) for part in location) or "file"
    return Fault(_line(document, location), key if key.isprintable() else ascii(key), message)


def _line(document: Any, location: Location) -> int:
    """The line of the innermost part of the location that is in the document, counted from 1."""
    line, node = 0, document
    for part in location:
        if isinstance(node, CommentedMap) and part in node:
            line = node.lc.key(part)[0]
        elif isinstance(node, CommentedSeq) and isinstance(part, int) and part < len(node):
            line = node.lc.item(part)[0]
        else:
            break
        node = node[part]
    return int(line) + 1
