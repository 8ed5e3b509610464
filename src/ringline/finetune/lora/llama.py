"""A llama-shaped transformer with a LoRA on its query and value projections, forward and backward.

Shapes: `n` tokens of several conversations laid end to end, `d` model width, `h` heads of `e`, `g` of them
for each of `k` key-value heads. Weights are `(out, in)` as in a GGUF file, whose query and key rows stand in
the order that turns neighbouring pairs (llama.cpp's "norm" rotary embedding). Only the LoRA is learnt; the
backward pass makes each layer's inner values anew from its input, so memory grows with `n · d · layers` only.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]
Ints = NDArray[np.integer]

ROWS_AT_ONCE = 256
"""Rows of the vocabulary's scores that are held at a time."""

TARGETS = ("attn_q", "attn_v")


@dataclass(frozen=True, slots=True)
class Shape:
    """The numbers of a model (GGUF's `llama.*` keys)."""

    layers: int
    width: int
    heads: int
    kv_heads: int
    head_size: int
    rope_base: float
    epsilon: float
    context: int


@dataclass(frozen=True, slots=True)
class Layer:
    """One block."""

    attn_norm: Floats
    attn_q: Floats
    attn_k: Floats
    attn_v: Floats
    attn_output: Floats
    ffn_norm: Floats
    ffn_gate: Floats
    ffn_up: Floats
    ffn_down: Floats


@dataclass(frozen=True, slots=True)
class Weights:
    """A model. `output` is `embedding` itself where they are tied; `rope_factors` is `(e / 2,)` or None."""

    shape: Shape
    embedding: Floats
    layers: Sequence[Layer]
    output_norm: Floats
    output: Floats
    rope_factors: Floats | None = None


Adapter = Mapping[str, Floats]
"""GGUF tensor name → array: `blk.0.attn_q.weight.lora_a` is `(r, in)`, `….lora_b` is `(out, r)`."""


def name(layer: int, target: str, side: str) -> str:
    """The GGUF name of a LoRA matrix."""
    return f"blk.{layer}.{target}.weight.lora_{side}"


def new_adapter(weights: Weights, rank: int, seed: int) -> dict[str, Floats]:
    """A LoRA that changes nothing yet: A is random (uniform, as LoRA's authors have it), B is zero."""
    generator = np.random.default_rng(seed)
    made: dict[str, Floats] = {}
    for number, layer in enumerate(weights.layers):
        for target in TARGETS:
            rows, columns = getattr(layer, target).shape
            kind = getattr(layer, target).dtype
            bound = columns**-0.5
            made[name(number, target, "a")] = generator.uniform(-bound, bound, (rank, columns)).astype(kind)
            made[name(number, target, "b")] = np.zeros((rows, rank), kind)
    return made


@dataclass(frozen=True, slots=True)
class Batch:
    """Conversations end to end. `targets[i]` is the token to be predicted at `i`, or -1 for none."""

    tokens: Ints
    targets: Ints
    lengths: tuple[int, ...]

    @classmethod
    def of(cls, examples: Sequence[tuple[Ints, NDArray[np.bool_]]]) -> "Batch":
        """Lay examples (tokens, which of them are learnt) end to end."""
        targets = [np.append(np.where(learn[1:], tokens[1:], -1), -1) for tokens, learn in examples]
        lengths = tuple(len(tokens) for tokens, _ in examples)
        return cls(np.concatenate([tokens for tokens, _ in examples]), np.concatenate(targets), lengths)


@dataclass(slots=True)
class _Inner:
    """What the backward pass needs of a layer's forward pass."""

    normed: Floats
    q: Floats
    k: Floats
    v: Floats
    attention: list[Floats]
    mixed: Floats
    middle: Floats
    normed_again: Floats
    gate: Floats
    up: Floats


class Model:
    """Weights and a LoRA of the strength `scale` (alpha / r)."""

    def __init__(self, weights: Weights, adapter: Adapter, scale: float) -> None:
        self._weights = weights
        self._shape = weights.shape
        self._adapter = adapter
        self._scale = scale

    def logits(self, batch: Batch) -> Floats:
        """The scores of every token of the vocabulary at every place, `(n, vocabulary)`."""
        x = self._weights.embedding[batch.tokens]
        turns = self._turns(batch)
        for number in range(self._shape.layers):
            x, _ = self._layer(number, x, batch, turns)
        normed: Floats = _norm(x, self._weights.output_norm, self._shape.epsilon) @ self._weights.output.T
        return normed

    def learn(self, batch: Batch) -> tuple[float, dict[str, Floats]]:
        """The mean loss in nats of the tokens to be predicted, and its gradient for each LoRA matrix."""
        turns = self._turns(batch)
        inputs = [self._weights.embedding[batch.tokens]]
        for number in range(self._shape.layers):
            inputs.append(self._layer(number, inputs[-1], batch, turns)[0])
        loss, dx = self._loss(inputs.pop(), batch.targets)
        gradients: dict[str, Floats] = {}
        for number in reversed(range(self._shape.layers)):
            dx = self._layer_back(number, inputs.pop(), dx, batch, turns, gradients)
        return loss, gradients

    # ------------------------------------------------------------------ forward

    def _turns(self, batch: Batch) -> tuple[Floats, Floats]:
        """Cosine and sine of the rotary angles of each place, `(n, 1, e / 2)`."""
        half = self._shape.head_size // 2
        kind = self._weights.embedding.dtype
        frequency = self._shape.rope_base ** (-np.arange(half, dtype=np.float64) / half)
        if self._weights.rope_factors is not None:
            frequency = frequency / self._weights.rope_factors
        places = np.concatenate([np.arange(length) for length in batch.lengths])
        angles = places[:, None, None] * frequency
        return np.cos(angles).astype(kind), np.sin(angles).astype(kind)

    def _project(self, number: int, target: str, x: Floats) -> Floats:
        a, b = self._adapter[name(number, target, "a")], self._adapter[name(number, target, "b")]
        weight = getattr(self._weights.layers[number], target)
        projected: Floats = x @ weight.T + (x @ a.T) @ b.T * self._scale
        return projected

    def _layer(
        self, number: int, x: Floats, batch: Batch, turns: tuple[Floats, Floats]
    ) -> tuple[Floats, _Inner]:
        one, shape = self._weights.layers[number], self._shape
        normed = _norm(x, one.attn_norm, shape.epsilon)
        q = _rotate(self._project(number, "attn_q", normed).reshape(len(x), shape.heads, -1), turns)
        k = _rotate((normed @ one.attn_k.T).reshape(len(x), shape.kv_heads, -1), turns)
        v = self._project(number, "attn_v", normed).reshape(len(x), shape.kv_heads, -1)
        attention, mixed = [], np.empty((len(x), shape.heads * shape.head_size), x.dtype)
        for start, end in _spans(batch.lengths):
            weights, out = _attend(q[start:end], k[start:end], v[start:end])
            attention.append(weights)
            mixed[start:end] = out
        middle = x + mixed @ one.attn_output.T
        again = _norm(middle, one.ffn_norm, shape.epsilon)
        gate, up = again @ one.ffn_gate.T, again @ one.ffn_up.T
        out = middle + (gate * _sigmoid(gate) * up) @ one.ffn_down.T
        return out, _Inner(normed, q, k, v, attention, mixed, middle, again, gate, up)

    def _loss(self, x: Floats, targets: Ints) -> tuple[float, Floats]:
        """Mean cross entropy where there is a target, and its gradient for `x`."""
        norm, output, epsilon = self._weights.output_norm, self._weights.output, self._shape.epsilon
        (places,) = np.nonzero(targets >= 0)
        normed = _norm(x[places], norm, epsilon)
        back = np.empty_like(normed)
        total = 0.0
        for start in range(0, len(places), ROWS_AT_ONCE):
            rows = slice(start, start + ROWS_AT_ONCE)
            wanted = targets[places[rows]]
            scores = normed[rows] @ output.T
            scores -= scores.max(axis=1, keepdims=True)
            chances = np.exp(scores)
            sums = chances.sum(axis=1, keepdims=True)
            each = np.arange(len(wanted))
            total += float((np.log(sums[:, 0]) - scores[each, wanted]).sum())
            chances /= sums
            chances[each, wanted] -= 1
            back[rows] = chances @ output
        dx = np.zeros_like(x)
        dx[places] = _norm_back(x[places], norm, epsilon, back / len(places))
        return total / len(places), dx

    # ------------------------------------------------------------------ backward

    def _layer_back(
        self,
        number: int,
        x: Floats,
        dout: Floats,
        batch: Batch,
        turns: tuple[Floats, Floats],
        gradients: dict[str, Floats],
    ) -> Floats:
        one, shape = self._weights.layers[number], self._shape
        _, inner = self._layer(number, x, batch, turns)
        hidden = dout @ one.ffn_down
        open_ = _sigmoid(inner.gate)
        dgate = hidden * inner.up * open_ * (1 + inner.gate * (1 - open_))
        dup = hidden * inner.gate * open_
        dagain = dgate @ one.ffn_gate + dup @ one.ffn_up
        dmiddle = dout + _norm_back(inner.middle, one.ffn_norm, shape.epsilon, dagain)
        dmixed = dmiddle @ one.attn_output
        dq, dk, dv = np.empty_like(inner.q), np.empty_like(inner.k), np.empty_like(inner.v)
        for (start, end), weights in zip(_spans(batch.lengths), inner.attention, strict=True):
            rows = slice(start, end)
            dq[rows], dk[rows], dv[rows] = _attend_back(
                inner.q[rows], inner.k[rows], inner.v[rows], weights, dmixed[rows]
            )
        back = (turns[0], -turns[1])
        dnormed = self._project_back(
            number, "attn_q", inner.normed, _rotate(dq, back).reshape(len(x), -1), gradients
        )
        dnormed += _rotate(dk, back).reshape(len(x), -1) @ one.attn_k
        dnormed += self._project_back(number, "attn_v", inner.normed, dv.reshape(len(x), -1), gradients)
        return dmiddle + _norm_back(x, one.attn_norm, shape.epsilon, dnormed)

    def _project_back(
        self, number: int, target: str, x: Floats, dy: Floats, gradients: dict[str, Floats]
    ) -> Floats:
        a, b = self._adapter[name(number, target, "a")], self._adapter[name(number, target, "b")]
        dinner = dy @ b * self._scale
        gradients[name(number, target, "a")] = dinner.T @ x
        gradients[name(number, target, "b")] = dy.T @ (x @ a.T) * self._scale
        dx: Floats = dy @ getattr(self._weights.layers[number], target) + dinner @ a
        return dx


def _spans(lengths: Sequence[int]) -> list[tuple[int, int]]:
    ends = np.cumsum(lengths).tolist()
    return list(zip([0, *ends], ends, strict=False))


def _norm(x: Floats, weight: Floats, epsilon: float) -> Floats:
    """Root mean square norm."""
    normed: Floats = x / np.sqrt((x * x).mean(axis=-1, keepdims=True) + epsilon) * weight
    return normed


def _norm_back(x: Floats, weight: Floats, epsilon: float, dy: Floats) -> Floats:
    scale = 1 / np.sqrt((x * x).mean(axis=-1, keepdims=True) + epsilon)
    dy = dy * weight
    back: Floats = scale * (dy - x * scale**2 * (dy * x).mean(axis=-1, keepdims=True))
    return back


def _sigmoid(x: Floats) -> Floats:
    open_: Floats = 0.5 * (np.tanh(0.5 * x) + 1)  # by way of tanh, nothing overflows
    return open_


def _rotate(x: Floats, turns: tuple[Floats, Floats]) -> Floats:
    """Turn neighbouring pairs of `(n, heads, e)`."""
    cosine, sine = turns
    out = np.empty_like(x)
    even, odd = x[..., 0::2], x[..., 1::2]
    out[..., 0::2] = even * cosine - odd * sine
    out[..., 1::2] = even * sine + odd * cosine
    return out


def _by_head(x: Floats, kv_heads: int) -> Floats:
    """`(t, heads, e)` as `(k, heads / k, t, e)`: the queries that share a key-value head stand together."""
    t, heads, e = x.shape
    return np.ascontiguousarray(x.reshape(t, kv_heads, heads // kv_heads, e).transpose(1, 2, 0, 3))


def _attend(q: Floats, k: Floats, v: Floats) -> tuple[Floats, Floats]:
    """Causal attention in one conversation: the weights `(k, g, t, t)` and what they mix, `(t, h · e)`."""
    t, kv_heads, size = k.shape
    heads = _by_head(q, kv_heads)
    scores = heads @ _by_head(k, kv_heads).swapaxes(-1, -2) * float(size) ** -0.5
    scores[..., np.triu(np.ones((t, t), bool), 1)] = -np.inf
    scores -= scores.max(axis=-1, keepdims=True)
    weights: Floats = np.exp(scores)
    weights /= weights.sum(axis=-1, keepdims=True)
    mixed = weights @ _by_head(v, kv_heads)
    return weights, mixed.transpose(2, 0, 1, 3).reshape(t, -1)


def _attend_back(
    q: Floats, k: Floats, v: Floats, weights: Floats, dmixed: Floats
) -> tuple[Floats, Floats, Floats]:
    _, kv_heads, size = k.shape
    heads, keys, values = _by_head(q, kv_heads), _by_head(k, kv_heads), _by_head(v, kv_heads)
    dout = _by_head(dmixed.reshape(q.shape), kv_heads)
    dvalues = (weights.swapaxes(-1, -2) @ dout).sum(axis=1)
    dweights = dout @ values.swapaxes(-1, -2)
    dscores = weights * (dweights - (dweights * weights).sum(axis=-1, keepdims=True)) * float(size) ** -0.5
    dheads = dscores @ keys
    dkeys = (dscores.swapaxes(-1, -2) @ heads).sum(axis=1)
    return (
        dheads.transpose(2, 0, 1, 3).reshape(q.shape),
        dkeys.transpose(1, 0, 2),
        dvalues.transpose(1, 0, 2),
    )
