#!/usr/bin/python3
"""The Llama family in float64 numpy, straight from a GGUF file: what doorbell's models are measured against.

    llama_reference.py logits   MODEL.gguf IDS.txt OUT.f64   logits of every position, rows of the vocabulary's size
    llama_reference.py logprobs MODEL.gguf IDS.txt OUT.f64   log-probability of ids 1.. given all ids before each
    llama_reference.py greedy   MODEL.gguf IDS.txt OUT.f64 --count N --ids-out OUT.txt
                                continues the ids greedily; logits of every position fed, and all the ids

IDS.txt holds token ids separated by blanks. OUT is raw little-endian float64 (float32 with --f32), or an array
with its shape where the name ends in .npy.

Facts, from llama.cpp's src/models/llama.cpp and ggml/src/ggml-cpu/ops.cpp (rope, GGML_ROPE_TYPE_NORMAL): a GGUF
of architecture `llama` carries q and k rows permuted so that rotation pairs the neighbours (2i, 2i+1) by the angle
position * base^(-2i/d); query heads h * groups .. share key-value head h; the output projection is the embedding
where output.weight is absent; Llama-3's scaled angles come as divisors in the tensor rope_freqs.weight; a scaling
factor, whose type is linear unless the file names another, divides them all (src/llama-model.cpp, load_hparams).
YaRN (https://arxiv.org/abs/2309.00071, 3.2 to 3.4) divides by it those that turn less than once within the context of
the training, leaves alone those that turn more than 32 times, blends in between, and lengthens what it rotates.
"""

import argparse

import numpy as np

from gguf_numpy import Gguf


class Llama:
    """Holds the float64 weights and the keys and values of the positions fed so far."""

    def __init__(self, path):
        gguf = Gguf(path)
        meta = gguf.meta
        if meta["general.architecture"] != "llama":
            raise ValueError(f"{path}: architecture {meta['general.architecture']} is not llama")
        scaling = meta.get("llama.rope.scaling.type", "linear")
        if scaling not in ("none", "linear", "yarn") or "llama.expert_count" in meta:
            raise ValueError(f"{path}: rotation scaled by {scaling} and mixtures of experts are not in this reference")
        self.tensor = {name: gguf.tensor(name) for name in gguf.tensors}
        self.tensor.setdefault("output.weight", self.tensor["token_embd.weight"])
        self.layers = meta["llama.block_count"]
        self.heads = meta["llama.attention.head_count"]
        self.kv_heads = meta.get("llama.attention.head_count_kv", self.heads)
        self.epsilon = meta["llama.attention.layer_norm_rms_epsilon"]
        self.bos = meta["tokenizer.ggml.bos_token_id"]
        head = meta["llama.embedding_length"] // self.heads
        self.head = meta.get("llama.attention.key_length", head)
        rotated = meta.get("llama.rope.dimension_count", self.head)
        frequency = meta.get("llama.rope.freq_base", 10000.0) ** (-np.arange(0, rotated, 2) / rotated)
        stretch = meta.get("llama.rope.scaling.factor", 1.0) if scaling != "none" else 1.0
        divided = 1.0
        self.length = meta.get("llama.rope.scaling.attn_factor", 1.0)
        if scaling == "yarn":
            trained = meta.get("llama.rope.scaling.original_context_length", meta["llama.context_length"])
            slow, fast = meta.get("llama.rope.scaling.yarn_beta_slow", 1), meta.get("llama.rope.scaling.yarn_beta_fast", 32)
            # Bounds of the blend are whole pairs: pair i turns trained / (2 pi base^(2i/d)) times.
            low, high = (rotated * np.log(trained / (2 * np.pi * turns)) / (2 * np.log(meta.get("llama.rope.freq_base", 10000.0)))
                         for turns in (fast, slow))
            low, high = max(np.floor(low), 0), min(np.ceil(high), rotated - 1)
            divided = np.clip((np.arange(rotated // 2) - low) / max(high - low, 0.001), 0, 1)
            self.length *= 0.1 * np.log(stretch) + 1
        frequency = divided * frequency / stretch + (1 - divided) * frequency
        self.frequency = frequency / self.tensor.get("rope_freqs.weight", 1.0)
        self.keys = [np.zeros((0, self.kv_heads, self.head)) for _ in range(self.layers)]
        self.values = list(self.keys)

    def forward(self, ids):
        """Feeds ids after what was fed before; returns their logits, (len(ids), vocabulary)."""
        weight = self.tensor
        past = len(self.keys[0])
        positions = np.arange(past, past + len(ids))
        x = weight["token_embd.weight"][ids]
        for layer in range(self.layers):
            def w(name):
                return weight[f"blk.{layer}.{name}.weight"]

            h = self._norm(x, w("attn_norm"))
            q = self._rotate((h @ w("attn_q").T).reshape(len(ids), self.heads, self.head), positions)
            k = self._rotate((h @ w("attn_k").T).reshape(len(ids), self.kv_heads, self.head), positions)
            v = (h @ w("attn_v").T).reshape(len(ids), self.kv_heads, self.head)
            self.keys[layer] = np.concatenate([self.keys[layer], k])
            self.values[layer] = np.concatenate([self.values[layer], v])
            x = x + self._attend(q, self.keys[layer], self.values[layer], positions) @ w("attn_output").T
            h = self._norm(x, w("ffn_norm"))
            gate = h @ w("ffn_gate").T
            x = x + (gate / (1 + np.exp(-gate)) * (h @ w("ffn_up").T)) @ w("ffn_down").T
        return self._norm(x, weight["output_norm.weight"]) @ weight["output.weight"].T

    def _norm(self, x, weight):
        return x / np.sqrt(np.mean(x * x, axis=-1, keepdims=True) + self.epsilon) * weight

    def _rotate(self, x, positions):
        angle = positions[:, None] * self.frequency
        cos, sin = self.length * np.cos(angle)[:, None, :], self.length * np.sin(angle)[:, None, :]
        rotated = 2 * len(self.frequency)
        even, odd = x[..., 0:rotated:2], x[..., 1:rotated:2]
        y = x.copy()
        y[..., 0:rotated:2] = even * cos - odd * sin
        y[..., 1:rotated:2] = even * sin + odd * cos
        return y

    def _attend(self, q, keys, values, positions):
        groups = self.heads // self.kv_heads
        q = q.reshape(len(q), self.kv_heads, groups, self.head)
        scores = np.einsum("qhgd,khd->hgqk", q, keys) / np.sqrt(self.head)
        scores = np.where(np.arange(len(keys)) <= positions[:, None], scores, -np.inf)
        scores = np.exp(scores - scores.max(axis=-1, keepdims=True))
        scores /= scores.sum(axis=-1, keepdims=True)
        return np.einsum("hgqk,khd->qhgd", scores, values).reshape(len(q), -1)


def text_log_probabilities(logits, ids):
    """Log-probability of ids[1:], each under the logits of the position before it."""
    logits = np.asarray(logits, np.float64)[:len(ids) - 1]
    top = logits.max(axis=-1)
    log_sum = top + np.log(np.exp(logits - top[:, None]).sum(axis=-1))
    return logits[np.arange(len(ids) - 1), ids[1:]] - log_sum


def greedy(model, ids, count):
    """Feeds ids and then the most likely token, until `count` tokens have been chosen. Returns all the ids and the
    logits of every position fed (the last chosen token is not fed). A tie goes to the lower id."""
    ids, rows = list(ids), []
    fed = 0
    for _ in range(count):
        rows.append(model.forward(ids[fed:]))
        fed = len(ids)
        ids.append(int(rows[-1][-1].argmax()))
    return ids, np.concatenate(rows)


def read_ids(path):
    with open(path, encoding="ascii") as file:
        return [int(word) for word in file.read().split()]


def write_array(path, array, single=False):
    array = np.ascontiguousarray(array, "<f4" if single else "<f8")
    if str(path).endswith(".npy"):
        np.save(path, array)
    else:
        array.tofile(path)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=["logits", "logprobs", "greedy"])
    parser.add_argument("model")
    parser.add_argument("ids")
    parser.add_argument("out")
    parser.add_argument("--f32", action="store_true", help="write float32")
    parser.add_argument("--count", type=int, default=200, help="greedy: tokens to choose")
    parser.add_argument("--ids-out", help="greedy: where all the ids go")
    arguments = parser.parse_args()
    model, ids = Llama(arguments.model), read_ids(arguments.ids)
    if arguments.command == "greedy":
        ids, result = greedy(model, ids, arguments.count)
        if arguments.ids_out:
            with open(arguments.ids_out, "w", encoding="ascii") as file:
                file.write(" ".join(map(str, ids)) + "\n")
    else:
        result = model.forward(ids)
        if arguments.command == "logprobs":
            result = text_log_probabilities(result, ids)
    write_array(arguments.out, result, arguments.f32)


if __name__ == "__main__":
    main()
