#!/usr/bin/env python3
"""Rows that no rule of the sizing has seen: models of random shape, and what a real llama-server prints for them.

    held_out.py shapes SEED > models.csv      random models: name, architecture, metadata
    held_out.py settings SEED < models.csv    random settings for them
    held_out.py measure MODELS ROWS SERVER    runs SERVER for each row, adds what it prints

A model is a GGUF file of a head and a hole: every tensor reads as zeros, so that shapes of any size cost no disk.
Nothing is generated with it. SERVER is upstream's llama-server, or a program with its flags.
"""

import csv
import os
import random
import re
import signal
import struct
import subprocess
import sys
import tempfile
import time

U32, I32, F32, TEXT, ARRAY = 4, 5, 6, 8, 9
FLOATS, HALVES = 0, 1
START_SECONDS = 120


def text(value):
    raw = value.encode()
    return struct.pack("<Q", len(raw)) + raw


def entry(key, value):
    if isinstance(value, str):
        return text(key) + struct.pack("<I", TEXT) + text(value)
    if isinstance(value, float):
        return text(key) + struct.pack("<If", F32, value)
    if isinstance(value, int):
        return text(key) + struct.pack("<II", U32, value)
    kind = TEXT if isinstance(value[0], str) else I32
    packed = b"".join(text(one) if kind == TEXT else struct.pack("<i", one) for one in value)
    return text(key) + struct.pack("<IIQ", ARRAY, kind, len(value)) + packed


def vocabulary(size):
    """A byte-pair vocabulary: GPT-2's letters for the 256 bytes, and made-up tokens."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in plain]
    letters = [chr(byte) for byte in plain] + [chr(256 + index) for index in range(len(others))]
    tokens = letters + ["<|end|>", "\u0120t"] + [f"made{index}" for index in range(size - 258)]
    return [
        ("tokenizer.ggml.model", "gpt2"),
        ("tokenizer.ggml.pre", "default"),
        ("tokenizer.ggml.tokens", tokens),
        ("tokenizer.ggml.token_type", [1] * 256 + [3] + [1] * (size - 257)),
        ("tokenizer.ggml.merges", ["\u0120 t"]),
        ("tokenizer.ggml.eos_token_id", 256),
        ("tokenizer.ggml.bos_token_id", 256),
    ]


def write(path, arch, keys):
    metadata = [("general.architecture", arch), ("general.file_type", 1)]
    metadata += [(f"{arch}.{key}", value) for key, value in keys.items() if not key.startswith("!")]
    metadata += vocabulary(keys["vocab_size"])
    tensors = tensors_of(arch, keys)
    head = struct.pack("<4sIQQ", b"GGUF", 3, len(tensors), len(metadata))
    head += b"".join(entry(key, value) for key, value in metadata)
    offset = 0
    for name, shape, kind in tensors:
        head += text(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, kind, offset)
        values = 1
        for dimension in shape:
            values *= dimension
        offset += -(-values * (4 if kind == FLOATS else 2) // 32) * 32
    head += bytes(-len(head) % 32)
    with open(path, "wb") as file:
        file.write(head)
        file.truncate(len(head) + offset)


def tensors_of(arch, keys):
    hidden, vocab = keys["embedding_length"], keys["vocab_size"]
    tensors = [("token_embd.weight", [hidden, vocab], HALVES), ("output_norm.weight", [hidden], FLOATS)]
    if not keys["!tied"]:
        tensors.append(("output.weight", [hidden, vocab], HALVES))
    for layer in range(keys["block_count"]):
        of_layer = Layer(arch, keys, layer)
        tensors += [(f"blk.{layer}.{name}", shape, kind) for name, shape, kind in of_layer.tensors()]
    return tensors


class Layer:
    """The tensors of one layer, as llama.cpp's loaders want them."""

    def __init__(self, arch, keys, index):
        self.arch, self.keys, self.index = arch, keys, index
        self.hidden = keys["embedding_length"]
        heads, kv_heads = keys.get("attention.head_count", 0), keys.get("attention.head_count_kv", 0)
        self.heads = heads
        self.kv_heads = kv_heads[index] if isinstance(kv_heads, list) else kv_heads
        self.head = keys.get("attention.key_length", self.hidden // heads if heads else 0)
        self.found = []

    def floats(self, name, *shape):
        self.found.append((name, list(shape), FLOATS))

    def halves(self, name, *shape):
        self.found.append((name, list(shape), HALVES))

    def recurs(self):
        if self.arch == "qwen3next":
            return (self.index + 1) % 4 != 0
        return self.arch in ("mamba", "mamba2", "falcon-h1") or self.kv_heads == 0

    def tensors(self):
        self.floats("attn_norm.weight", self.hidden)
        if self.recurs():
            self.recurrence()
        if not self.recurs() or self.arch == "falcon-h1":
            self.latent() if self.arch == "deepseek2" else self.attention()
        if self.arch not in ("mamba", "mamba2"):
            self.feed_forward()
        return self.found

    def attention(self):
        queries, values = self.heads * self.head, self.kv_heads * self.head
        if self.arch == "phi3":
            self.halves("attn_qkv.weight", self.hidden, queries + 2 * values)
        else:
            gate = 2 if self.arch == "qwen3next" else 1
            self.halves("attn_q.weight", self.hidden, queries * gate)
            self.halves("attn_k.weight", self.hidden, values)
            self.halves("attn_v.weight", self.hidden, values)
        self.halves("attn_output.weight", queries, self.hidden)
        if self.arch in ("qwen2", "qwen2moe", "gpt-oss"):
            for name, size in (("q", queries), ("k", values), ("v", values)):
                self.floats(f"attn_{name}.bias", size)
        if self.arch in ("qwen3", "qwen3moe", "gemma3", "qwen3next"):
            self.floats("attn_q_norm.weight", self.head)
            self.floats("attn_k_norm.weight", self.head)
        if self.arch == "gpt-oss":
            self.floats("attn_output.bias", self.hidden)
            self.floats("attn_sinks.weight", self.heads)

    def latent(self):
        keys = self.keys
        rank, rope = keys["attention.kv_lora_rank"], keys["rope.dimension_count"]
        key, value = keys["attention.key_length_mla"], keys["attention.value_length_mla"]
        query_rank = keys.get("attention.q_lora_rank")
        if query_rank:
            self.halves("attn_q_a.weight", self.hidden, query_rank)
            self.floats("attn_q_a_norm.weight", query_rank)
            self.halves("attn_q_b.weight", query_rank, self.heads * key)
        else:
            self.halves("attn_q.weight", self.hidden, self.heads * key)
        self.halves("attn_kv_a_mqa.weight", self.hidden, rank + rope)
        self.floats("attn_kv_a_norm.weight", rank)
        self.halves("attn_k_b.weight", key - rope, rank, self.heads)
        self.halves("attn_v_b.weight", rank, value, self.heads)
        self.halves("attn_output.weight", self.heads * value, self.hidden)

    def recurrence(self):
        keys = self.keys
        conv, inner, state = keys["ssm.conv_kernel"], keys["ssm.inner_size"], keys["ssm.state_size"]
        rank, groups = keys["ssm.time_step_rank"], keys.get("ssm.group_count", 1)
        if self.arch == "qwen3next":
            convolved = 2 * state * groups + inner
            self.halves("attn_qkv.weight", self.hidden, convolved)
            self.halves("attn_gate.weight", self.hidden, inner)
            self.floats("ssm_conv1d.weight", conv, convolved)
            self.floats("ssm_dt.bias", rank)
            self.floats("ssm_a", rank)
            self.halves("ssm_ba.weight", self.hidden, 2 * rank)
            self.floats("ssm_norm.weight", state)
        elif self.arch in ("mamba", "jamba"):
            self.halves("ssm_in.weight", self.hidden, 2 * inner)
            self.floats("ssm_conv1d.weight", conv, inner)
            self.floats("ssm_conv1d.bias", inner)
            self.halves("ssm_x.weight", inner, rank + 2 * state)
            self.halves("ssm_dt.weight", rank, inner)
            self.floats("ssm_dt.bias", inner)
            self.floats("ssm_a", state, inner)
            self.floats("ssm_d", inner)
            if self.arch == "jamba":
                for name, size in (("dt", rank), ("b", state), ("c", state)):
                    self.floats(f"ssm_{name}_norm.weight", size)
        else:
            convolved = inner + 2 * groups * state
            self.halves("ssm_in.weight", self.hidden, inner + convolved + rank)
            self.floats("ssm_conv1d.weight", conv, convolved)
            self.floats("ssm_conv1d.bias", convolved)
            self.floats("ssm_dt.bias", rank)
            self.floats("ssm_a", 1, rank)
            self.floats("ssm_d", 1, rank)
            self.floats("ssm_norm.weight", inner // groups, groups)
        self.halves("ssm_out.weight", inner, self.hidden)

    def feed_forward(self):
        keys, arch = self.keys, self.arch
        norm = {"qwen3next": "post_attention_norm.weight", "gpt-oss": "post_attention_norm.weight"}
        # Falcon-H1's name has no ending.
        self.floats({"falcon-h1": "ffn_norm"}.get(arch, norm.get(arch, "ffn_norm.weight")), self.hidden)
        if arch in ("gemma2", "gemma3"):
            self.floats("post_attention_norm.weight", self.hidden)
            self.floats("post_ffw_norm.weight", self.hidden)
        experts = keys.get("expert_count", 0)
        every = keys.get("!experts_every", 1)
        dense = self.index < keys.get("leading_dense_block_count", 0) or self.index % every != every - 1
        if not experts or dense:
            size = keys["feed_forward_length"]
            if arch == "phi3":
                self.halves("ffn_up.weight", self.hidden, 2 * size)
                self.halves("ffn_down.weight", size, self.hidden)
            else:
                self.matrices("", size)
            return
        size = keys.get("expert_feed_forward_length", keys["feed_forward_length"])
        self.floats("ffn_gate_inp.weight", self.hidden, experts)
        self.matrices("_exps", size, experts)
        if arch == "gpt-oss":
            self.floats("ffn_gate_inp.bias", experts)
            self.floats("ffn_gate_exps.bias", size, experts)
            self.floats("ffn_up_exps.bias", size, experts)
            self.floats("ffn_down_exps.bias", self.hidden, experts)
        shared = keys.get("expert_shared_feed_forward_length", size * keys.get("expert_shared_count", 0))
        if shared:
            self.matrices("_shexp", shared)
        if arch in ("qwen2moe", "qwen3next"):
            self.floats("ffn_gate_inp_shexp.weight", self.hidden)
        if arch == "deepseek2" and query_compressed(keys):
            self.floats("exp_probs_b.bias", experts)

    def matrices(self, suffix, size, *count):
        self.halves(f"ffn_gate{suffix}.weight", self.hidden, size, *count)
        self.halves(f"ffn_up{suffix}.weight", self.hidden, size, *count)
        self.halves(f"ffn_down{suffix}.weight", size, self.hidden, *count)


def query_compressed(keys):
    return "attention.q_lora_rank" in keys


def shapes(seed, rng):
    """Two models of each architecture, with dimensions that no published model has together."""
    for arch, make in ARCHITECTURES.items():
        for index in range(2):
            keys = common(rng)
            make(rng, keys, index)
            yield f"{seed}-{arch}-{'ab'[index]}", arch, keys


def common(rng):
    return {
        "block_count": rng.randint(2, 7),
        "context_length": 1 << 20,
        "vocab_size": rng.randint(3000, 200000),
        "!tied": rng.randint(0, 1),
        "attention.layer_norm_rms_epsilon": 1e-5,
    }


def grouped(rng, keys, heads=None, head=None):
    groups = rng.choice([1, 2, 3, 4, 6, 8])
    kv_heads = rng.randint(1, 9)
    heads = heads or groups * kv_heads
    head = head or rng.choice([64, 96, 128, 160, 192, 256])
    keys.update(
        {
            "attention.head_count": heads,
            "attention.head_count_kv": kv_heads if heads == groups * kv_heads else 1,
            "attention.key_length": head,
            "attention.value_length": head,
            "rope.dimension_count": head,
        }
    )


def width(rng, low=10, high=80):
    return 64 * rng.randint(low, high)


def plain(rng, keys, index):
    grouped(rng, keys)
    keys["embedding_length"] = width(rng)
    keys["feed_forward_length"] = width(rng, 10, 200)


def square(rng, keys, index):
    """Whose queries are as wide as the model."""
    head, heads = rng.choice([64, 96, 128]), rng.randint(8, 40)
    grouped(rng, keys, heads, head)
    keys["attention.head_count_kv"] = rng.choice([n for n in range(1, heads + 1) if heads % n == 0])
    keys["embedding_length"] = head * heads
    keys["feed_forward_length"] = width(rng, 10, 200)


def granite(rng, keys, index):
    plain(rng, keys, index)
    scales = ("logit_scale", "residual_scale", "embedding_scale", "attention.scale")
    keys.update({scale: 0.5 for scale in scales})
    if index == 1:
        keys["expert_count"] = rng.randint(4, 60)
        keys["expert_used_count"] = rng.randint(2, 4)
        keys["feed_forward_length"] = width(rng, 4, 60)


def windowed(rng, keys, index):
    plain(rng, keys, index)
    keys["!tied"] = 1
    keys["block_count"] = rng.randint(6, 8)
    keys["attention.sliding_window"] = 128 * rng.randint(2, 24)


def experts(rng, keys, index, low=4, high=96):
    count = rng.randint(low, high)
    keys["expert_count"] = count
    keys["expert_used_count"] = rng.randint(1, min(count, 10))
    keys["expert_feed_forward_length"] = width(rng, 4, 60)


def moe(rng, keys, index):
    plain(rng, keys, index)
    experts(rng, keys, index)


def mixtral(rng, keys, index):
    plain(rng, keys, index)
    if index == 1:
        experts(rng, keys, index)
        keys["feed_forward_length"] = keys.pop("expert_feed_forward_length")


def shared(rng, keys, index):
    square(rng, keys, index)
    keys["!tied"] = 0
    experts(rng, keys, index)
    keys["expert_shared_feed_forward_length"] = width(rng, 4, 200)


def openai(rng, keys, index):
    windowed(rng, keys, index)
    keys["!tied"] = 0
    experts(rng, keys, index)


def deepseek(rng, keys, index):
    rank, rope = 64 * rng.randint(2, 9), rng.choice([32, 64, 96])
    experts(rng, keys, index)
    keys.update(
        {
            "embedding_length": width(rng),
            "feed_forward_length": width(rng, 10, 200),
            "attention.head_count": rng.randint(4, 64),
            "attention.head_count_kv": 1,
            "attention.kv_lora_rank": rank,
            "attention.key_length": rank + rope,
            "attention.value_length": rank,
            "attention.key_length_mla": rope + 32 * rng.randint(1, 5),
            "attention.value_length_mla": 32 * rng.randint(1, 5),
            "rope.dimension_count": rope,
            "expert_shared_count": rng.randint(1, 3),
            "leading_dense_block_count": rng.randint(1, 2),
            "expert_weights_scale": 2.5,
            "expert_gating_func": 2,
        }
    )
    if index == 0:
        keys["attention.q_lora_rank"] = 64 * rng.randint(4, 30)
    else:
        # llama.cpp takes models of so many layers for the small ones, which do not compress queries.
        keys["block_count"] = 27


def state_space(rng, keys, index):
    hidden = width(rng)
    keys.update(
        {
            "embedding_length": hidden,
            "ssm.conv_kernel": rng.randint(3, 5),
            "ssm.inner_size": 2 * hidden,
            "ssm.state_size": 16 * rng.randint(1, 2),
            "ssm.time_step_rank": 16 * rng.randint(2, 20),
        }
    )


def mamba(rng, keys, index):
    state_space(rng, keys, index)
    keys.update({"attention.head_count": 0, "feed_forward_length": 0})


def heads_of_state(rng, keys):
    keys["ssm.state_size"] = 32 * rng.randint(2, 8)
    keys["ssm.time_step_rank"] = keys["ssm.inner_size"] // 64
    keys["ssm.group_count"] = rng.choice([1, 2])


def mamba2(rng, keys, index):
    mamba(rng, keys, index)
    heads_of_state(rng, keys)


def of_some_layers(rng, keys):
    layers, kv_heads = keys["block_count"], keys["attention.head_count_kv"]
    attends = rng.randrange(layers)
    keys["attention.head_count_kv"] = [kv_heads if layer == attends else 0 for layer in range(layers)]


def jamba(rng, keys, index):
    state_space(rng, keys, index)
    hidden = keys["embedding_length"]
    grouped(rng, keys, hidden // 64, 64)
    del keys["attention.key_length"], keys["attention.value_length"]
    keys["block_count"] = rng.randint(4, 8)
    keys["feed_forward_length"] = width(rng, 10, 200)
    of_some_layers(rng, keys)
    if index == 1:
        keys.update({"expert_count": rng.randint(4, 16), "expert_used_count": 2, "!experts_every": 2})


def granite_hybrid(rng, keys, index):
    state_space(rng, keys, index)
    heads_of_state(rng, keys)
    grouped(rng, keys)
    keys["block_count"] = rng.randint(4, 8)
    keys["feed_forward_length"] = width(rng, 10, 160)
    of_some_layers(rng, keys)
    if index == 1:
        count = rng.randint(8, 64)
        keys["feed_forward_length"] = width(rng, 4, 30)
        keys.update({"expert_count": count, "expert_used_count": rng.randint(2, 10)})
        keys["expert_shared_feed_forward_length"] = width(rng, 4, 40)


def falcon(rng, keys, index):
    plain(rng, keys, index)
    state_space(rng, keys, index)
    heads_of_state(rng, keys)


def qwen_next(rng, keys, index):
    moe(rng, keys, index)
    keys["expert_shared_feed_forward_length"] = width(rng, 4, 60)
    keys["block_count"] = rng.choice([4, 8])
    keys["feed_forward_length"] = 0
    groups, state = rng.choice([4, 6, 8, 16]), 128
    ratio = rng.choice([1, 2, 4])
    keys.update(
        {
            "ssm.conv_kernel": rng.randint(3, 5),
            "ssm.state_size": state,
            "ssm.group_count": groups,
            "ssm.time_step_rank": groups * ratio,
            "ssm.inner_size": groups * ratio * state,
        }
    )


ARCHITECTURES = {
    "llama": mixtral,
    "qwen2": square,
    "qwen3": plain,
    "phi3": square,
    "granite": granite,
    "gemma2": windowed,
    "gemma3": windowed,
    "gpt-oss": openai,
    "qwen3moe": moe,
    "qwen2moe": shared,
    "deepseek2": deepseek,
    "mamba": mamba,
    "mamba2": mamba2,
    "jamba": jamba,
    "granitehybrid": granite_hybrid,
    "falcon-h1": falcon,
    "qwen3next": qwen_next,
}


def settings(rng, models):
    """Three settings of each model: contexts, slots, passes, fused attention or not, types of the cache."""
    for name, _, keys in models:
        for _ in range(3):
            slots = rng.choice([1, 1, 2, 3, 4, 7])
            cells = 256 * rng.randint(2, 65536 // 256 // slots)
            flash = rng.random() < 0.7
            kv = rng.choice(["f16", "f16", "q8_0", "q4_0"]) if flash else "f16"
            ubatch = rng.choice([64, 256, 384, 512, 512, 1024, 2048])
            yield [name, cells * slots, slots, ubatch, "on" if flash else "off", kv]


def encoded(value):
    return ";".join(map(str, value)) if isinstance(value, list) else str(value)


def decoded(value):
    if ";" in value:
        return [int(one) for one in value.split(";")]
    return float(value) if "." in value or "e" in value else int(value)


def read_models(lines):
    for line in lines:
        if line.strip() and not line.startswith(("#", "name,")):
            name, arch, keys = line.strip().split(",")
            pairs = (pair.split("=") for pair in keys.split(" "))
            yield name, arch, {key: decoded(value) for key, value in pairs}


def measured(server, path, row):
    """The sums of the KV, state and compute buffers that the server prints, in MiB."""
    _, context, slots, ubatch, flash, kv = row[:6]
    flags = ["-c", context, "-np", slots, "-ub", ubatch, "-fa", flash, "-ctk", kv, "-ctv", kv, "-lv", "4"]
    command = [server, "-m", path, "--port", "0", "--no-warmup", "-t", "1", *map(str, flags)]
    with tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
        deadline = time.monotonic() + START_SECONDS
        printed = ""
        while time.monotonic() < deadline and process.poll() is None and "listening on" not in printed:
            time.sleep(0.1)
            log.seek(0)
            printed = log.read()
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        log.seek(0)
        printed = log.read()
    sums = []
    for kind in ("KV", "RS", "compute"):
        found = re.findall(rf"CPU\s+{kind} buffer size =\s+([0-9.]+) MiB", printed)
        sums.append(round(sum(map(float, found)), 2))
    if not sums[2]:
        sys.stderr.write(f"{row}: no buffers\n{printed[-1500:]}\n")
    return [f"{one:.2f}" for one in sums]


def measure(models_path, rows_path, server):
    with open(models_path) as file:
        models = {name: (arch, keys) for name, arch, keys in read_models(file)}
    with open(rows_path) as file:
        rows = [line.strip().split(",") for line in file if not line.startswith(("#", "model,"))]
    writer = csv.writer(sys.stdout, lineterminator="\n")
    with tempfile.TemporaryDirectory() as folder:
        for row in rows:
            path = os.path.join(folder, f"{row[0]}.gguf")
            if not os.path.exists(path):
                write(path, *models[row[0]])
            writer.writerow(row + measured(server, path, row))
            sys.stdout.flush()


def main():
    match sys.argv[1:]:
        case ["shapes", seed]:
            print("name,architecture,metadata")
            for name, arch, keys in shapes(seed, random.Random(seed)):
                print(f"{name},{arch}," + " ".join(f"{key}={encoded(value)}" for key, value in keys.items()))
        case ["settings", seed]:
            print("model,ctx,n_parallel,ubatch,flash_attn,kv_type")
            for row in settings(random.Random(seed), list(read_models(sys.stdin))):
                print(",".join(map(str, row)))
        case ["measure", models, rows, server]:
            measure(models, rows, server)
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main()
