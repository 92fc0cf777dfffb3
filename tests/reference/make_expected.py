#!/usr/bin/python3
"""Computes what the C++ tests of models are held against, into the folder given as argument; prints a summary.

    make_expected.py FOLDER [--data shared/data]

    smollm2/       english.txt behind the BOS token: text.txt (without the file's last newline), ids.i32 (201),
                   reference.f64 (200 log-probabilities from float64 numpy on the dequantised weights),
                   llama_cpp.f64 (llama.cpp's, the text as one batch), llama_cpp_steps.f64 (token by token)
    stories260K-T/ for T in f32 f16 q8_0 bf16 q4_0 q4_1, a greedy run from the BOS token alone: ids.i32 (201), logits.f64
                   (200 x 512, of every id but the last), model.gguf where shared/data has none of this type;
                   and for T in rope_freqs linear both yarn yarn_short: f32 with Llama-3's factors of angles, with
                   stretched positions
    summary.json   versions, shapes, and the mean and largest absolute deviation of llama.cpp from the reference

Numbers are raw and little-endian. Results are kept in the oracles' folder under a hash of what they depend on, so that
a second call copies them only. Nothing of this is committed. Where an oracle or shared/data cannot be had, the key
"missing" of summary.json says why, and with CI=true that is a failure.
"""

import argparse
import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

import numpy as np

import llama_cpp_logprobs as llama_cpp
from gguf_numpy import Gguf, extended
from llama_reference import Llama, greedy, text_log_probabilities

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
TYPES = ["f32", "f16", "q8_0", "bf16", "q4_0", "q4_1"]
FACTORS = {"rope_freqs.weight": np.array([1, 1.25, 2, 8])}
STRETCH = {"llama.rope.scaling.type": "linear", "llama.rope.scaling.factor": 1.5}
# Keys and tensors beside those of stories260K-f32.
ROTATIONS = {"rope_freqs": ({}, FACTORS), "linear": (STRETCH, {}),
             "both": ({"llama.rope.scaling.factor": 1.5}, FACTORS),
             # Of the four pairs the first one stays, the second one is blended.
             "yarn": ({"llama.rope.scaling.type": "yarn", "llama.rope.scaling.factor": 4.0,
                       "llama.rope.scaling.original_context_length": 128}, {}),
             "yarn_short": ({"llama.rope.scaling.type": "yarn", "llama.rope.scaling.factor": 2.5,
                             "llama.rope.scaling.attn_factor": 0.75}, FACTORS)}
STEPS = 200


def save(folder, name, array, dtype):
    folder.mkdir(parents=True, exist_ok=True)
    np.ascontiguousarray(array, dtype).tofile(folder / name)


def deviation(values, reference):
    difference = np.abs(values - reference)
    return {"mean": float(difference.mean()), "largest": float(difference.max())}


def make_smollm2(model, out):
    text = (HERE / "english.txt").read_bytes().removesuffix(b"\n")
    ids = [Gguf(model).meta["tokenizer.ggml.bos_token_id"]] + llama_cpp.tokenize(model, [text])[0]
    reference = text_log_probabilities(Llama(model).forward(ids), ids)
    batch = text_log_probabilities(llama_cpp.logits(model, ids), ids)
    steps = text_log_probabilities(llama_cpp.logits(model, ids, one_by_one=True), ids)
    save(out, "ids.i32", ids, "<i4")
    save(out, "reference.f64", reference, "<f8")
    save(out, "llama_cpp.f64", batch, "<f8")
    save(out, "llama_cpp_steps.f64", steps, "<f8")
    (out / "text.txt").write_bytes(text)
    return {"text_tokens": len(ids) - 1, "perplexity": float(np.exp(-reference.mean())),
            "llama_cpp_deviation": deviation(batch, reference), "llama_cpp_steps_deviation": deviation(steps, reference)}


def make_stories(data, type_name, out):
    out.mkdir(parents=True, exist_ok=True)
    model = data / f"stories260K-{type_name}.gguf"
    if type_name in ROTATIONS:
        model = out / "model.gguf"
        model.write_bytes(extended(data / "stories260K-f32.gguf", *ROTATIONS[type_name]))
    elif not model.exists():
        model = out / "model.gguf"
        llama_cpp.quantize(data / "stories260K-f32.gguf", model, type_name.upper())
    reference = Llama(model)
    ids, logits = greedy(reference, [reference.bos], STEPS)
    save(out, "ids.i32", ids, "<i4")
    save(out, "logits.f64", logits, "<f8")
    return {"positions": logits.shape[0], "vocabulary": logits.shape[1],
            "llama_cpp_deviation": deviation(llama_cpp.logits(model, ids[:-1]), logits)}


def make_all(out, smollm2, stories, versions):
    summary = {"versions": versions, "smollm2": make_smollm2(smollm2, out / "smollm2")}
    for type_name in [*TYPES, *ROTATIONS]:
        name = f"stories260K-{type_name}"
        summary[name] = make_stories(stories, type_name, out / name)
    (out / "summary.json").write_text(json.dumps(summary, indent=1) + "\n", encoding="utf-8")


def give_up(out, why):
    if os.environ.get("CI") == "true":
        sys.exit(f"make_expected: {why}")
    out.mkdir(parents=True, exist_ok=True)
    (out / "summary.json").write_text(json.dumps({"missing": why}) + "\n", encoding="utf-8")
    print(f"make_expected: {why}; tests that need it will be skipped", file=sys.stderr)
    sys.exit(0)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--data", type=pathlib.Path, default=ROOT.parent / "shared/data")
    arguments = parser.parse_args()

    fetch = subprocess.run([ROOT / "tools/oracle/fetch-oracles.sh"], capture_output=True, text=True, check=False)
    if fetch.returncode != 0:
        give_up(arguments.folder, fetch.stderr.strip())
    stories = arguments.data / "stories260K"
    if not stories.is_dir():
        give_up(arguments.folder, f"{stories} is absent")

    oracles = llama_cpp.oracles()
    versions = llama_cpp.version() | {"numpy": np.__version__, "smollm2": (oracles / "smollm2/.stamp").read_text().strip()}
    key = hashlib.sha256(json.dumps(versions).encode())
    for path in sorted([*HERE.glob("*.py"), HERE / "english.txt", *stories.glob("*.gguf")]):
        key.update(hashlib.sha256(path.read_bytes()).digest())
    kept = oracles / "expected" / key.hexdigest()[:32]
    if not kept.is_dir():
        kept.parent.mkdir(exist_ok=True)
        work = pathlib.Path(tempfile.mkdtemp(prefix=".work.", dir=kept.parent))
        work.chmod(0o755)
        try:
            make_all(work, next((oracles / "smollm2").glob("*.gguf")), stories, versions)
            try:
                work.rename(kept)
            except OSError:  # another process was first; its results are the same
                if not kept.is_dir():
                    raise
        finally:
            shutil.rmtree(work, ignore_errors=True)
    shutil.copytree(kept, arguments.folder, dirs_exist_ok=True)

    summary = json.loads((kept / "summary.json").read_text(encoding="utf-8"))
    smollm2 = summary["smollm2"]
    print(f"smollm2: {smollm2['text_tokens']} text tokens, mean absolute deviation of llama.cpp's log-probabilities "
          f"from the float64 reference {smollm2['llama_cpp_deviation']['mean']:.5f} as one batch, "
          f"{smollm2['llama_cpp_steps_deviation']['mean']:.5f} token by token")
    for type_name in [*TYPES, *ROTATIONS]:
        of = summary[f"stories260K-{type_name}"]["llama_cpp_deviation"]
        print(f"stories260K-{type_name}: logits of llama.cpp deviate by {of['mean']:.5f}, at most {of['largest']:.5f}")


if __name__ == "__main__":
    main()
