"""What runs in the chat model's child process: llama.cpp's own HTTP server, on loopback, behind a key.

The worker's protocol only carries where it listens; the chats go over HTTP as to any other engine.
"""

import importlib
from collections.abc import Callable, Iterator

import msgspec

from ringline.core.errors import ConfigError

VERBOSITY_ERRORS = 1
FLEETING_MIB = 64
"""Room for states of prompts that lost their slot. llama.cpp's default is 8 GB."""


class LlamaSettings(msgspec.Struct, frozen=True):
    """`context` tokens for each of `slots` answers at a time; `model`, `adapter` are paths of GGUF files."""

    model: str
    key: str
    context: int
    slots: int
    threads: int
    adapter: str | None = None


class LlamaServer:
    """A server that is up; every request of the worker is answered with its URL."""

    def __init__(self, settings: LlamaSettings) -> None:
        try:
            xllamacpp = importlib.import_module("xllamacpp")
        except ImportError as error:
            raise ConfigError(f"llama.cpp is not installed ({error}): pip install 'ringline[llm]'") from error
        wanted = xllamacpp.CommonParams()
        wanted.model.path = settings.model
        wanted.hostnames = ["127.0.0.1"]
        wanted.port = 0
        wanted.api_keys = [settings.key]
        wanted.n_ctx = settings.context * settings.slots
        wanted.n_parallel = settings.slots
        wanted.kv_unified = False  # each slot has its own context: one long chat cannot starve another
        wanted.fit_params = False
        wanted.cache_ram_mib = FLEETING_MIB
        wanted.cpuparams.n_threads = settings.threads
        wanted.cpuparams_batch.n_threads = settings.threads
        wanted.use_jinja = True
        wanted.ui = False
        wanted.endpoint_slots = False
        wanted.verbosity = VERBOSITY_ERRORS
        if settings.adapter is not None:
            wanted.lora_adapters = [xllamacpp.CommonAdapterLoraInfo(settings.adapter, 1.0)]
        self._server = xllamacpp.Server(wanted)

    def run(self, payload: bytes, cancelled: Callable[[], bool]) -> Iterator[bytes]:
        """The base URL, whatever is asked."""
        yield f"{self._server.listening_address}/v1".encode()


def serve(settings: bytes) -> LlamaServer:
    """The factory for `WorkerSpec`; loads the model, which takes a second."""
    return LlamaServer(msgspec.msgpack.decode(settings, type=LlamaSettings))
