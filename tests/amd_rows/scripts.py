"""Rows that are no function of one lane's operands: a text with its registers, and what it does to them. Sources as in
meaning.py."""

from machine import EXEC, M0, VCC, State
from operands import kind, pattern

ALL = []


class Script:
    """`effect(before, want, rng)` turns `want`, a copy of the state before, into the state after; `prepare(state, rng)`
    sets what the text relies on."""

    encoding = "script"

    def __init__(self, rng, name, text, effect, prepare, lanes, full):
        self.rng, self.name, self.effect, self.prepare, self.lanes, self.full = rng, name, effect, prepare, lanes, full
        self.text = text

    def state(self):
        rng = self.rng
        s = State.random(rng, self.lanes)
        whole = (1 << self.lanes) - 1
        s.set_mask(0, EXEC, whole if self.full or rng.random() < 0.3 else pattern(rng, kind("m")) & whole)
        if self.lanes == 32:
            s.s[0, EXEC + 1] = 0
        if self.prepare:
            self.prepare(s, rng)
        return s

    def check(self, before, got):
        want = before.copy()
        self.effect(before, want)
        for what in ("v", "s", "scc", "mode"):
            a, b = getattr(want, what), getattr(got, what)
            if (a != b).any():
                i = tuple(int(x[0]) for x in (a != b).nonzero())
                return f"{what}{list(i[1:])}: {int(b[i]):#x}, not {int(a[i]):#x}"
        return None


def script(name, text, effect, prepare=None, lanes=(32, 64), full=False, gpus="gfx1"):
    ALL.append((name, text, effect, prepare, lanes, full, gpus))


def active(s):
    mask = s.mask(0, EXEC)
    return [lane for lane in range(s.lanes) if mask >> lane & 1]


def put(s, register, values):
    """Into the enabled lanes."""
    for lane in active(s):
        s.v[0, register, lane] = int(values[lane]) & 0xffffffff


# ---- between lanes ----


def read_first(before, want):
    lanes = active(before)
    want.s[0, 10] = before.v[0, 5, lanes[0] if lanes else 0]


script("v_readfirstlane_b32", "v_readfirstlane_b32 s10, v5", read_first)
script("v_readfirstlane_b32", "v_readfirstlane_b32 s10, v5", read_first, lambda s, rng: s.set_mask(0, EXEC, 0))


def lane_number(s, register):
    return int(s.s[0, register]) % s.lanes


def read_lane(before, want):
    want.s[0, 10] = before.v[0, 5, lane_number(before, 11)]


def write_lane(before, want):
    want.v[0, 5, lane_number(before, 11)] = before.s[0, 10]


script("v_readlane_b32", "v_readlane_b32 s10, v5, s11", read_lane)
script("v_readlane_b32", "v_readlane_b32 s10, v5, 17",
       lambda before, want: want.s.__setitem__((0, 10), before.v[0, 5, 17]))
script("v_writelane_b32", "v_writelane_b32 v5, s10, s11", write_lane)
script("v_writelane_b32", "v_writelane_b32 v5, 13, 30", lambda before, want: want.v.__setitem__((0, 5, 30), 13))


def permlane(other_row, fetch, bound):
    """Lanes within a row of 16, or from the row beside it. What a disabled lane gives without fi is 0 with bound_ctrl,
    and nothing without."""

    def effect(before, want):
        select = int(before.s[0, 10]) | int(before.s[0, 11]) << 32
        mask = before.mask(0, EXEC)
        for lane in active(before):
            row = lane & ~15 ^ (16 if other_row else 0)
            source = row | select >> 4 * (lane & 15) & 15
            if mask >> source & 1 or fetch:
                want.v[0, 6, lane] = before.v[0, 5, source]
            elif bound:
                want.v[0, 6, lane] = 0
    return effect


for x in ("", "x"):
    for fetch in (0, 1):
        for bound in (0, 1):
            modifiers = f" op_sel:[{fetch},{bound}]" if fetch or bound else ""
            script(f"v_permlane{x}16_b32", f"v_permlane{x}16_b32 v6, v5, s10, s11{modifiers}",
                   permlane(x == "x", fetch, bound))
script("v_permlane64_b32", "v_permlane64_b32 v6, v5",
       lambda before, want: put(want, 6, before.v[0, 5, [i ^ 32 for i in range(64)]]), lanes=(64,))
script("v_permlane64_b32", "v_permlane64_b32 v6, v5", lambda before, want: None, lanes=(32,))


def mbcnt(half):
    def effect(before, want):
        s0 = int(before.s[0, 10])
        below = [(s0 & ((1 << i) - 1 >> 32 * half & 0xffffffff)).bit_count() for i in range(before.lanes)]
        put(want, 6, [n + int(a) for n, a in zip(below, before.v[0, 5])])
    return effect


script("v_mbcnt_lo_u32_b32", "v_mbcnt_lo_u32_b32 v6, s10, v5", mbcnt(0))
script("v_mbcnt_hi_u32_b32", "v_mbcnt_hi_u32_b32 v6, s10, v5", mbcnt(1))

# ---- moves ----


def swap(before, want, a=5, b=6):
    put(want, a, before.v[0, b])
    put(want, b, before.v[0, a])


script("v_swap_b32", "v_swap_b32 v5, v6", swap)
script("v_mov_b16", "v_mov_b16_e32 v5.l, v6.h", lambda before, want: put(
    want, 5, before.v[0, 5] & 0xffff0000 | before.v[0, 6] >> 16), gpus="gfx11")
script("v_mov_b16", "v_mov_b16_e32 v5.h, v6.l", lambda before, want: put(
    want, 5, before.v[0, 5] & 0xffff | before.v[0, 6] << 16), gpus="gfx11")


def swap_halves(before, want):
    put(want, 5, before.v[0, 5] & 0xffff | before.v[0, 6] << 16)
    put(want, 6, before.v[0, 6] & 0xffff0000 | before.v[0, 5] >> 16)


# v_mov_b16_e64 v5.h, v6.l and v_swap_b16 v5.h, v6.l, as llvm-mc-21 writes them; llvm-mc-19 has no text of them.
script("v_mov_b16", ".long 0xd59c4005, 0x00000106", lambda before, want: put(
    want, 5, before.v[0, 5] & 0xffff | before.v[0, 6] << 16), gpus="gfx11")
script("v_swap_b16", ".long 0x7f0acd06", swap_halves, gpus="gfx11")


def m0(value):
    return lambda s, rng: s.s.__setitem__((0, M0), value)


script("v_movreld_b32", "v_movreld_b32 v5, v6", lambda before, want: put(want, 12, before.v[0, 6]), m0(7))
script("v_movrels_b32", "v_movrels_b32 v5, v6", lambda before, want: put(want, 5, before.v[0, 13]), m0(7))
script("v_movrelsd_b32", "v_movrelsd_b32 v5, v6", lambda before, want: put(want, 12, before.v[0, 13]), m0(7))
script("v_movrelsd_2_b32", "v_movrelsd_2_b32 v5, v6", lambda before, want: put(want, 14, before.v[0, 10]), m0(9 << 16 | 4))
script("v_swaprel_b32", "v_swaprel_b32 v5, v6", lambda before, want: swap(before, want, 14, 10), m0(9 << 16 | 4))


def move(to, source, count=1):
    def effect(before, want):
        want.s[0, to:to + count] = before.s[0, source:source + count]
    return effect


script("s_movrels_b32", "s_movrels_b32 s10, s20", move(10, 25), m0(5))
script("s_movrels_b64", "s_movrels_b64 s[10:11], s[20:21]", move(10, 26, 2), m0(6))
script("s_movreld_b32", "s_movreld_b32 s10, s20", move(15, 20), m0(5))
script("s_movreld_b64", "s_movreld_b64 s[10:11], s[20:21]", move(16, 20, 2), m0(6))
script("s_movrelsd_2_b32", "s_movrelsd_2_b32 s10, s20", move(15, 27), m0(5 << 16 | 7))

# ---- what does nothing to registers ----

for name, text in (
        ("v_nop", "v_nop"), ("v_pipeflush", "v_pipeflush"), ("v_clrexcp", "v_clrexcp"), ("s_nop", "s_nop 7"), ("s_sleep", "s_sleep 1"),
        ("s_setprio", "s_setprio 2"), ("s_set_inst_prefetch_distance", "s_set_inst_prefetch_distance 0x3"),
        ("s_clause", "s_clause 0x1\nv_mov_b32 v5, v5\nv_mov_b32 v6, v6"), ("s_waitcnt", "s_waitcnt vmcnt(0) lgkmcnt(0)"),
        ("s_waitcnt_vscnt", "s_waitcnt_vscnt null, 0x0"), ("s_waitcnt_vmcnt", "s_waitcnt_vmcnt null, 0x0"),
        ("s_waitcnt_expcnt", "s_waitcnt_expcnt null, 0x0"), ("s_waitcnt_lgkmcnt", "s_waitcnt_lgkmcnt null, 0x0"),
        ("s_waitcnt_depctr", "s_waitcnt_depctr 0xfffe"), ("s_wait_idle", "s_wait_idle"), ("s_wait_event", "s_wait_event 0x0"),
        ("s_delay_alu", "s_delay_alu instid0(VALU_DEP_1)"), ("s_singleuse_vdst", "s_singleuse_vdst 0x1"),
        ("s_version", "s_version 0x1"), ("s_icache_inv", "s_icache_inv"), ("s_dcache_inv", "s_dcache_inv"), ("s_gl1_inv", "s_gl1_inv"),
        ("s_incperflevel", "s_incperflevel 1"), ("s_decperflevel", "s_decperflevel 1"), ("s_ttracedata", "s_ttracedata"),
        ("s_ttracedata_imm", "s_ttracedata_imm 0x5"), ("s_wakeup", "s_wakeup"), ("s_barrier", "s_barrier"),
        ("buffer_gl0_inv", "buffer_gl0_inv"), ("buffer_gl1_inv", "buffer_gl1_inv"), ("ds_nop", "ds_nop"),
        ("s_sethalt", "s_sethalt 0"), ("s_setkill", "s_setkill 0"), ("s_endpgm", "s_nop 0"),
        ("s_cbranch_cdbgsys", "s_cbranch_cdbgsys 1\nv_nop"), ("s_cbranch_cdbguser", "s_cbranch_cdbguser 1\nv_nop"),
        ("s_cbranch_cdbgsys_or_user", "s_cbranch_cdbgsys_or_user 1\nv_nop"),
        ("s_cbranch_cdbgsys_and_user", "s_cbranch_cdbgsys_and_user 1\nv_nop")):
    script(name, text, lambda before, want: None)

# ---- branches: what is jumped over does not happen ----

MARK = "s_movk_i32 s10, 0x11"  # four bytes


def branch(condition):
    def effect(before, want):
        if not condition(before):
            want.s[0, 10] = 0x11
    return effect


def zero_or_not(register):
    def prepare(s, rng):
        if rng.random() < 0.5:
            s.set_mask(0, register, 0)
    return prepare


script("s_branch", f"s_branch 1\n{MARK}", branch(lambda s: True))
for n in (0, 1):
    script(f"s_cbranch_scc{n}", f"s_cbranch_scc{n} 1\n{MARK}", branch(lambda s, n=n: int(s.scc[0]) == n))
for which, register in (("vcc", VCC), ("exec", EXEC)):
    for suffix, zero in (("z", True), ("nz", False)):
        for _ in range(2):
            script(f"s_cbranch_{which}{suffix}", f"s_cbranch_{which}{suffix} 1\n{MARK}",
                   branch(lambda s, r=register, z=zero: (s.mask(0, r) == 0) == z), zero_or_not(register))
# Backwards: over the mark, to it, and on.
script("s_branch", f"s_branch 2\n{MARK}\ns_branch 1\ns_branch -3\ns_nop 0", lambda before, want: want.s.__setitem__((0, 10), 0x11))


def pc_arithmetic(before, want):
    """s_getpc gives the address behind itself: that, minus the one of an s_getpc four bytes further, is -4."""
    want.s[0, 20] = 4
    want.s[0, 21] = 0
    want.scc[0] = 0


# Differences of addresses, so that the test need not know where the code lies.
GETPC = ("s_getpc_b64 s[10:11]\ns_getpc_b64 s[12:13]\ns_sub_u32 s20, s12, s10\ns_subb_u32 s21, s13, s11\n"
         "s_mov_b64 s[10:11], 0\ns_mov_b64 s[12:13], 0")


def cleared(*registers):
    def effect(before, want):
        for r in registers:
            want.s[0, r] = 0
    return effect


def both(*effects):
    def effect(before, want):
        for e in effects:
            e(before, want)
    return effect


script("s_getpc_b64", GETPC, both(pc_arithmetic, cleared(10, 11, 12, 13)))
# Jumps to behind the mark; the address returned is behind the jump.
JUMP = "s_getpc_b64 s[10:11]\ns_add_u32 s10, s10, 16\ns_addc_u32 s11, s11, 0\n"
script("s_setpc_b64", f"{JUMP}s_setpc_b64 s[10:11]\ns_movk_i32 s12, 0x11\ns_mov_b64 s[10:11], 0\ns_cmp_eq_u32 s10, 1",
       both(cleared(10, 11), lambda before, want: want.scc.__setitem__(0, 0)))
script("s_swappc_b64", f"{JUMP}s_swappc_b64 s[14:15], s[10:11]\ns_movk_i32 s12, 0x11\ns_sub_u32 s20, s10, s14\n"
       "s_mov_b64 s[10:11], 0\ns_mov_b64 s[14:15], 0\ns_cmp_eq_u32 s10, 1",
       both(cleared(10, 11, 14, 15), lambda before, want: (want.s.__setitem__((0, 20), 4), want.scc.__setitem__(0, 0))))
script("s_call_b64", "s_getpc_b64 s[10:11]\ns_call_b64 s[14:15], 1\ns_movk_i32 s12, 0x11\ns_sub_u32 s20, s14, s10\n"
       "s_mov_b64 s[10:11], 0\ns_mov_b64 s[14:15], 0\ns_cmp_eq_u32 s10, 1",
       both(cleared(10, 11, 14, 15), lambda before, want: (want.s.__setitem__((0, 20), 4), want.scc.__setitem__(0, 0))))

# s_rfe_b64 goes where s_setpc_b64 goes, and leaves the privilege that nothing here has.
script("s_rfe_b64", f"{JUMP}s_rfe_b64 s[10:11]\ns_movk_i32 s12, 0x11\ns_mov_b64 s[10:11], 0\ns_cmp_eq_u32 s10, 1",
       both(cleared(10, 11), lambda before, want: want.scc.__setitem__(0, 0)))
for name in ("s_endpgm_saved", "s_endpgm_ordered_ps_done"):
    script(name, f"{name}\n{MARK}", lambda before, want: None, gpus="gfx10" if "ordered" in name else "gfx1")

# ---- a loop over the halves of a wave64: the guides' pseudocode, whose passes are those of halves with lanes ----


def subvector(before, want):
    low, high = int(before.s[0, EXEC]), int(before.s[0, EXEC + 1])
    if low == 0 and high == 0:
        return
    put(want, 5, [int(a) + int(b) for a, b in zip(before.v[0, 5], before.v[0, 6])])
    want.s[0, 10] = low if low and high else 0


def halves(s, rng):
    if rng.random() < 0.5:
        s.s[0, EXEC + int(rng.integers(0, 2))] = 0
    if s.mask(0, EXEC) == 0:
        s.s[0, EXEC] = 5


LOOP = "s_subvector_loop_begin s10, 2\nv_add_nc_u32 v5, v5, v6\ns_subvector_loop_end s10, -2"
for name in ("s_subvector_loop_begin", "s_subvector_loop_end"):
    for _ in range(4):
        script(name, LOOP, subvector, halves, lanes=(64,))
script("s_subvector_loop_begin", LOOP, subvector, lambda s, rng: s.set_mask(0, EXEC, 0), lanes=(64,))

# ---- messages, traps and clocks ----

for name, text in (("s_sendmsg", "s_sendmsg sendmsg(MSG_INTERRUPT)"), ("s_trap", "s_trap 3"),  # a debugger's
                   ("s_atc_probe", "s_atc_probe 7, s[10:11], 0x10"), ("s_atc_probe_buffer", "s_atc_probe_buffer 7, s[8:11], 0x10")):
    script(name, f"{text}\ns_waitcnt lgkmcnt(0)", lambda before, want: None)
# A clock read later is no earlier; both are cleared then.
LATER = ("{0}\ns_waitcnt lgkmcnt(0)\n{1}\ns_waitcnt lgkmcnt(0)\ns_sub_u32 s10, s12, s10\ns_subb_u32 s11, s13, s11\n"
         "s_lshr_b32 s20, s11, 31\ns_mov_b64 s[10:11], 0\ns_mov_b64 s[12:13], 0\ns_cmp_eq_u32 s10, 1")
LATER_IS_LATER = both(cleared(10, 11, 12, 13, 20), lambda before, want: want.scc.__setitem__(0, 0))
for name in ("s_memtime", "s_memrealtime"):
    script(name, LATER.format(f"{name} s[10:11]", f"{name} s[12:13]"), LATER_IS_LATER, gpus="gfx10")
script("s_sendmsg_rtn_b64", LATER.format(*(f"s_sendmsg_rtn_b64 s[{d}], sendmsg(MSG_RTN_GET_REALTIME)" for d in ("10:11", "12:13"))),
       LATER_IS_LATER, gpus="gfx11")
# Of 32 bits, the low half: what has passed since is less than the 64 bits' reading says, which is the later one.
script("s_sendmsg_rtn_b32",
       "s_sendmsg_rtn_b32 s10, sendmsg(MSG_RTN_GET_REALTIME)\ns_waitcnt lgkmcnt(0)\n"
       "s_sendmsg_rtn_b64 s[12:13], sendmsg(MSG_RTN_GET_REALTIME)\ns_waitcnt lgkmcnt(0)\n"
       "s_sub_u32 s10, s12, s10\ns_lshr_b32 s20, s10, 31\ns_mov_b32 s10, 0\ns_mov_b64 s[12:13], 0\ns_cmp_eq_u32 s10, 1",
       both(cleared(10, 12, 13, 20), lambda before, want: want.scc.__setitem__(0, 0)), gpus="gfx11")

# ---- hardware registers: a field of MODE read and written ----


def read_mode(before, want):
    want.s[0, 10] = int(before.mode[0]) >> 4 & 15


def write_mode(value):
    def effect(before, want):
        want.mode[0] = int(before.mode[0]) & ~0xf0 | (value(before) & 15) << 4
    return effect


script("s_getreg_b32", "s_getreg_b32 s10, hwreg(HW_REG_MODE, 4, 4)", read_mode)
script("s_setreg_b32", "s_setreg_b32 hwreg(HW_REG_MODE, 4, 4), s10", write_mode(lambda s: int(s.s[0, 10])))
script("s_setreg_imm32_b32", "s_setreg_imm32_b32 hwreg(HW_REG_MODE, 4, 4), 0x35", write_mode(lambda s: 5))
script("s_round_mode", "s_round_mode 0x6", lambda before, want: want.mode.__setitem__(0, int(before.mode[0]) & ~15 | 6))
script("s_denorm_mode", "s_denorm_mode 9", lambda before, want: want.mode.__setitem__(0, int(before.mode[0]) & ~0xf0 | 0x90))


def cases(rng, gpu):
    return [Script(rng, name, text, effect, prepare, n, full)
            for name, text, effect, prepare, lanes, full, gpus in ALL if gpu.startswith(gpus) for n in lanes]
