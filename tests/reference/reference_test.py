#!/usr/bin/python3
"""The reference itself, held against llama2.c's golden text and llama.cpp: reference_test.py EXPECTED STORIES260K.

EXPECTED is the folder that make_expected.py filled. Bounds are several times what was measured, and far below what a
wrong rotation, head order, block layout or off-by-one does to the numbers.
"""

import json
import pathlib
import sys
import unittest

import numpy as np

import llama_cpp_logprobs as llama_cpp
from gguf_numpy import Gguf
from make_expected import ROTATIONS

EXPECTED, STORIES = map(pathlib.Path, sys.argv[1:3])
SUMMARY = json.loads((EXPECTED / "summary.json").read_text(encoding="utf-8"))
GOLDEN = (STORIES / "golden_greedy_200.txt").read_bytes().rstrip(b"\n") if STORIES.is_dir() else b""


def greedy_ids(type_name):
    return np.fromfile(EXPECTED / f"stories260K-{type_name}/ids.i32", "<i4").tolist()


@unittest.skipIf("missing" in SUMMARY, SUMMARY.get("missing"))
class Reference(unittest.TestCase):
    def text(self, ids):
        return llama_cpp.detokenize(STORIES / "stories260K-f32.gguf", ids).lstrip()

    def test_f32_tells_the_golden_story(self):
        self.assertEqual(self.text(greedy_ids("f32")[1:]), GOLDEN)

    def test_f16_and_q8_0_tell_its_first_48_tokens(self):
        for type_name in "f16", "q8_0":
            self.assertEqual(greedy_ids(type_name)[:49], greedy_ids("f32")[:49])

    def test_llama_cpp_chooses_the_same_200_tokens(self):
        for type_name in "f32", "f16", "q8_0":
            model = STORIES / f"stories260K-{type_name}.gguf"
            self.assertEqual(llama_cpp.greedy(model, [1], 200), greedy_ids(type_name))

    def test_every_type_is_near_llama_cpp(self):
        for name, row in SUMMARY.items():
            if name.startswith("stories260K"):
                # f16 keys and values alone cost 0.002; bf16 and q8 activations 0.02 to 0.05.
                exact = name.endswith(("f32", "-f16", *ROTATIONS))
                self.assertLess(row["llama_cpp_deviation"]["mean"], 0.01 if exact else 0.15, name)

    def test_other_rotations_are_other_models(self):
        # A reader that passes over the factors is this far away, and more: 10,000 times the tests' bound.
        logits = {name: np.fromfile(EXPECTED / f"stories260K-{name}/logits.f64").reshape(200, -1)
                  for name in ("f32", *ROTATIONS)}
        for name, one in logits.items():
            for other, two in logits.items():
                if name < other:
                    self.assertGreater(np.abs(one - two).max(), 1, (name, other))

    def test_blocks_equal_their_formulas(self):
        """Q4_0, Q4_1 and Q8_0 decoded once more, element by element in plain Python."""
        for type_name, width in ("q4_0", 18), ("q4_1", 20), ("q8_0", 34):
            path = STORIES / "stories260K-q8_0.gguf" if type_name == "q8_0" else EXPECTED / f"stories260K-{type_name}/model.gguf"
            gguf = Gguf(path)
            values = gguf.tensor("blk.2.attn_q.weight").ravel()
            raw = gguf.tensors["blk.2.attn_q.weight"][2].tobytes()
            for i, value in enumerate(values.tolist()):
                block = raw[i // 32 * width:][:width]
                d = float(np.frombuffer(block[:2], "<f2")[0])
                if type_name == "q8_0":
                    expected = d * int.from_bytes(block[2 + i % 32:3 + i % 32], "little", signed=True)
                else:
                    quants = block[-16:]
                    q = quants[i % 16] >> 4 if i % 32 >= 16 else quants[i % 16] & 15
                    expected = (q - 8) * d if type_name == "q4_0" else q * d + float(np.frombuffer(block[2:4], "<f2")[0])
                self.assertEqual(value, expected)

    def test_smollm2_text_has_200_tokens_and_is_near_llama_cpp(self):
        self.assertEqual(SUMMARY["smollm2"]["text_tokens"], 200)
        self.assertLess(SUMMARY["smollm2"]["llama_cpp_deviation"]["mean"], 0.1)
        self.assertLess(SUMMARY["smollm2"]["llama_cpp_steps_deviation"]["mean"], 0.1)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
