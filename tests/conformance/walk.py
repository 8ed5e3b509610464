"""Calls every operation of the SDK with every member and every value its types list, and takes notes."""

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pydantic
import telnyx

from ringline.core.clock import VirtualClock
from ringline.store.db import Store
from tests.api.house import KEY, House, prepare
from tests.api.seeds import WAV, one_call
from tests.conformance.ai_seeds import models_of, one_of_each
from tests.conformance.operations import SAMPLES, Operation
from tests.conformance.sdk import Witness, parameters

NAMED = re.compile(r"\{(\w+)\}")
"""An id that the fixtures made."""


@dataclass
class Outcome:
    """What became of one operation."""

    operation: Operation
    route: str = ""
    accepted: list[str] = field(default_factory=list)
    refused: dict[str, list[str]] = field(default_factory=dict)
    """Members, and their values that answered 10038 naming the member."""
    wrong: list[str] = field(default_factory=list)
    """Everything that should not have happened."""
    absent: set[str] | None = None
    """Members of the answer's model that were in no answer; None before the first."""


class Walker:
    """Walks operations over one application."""

    def __init__(self, sdk: Witness, ids: Mapping[str, str], house: House) -> None:
        self._sdk = sdk
        self._ids = dict(ids)
        self._house = house
        self._count = 0

    async def walk(self, operation: Operation) -> Outcome:
        """The plain call, then one call for each value of each member."""
        outcome = Outcome(operation)
        await self._call(outcome, {}, None)
        if operation.params is None:
            return outcome
        for one in parameters(operation.params, {**SAMPLES, **operation.samples}):
            if one.name in operation.own:
                outcome.accepted.append(one.name)
                continue
            for value in one.values:
                await self._call(outcome, {one.name: value}, one.name)
            if one.name not in outcome.refused or len(outcome.refused[one.name]) < len(one.values):
                outcome.accepted.append(one.name)
        return outcome

    async def _call(self, outcome: Outcome, more: Mapping[str, Any], name: str | None) -> None:
        operation = outcome.operation
        given = dict(operation.base)
        if name is not None:
            given.pop(operation.instead.get(name, ""), None)
            given |= operation.beside.get(name, {})
        given |= more
        for member, kind in operation.own.items():
            given[member] = self._fresh(kind)
        if operation.params is not None and name not in (None, "to") and "to" in operation.base:
            given.setdefault("to", operation.base["to"])
        try:
            await self.call(operation, given)
        except telnyx.APIStatusError as error:
            self._refused(outcome, more, name, error)
        else:
            self._accepted(outcome, more)
        outcome.route = outcome.route or self._template()

    async def call(self, operation: Operation, given: Mapping[str, Any] | None = None) -> None:
        """Call the SDK's method; raises what the SDK raises."""
        method: Any = self._sdk
        for part in operation.method.split("."):
            method = getattr(method, part)
        arguments = operation.base if given is None else given
        path = [self._filled(part) for part in operation.path]
        await method(*path, **{name: self._filled(value) for name, value in arguments.items()})

    def _accepted(self, outcome: Outcome, more: Mapping[str, Any]) -> None:
        expected = outcome.operation.answer or self._sdk.expected
        if not isinstance(expected, type) or not issubclass(expected, pydantic.BaseModel):
            return
        if not self._sdk.is_json:
            return  # a stream of events: the SDK has no model of it
        try:
            answer = _strictly(expected, self._sdk.text)
        except pydantic.ValidationError as error:
            outcome.wrong.append(f"{more}: answer {error.errors()[:3]}")
        else:
            self._note_absent(outcome, getattr(answer, "data", answer))

    def _note_absent(self, outcome: Outcome, data: Any) -> None:
        """Members that no answer has had so far."""
        for one in data if isinstance(data, list) else [data]:
            if isinstance(one, pydantic.BaseModel):
                blank = type(one).model_fields.keys() - one.model_fields_set
                outcome.absent = blank if outcome.absent is None else outcome.absent & blank

    def _refused(
        self, outcome: Outcome, more: Mapping[str, Any], name: str | None, error: telnyx.APIStatusError
    ) -> None:
        problems = error.body["errors"] if isinstance(error.body, dict) else []
        mine = [one for one in problems if one["code"] == "10038"]
        if name is not None and _says_no(outcome.operation, name, more[name]):
            return
        named = [one for one in mine if name and name.rstrip("_") in str(one["source"])]
        if name is None or len(named) != len(problems) or not named:
            outcome.wrong.append(f"{more}: {error.status_code} {problems}")
            return
        outcome.refused.setdefault(name, []).append(str(more[name]))

    def _template(self) -> str:
        """The route with names in place of ids."""
        route = self._sdk.route
        for name, value in self._ids.items():
            route = route.replace(f"/{value}", f"/{{{name.removeprefix('new_')}}}")
        return route

    def _fresh(self, kind: str) -> Any:
        self._count += 1
        match kind:
            case "user":
                return f"user{self._count}"
            case "key":
                return f"key {self._count}"
            case "media":
                return f"media {self._count}"
            case _:
                return [{"phone_number": f"+1312556{self._count:04}"}]

    def _filled(self, value: Any) -> Any:
        return NAMED.sub(lambda one: self._ids[one[1]], value) if isinstance(value, str) else value


def _says_no(operation: Operation, name: str, value: Any) -> bool:
    """Whether the API's description says that this value is refused."""
    return name in operation.by_contract and operation.by_contract[name] == value


def _strictly(model: type[pydantic.BaseModel], text: str) -> pydantic.BaseModel:
    """Read an answer strictly; Unix seconds are times all the same (spec ai-api §0.1)."""
    try:
        return model.model_validate_json(text, strict=True)
    except pydantic.ValidationError as error:
        if any(one["type"] != "datetime_type" or type(one["input"]) is not int for one in error.errors()):
            raise
        return model.model_validate_json(text)


@asynccontextmanager
async def walker(folder: Path) -> AsyncIterator[Walker]:
    """A walker over an application that has one of everything."""
    account_id, other = await prepare(folder / "ringline.db")
    clock = VirtualClock()
    store = Store.open(f"sqlite:///{folder / 'ringline.db'}", clock=clock)
    async with (
        models_of(folder, clock) as models,
        _walking(House(folder, store, clock, account_id, other, **models)) as made,
    ):
        yield made
    await store.close()


@asynccontextmanager
async def _walking(house: House) -> AsyncIterator[Walker]:
    server = await asyncio.start_server(_serve_audio, "127.0.0.1", 0)
    audio = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/audio.wav"
    async with server, Witness(house.app(), KEY) as sdk:
        ids = await _one_of_everything(sdk, house, audio) | await one_of_each(sdk, house)
        yield Walker(sdk, ids, house)


async def _serve_audio(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    head = f"HTTP/1.1 200 OK\r\ncontent-length: {len(WAV)}\r\nconnection: close\r\n\r\n"
    writer.write(head.encode() + WAV)
    await writer.drain()
    writer.close()


async def _one_of_everything(sdk: Witness, house: House, audio: str) -> dict[str, str]:
    ids = {"audio": audio}
    for name in ("application", "new_application"):
        made = await sdk.call_control_applications.create(
            application_name=name, webhook_event_url="https://app.example/hooks"
        )
        ids[name] = _id(made.data)
    for name in ("credential", "new_credential"):
        phone = await sdk.credential_connections.create(
            connection_name=name, user_name=name.replace("_", ""), password="correct horse"
        )
        ids[name] = _id(phone.data)
    order = await sdk.number_orders.create(
        connection_id=ids["application"],
        phone_numbers=[{"phone_number": "+13125550123"}, {"phone_number": "+13125550124"}],
    )
    assert order.data is not None
    assert order.data.phone_numbers is not None
    ids["order"] = _id(order.data)
    ids["number"], ids["new_number"] = (_id(one) for one in order.data.phone_numbers)
    for name in ("media", "new_media"):
        await sdk.media.upload(media_url=audio, media_name=name)
        ids[name] = name
    ids |= await one_call(house, ids["application"])
    return ids


def _id(resource: Any) -> str:
    return str(resource.id)
