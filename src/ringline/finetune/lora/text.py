"""Tokenizer and chat template as a GGUF file holds them."""

from collections.abc import Sequence
from typing import Any

import jinja2
from jinja2.sandbox import ImmutableSandboxedEnvironment
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers

from ringline.finetune.conversation import Turn
from ringline.finetune.errors import TrainingError
from ringline.finetune.lora.gguf_file import GgufFile

CONTROL = 3
USER_DEFINED = 4
"""llama.cpp's `llama_token_type`: tokens that are found in a text before it is cut."""

GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
LLAMA3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)

# How llama.cpp cuts a text before its merges, by the name it has for that.
CUTS: dict[str, list[Any]] = {
    "smollm": [
        pre_tokenizers.Digits(individual_digits=True),
        pre_tokenizers.Split(Regex(GPT2), "isolated"),
    ],
    "gpt-2": [pre_tokenizers.Split(Regex(GPT2), "isolated")],
    "llama-bpe": [pre_tokenizers.Split(Regex(LLAMA3), "isolated")],
}


class BytePairs:
    """A byte-level BPE tokenizer; a `masks.Tokenizer`."""

    def __init__(self, file: GgufFile) -> None:
        kind, cut = file.value("tokenizer.ggml.model"), file.value("tokenizer.ggml.pre", "default")
        if kind != "gpt2" or cut not in CUTS:
            raise TrainingError(
                f"the built-in trainer does not know the tokenizer {kind}/{cut}; "
                "configure an external trainer for this model"
            )
        tokens: list[str] = file.value("tokenizer.ggml.tokens")
        merges = [tuple(merge.split(" ", 1)) for merge in file.value("tokenizer.ggml.merges")]
        vocabulary = {token: number for number, token in enumerate(tokens)}
        self._tokenizer = Tokenizer(models.BPE(vocabulary, merges, ignore_merges=cut == "llama-bpe"))
        self._tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
            [*CUTS[cut], pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
        )
        self._tokenizer.decoder = decoders.ByteLevel()
        kinds = file.value("tokenizer.ggml.token_type")
        special = [token for token, one in zip(tokens, kinds, strict=True) if one in (CONTROL, USER_DEFINED)]
        self._tokenizer.add_special_tokens([AddedToken(token, normalized=False) for token in special])

    def encode(self, text: str) -> list[int]:
        """The tokens of a text."""
        ids: list[int] = self._tokenizer.encode(text, add_special_tokens=False).ids
        return ids


class JinjaTemplate:
    """A chat template in Jinja; a `masks.Template`. It came with a model: it runs in a sandbox."""

    def __init__(self, file: GgufFile) -> None:
        source = file.value("tokenizer.chat_template")
        if not source:
            raise TrainingError("the base model has no chat template: it is not made for conversations")
        tokens = file.value("tokenizer.ggml.tokens")
        environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)
        environment.globals["raise_exception"] = _refuse
        self._names = {
            name: _token(tokens, file.value(f"tokenizer.ggml.{name}_id"))
            for name in ("bos_token", "eos_token")
        }
        try:
            self._template = environment.from_string(source)
        except jinja2.TemplateError as error:
            raise TrainingError(f"the base model's chat template is broken: {error}") from error

    def render(self, turns: Sequence[Turn], *, generate: bool) -> str:
        """The turns as the model reads them."""
        messages = [{"role": turn.role.value, "content": turn.content} for turn in turns]
        try:
            return self._template.render(messages=messages, add_generation_prompt=generate, **self._names)
        except jinja2.TemplateError as error:
            raise TrainingError(f"the base model's chat template refuses these roles: {error}") from error


def _token(tokens: Sequence[str], number: int | None) -> str:
    return "" if number is None else tokens[number]


def _refuse(message: str) -> None:
    raise jinja2.TemplateError(message)
