"""A model small enough to be trained in a test: two layers, 32 wide, a token for each byte."""

from pathlib import Path

import gguf
import numpy as np

WIDTH, HEADS, KV_HEADS, FORWARD, LAYERS, CONTEXT = 32, 4, 2, 64, 2, 128
SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
TEMPLATE = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + "
    "'<|im_end|>\\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)


def alphabet() -> list[str]:
    """GPT-2's letter for each byte."""
    shown = [*range(33, 127), *range(161, 173), *range(174, 256)]
    hidden = iter(range(256, 512))
    return [chr(byte if byte in shown else next(hidden)) for byte in range(256)]


def write_model(
    path: Path,
    *,
    architecture: str = "llama",
    template: str | None = TEMPLATE,
    cut: str = "smollm",
    kind: gguf.GGMLQuantizationType = gguf.GGMLQuantizationType.F32,
    without: str = "",
) -> Path:
    """Write the model as a GGUF file, with weights that are random but always the same."""
    writer = gguf.GGUFWriter(path, architecture)
    writer.add_block_count(LAYERS)
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(WIDTH)
    writer.add_feed_forward_length(FORWARD)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KV_HEADS)
    writer.add_rope_freq_base(10_000.0)
    writer.add_layer_norm_rms_eps(1e-5)
    tokens = [*SPECIAL, *alphabet(), alphabet()[ord("a")] + alphabet()[ord("b")]]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(cut)
    writer.add_token_list(tokens)
    writer.add_token_types([3] * len(SPECIAL) + [1] * (len(tokens) - len(SPECIAL)))
    writer.add_token_merges(["a b"])
    writer.add_eos_token_id(2)
    if template is not None:
        writer.add_chat_template(template)
    random = np.random.default_rng(5)
    shapes = {"token_embd.weight": (len(tokens), WIDTH), "output_norm.weight": (WIDTH,)}
    kv = KV_HEADS * WIDTH // HEADS
    for layer in range(LAYERS):
        shapes |= {
            f"blk.{layer}.{name}.weight": shape
            for name, shape in {
                "attn_norm": (WIDTH,),
                "attn_q": (WIDTH, WIDTH),
                "attn_k": (kv, WIDTH),
                "attn_v": (kv, WIDTH),
                "attn_output": (WIDTH, WIDTH),
                "ffn_norm": (WIDTH,),
                "ffn_gate": (FORWARD, WIDTH),
                "ffn_up": (FORWARD, WIDTH),
                "ffn_down": (WIDTH, FORWARD),
            }.items()
        }
    for name, shape in shapes.items():
        if name == without:
            continue
        values = random.normal(1.0 if "norm" in name else 0.0, 0.2, shape).astype(np.float32)
        if len(shape) == 1 or kind is gguf.GGMLQuantizationType.F32:
            writer.add_tensor(name, values)
        else:
            packed = gguf.quants.quantize(values, kind)
            writer.add_tensor(name, packed, raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path
