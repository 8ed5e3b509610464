"""What the embeddings benchmark measures beside the server, each a process of its own that is told in lines.

`python -m benchmarks.embedding_peers bare|room|unbatched MODELS`. A line `SECONDS ARGUMENT` runs it for so
long (bare: texts a run; room: clients) and is answered with JSON; `unbatched` is a server and only listens.
"""

import asyncio
import json
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from tokenizers import Tokenizer

from benchmarks.texts import TEXTS
from ringline.core.clock import SystemClock
from ringline.inference.embedding import Vectors
from ringline.inference.embedding_graph import with_integers
from ringline.inference.embedding_models import LocalChoice, make_embedder
from ringline.inference.embedding_onnx import SLOWER
from ringline.inference.registry import load_registry

MODEL = "all-minilm-l6-v2"


class Bare:
    """The session, with the same arithmetic, and its tokenizer with nothing around them."""

    def __init__(self, folder: Path) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        model = with_integers((folder / MODEL / "model.onnx").read_bytes())
        self._session = onnxruntime.InferenceSession(model, options, disabled_optimizers=SLOWER)
        self._tokenizer = Tokenizer.from_file(str(folder / MODEL / "tokenizer.json"))
        self._tokenizer.no_truncation()
        self._tokenizer.enable_padding()

    def embed(self, texts: list[str]) -> tuple[Vectors, int]:
        """Vectors of length 1, and the tokens of all texts."""
        read = self._tokenizer.encode_batch(texts)
        ids = np.array([one.ids for one in read], np.int64)
        mask = np.array([one.attention_mask for one in read], np.int64)
        given = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        hidden = self._session.run(None, given)[0]
        summed = (mask[:, None, :].astype(np.float32) @ hidden)[:, 0, :]
        return summed / np.linalg.norm(summed, axis=1, keepdims=True), int(mask.sum())


def bare(folder: Path) -> Callable[[float, int], dict[str, Any]]:
    """Runs of texts that are sorted by length: the best that batches can do."""
    session, texts = Bare(folder), sorted(TEXTS, key=len)

    def measure(seconds: float, size: int) -> dict[str, Any]:
        batches = [texts[at : at + size] for at in range(0, len(texts), size)]
        begun, done, at = time.perf_counter(), 0, 0
        # Every length of text comes as often as with the others: whole rounds in a shuffled order.
        order = np.random.default_rng(1).permutation(len(batches))
        while time.perf_counter() - begun < seconds:
            batch = batches[order[at % len(order)]]
            session.embed(batch)
            done, at = done + len(batch), at + 1
        return {"rate": done / (time.perf_counter() - begun), "texts": done}

    return measure


def room(folder: Path) -> Callable[[float, int], dict[str, Any]]:
    """ringline's `Embedder` without HTTP, asked by coroutines of one text each."""
    loop = asyncio.new_event_loop()
    embedder = make_embedder(load_registry(), LocalChoice(folder, places=1), SystemClock())
    loop.run_until_complete(embedder.embed(TEXTS[:1]))

    async def clients(seconds: float, count: int) -> dict[str, Any]:
        times: list[float] = []
        begun = time.perf_counter()

        async def client(number: int) -> None:
            at = number
            while (now := time.perf_counter()) - begun < seconds:
                await embedder.embed([TEXTS[at % len(TEXTS)]])
                times.append(time.perf_counter() - now)
                at += count

        await asyncio.gather(*map(client, range(count)))
        took = time.perf_counter() - begun
        return {"rate": len(times) / took, "texts": len(times), "times": times}

    return lambda seconds, count: loop.run_until_complete(clients(seconds, count))


def unbatched(folder: Path) -> None:
    """A server as one writes it in twenty lines: a run for each request, one at a time."""
    import uvicorn  # noqa: PLC0415 - only this process serves
    from fastapi import FastAPI  # noqa: PLC0415

    session, one_at_a_time = Bare(folder), threading.Lock()
    app = FastAPI()

    @app.post("/v1/embeddings")
    def embeddings(body: dict[str, Any]) -> dict[str, Any]:
        with one_at_a_time:
            vectors, tokens = session.embed([body["input"]])
        return {
            "object": "list",
            "data": [{"object": "embedding", "index": 0, "embedding": vectors[0].tolist()}],
            "model": MODEL,
            "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
        }

    config = uvicorn.Config(app, host="127.0.0.1", port=0, log_level="error", access_log=False)
    listening = config.bind_socket()
    print("ready", listening.getsockname()[1], flush=True)
    uvicorn.Server(config).run([listening])


def main(mode: str, folder: Path) -> None:
    """Serve, or answer lines until they end."""
    if mode == "unbatched":
        unbatched(folder)
        return
    measure = {"bare": bare, "room": room}[mode](folder)
    print("ready", flush=True)
    for line in sys.stdin:
        seconds, argument = line.split()
        print(json.dumps(measure(float(seconds), int(argument))), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
