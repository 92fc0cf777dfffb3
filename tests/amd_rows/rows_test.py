"""Rows of the instruction tables against their meaning as AMD's manuals give it (meaning.py, salu.py, packed.py, memory.py,
buffers.py, scripts.py), on edge cases and random operands, in every encoding that llvm-mc-19 knows.

A run takes a few texts of each row and encoding, always the same; DOORBELL_NIGHTLY=1 takes many, with a fresh
seed. DOORBELL_SEED repeats a run, DOORBELL_ROWS=NAME picks rows, DOORBELL_COVERAGE=1 prints how often each ran."""

import collections
import importlib.util
import os
import shutil
import time
import unittest
import zlib

missing = [f"Python's {m} (tools/oracles.sh)" for m in ("numpy", "gmpy2") if not importlib.util.find_spec(m)]
missing += [] if shutil.which("llvm-mc-19") else ["llvm-mc-19 (Debian package llvm-19)"]
if missing:
    if os.environ.get("CI") == "true":
        raise ImportError(f"missing: {', '.join(missing)}")
    raise unittest.SkipTest(f"missing: {', '.join(missing)}")

import numpy as np  # noqa: E402

import buffers  # noqa: E402
import meaning  # noqa: E402
import memory  # noqa: E402
import packed  # noqa: E402
import salu  # noqa: E402
import scripts  # noqa: E402
import valu  # noqa: E402
from machine import EXEC, VCC, Machine, State, assemble  # noqa: E402
from names import mnemonic  # noqa: E402

NIGHTLY = os.environ.get("DOORBELL_NIGHTLY") == "1"

SEED = int(os.environ.get("DOORBELL_SEED", time.time_ns() & 0xffffffff if NIGHTLY else 1))
TRIES = 24 if NIGHTLY else 1  # texts proposed of each row in each encoding; of arithmetic, twice as many
ONLY = os.environ.get("DOORBELL_ROWS", "")  # a substring of names, for work on one row

# Rows that end in a refusal, and its name.
REFUSED = {
    "v_illegal": ("", "illegal-instruction"), "s_code_end": ("s_code_end", "illegal-instruction"), "s_trap": ("s_trap 2", "trap"),
    "s_sendmsghalt": ("s_sendmsghalt sendmsg(MSG_INTERRUPT)", "hang"), "s_sethalt": ("s_sethalt 1", "hang"),
    **{f"ds_gws_{name}": (f"ds_gws_{name} {operand}gds", "illegal-instruction") for name, operand in (
        ("init", "v0 "), ("sema_v", ""), ("sema_br", "v0 "), ("sema_p", ""), ("sema_release_all", ""), ("barrier", "v0 "))},
    "ds_ordered_count": ("ds_ordered_count v0, v1 gds", "illegal-instruction"),
    **{f"ds_{name}_gs_reg_rtn": (f"ds_{name}_gs_reg_rtn v[0:1], v2 gds", "illegal-instruction") for name in ("add", "sub")},
    "ds_bvh_stack_rtn_b32": ("ds_bvh_stack_rtn_b32 v0, v1, v2, v[4:7]", "illegal-instruction")}


def with_bits(code, more):
    """With these bits set in its first words."""
    words = [int.from_bytes(code[4 * i:4 * i + 4], "little") | bits for i, bits in enumerate(more)]
    return b"".join(w.to_bytes(4, "little") for w in words) + code[4 * len(words):]


class Rows:
    gpu = ""

    @classmethod
    def setUpClass(cls):
        cls.machine = Machine(cls.gpu)
        cls.window = cls.machine.memory(bytes(memory.WINDOW))
        cls.ran = collections.Counter()
        print(f"{cls.gpu}: seed {SEED}")

    def rng(self, *what):
        return np.random.default_rng([SEED, zlib.crc32(repr(what).encode())])

    def has(self, row):
        return row.name in self.machine.row_of and ONLY in row.name

    def test_vector_rows_mean_what_the_manual_says(self):
        def cases(row, salt):
            row.mnemonic, found = mnemonic(row.name, self.gpu), []
            for encoding in valu.ENCODINGS[row.form]:
                rng = self.rng(row.name, encoding, *salt)
                tries = TRIES if row.form == "vopc" or self.gpu == "gfx1151" else 2 * TRIES
                tries *= 4 if encoding == "vop3" else 1  # of which many have too many scalars
                found += [valu.Case(rng, row, encoding, self.gpu, 64 if rng.random() < 0.3 else 32) for _ in range(tries)]
            return found

        self.compare_each([row for row in meaning.ROWS.values() if self.has(row)], cases)

    def test_scalar_rows_mean_what_the_manual_says(self):
        def cases(row, salt):
            rng = self.rng(row.name, *salt)
            lanes = 64 if row.name.endswith("b64") else 32  # of what writes exec
            return [salu.Case(rng, row, mnemonic(row.name, self.gpu), lanes) for _ in range(4 * TRIES)]

        self.compare_each([row for row in salu.ROWS.values() if self.has(row)], cases)

    def test_packed_rows_mean_what_the_manual_says(self):
        def cases(row, salt):
            row.mnemonic, found = mnemonic(row.name, self.gpu), []
            for encoding in packed.ENCODINGS[row.form]:
                rng = self.rng(row.name, encoding, *salt)
                found += [packed.PackedCase(rng, row, encoding, self.gpu, 64 if rng.random() < 0.3 else 32)
                          for _ in range(3 * TRIES)]
            return found

        self.compare_each([row for row in packed.ROWS.values() if self.has(row)], cases)

    def test_pairs_mean_what_the_manual_says(self):
        cases = []
        if "v_dual_mov_b32" in self.machine.row_of and ONLY in "v_dual":
            rng = self.rng("vopd")
            for x in packed.HALVES:
                for y in packed.SECOND:
                    for _ in range(TRIES):
                        case = packed.PairCase(rng, x, y)
                        case.name = f"v_dual_{x if rng.random() < 0.5 else y}"
                        cases.append(case)
        self.compare(cases)

    def test_matrices_are_products_with_sums_in_any_order(self):
        rng = self.rng("wmma")
        self.compare([packed.MatrixCase(rng, name, lanes) for name in packed.MATRICES if name in self.machine.row_of
                      for lanes in (32, 64) for _ in range(2 * TRIES)])

    def test_rows_of_memory_load_store_and_exchange_what_the_manual_says(self):
        cases = []
        for name, (make, *op) in (memory.ROWS | buffers.ROWS).items():
            if name in self.machine.row_of and ONLY in name:
                rng = self.rng(name)
                cases += [make(rng, name, *filter(None, op), self.machine, self.window, lanes)
                          for lanes in (32, 64) for _ in range(2 * TRIES)]
        self.compare(cases, every=True)

    def test_other_rows_do_to_registers_what_the_manual_says(self):
        rng = self.rng("scripts")
        cases = [c for _ in range(TRIES) for c in scripts.cases(rng, self.gpu) if self.has(c)]
        for case in cases:
            case.text = "\n".join(f"{mnemonic(line.split()[0], self.gpu)} {' '.join(line.split()[1:])}"
                                  for line in case.text.split("\n"))
        self.compare(cases, every=True)

    def compare_each(self, rows, cases):
        """Texts of each row, and more of those of which llvm-mc-19 took none."""
        for salt in ((), *((i,) for i in range(20))):
            rows = [row for row in rows if not salt or not self.machine.count(row.name)]
            if not rows:
                break
            self.compare([c for row in rows for c in cases(row, salt)])

    def compare(self, all_cases, every=False):
        failures = collections.defaultdict(list)
        for lanes in (32, 64):
            cases = [c for c in all_cases if c.lanes == lanes]
            if not cases:
                continue
            codes = assemble([c.text + "\ns_endpgm" for c in cases], self.gpu, lanes)
            if every:
                refused = {c.text for c, code in zip(cases, codes) if not code}
                self.assertFalse(refused, "llvm-mc-19 refuses them")
            good = [(c, with_bits(code, getattr(c, "more", ()))) for c, code in zip(cases, codes) if code]
            addresses = self.machine.load([code for _, code in good])
            for (case, _), address in zip(good, addresses):
                name = case.name
                before, count = case.state(), self.machine.count(name)
                try:
                    wrong = case.check(before, self.machine.execute(address, before, **getattr(case, "sizes", {})))
                except RuntimeError as fault:
                    wrong = str(fault)
                self.ran[name, case.encoding] += 1
                if not wrong and self.machine.count(name) == count:
                    wrong = "another row was executed"
                if wrong:
                    failures[name].append(f"{getattr(case, 'line', case.text)} (wave{lanes}): {wrong}")
        for name in failures:
            print(f"{self.gpu} {name}: {len(failures[name])} wrong: {failures[name][0]}")
        self.assertEqual(len(failures), 0, "rows")

    def test_barriers_part_what_waves_do_before_and_behind_them(self):
        waves, rng = 8, self.rng("barrier")
        for lanes in (32, 64):
            # Late waves sleep; each reads behind the barrier what the next one wrote before it, twice over.
            store, load, group = mnemonic("ds_store_b32", self.gpu), mnemonic("ds_load_b32", self.gpu), 4
            part = "\n".join((f"{store} v5, v7", "s_cmp_lg_u32 s10, 0", "s_cbranch_scc0 1", "s_sleep 20", "s_waitcnt lgkmcnt(0)",
                              "s_barrier", f"{load} v8, v6", "s_waitcnt lgkmcnt(0)", "s_barrier"))
            code, = assemble([f"{part}\nv_add_nc_u32 v7, v8, v7\n{part}\ns_endpgm"], self.gpu, lanes)
            before = State(waves, lanes)
            before.s[:, EXEC] = 0xffffffff
            before.s[:, EXEC + 1] = 0xffffffff if lanes == 64 else 0
            before.s[:, 10] = rng.integers(0, 2, waves)
            before.v[:, 7] = rng.integers(0, 1 << 32, (waves, lanes))
            for wave in range(waves):
                at = wave % group, (wave + 1) % group
                before.v[wave, 5], before.v[wave, 6] = (4 * (w * lanes + np.arange(lanes)) for w in at)
            count = self.machine.count("s_barrier")
            got = self.machine.execute(self.machine.load([code])[0], before, lds_bytes=4 * group * lanes, group=group)
            beside = [wave // group * group + (wave + 1) % group for wave in range(waves)]
            first = before.v[beside, 7]
            sums = before.v[:, 7] + first
            np.testing.assert_array_equal(got.v[:, 7], sums)
            np.testing.assert_array_equal(got.v[:, 8], sums[beside])
            self.assertEqual(self.machine.count("s_barrier") - count, 4 * waves)

    def test_flags_fill_operands_of_64_bits_with_zeros(self):
        for lanes in (32, 64):
            for flag, value in ("src_scc", 1), ("src_vccz", 1), ("src_execz", 0):
                # The first leaves other bits where an operand is put together.
                code, = assemble([f"v_add_f64 v[2:3], |v[4:5]|, |s[8:9]|\nv_lshlrev_b64 v[0:1], 0, {flag}\ns_endpgm"],
                                 self.gpu, lanes)
                if not code and flag != "src_scc":  # gfx11 has SCC alone
                    continue
                before = State.random(self.rng(flag), lanes)
                before.scc[:] = 1
                before.set_mask(0, VCC, 0)
                before.set_mask(0, EXEC, (1 << lanes) - 1)
                got = self.machine.execute(self.machine.load([code])[0], before)
                with self.subTest(flag, lanes=lanes):
                    np.testing.assert_array_equal(got.v[0, 0], value)
                    np.testing.assert_array_equal(got.v[0, 1], 0)

    def test_refused_rows_are_refused_by_name(self):
        for name, (text, why) in REFUSED.items():
            if name not in self.machine.row_of:
                continue
            code = assemble([text + "\ns_endpgm"], self.gpu, 32)[0] if text else bytes(4)  # which llvm-mc-19 has no text of
            self.assertTrue(code, f"llvm-mc-19 refuses {text}")
            state = scripts.Script(self.rng(name), name, text, None, None, 32, True).state()
            with self.subTest(text), self.assertRaisesRegex(RuntimeError, f"^{why}: .*{name}"):
                self.machine.execute(self.machine.load([code])[0], state)

    def test_zz_coverage(self):
        missing = [n for n in self.machine.row_of if not self.machine.count(n)]
        if os.environ.get("DOORBELL_COVERAGE"):
            for n in self.machine.row_of:
                print(f"{self.gpu} {n} {self.machine.count(n)}")
        print(f"{self.gpu}: {len(self.machine.row_of) - len(missing)} of {len(self.machine.row_of)} rows executed")
        if not ONLY:
            self.assertEqual(missing, [], "no case executes them")


class Gfx1030(Rows, unittest.TestCase):
    gpu = "gfx1030"


class Gfx1100(Rows, unittest.TestCase):
    gpu = "gfx1100"


class Gfx1151(Rows, unittest.TestCase):
    gpu = "gfx1151"


if __name__ == "__main__":
    unittest.main()
