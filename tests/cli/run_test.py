"""`doorbell run` as a user meets it: stories, seeds and threads, conversations, mistakes, hostile files, full disks."""

import json
import math
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
sys.path.insert(0, str(HERE.parent / "reference"))

from tiny_model import ARRAY, BLOCKS, F32, STRING, TENSORS, U32, tiny_model  # noqa: E402

PROGRAM = Path(os.environ["DOORBELL_BUILD"]) / "tools/doorbell"
STORIES = HERE.parent.parent.parent / "shared/data/stories260K"
EXPECTED = Path(os.environ["DOORBELL_EXPECTED"])
FIGURES = re.compile(r"\[prompt \d+ tokens, [\d.]+ tokens/s; decode (\d+) tokens, [\d.]+ tokens/s; first token after [\d.]+ s\]")


class Case(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = Path(tempfile.mkdtemp(prefix="doorbell-cli."))
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        cls.model = cls.folder / "tiny.gguf"
        cls.model.write_bytes(tiny_model())
        cls.environment = {**os.environ, "XDG_CACHE_HOME": str(cls.folder / "cache"), "DOORBELL_NO_NETWORK": "1"}

    def run_it(self, *arguments, stdin=None, timeout=60, **more):
        environment = {**self.environment, **more.pop("environment", {})}
        command = [PROGRAM, "run", *map(os.fsencode, map(str, arguments))] if "raw" not in more else [PROGRAM, "run", *more.pop("raw")]
        return subprocess.run(command, env=environment, input=stdin, capture_output=True, timeout=timeout, check=False,
                              **({} if stdin is not None else {"stdin": subprocess.DEVNULL}), **more)

    def assert_good(self, result):
        self.assertEqual(result.returncode, 0, result.stderr.decode(errors="replace"))
        self.assertRegex(result.stderr.decode(), FIGURES)

    def assert_one_line(self, result, *words):
        error = result.stderr.decode(errors="replace")
        self.assertEqual(result.returncode, 1, error)
        self.assertEqual(result.stdout, b"")
        self.assertEqual(len(error.splitlines()), 1, error)
        for word in ("doorbell: ", *map(str, words)):
            self.assertIn(word, error)


@unittest.skipUnless(STORIES.is_dir(), f"no {STORIES}")
class Stories(Case):
    path = STORIES / "stories260K-f32.gguf"

    def test_greedy_text_is_the_golden_file(self):
        result = self.run_it(self.path, "-n", 200, "--temp", 0)
        self.assert_good(result)
        self.assertEqual(result.stdout, (STORIES / "golden_greedy_200.txt").read_bytes())
        self.assertIn("decode 200 tokens", result.stderr.decode())

    def test_same_seed_gives_the_same_text_on_any_number_of_threads(self):
        def text(seed, threads):
            return self.run_it(self.path, "-p", "Once", "-n", 60, "--temp", 1, "-s", seed, "-t", threads).stdout

        first = text(7, 1)
        self.assertGreater(len(first), 60)
        self.assertEqual(text(7, 2), first)
        self.assertEqual(text(7, 5), first)
        self.assertNotEqual(text(8, 1), first)

    def test_prompt_is_continued(self):
        result = self.run_it(self.path, "-p", "Once upon a time, there was a little girl named", "-n", 2, "--temp", 0)
        self.assertTrue(result.stdout.startswith(b"Once upon a time, there was a little girl named Lily"), result.stdout)

    def test_interrupt_ends_the_answer_and_the_figures_follow(self):
        with subprocess.Popen([PROGRAM, "run", self.path, "--temp", "1", "-s", "1", "-i", "-p", "Once"], env=self.environment,
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
            child.stdout.read(5)
            child.send_signal(signal.SIGINT)
            _, error = child.communicate(timeout=60)
        self.assertEqual(child.returncode, 0, error)
        self.assertRegex(error.decode(), FIGURES)


class Mistakes(Case):
    def test_the_tiny_model_itself_runs(self):
        self.assert_good(self.run_it(self.model, "-p", "ab", "-n", 3))

    def test_eight_bit_activations_give_the_same_text_on_any_number_of_threads(self):
        path = self.folder / "blocks.gguf"
        for blocks in BLOCKS:
            path.write_bytes(tiny_model(blocks=blocks))
            texts = []
            for threads in 1, 2, 5:
                result = self.run_it(path, "--act", "q8", "-p", "ab", "-n", 20, "--temp", 1, "-s", 3, "-t", threads)
                self.assert_good(result)
                texts.append(result.stdout)
            self.assertEqual(texts, texts[:1] * 3, blocks)
            self.assertGreater(len(texts[0]), 20)

    def test_missing_file(self):
        self.assert_one_line(self.run_it(self.folder / "absent.gguf"), self.folder / "absent.gguf", "no such file")

    def test_unknown_name(self):
        self.assert_one_line(self.run_it("frobnicate"), "frobnicate", "smollm2")

    def test_folder(self):
        self.assert_one_line(self.run_it(self.folder), self.folder)

    def test_empty_file_and_device(self):
        (self.folder / "empty.gguf").write_bytes(b"")
        self.assert_one_line(self.run_it(self.folder / "empty.gguf"), "empty.gguf")
        self.assert_one_line(self.run_it("/dev/null"), "/dev/null")

    def test_model_dir_without_the_model(self):
        self.assert_one_line(self.run_it("smollm2", "--model-dir", self.folder), self.folder)

    def test_processor_below_the_floor(self):
        result = self.run_it(self.model, environment={"FEATURES": "-avx2,-fma"})
        self.assert_one_line(result, "this processor lacks fma, avx2", "x86-64-v3")
        self.assert_one_line(self.run_it(self.model, environment={"FEATURES": "avx2"}), "FEATURES=avx2", "minus")

    def test_prompt_that_is_not_utf8(self):
        result = self.run_it(raw=[self.model, "-n", "1", "-p", b"ab\xffc"])
        self.assert_one_line(result, "byte 2", "0xff", "UTF-8")

    def test_conversation_that_is_not_utf8(self):
        for line, byte, found in (b"ab\xffc\n", 2, "0xff"), (b"\xed\xa0\x80\n", 0, "0xed"), (b"ab\xe2\x82", 2, "0xe2"):
            with self.subTest(line=line):
                self.assert_one_line(self.run_it(self.model, "-i", "-n", 1, stdin=line), f"byte {byte}", found, "UTF-8")

    def test_prompt_longer_than_the_context(self):
        self.assert_one_line(self.run_it(self.model, "-n", 1, "-p", "a" * 100_000), "prompt: ", "the context holds 64")
        self.assert_one_line(self.run_it(self.model, "-n", 1, "-c", 16, "-p", "xyzzy" * 4), "the context holds 16")

    def test_empty_prompt_begins_with_bos(self):
        self.assert_good(self.run_it(self.model, "-n", 2))
        self.assert_good(self.run_it(self.model, "-n", 2, "-p", ""))

    def test_context_is_filled_and_not_passed(self):
        result = self.run_it(self.model, "--temp", 0, "-c", 16)
        self.assert_good(result)
        self.assertLessEqual(int(FIGURES.search(result.stderr.decode())[1]), 16)

    def test_zero_context_is_the_models_own(self):
        self.assert_good(self.run_it(self.model, "-c", 0, "-n", 2))

    def test_zero_tokens_are_none(self):
        result = self.run_it(self.model, "-n", 0, "-p", "ab")
        self.assert_good(result)
        self.assertEqual(result.stdout, b"ab\n")

    def test_numbers_out_of_range_name_their_option(self):
        for option, *values in (
            ("--temp", "nan", "-1", "inf", "-nan", "hot"),
            ("--top-p", "nan", "1.5", "-0.1"),
            ("--min-p", "nan", "2"),
            ("--top-k", "-1", "1.5"),
            ("--repeat-penalty", "nan", "0", "-1", "inf"),
            ("--repeat-last-n", "-1"),
            ("--ctx-size", "-1", "x", "99999999999999999999"),
            ("--predict", "-2", "x"),
            ("--threads", "-1", "5000"),
            ("--seed", "-2", "x"),
            ("--act", "f64"),
        ):
            for value in values:
                with self.subTest(option=option, value=value):
                    self.assert_one_line(self.run_it(self.model, *(["-n", 1] if option != "--predict" else []), f"{option}={value}"), option)

    def test_context_that_memory_cannot_hold_is_one_line(self):
        path = self.folder / "wide.gguf"
        path.write_bytes(tiny_model({"llama.context_length": (U32, 1 << 27)}))
        limit = 3 << 30
        result = self.run_it(path, "-c", 1 << 27, "-n", 1, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (limit, limit)))
        self.assert_one_line(result, "context")


class HostileModels(Case):
    """Files that are good GGUF and no good model."""

    def refuse(self, words, **change):
        path = self.folder / "hostile.gguf"
        path.write_bytes(tiny_model(**change))
        self.assert_one_line(self.run_it(path, "-n", 1, "-p", "ab"), "hostile.gguf", *words)

    def refuse_yarn(self, key, value):
        self.refuse([key, "byte"], keys={"llama.rope.scaling.type": (STRING, "yarn"), key: value})

    def test_architectures(self):
        for found in "gpt2", "", "LLAMA", "llama\n", "x" * 200:
            with self.subTest(found=found):
                self.refuse(["architecture", "byte", "expected 'llama'"], keys={"general.architecture": (STRING, found)})
        self.refuse(["general.architecture"], keys={"general.architecture": None})
        self.refuse(["general.architecture", "expected a string"], keys={"general.architecture": (U32, 1)})

    def test_hyperparameters(self):
        huge = 2**32 - 1
        for key, *values in (
            ("llama.block_count", 0, 2000, huge),
            ("llama.embedding_length", 0, 33, huge),
            ("llama.feed_forward_length", 0, huge),
            ("llama.attention.head_count", 0, 3, 64, huge),
            ("llama.attention.head_count_kv", 0, 3, huge),
            ("llama.context_length", 0, huge),
            ("llama.rope.dimension_count", 0, 6, huge),
        ):
            for value in values:
                with self.subTest(key=key, value=value):
                    self.refuse([], keys={key: (U32, value)})
            with self.subTest(key=key, value="a string"):
                self.refuse([key], keys={key: (STRING, "one")})
            with self.subTest(key=key, value="an array"):
                self.refuse([key], keys={key: (ARRAY, (U32, [1, 1]))})
        for key in ("block_count", "embedding_length", "feed_forward_length", "attention.head_count", "context_length",
                    "attention.layer_norm_rms_epsilon"):
            with self.subTest(key=key, value="absent"):
                self.refuse(["llama." + key], keys={"llama." + key: None})
        for key, *values in (
            ("llama.rope.freq_base", 0.0, -1.0, math.nan, math.inf),
            ("llama.attention.layer_norm_rms_epsilon", -1.0, math.nan, math.inf),
        ):
            for value in values:
                with self.subTest(key=key, value=value):
                    self.refuse([key], keys={key: (F32, value)})
        for found in "longrope", "su", "":
            self.refuse(["llama.rope.scaling.type", f"'{found}'", "'linear'"], keys={"llama.rope.scaling.type": (STRING, found)})
        for key, *values in (
            ("llama.rope.scaling.factor", -1.0, math.nan, math.inf),
            ("llama.rope.scale_linear", -1.0, math.nan, math.inf),
            ("llama.rope.scaling.attn_factor", 0.0, -1.0, math.nan, math.inf),
        ):
            for value in values:
                with self.subTest(key=key, value=value):
                    self.refuse([key, f"{value:g}", "byte"], keys={key: (F32, value)})
        for key, *values in (
            ("yarn_beta_fast", 0.0, math.nan),
            ("yarn_beta_slow", -1.0, math.inf),
            ("yarn_ext_factor", 1.0),
            ("yarn_attn_factor", 1.0),
            ("yarn_log_multiplier", 0.1),
        ):
            for value in values:
                with self.subTest(key=key, value=value):
                    self.refuse_yarn("llama.rope.scaling." + key, (F32, value))
        for value in (U32, 0), (F32, 128.0):
            with self.subTest(value=value):
                self.refuse_yarn("llama.rope.scaling.original_context_length", value)

    def test_what_the_graph_does_not_have_is_refused_and_not_ignored(self):
        self.refuse(["llama.attention.key_length"], keys={"llama.attention.key_length": (U32, 8)})
        for name in "attn_q", "attn_output", "ffn_up":
            with self.subTest(name=name):
                self.refuse([f"blk.0.{name}.bias"], tensors={f"blk.0.{name}.bias": [32]})

    def test_each_tensor_missing_or_misshapen(self):
        for name, dims in TENSORS.items():
            with self.subTest(name=name, dims="absent"):
                self.refuse([name], tensors={name: None})
            for wrong in [*dims, 1], [dims[0] + 32, *dims[1:]], [dims[0], 7], [dims[0]] * 4:
                if wrong == [*dims, 1]:
                    continue  # the same matrix
                with self.subTest(name=name, dims=wrong):
                    self.refuse([name] if name != "token_embd.weight" else [], tensors={name: wrong})
        self.refuse(["output.weight"], tensors={"output.weight": [32, 262]})

    def test_factors_of_angles(self):
        for dims in [4], [9], [8, 2], [2, 8]:
            with self.subTest(dims=dims):
                self.refuse(["rope_freqs.weight", "type F32 and (8)"], tensors={"rope_freqs.weight": dims})
        for value in 0.0, -1.0, math.nan, math.inf:
            with self.subTest(value=value):
                self.refuse(["in rope_freqs.weight", "byte", "a positive number"], tensors={"rope_freqs.weight": [8]}, fill=value)

    def test_vocabulary_and_embedding_of_different_sizes(self):
        for rows in 262, 264, 1000:
            with self.subTest(rows=rows):
                self.refuse(["263"], tensors={"token_embd.weight": [32, rows]})

    def test_weights_that_are_not_numbers_still_end(self):
        path = self.folder / "nan.gguf"
        for value in math.nan, math.inf, 3e38:
            path.write_bytes(tiny_model(fill=value))
            self.assert_good(self.run_it(path, "-n", 3, "-p", "ab"))


class HostileFiles(Case):
    """What tests/load/make_corpus.py writes, as models: files that are no good GGUF."""

    def test_each_is_one_line_that_names_file_and_byte(self):
        corpus = self.folder / "corpus"
        subprocess.run([sys.executable, HERE.parent / "load/make_corpus.py", corpus], check=True)
        refused = 0
        for reader, name, expected in (line.split("\t") for line in (corpus / "index").read_text().splitlines()):
            if reader != "gguf" or expected == "ok":
                continue
            refused += 1
            with self.subTest(name=name):
                limit = 1 << 30
                result = self.run_it(corpus / name, "-n", 1, "-p", "ab",
                                     preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (limit, limit)))
                self.assert_one_line(result, corpus / name, ": at byte ", ": found ", ", expected ", expected)
        self.assertGreaterEqual(refused, 100)


class Disks(Case):
    def text(self, **environment):
        result = self.run_it(self.model, "-n", 20, "--temp", 0, environment=environment)
        self.assert_good(result)
        return result.stdout

    def test_kernel_cache_that_cannot_be_written_is_done_without(self):
        expected = self.text(CACHE="off")
        self.assertEqual(self.text(XDG_CACHE_HOME="/dev/null/no/such"), expected)
        self.assertEqual(self.text(XDG_CACHE_HOME="/proc"), expected)

    @unittest.skipUnless(os.geteuid() == 0, "mounting takes root")
    def test_full_disk_leaves_no_partial_entry(self):
        full = self.folder / "full"
        full.mkdir()
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", full], capture_output=True, check=False)
        if mounted.returncode != 0:
            self.skipTest(f"mount: {mounted.stderr.decode().strip()}")
        try:
            expected = self.text(CACHE="off")
            for _ in range(2):
                self.assertEqual(self.text(XDG_CACHE_HOME=str(full)), expected)
            whole = {path.name: path.stat().st_size for path in self.kernels(self.folder / "cache")}
            for path in self.kernels(full):
                self.assertEqual(path.stat().st_size, whole.get(path.name), path)
        finally:
            subprocess.run(["umount", full], check=True)

    def test_entry_that_fits_in_part_only_is_left_out(self):
        expected = self.text()
        whole = {path.name: path.stat().st_size for path in self.kernels(self.folder / "cache")}
        shutil.rmtree(self.folder / "cache")
        limit = sorted(whole.values())[len(whole) // 2]
        # A file that would grow beyond the limit fails to, as on a full disk; without the signal that comes with it.
        result = self.run_it(self.model, "-n", 20, "--temp", 0, restore_signals=False, preexec_fn=lambda: (
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN), resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))))
        self.assert_good(result)
        self.assertEqual(result.stdout, expected)
        left = {path.name: path.stat().st_size for path in self.kernels(self.folder / "cache")}
        self.assertEqual(left, {name: size for name, size in whole.items() if size <= limit})
        self.assertLess(len(left), len(whole))

    @staticmethod
    def kernels(cache):
        return [path for path in (cache / "doorbell/kernels").glob("**/*") if path.is_file()] if cache.is_dir() else []

    def setUp(self):
        shutil.rmtree(self.folder / "cache", ignore_errors=True)
        self.text()

    def test_second_run_takes_its_kernels_from_the_cache(self):
        before = {path: path.stat().st_mtime_ns for path in self.kernels(self.folder / "cache")}
        self.assertGreater(len(before), 5)
        self.text()
        self.assertEqual({path: path.stat().st_mtime_ns for path in self.kernels(self.folder / "cache")}, before)

    def test_damaged_entries_are_as_good_as_absent(self):
        expected = self.text()
        for damage in (lambda b: b"", lambda b: b[:len(b) // 2], lambda b: b[:-1], lambda b: bytes(len(b)),
                       lambda b: b[:60] + bytes([b[60] ^ 1]) + b[61:], lambda b: b + b"x"):
            entries = self.kernels(self.folder / "cache")
            self.assertTrue(entries)
            for path in entries:
                path.chmod(0o644)
                path.write_bytes(damage(path.read_bytes()))
            self.assertEqual(self.text(), expected)

    def test_entries_of_other_kernels_are_not_taken(self):
        expected = self.text()
        entries = self.kernels(self.folder / "cache")
        contents = [path.read_bytes() for path in entries]
        for path, content in zip(entries, contents[1:] + contents[:1]):
            path.write_bytes(content)
        self.assertEqual(self.text(), expected)

    def test_processes_at_once_share_the_cache(self):
        expected = self.text()
        shutil.rmtree(self.folder / "cache")
        command = [PROGRAM, "run", self.model, "-n", "20", "--temp", "0"]
        children = [subprocess.Popen(command, env=self.environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                     stderr=subprocess.PIPE) for _ in range(4)]
        for child in children:
            out, error = child.communicate(timeout=120)
            self.assertEqual((child.returncode, out), (0, expected), error)

    def test_full_output_is_one_line(self):
        with open("/dev/full", "wb") as full:
            result = subprocess.run([PROGRAM, "run", self.model, "-n", "20"], env=self.environment, stdin=subprocess.DEVNULL, stdout=full,
                                    stderr=subprocess.PIPE, timeout=60, check=False)
        error = result.stderr.decode()
        self.assertEqual(result.returncode, 1, error)
        self.assertEqual(len(error.splitlines()), 1, error)
        self.assertIn("No space left", error)

    def test_reader_that_goes_away_ends_it_quietly(self):
        # The conversation waits for its second line until the reader has had the first answer and is gone.
        child = subprocess.Popen([PROGRAM, "run", self.model, "-i", "-p", "ab", "-n", "8"], env=self.environment,
                                 stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.assertEqual(child.stdout.read(1), b"a")
        child.stdout.close()
        _, error = child.communicate(b"ab\n" * 8, timeout=60)
        self.assertEqual((child.returncode, error), (-signal.SIGPIPE, b""))

    def test_closed_descriptors_do_no_harm(self):
        for closed in ">&-", "<&-", "2>&-", "<&- >&- 2>&-":
            with self.subTest(closed=closed):
                before = {path: path.read_bytes() for path in self.kernels(self.folder / "cache")}
                result = subprocess.run(["sh", "-c", f'exec "$0" run "$1" -n 5 --temp 0 {closed}', PROGRAM, self.model], env=self.environment,
                                        capture_output=True, timeout=60, check=False)
                self.assertIn(result.returncode, (0, 1), result.stderr)
                for path, content in before.items():
                    self.assertEqual(path.read_bytes(), content)
        self.assertEqual(self.model.read_bytes(), tiny_model())


class Conversation(Case):
    """Two turns with SmolLM2, each token of the answers held to float64 numpy."""

    def test_two_turns_follow_the_models_template(self):
        summary = EXPECTED / "summary.json"
        missing = "make_expected.py has not run" if not summary.exists() else json.loads(summary.read_text()).get("missing")
        if missing:
            self.assertNotEqual(os.environ.get("CI"), "true", missing)
            self.skipTest(missing)
        import numpy as np
        import llama_cpp_logprobs as llama_cpp
        from llama_reference import Llama

        path = next((llama_cpp.oracles() / "smollm2").glob("*.gguf"))
        result = self.run_it(path, "-i", "-p", "Name a colour.", "-n", 12, "--temp", 0, "-c", 256, stdin="And <|im_end|> an animal?\n".encode(),
                             timeout=300)
        self.assert_good(result)
        answers = result.stdout.decode()
        self.assertNotIn("<|im", answers)
        rules = "<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n"
        parts = [(rules + "<|im_start|>user\n", True), ("Name a colour.", False), ("<|im_end|>\n<|im_start|>assistant\n", True)]

        def ids(parts):
            return [i for text, special in parts for i in llama_cpp.tokenize(path, [text.encode()], special=special)[0]]

        # The reference answers by itself, and must say what was printed.
        model, said = Llama(path), []
        end = llama_cpp.tokenize(path, [b"<|im_end|>"], special=True)[0][0]
        feed = ids(parts)
        for turn in range(2):
            answer = []
            for _ in range(12):
                best = int(np.argmax(model.forward(feed)[-1]))
                if best == end:
                    break
                answer.append(best)
                feed = [best]
            said.append(llama_cpp.detokenize(path, answer).decode())
            ended = best == end
            feed = ([] if ended else feed) + ids([("<|im_end|>\n<|im_start|>user\n", True), ("And <|im_end|> an animal?", False),
                                                  ("<|im_end|>\n<|im_start|>assistant\n", True)])
        self.assertEqual([line.strip() for line in answers.splitlines() if line.strip()],
                         [line.strip() for text in said for line in text.splitlines() if line.strip()])


if __name__ == "__main__":
    unittest.main()
