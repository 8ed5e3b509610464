"""Reading the installed SDK: an operation's parameters, the values each may take, the answer's model."""

import collections.abc
import types
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, NotRequired, Required, Union, get_args, get_origin, get_type_hints

import httpx
import telnyx
from telnyx._types import Omit
from typing_extensions import is_typeddict

Values = list[Any]


@dataclass(frozen=True)
class Parameter:
    """One argument of an SDK method, and values that together show everything its type lists."""

    name: str
    required: bool
    values: Values


def parameters(kind: type, samples: Mapping[str, Any]) -> list[Parameter]:
    """The members of a params type; `samples` gives values for names whose type says too little."""
    hints = get_type_hints(kind, include_extras=True)
    return [
        Parameter(name, get_origin(hint) is Required, list(_values(name, hint, samples)))
        for name, hint in hints.items()
    ]


def _values(name: str, hint: Any, samples: Mapping[str, Any]) -> Iterator[Any]:
    origin = get_origin(hint)
    if origin in (Required, NotRequired, Annotated):
        yield from _values(name, get_args(hint)[0], samples)
    elif origin is Literal:
        yield from get_args(hint)
    elif name in samples and not is_typeddict(hint):
        yield samples[name]
    elif origin in (Union, types.UnionType):
        for member in get_args(hint):
            yield from _values(name, member, samples)
    elif is_typeddict(hint):
        yield from _members(hint, samples)
    elif origin is dict:
        yield {"text": next(_values(name, get_args(hint)[1], samples))}
    elif _is_sequence(hint, origin):
        for value in _values(name, get_args(hint)[0] if get_args(hint) else str, samples):
            yield [value]
    else:
        yield from _plain(hint)


def _is_sequence(hint: Any, origin: Any) -> bool:
    return origin in (list, collections.abc.Iterable, collections.abc.Sequence) or "Sequence" in str(hint)


def _plain(hint: Any) -> Iterator[Any]:
    if hint is bool:
        yield from (True, False)
    elif hint is int:
        yield 10
    elif hint is float:
        yield 1.0
    elif hint is type(None) or hint is Omit:
        yield None
    else:
        yield "text"


def _members(kind: type, samples: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """An object with only what is required, then one for each value of each other member."""
    found = parameters(kind, samples)
    base = {one.name: one.values[0] for one in found if one.required}
    if base:
        yield base
    for one in found:
        for value in one.values:
            yield {**base, one.name: value}


class Witness(telnyx.AsyncTelnyx):
    """The SDK's client, over our application in process; it notes what every answer should look like."""

    def __init__(self, app: Any, key: str) -> None:
        transport = httpx.ASGITransport(app=app)
        super().__init__(
            api_key=key,
            base_url="http://api.test/v2",
            max_retries=0,
            http_client=httpx.AsyncClient(transport=transport, event_hooks={"response": [self._heard]}),
        )
        self.expected: Any = None
        self.text = ""
        self.status = 0
        self.is_json = False
        self.route = ""

    async def _heard(self, response: httpx.Response) -> None:
        await response.aread()
        self.text, self.status = response.text, response.status_code
        self.is_json = response.headers.get("content-type", "").startswith("application/json")
        self.route = f"{response.request.method} {response.request.url.path}"

    async def request(self, cast_to: Any, options: Any, **more: Any) -> Any:
        self.expected = cast_to
        return await super().request(cast_to, options, **more)
