"""A real server whose training is done by `script.py`, and its customers' clients."""

import asyncio
import json
import shlex
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from ringline.inference.registry import load_registry
from ringline.testing import Server

BASE = "smollm2-135m-instruct"


def a_hollow_base(models: Path) -> Path:
    """A models folder that looks as if the base were there: nobody asks it anything."""
    model = load_registry()[BASE]
    (name,) = model.files
    (models / BASE).mkdir(parents=True, exist_ok=True)
    with (models / BASE / name).open("wb") as file:
        file.truncate(model.bytes)
    return models


def command(manner: str, steps: int, *more: str) -> str:
    """The setting `training.command`."""
    script = Path(__file__).with_name("script.py")
    return shlex.join([sys.executable, str(script), manner, str(steps), *more])


def a_server(folder: Path, settings: Mapping[str, object]) -> Server:
    """Not started yet."""
    models = a_hollow_base(folder / "models")
    return Server(folder, settings={"speech.models": models, **settings})


def upload(server: Server, bucket: str, key: str, *pairs: tuple[str, str]) -> None:
    """Put a training file into a bucket, as customers do."""
    client: Any = boto3.client(
        "s3",
        endpoint_url=server.url.removesuffix("/v2") + "/s3",
        aws_access_key_id=server.api_key,
        aws_secret_access_key="ignored",
        region_name="us-east-1",
        config=Config(retries={"max_attempts": 1}, s3={"addressing_style": "path"}),
    )
    lines = [
        {"messages": [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]}
        for question, answer in pairs
    ]
    if bucket not in [one["Name"] for one in client.list_buckets()["Buckets"]]:
        client.create_bucket(Bucket=bucket)
    client.put_object(
        Bucket=bucket, Key=key, Body="".join(json.dumps(line) + "\n" for line in lines).encode()
    )
    client.close()


async def until(look: Callable[[], Any], good: Callable[[Any], bool], within_s: float = 30) -> Any:
    """Ask again and again, as a customer has to."""
    async with asyncio.timeout(within_s):
        while not good(found := await asyncio.to_thread(look)):  # noqa: ASYNC110  # it is another process
            await asyncio.sleep(0.05)
    return found
