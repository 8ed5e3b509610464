"""sentence-transformers behind a server as one writes it first: a run of the model for each request, in turn.

`PYTHON -m benchmarks.embedding_transformers MODEL`, where PYTHON is that of a virtual environment with
`sentence-transformers`, `fastapi` and `uvicorn`: PyTorch is no dependency of ringline. `MODEL` is a name or a
folder. Prints "ready PORT".
"""

import sys
from typing import Any

import torch
import uvicorn
from fastapi import FastAPI
from sentence_transformers import SentenceTransformer


def main(name: str) -> None:
    """Serve until killed."""
    # One core: threads that wait for each other on it only cost time.
    torch.set_num_threads(1)
    model = SentenceTransformer(name, device="cpu")
    app = FastAPI()

    @app.post("/v1/embeddings")
    async def embeddings(body: dict[str, Any]) -> dict[str, Any]:
        vector = model.encode(body["input"], normalize_embeddings=True)
        return {
            "object": "list",
            "data": [{"object": "embedding", "index": 0, "embedding": vector.tolist()}],
            "model": name,
        }

    config = uvicorn.Config(app, host="127.0.0.1", port=0, log_level="error", access_log=False)
    listening = config.bind_socket()
    listening.listen(128)  # whoever reads the next line may connect at once
    print("ready", listening.getsockname()[1], flush=True)
    uvicorn.Server(config).run([listening])


if __name__ == "__main__":
    main(sys.argv[1])
