// The x86-64 instructions of doorbell's code generator, in the grammar of table.h. Lines of one name stand
// together and in the order of preference of an assembler (legacy or VEX before EVEX, short immediates
// first), which is how one of them is chosen. Encodings, masks and operand roles: Intel SDM vol. 2 (2A:
// chapter 3, A-L; 2B: chapter 4, M-U; 2C: chapter 5, V and later) under each instruction's name; its order
// inside is kept here.
#pragma once

#include "codegen/isa/x86/table.h"

namespace doorbell::x86::table {

using namespace feature;

// clang-format off

// Both encodings of a packed instruction whose EVEX form has elements of one size: b is "" where it cannot broadcast.
#define PACKED(name, pp_map, op, slots, dst, srcs, mem, imm, vf, ef, w, b, notes) \
  {name, "vex.xy." pp_map ".wig " op " " slots, dst srcs mem imm, vf, notes}, \
  {name, "evex.xyz." pp_map "." w " " op " " slots, dst "{kz}" srcs mem b imm, ef}
// Binary operations on bytes and words, doublewords, quadwords.
#define INT_BW(name, pp_map, op, notes) PACKED(name, pp_map, op, "RVM", "=v", ", v", ", v/mv", "", avx_int, avx512bw, "wig", "", notes)
#define INT_D(name, pp_map, op, notes) PACKED(name, pp_map, op, "RVM", "=v", ", v", ", v/mv", "", avx_int, avx512f, "w0", "/b32", notes)
#define INT_Q(name, pp_map, op, notes) PACKED(name, pp_map, op, "RVM", "=v", ", v", ", v/mv", "", avx_int, avx512f, "w1", "/b64", notes)

// Arithmetic on floats: one opcode for packed and scalar, single, double and half.
#define FLOAT(name, op, notes) \
  {name "ps", "vex.xy.0f.wig " op " RVM",         "=v, v, v/mv", avx, notes}, \
  {name "ps", "evex.xyz.0f.w0 " op " RVM",        "=v{kz}, v, v/mv/b32", avx512f}, \
  {name "pd", "vex.xy.66.0f.wig " op " RVM",      "=v, v, v/mv", avx, notes}, \
  {name "pd", "evex.xyz.66.0f.w1 " op " RVM",     "=v{kz}, v, v/mv/b64", avx512f}, \
  {name "ss", "vex.lig.f3.0f.wig " op " RVM",     "=x, x, x/m32", avx}, \
  {name "ss", "evex.lig.f3.0f.w0 " op " RVM",     "=x{kz}, x, x/m32", avx512f}, \
  {name "sd", "vex.lig.f2.0f.wig " op " RVM",     "=x, x, x/m64", avx}, \
  {name "sd", "evex.lig.f2.0f.w1 " op " RVM",     "=x{kz}, x, x/m64", avx512f}, \
  {name "ph", "evex.xyz.map5.w0 " op " RVM",      "=v{kz}, v, v/mv/b16", avx512_fp16}, \
  {name "sh", "evex.lig.f3.map5.w0 " op " RVM",   "=x{kz}, x, x/m16", avx512_fp16}

#define FMA(name, op, scalar) \
  {name "ps", "vex.xy.66.0f38.w0 " op " RVM",       "+v, v, v/mv", fma}, \
  {name "ps", "evex.xyz.66.0f38.w0 " op " RVM",     "+v{kz}, v, v/mv/b32", avx512f}, \
  {name "pd", "vex.xy.66.0f38.w1 " op " RVM",       "+v, v, v/mv", fma}, \
  {name "pd", "evex.xyz.66.0f38.w1 " op " RVM",     "+v{kz}, v, v/mv/b64", avx512f}, \
  {name "ss", "vex.lig.66.0f38.w0 " scalar " RVM",  "+x, x, x/m32", fma}, \
  {name "ss", "evex.lig.66.0f38.w0 " scalar " RVM", "+x{kz}, x, x/m32", avx512f}, \
  {name "sd", "vex.lig.66.0f38.w1 " scalar " RVM",  "+x, x, x/m64", fma}, \
  {name "sd", "evex.lig.66.0f38.w1 " scalar " RVM", "+x{kz}, x, x/m64", avx512f}, \
  {name "ph", "evex.xyz.66.map6.w0 " op " RVM",     "+v{kz}, v, v/mv/b16", avx512_fp16}, \
  {name "sh", "evex.lig.66.map6.w0 " scalar " RVM", "+x{kz}, x, x/m16", avx512_fp16}

#define LOGIC_PS_PD(name, op, notes) \
  PACKED(name "ps", "0f", op, "RVM", "=v", ", v", ", v/mv", "", avx, avx512dq, "w0", "/b32", notes), \
  PACKED(name "pd", "66.0f", op, "RVM", "=v", ", v", ", v/mv", "", avx, avx512dq, "w1", "/b64", notes)

// Integer logic: VEX has no element size, EVEX has one for its mask and broadcast.
#define LOGIC_INT(name, op, notes) \
  {name, "vex.xy.66.0f.wig " op " RVM",      "=v, v, v/mv", avx_int, notes}, \
  {name "d", "evex.xyz.66.0f.w0 " op " RVM", "=v{kz}, v, v/mv/b32", avx512f}, \
  {name "q", "evex.xyz.66.0f.w1 " op " RVM", "=v{kz}, v, v/mv/b64", avx512f}

// Moves: load, store, and the store's opcode between registers, which saves a byte when only the source is high.
#define MOVE_VEX(name, pp_map, load, store) \
  {name, "vex.xy." pp_map ".wig " load " RM",  "=v, v/mv", avx}, \
  {name, "vex.xy." pp_map ".wig " store " MR", "=v, v", avx, "2"}, \
  {name, "vex.xy." pp_map ".wig " store " MR", "=mv, v", avx}
#define MOVE_EVEX(name, pp_map, load, store, w, f) \
  {name, "evex.xyz." pp_map "." w " " load " RM",  "=v{kz}, v/mv", f}, \
  {name, "evex.xyz." pp_map "." w " " store " MR", "=mv{k}, v", f}

#define ALU(name, mr, rm, acc, digit, role, notes) \
  {name, "leg.w01 " mr " MR",          role "r/mr, r", base, notes}, \
  {name, "leg.w01 " rm " RM",          role "r, mr", base, notes}, \
  {name, "leg.w01 83 " digit " MI",    role "r/mr, i8", base, notes}, \
  {name, "leg.w01 " acc " FI",         role "a, ir", base, notes}, \
  {name, "leg.w01 81 " digit " MI",    role "r/mr, ir", base, notes}

#define SHIFT(name, digit) \
  {name, "leg.w01 d1 " digit " MF",    "+r/mr, 1", base, ">flags"}, \
  {name, "leg.w01 c1 " digit " MI",    "+r/mr, u8", base, ">flags"}, \
  {name, "leg.w01 d3 " digit " MF",    "+r/mr, cl", base, ">flags"}

// Condition codes: vol. 1, appendix B.
#define CONDITION(cc, n) \
  {"cmov" cc, "leg.w01.0f 4" n " RM",  "+r, r/mr", base, "<flags"}, \
  {"set" cc, "leg.0f 9" n " /0 M",     "=r8/m8", base, "<flags"}, \
  {"j" cc, "leg 7" n " D",             "rel8", base, "<flags"}, \
  {"j" cc, "leg.0f 8" n " D",          "rel32", base, "<flags"}

#define COMPARE_INT(name, pp_map, op, ef, w, b, notes) \
  {name, "vex.xy." pp_map ".wig " op " RVM",          "=v, v, v/mv", avx_int, notes}, \
  {name, "evex.xyz." pp_map "." w " " op " RVM",      "=k{k}, v, v/mv" b, ef}

#define SHIFT_INT(name, imm_op, digit, op, ef, w, b) \
  {name, "vex.xy.66.0f.wig " imm_op " " digit " VMI",     "=v, v, u8", avx_int}, \
  {name, "vex.xy.66.0f.wig " op " RVM",                   "=v, v, x/m128", avx_int}, \
  {name, "evex.xyz.66.0f." w " " imm_op " " digit " VMI", "=v{kz}, v/mv" b ", u8", ef}, \
  {name, "evex.xyz.66.0f." w " " op " RVM",               "=v{kz}, v, x/m128", ef}

#define SHIFT_VAR(name, op) \
  {name "d", "vex.xy.66.0f38.w0 " op " RVM",    "=v, v, v/mv", avx2}, \
  {name "d", "evex.xyz.66.0f38.w0 " op " RVM",  "=v{kz}, v, v/mv/b32", avx512f}, \
  {name "q", "vex.xy.66.0f38.w1 " op " RVM",    "=v, v, v/mv", avx2}, \
  {name "q", "evex.xyz.66.0f38.w1 " op " RVM",  "=v{kz}, v, v/mv/b64", avx512f}

// Widening and narrowing: `part` is the small operand's share of the vector.
#define WIDEN(name, op, part, ef, w) \
  {name, "vex.xy.66.0f38.wig " op " RM",        "=v, " part, avx_int}, \
  {name, "evex.xyz.66.0f38." w " " op " RM",    "=v{kz}, " part, ef}
#define NARROW(name, op, reg, m, ef) \
  {name, "evex.xyz.f3.0f38.w0 " op " MR",       "=" reg "{kz}, v", ef}, \
  {name, "evex.xyz.f3.0f38.w0 " op " MR",       "=" m "{k}, v", ef}

// VSIB, with `index` as table.h spells it.
#define GATHER(name, op, w, dst, index) \
  {name, "vex.xy.66.0f38." w " " op " RMV",     "+" dst ", " index ", +" dst, avx2}, \
  {name, "evex.xyz.66.0f38." w " " op " RM",    "+" dst "{k!}, " index, avx512f}
#define SCATTER(name, op, w, src, index) \
  {name, "evex.xyz.66.0f38." w " " op " MR",    "=" index "{k!}, " src, avx512f}

#define MASK_LOGIC(name, op, l, slots, operands, notes) \
  {name "b", "vex." l ".66.0f.w0 " op " " slots, operands, avx512dq, notes}, \
  {name "w", "vex." l ".0f.w0 " op " " slots,    operands, avx512f, notes}, \
  {name "d", "vex." l ".66.0f.w1 " op " " slots, operands, avx512bw, notes}, \
  {name "q", "vex." l ".0f.w1 " op " " slots,    operands, avx512bw, notes}

// EVEX only, elements of 32 and 64 bits.
#define DQ(name_d, name_q, pp_map, op, slots, operands32, operands64, ...) \
  {name_d, "evex.xyz." pp_map ".w0 " op " " slots, operands32, __VA_ARGS__}, \
  {name_q, "evex.xyz." pp_map ".w1 " op " " slots, operands64, __VA_ARGS__}

inline constexpr Line instructions[] = {
  // General registers: moves.
  {"mov",        "leg.w01 89 MR",          "=r/mr, r", base},
  {"mov",        "leg.w01 8b RM",          "=r, mr", base},
  {"mov",        "leg b8 OI",              "=r32, u32", base},
  {"mov",        "leg.w1 c7 /0 MI",        "=r64, i32", base},
  {"mov",        "leg.w01 c7 /0 MI",       "=mr, ir", base},
  {"mov",        "leg 88 MR",              "=m8, r8", base},
  {"mov",        "leg.66 89 MR",           "=m16, r16", base},
  {"mov",        "leg c6 /0 MI",           "=m8, i8", base},
  {"mov",        "leg.66 c7 /0 MI",        "=m16, u16", base},
  {"movabs",     "leg.w1 b8 OI",           "=r64, i64", base},
  {"movzx",      "leg.w01.0f b6 RM",       "=r, r8/m8", base},
  {"movzx",      "leg.w01.0f b7 RM",       "=r, r16/m16", base},
  {"movsx",      "leg.w01.0f be RM",       "=r, r8/m8", base},
  {"movsx",      "leg.w01.0f bf RM",       "=r, r16/m16", base},
  {"movsxd",     "leg.w1 63 RM",           "=r64, r32/m32", base},
  {"lea",        "leg.w01 8d RM",          "=r, m", base},
  {"bswap",      "leg.w01.0f c8 O",        "+r", base},
  {"push",       "leg 50 O",               "r64", base, "<rsp >rsp"},
  {"pop",        "leg 58 O",               "=r64", base, "<rsp >rsp"},
  // Integer arithmetic.
  ALU("add", "01", "03", "05", "/0", "+", ">flags"),
  ALU("or",  "09", "0b", "0d", "/1", "+", ">flags"),
  ALU("adc", "11", "13", "15", "/2", "+", "<flags >flags"),
  ALU("sbb", "19", "1b", "1d", "/3", "+", "<flags >flags"),
  ALU("and", "21", "23", "25", "/4", "+", ">flags"),
  ALU("sub", "29", "2b", "2d", "/5", "+", ">flags"),
  ALU("xor", "31", "33", "35", "/6", "+", ">flags"),
  ALU("cmp", "39", "3b", "3d", "/7", "", ">flags"),
  {"test",       "leg.w01 85 MR",          "r/mr, r", base, ">flags"},
  {"test",       "leg.w01 a9 FI",          "a, ir", base, ">flags"},
  {"test",       "leg.w01 f7 /0 MI",       "r/mr, ir", base, ">flags"},
  {"imul",       "leg.w01.0f af RM",       "+r, r/mr", base, ">flags"},
  {"imul",       "leg.w01 6b RMI",         "=r, r/mr, i8", base, ">flags"},
  {"imul",       "leg.w01 69 RMI",         "=r, r/mr, ir", base, ">flags"},
  {"imul",       "leg.w01 f7 /5 M",        "r/mr", base, "<rax >rax >rdx >flags"},
  {"mul",        "leg.w01 f7 /4 M",        "r/mr", base, "<rax >rax >rdx >flags"},
  {"div",        "leg.w01 f7 /6 M",        "r/mr", base, "<rax <rdx >rax >rdx >flags"},
  {"idiv",       "leg.w01 f7 /7 M",        "r/mr", base, "<rax <rdx >rax >rdx >flags"},
  {"cdq",        "leg 99",                 "", base, "<rax >rdx"},
  {"cqo",        "leg.w1 99",              "", base, "<rax >rdx"},
  {"inc",        "leg.w01 ff /0 M",        "+r/mr", base, ">flags"},
  {"dec",        "leg.w01 ff /1 M",        "+r/mr", base, ">flags"},
  {"not",        "leg.w01 f7 /2 M",        "+r/mr", base},
  {"neg",        "leg.w01 f7 /3 M",        "+r/mr", base, ">flags"},
  SHIFT("rol", "/0"),
  SHIFT("ror", "/1"),
  SHIFT("shl", "/4"),
  SHIFT("shr", "/5"),
  SHIFT("sar", "/7"),
  {"shlx",       "vex.x.66.0f38.w01 f7 RMV", "=r, r/mr, r", bmi2},
  {"sarx",       "vex.x.f3.0f38.w01 f7 RMV", "=r, r/mr, r", bmi2},
  {"shrx",       "vex.x.f2.0f38.w01 f7 RMV", "=r, r/mr, r", bmi2},
  {"rorx",       "vex.x.f2.0f3a.w01 f0 RMI", "=r, r/mr, u8", bmi2},
  {"mulx",       "vex.x.f2.0f38.w01 f6 RVM", "=r, =r, r/mr", bmi2, "<rdx"},
  {"bzhi",       "vex.x.0f38.w01 f5 RMV",  "=r, r/mr, r", bmi2, ">flags"},
  {"andn",       "vex.x.0f38.w01 f2 RVM",  "=r, r, r/mr", bmi1, ">flags"},
  {"blsr",       "vex.x.0f38.w01 f3 /1 VM", "=r, r/mr", bmi1, ">flags"},
  {"popcnt",     "leg.f3.0f.w01 b8 RM",    "=r, r/mr", popcnt, ">flags"},
  {"tzcnt",      "leg.f3.0f.w01 bc RM",    "=r, r/mr", bmi1, ">flags"},
  {"lzcnt",      "leg.f3.0f.w01 bd RM",    "=r, r/mr", lzcnt, ">flags"},
  // Conditions and control flow. A branch to a label takes rel32.
  CONDITION("o", "0"), CONDITION("no", "1"), CONDITION("b", "2"), CONDITION("ae", "3"),
  CONDITION("e", "4"), CONDITION("ne", "5"), CONDITION("be", "6"), CONDITION("a", "7"),
  CONDITION("s", "8"), CONDITION("ns", "9"), CONDITION("p", "a"), CONDITION("np", "b"),
  CONDITION("l", "c"), CONDITION("ge", "d"), CONDITION("le", "e"), CONDITION("g", "f"),
  {"jmp",        "leg eb D",               "rel8", base},
  {"jmp",        "leg e9 D",               "rel32", base},
  {"jmp",        "leg ff /4 M",            "r64/m64", base},
  {"call",       "leg e8 D",               "rel32", base, "<rsp >rsp"},
  {"call",       "leg ff /2 M",            "r64/m64", base, "<rsp >rsp"},
  {"ret",        "leg c3",                 "", base, "<rsp >rsp"},
  {"ud2",        "leg.0f 0b",              "", base},
  {"int3",       "leg cc",                 "", base},
  {"nop",        "leg 90",                 "", base},
  {"nop",        "leg.66.0f 1f /0 M",      "m16", base},
  {"nop",        "leg.0f 1f /0 M",         "m32", base},
  // Memory order, prefetch, time.
  {"pause",      "leg.f3 90",              "", base},
  {"lfence",     "leg.0f ae e8",           "", base},
  {"mfence",     "leg.0f ae f0",           "", base},
  {"sfence",     "leg.0f ae f8",           "", base},
  {"prefetchnta", "leg.0f 18 /0 M",        "m8", base},
  {"prefetcht0", "leg.0f 18 /1 M",         "m8", base},
  {"prefetcht1", "leg.0f 18 /2 M",         "m8", base},
  {"prefetcht2", "leg.0f 18 /3 M",         "m8", base},
  {"prefetchw",  "leg.0f 0d /1 M",         "m8", prefetchw},
  {"rdtsc",      "leg.0f 31",              "", base, ">rax >rdx"},
  {"xchg",       "leg.w01 87 MR",          "+mr, +r", base},
  {"lock xadd",  "lock.w01.0f c1 MR",      "+mr, +r", base, ">flags"},
  {"lock cmpxchg", "lock.w01.0f b1 MR",    "+mr, r", base, "<rax >rax >flags"},
  {"lock add",   "lock.w01 01 MR",         "+mr, r", base, ">flags"},
  {"vzeroupper", "vex.x.0f.wig 77",        "", avx},

  // Scalar moves and conversions.
  {"vmovss",     "vex.lig.f3.0f.wig 10 RM",   "=x, m32", avx},
  {"vmovss",     "vex.lig.f3.0f.wig 10 RVM",  "=x, x, x", avx},
  {"vmovss",     "vex.lig.f3.0f.wig 11 MVR",  "=x, x, x", avx, "2"},
  {"vmovss",     "vex.lig.f3.0f.wig 11 MR",   "=m32, x", avx},
  {"vmovss",     "evex.lig.f3.0f.w0 10 RM",   "=x{kz}, m32", avx512f},
  {"vmovss",     "evex.lig.f3.0f.w0 10 RVM",  "=x{kz}, x, x", avx512f},
  {"vmovss",     "evex.lig.f3.0f.w0 11 MR",   "=m32{k}, x", avx512f},
  {"vmovsd",     "vex.lig.f2.0f.wig 10 RM",   "=x, m64", avx},
  {"vmovsd",     "vex.lig.f2.0f.wig 10 RVM",  "=x, x, x", avx},
  {"vmovsd",     "vex.lig.f2.0f.wig 11 MVR",  "=x, x, x", avx, "2"},
  {"vmovsd",     "vex.lig.f2.0f.wig 11 MR",   "=m64, x", avx},
  {"vmovsd",     "evex.lig.f2.0f.w1 10 RM",   "=x{kz}, m64", avx512f},
  {"vmovsd",     "evex.lig.f2.0f.w1 10 RVM",  "=x{kz}, x, x", avx512f},
  {"vmovsd",     "evex.lig.f2.0f.w1 11 MR",   "=m64{k}, x", avx512f},
  {"vmovsh",     "evex.lig.f3.map5.w0 10 RM", "=x{kz}, m16", avx512_fp16},
  {"vmovsh",     "evex.lig.f3.map5.w0 10 RVM", "=x{kz}, x, x", avx512_fp16},
  {"vmovsh",     "evex.lig.f3.map5.w0 11 MR", "=m16{k}, x", avx512_fp16},
  {"vmovw",      "evex.x.66.map5.wig 6e RM",  "=x, r32/m16", avx512_fp16},
  {"vmovw",      "evex.x.66.map5.wig 7e MR",  "=r32/m16, x", avx512_fp16},
  {"vmovd",      "vex.x.66.0f.w0 6e RM",      "=x, r32/m32", avx},
  {"vmovd",      "vex.x.66.0f.w0 7e MR",      "=r32/m32, x", avx},
  {"vmovd",      "evex.x.66.0f.w0 6e RM",     "=x, r32/m32", avx512f},
  {"vmovd",      "evex.x.66.0f.w0 7e MR",     "=r32/m32, x", avx512f},
  {"vmovq",      "vex.x.f3.0f.wig 7e RM",     "=x, x/m64", avx},
  {"vmovq",      "vex.x.66.0f.wig d6 MR",     "=x, x", avx, "2"},
  {"vmovq",      "vex.x.66.0f.wig d6 MR",     "=m64, x", avx},
  {"vmovq",      "vex.x.66.0f.w1 6e RM",      "=x, r64", avx},
  {"vmovq",      "vex.x.66.0f.w1 7e MR",      "=r64, x", avx},
  {"vmovq",      "evex.x.f3.0f.w1 7e RM",     "=x, x/m64", avx512f},
  {"vmovq",      "evex.x.66.0f.w1 d6 MR",     "=m64, x", avx512f},
  {"vmovq",      "evex.x.66.0f.w1 6e RM",     "=x, r64", avx512f},
  {"vmovq",      "evex.x.66.0f.w1 7e MR",     "=r64, x", avx512f},
  {"vcvtsi2ss",  "vex.lig.f3.0f.w01 2a RVM",  "=x, x, r/mr", avx},
  {"vcvtsi2ss",  "evex.lig.f3.0f.w01 2a RVM", "=x, x, r/mr", avx512f},
  {"vcvtsi2sd",  "vex.lig.f2.0f.w01 2a RVM",  "=x, x, r/mr", avx},
  {"vcvtsi2sd",  "evex.lig.f2.0f.w01 2a RVM", "=x, x, r/mr", avx512f},
  {"vcvtusi2ss", "evex.lig.f3.0f.w01 7b RVM", "=x, x, r/mr", avx512f},
  {"vcvtusi2sd", "evex.lig.f2.0f.w01 7b RVM", "=x, x, r/mr", avx512f},
  {"vcvttss2si", "vex.lig.f3.0f.w01 2c RM",   "=r, x/m32", avx},
  {"vcvttss2si", "evex.lig.f3.0f.w01 2c RM",  "=r, x/m32", avx512f},
  {"vcvttsd2si", "vex.lig.f2.0f.w01 2c RM",   "=r, x/m64", avx},
  {"vcvttsd2si", "evex.lig.f2.0f.w01 2c RM",  "=r, x/m64", avx512f},
  {"vcvtss2si",  "vex.lig.f3.0f.w01 2d RM",   "=r, x/m32", avx},
  {"vcvtss2si",  "evex.lig.f3.0f.w01 2d RM",  "=r, x/m32", avx512f},
  {"vcvtsd2si",  "vex.lig.f2.0f.w01 2d RM",   "=r, x/m64", avx},
  {"vcvtsd2si",  "evex.lig.f2.0f.w01 2d RM",  "=r, x/m64", avx512f},
  {"vcvttss2usi", "evex.lig.f3.0f.w01 78 RM", "=r, x/m32", avx512f},
  {"vcvttsd2usi", "evex.lig.f2.0f.w01 78 RM", "=r, x/m64", avx512f},
  {"vcvtss2sd",  "vex.lig.f3.0f.wig 5a RVM",  "=x, x, x/m32", avx},
  {"vcvtss2sd",  "evex.lig.f3.0f.w0 5a RVM",  "=x{kz}, x, x/m32", avx512f},
  {"vcvtsd2ss",  "vex.lig.f2.0f.wig 5a RVM",  "=x, x, x/m64", avx},
  {"vcvtsd2ss",  "evex.lig.f2.0f.w1 5a RVM",  "=x{kz}, x, x/m64", avx512f},
  {"vucomiss",   "vex.lig.0f.wig 2e RM",      "x, x/m32", avx, ">flags"},
  {"vucomiss",   "evex.lig.0f.w0 2e RM",      "x, x/m32", avx512f, ">flags"},
  {"vucomisd",   "vex.lig.66.0f.wig 2e RM",   "x, x/m64", avx, ">flags"},
  {"vucomisd",   "evex.lig.66.0f.w1 2e RM",   "x, x/m64", avx512f, ">flags"},
  {"vcomiss",    "vex.lig.0f.wig 2f RM",      "x, x/m32", avx, ">flags"},
  {"vcomiss",    "evex.lig.0f.w0 2f RM",      "x, x/m32", avx512f, ">flags"},
  {"vcomisd",    "vex.lig.66.0f.wig 2f RM",   "x, x/m64", avx, ">flags"},
  {"vcomisd",    "evex.lig.66.0f.w1 2f RM",   "x, x/m64", avx512f, ">flags"},
  {"vroundss",   "vex.lig.66.0f3a.wig 0a RVMI", "=x, x, x/m32, u8", avx},
  {"vroundsd",   "vex.lig.66.0f3a.wig 0b RVMI", "=x, x, x/m64, u8", avx},
  {"vrndscaless", "evex.lig.66.0f3a.w0 0a RVMI", "=x{kz}, x, x/m32, u8", avx512f},
  {"vrndscalesd", "evex.lig.66.0f3a.w1 0b RVMI", "=x{kz}, x, x/m64, u8", avx512f},

  // Float arithmetic.
  FLOAT("vadd", "58", "C"),
  FLOAT("vmul", "59", "C"),
  FLOAT("vsub", "5c", ""),
  FLOAT("vmin", "5d", ""),
  FLOAT("vdiv", "5e", ""),
  FLOAT("vmax", "5f", ""),
  {"vsqrtps",    "vex.xy.0f.wig 51 RM",       "=v, v/mv", avx},
  {"vsqrtps",    "evex.xyz.0f.w0 51 RM",      "=v{kz}, v/mv/b32", avx512f},
  {"vsqrtpd",    "vex.xy.66.0f.wig 51 RM",    "=v, v/mv", avx},
  {"vsqrtpd",    "evex.xyz.66.0f.w1 51 RM",   "=v{kz}, v/mv/b64", avx512f},
  {"vsqrtss",    "vex.lig.f3.0f.wig 51 RVM",  "=x, x, x/m32", avx},
  {"vsqrtss",    "evex.lig.f3.0f.w0 51 RVM",  "=x{kz}, x, x/m32", avx512f},
  {"vsqrtsd",    "vex.lig.f2.0f.wig 51 RVM",  "=x, x, x/m64", avx},
  {"vsqrtsd",    "evex.lig.f2.0f.w1 51 RVM",  "=x{kz}, x, x/m64", avx512f},
  {"vsqrtph",    "evex.xyz.map5.w0 51 RM",    "=v{kz}, v/mv/b16", avx512_fp16},
  {"vsqrtsh",    "evex.lig.f3.map5.w0 51 RVM", "=x{kz}, x, x/m16", avx512_fp16},
  FMA("vfmadd132", "98", "99"), FMA("vfmadd213", "a8", "a9"), FMA("vfmadd231", "b8", "b9"),
  FMA("vfmsub132", "9a", "9b"), FMA("vfmsub213", "aa", "ab"), FMA("vfmsub231", "ba", "bb"),
  FMA("vfnmadd132", "9c", "9d"), FMA("vfnmadd213", "ac", "ad"), FMA("vfnmadd231", "bc", "bd"),
  FMA("vfnmsub132", "9e", "9f"), FMA("vfnmsub213", "ae", "af"), FMA("vfnmsub231", "be", "bf"),
  LOGIC_PS_PD("vand", "54", "C"),
  LOGIC_PS_PD("vandn", "55", ""),
  LOGIC_PS_PD("vor", "56", "C"),
  LOGIC_PS_PD("vxor", "57", "C"),
  {"vhaddps",    "vex.xy.f2.0f.wig 7c RVM",   "=v, v, v/mv", avx},
  {"vhaddpd",    "vex.xy.66.0f.wig 7c RVM",   "=v, v, v/mv", avx},
  {"vcmpps",     "vex.xy.0f.wig c2 RVMI",     "=v, v, v/mv, u8", avx, "P"},
  {"vcmpps",     "evex.xyz.0f.w0 c2 RVMI",    "=k{k}, v, v/mv/b32, u8", avx512f, "P"},
  {"vcmppd",     "vex.xy.66.0f.wig c2 RVMI",  "=v, v, v/mv, u8", avx, "P"},
  {"vcmppd",     "evex.xyz.66.0f.w1 c2 RVMI", "=k{k}, v, v/mv/b64, u8", avx512f, "P"},
  {"vcmpss",     "vex.lig.f3.0f.wig c2 RVMI", "=x, x, x/m32, u8", avx, "P"},
  {"vcmpss",     "evex.lig.f3.0f.w0 c2 RVMI", "=k{k}, x, x/m32, u8", avx512f, "P"},
  {"vcmpsd",     "vex.lig.f2.0f.wig c2 RVMI", "=x, x, x/m64, u8", avx, "P"},
  {"vcmpsd",     "evex.lig.f2.0f.w1 c2 RVMI", "=k{k}, x, x/m64, u8", avx512f, "P"},
  {"vcmpph",     "evex.xyz.0f3a.w0 c2 RVMI",  "=k{k}, v, v/mv/b16, u8", avx512_fp16, "P"},
  {"vblendps",   "vex.xy.66.0f3a.wig 0c RVMI", "=v, v, v/mv, u8", avx},
  {"vblendpd",   "vex.xy.66.0f3a.wig 0d RVMI", "=v, v, v/mv, u8", avx},
  {"vblendvps",  "vex.xy.66.0f3a.w0 4a RVMS", "=v, v, v/mv, v", avx},
  {"vblendvpd",  "vex.xy.66.0f3a.w0 4b RVMS", "=v, v, v/mv, v", avx},
  DQ("vblendmps", "vblendmpd", "66.0f38", "65", "RVM", "=v{kz}, v, v/mv/b32", "=v{kz}, v, v/mv/b64", avx512f, "S"),
  {"vroundps",   "vex.xy.66.0f3a.wig 08 RMI", "=v, v/mv, u8", avx},
  {"vroundpd",   "vex.xy.66.0f3a.wig 09 RMI", "=v, v/mv, u8", avx},
  {"vrndscaleps", "evex.xyz.66.0f3a.w0 08 RMI", "=v{kz}, v/mv/b32, u8", avx512f},
  {"vrndscalepd", "evex.xyz.66.0f3a.w1 09 RMI", "=v{kz}, v/mv/b64, u8", avx512f},
  {"vrndscaleph", "evex.xyz.0f3a.w0 08 RMI",  "=v{kz}, v/mv/b16, u8", avx512_fp16},

  // Packed conversions.
  PACKED("vcvtdq2ps", "0f", "5b", "RM", "=v", "", ", v/mv", "", avx, avx512f, "w0", "/b32", ""),
  PACKED("vcvtps2dq", "66.0f", "5b", "RM", "=v", "", ", v/mv", "", avx, avx512f, "w0", "/b32", ""),
  PACKED("vcvttps2dq", "f3.0f", "5b", "RM", "=v", "", ", v/mv", "", avx, avx512f, "w0", "/b32", ""),
  PACKED("vcvtdq2pd", "f3.0f", "e6", "RM", "=v", "", ", h/mh", "", avx, avx512f, "w0", "/b32", ""),
  PACKED("vcvtpd2dq", "f2.0f", "e6", "RM", "=h", "", ", v/mv", "", avx, avx512f, "w1", "/b64", ""),
  PACKED("vcvttpd2dq", "66.0f", "e6", "RM", "=h", "", ", v/mv", "", avx, avx512f, "w1", "/b64", ""),
  PACKED("vcvtps2pd", "0f", "5a", "RM", "=v", "", ", h/mh", "", avx, avx512f, "w0", "/b32", ""),
  PACKED("vcvtpd2ps", "66.0f", "5a", "RM", "=h", "", ", v/mv", "", avx, avx512f, "w1", "/b64", ""),
  {"vcvtph2ps",  "vex.xy.66.0f38.w0 13 RM",   "=v, h/mh", f16c},
  {"vcvtph2ps",  "evex.xyz.66.0f38.w0 13 RM", "=v{kz}, h/mh", avx512f},
  {"vcvtps2ph",  "vex.xy.66.0f3a.w0 1d MRI",  "=h/mh, v, u8", f16c},
  {"vcvtps2ph",  "evex.xyz.66.0f3a.w0 1d MRI", "=h{kz}, v, u8", avx512f},
  {"vcvtps2ph",  "evex.xyz.66.0f3a.w0 1d MRI", "=mh{k}, v, u8", avx512f},
  {"vcvtudq2ps", "evex.xyz.f2.0f.w0 7a RM",   "=v{kz}, v/mv/b32", avx512f},
  {"vcvtudq2pd", "evex.xyz.f3.0f.w0 7a RM",   "=v{kz}, h/mh/b32", avx512f},
  {"vcvttps2udq", "evex.xyz.0f.w0 78 RM",     "=v{kz}, v/mv/b32", avx512f},
  {"vcvtps2udq", "evex.xyz.0f.w0 79 RM",      "=v{kz}, v/mv/b32", avx512f},
  {"vcvttpd2udq", "evex.xyz.0f.w1 78 RM",     "=h{kz}, v/mv/b64", avx512f},
  {"vcvtpd2udq", "evex.xyz.0f.w1 79 RM",      "=h{kz}, v/mv/b64", avx512f},
  {"vcvtqq2pd",  "evex.xyz.f3.0f.w1 e6 RM",   "=v{kz}, v/mv/b64", avx512dq},
  {"vcvtuqq2pd", "evex.xyz.f3.0f.w1 7a RM",   "=v{kz}, v/mv/b64", avx512dq},
  {"vcvtqq2ps",  "evex.xyz.0f.w1 5b RM",      "=h{kz}, v/mv/b64", avx512dq},
  {"vcvtuqq2ps", "evex.xyz.f2.0f.w1 7a RM",   "=h{kz}, v/mv/b64", avx512dq},
  {"vcvttpd2qq", "evex.xyz.66.0f.w1 7a RM",   "=v{kz}, v/mv/b64", avx512dq},
  {"vcvttpd2uqq", "evex.xyz.66.0f.w1 78 RM",  "=v{kz}, v/mv/b64", avx512dq},
  {"vcvtpd2qq",  "evex.xyz.66.0f.w1 7b RM",   "=v{kz}, v/mv/b64", avx512dq},
  {"vcvtpd2uqq", "evex.xyz.66.0f.w1 79 RM",   "=v{kz}, v/mv/b64", avx512dq},
  {"vcvttps2qq", "evex.xyz.66.0f.w0 7a RM",   "=v{kz}, h/mh/b32", avx512dq},
  {"vcvttps2uqq", "evex.xyz.66.0f.w0 78 RM",  "=v{kz}, h/mh/b32", avx512dq},
  {"vcvtps2qq",  "evex.xyz.66.0f.w0 7b RM",   "=v{kz}, h/mh/b32", avx512dq},
  {"vcvtps2uqq", "evex.xyz.66.0f.w0 79 RM",   "=v{kz}, h/mh/b32", avx512dq},
  {"vcvtph2psx", "evex.xyz.66.map6.w0 13 RM", "=v{kz}, h/mh/b16", avx512_fp16},
  {"vcvtps2phx", "evex.xyz.66.map5.w0 1d RM", "=h{kz}, v/mv/b32", avx512_fp16},

  // Packed moves, broadcasts, parts.
  MOVE_VEX("vmovups", "0f", "10", "11"),
  MOVE_EVEX("vmovups", "0f", "10", "11", "w0", avx512f),
  MOVE_VEX("vmovupd", "66.0f", "10", "11"),
  MOVE_EVEX("vmovupd", "66.0f", "10", "11", "w1", avx512f),
  MOVE_VEX("vmovaps", "0f", "28", "29"),
  MOVE_EVEX("vmovaps", "0f", "28", "29", "w0", avx512f),
  MOVE_VEX("vmovapd", "66.0f", "28", "29"),
  MOVE_EVEX("vmovapd", "66.0f", "28", "29", "w1", avx512f),
  MOVE_VEX("vmovdqu", "f3.0f", "6f", "7f"),
  MOVE_VEX("vmovdqa", "66.0f", "6f", "7f"),
  MOVE_EVEX("vmovdqu8", "f2.0f", "6f", "7f", "w0", avx512bw),
  MOVE_EVEX("vmovdqu16", "f2.0f", "6f", "7f", "w1", avx512bw),
  MOVE_EVEX("vmovdqu32", "f3.0f", "6f", "7f", "w0", avx512f),
  MOVE_EVEX("vmovdqu64", "f3.0f", "6f", "7f", "w1", avx512f),
  MOVE_EVEX("vmovdqa32", "66.0f", "6f", "7f", "w0", avx512f),
  MOVE_EVEX("vmovdqa64", "66.0f", "6f", "7f", "w1", avx512f),
  {"vmovntps",   "vex.xy.0f.wig 2b MR",       "=mv, v", avx},
  {"vmovntps",   "evex.xyz.0f.w0 2b MR",      "=mv, v", avx512f},
  {"vmovntdq",   "vex.xy.66.0f.wig e7 MR",    "=mv, v", avx},
  {"vmovntdq",   "evex.xyz.66.0f.w0 e7 MR",   "=mv, v", avx512f},
  {"vmovhlps",   "vex.x.0f.wig 12 RVM",       "=x, x, x", avx},
  {"vmovhlps",   "evex.x.0f.w0 12 RVM",       "=x, x, x", avx512f},
  {"vmovlhps",   "vex.x.0f.wig 16 RVM",       "=x, x, x", avx},
  {"vmovlhps",   "evex.x.0f.w0 16 RVM",       "=x, x, x", avx512f},
  PACKED("vmovshdup", "f3.0f", "16", "RM", "=v", "", ", v/mv", "", avx, avx512f, "w0", "", ""),
  PACKED("vmovsldup", "f3.0f", "12", "RM", "=v", "", ", v/mv", "", avx, avx512f, "w0", "", ""),
  {"vmovddup",   "vex.x.f2.0f.wig 12 RM",     "=x, x/m64", avx},
  {"vmovddup",   "vex.y.f2.0f.wig 12 RM",     "=y, y/m256", avx},
  {"vmovddup",   "evex.x.f2.0f.w1 12 RM",     "=x{kz}, x/m64", avx512f | avx512vl},
  {"vmovddup",   "evex.yz.f2.0f.w1 12 RM",    "=v{kz}, v/mv", avx512f},
  {"vmovmskps",  "vex.xy.0f.wig 50 RM",       "=r32, v", avx},
  {"vmovmskpd",  "vex.xy.66.0f.wig 50 RM",    "=r32, v", avx},
  {"vpmovmskb",  "vex.xy.66.0f.wig d7 RM",    "=r32, v", avx_int},
  {"vbroadcastss", "vex.xy.66.0f38.w0 18 RM", "=v, m32", avx},
  {"vbroadcastss", "vex.xy.66.0f38.w0 18 RM", "=v, x", avx2},
  {"vbroadcastss", "evex.xyz.66.0f38.w0 18 RM", "=v{kz}, x/m32", avx512f},
  {"vbroadcastsd", "vex.y.66.0f38.w0 19 RM",  "=y, m64", avx},
  {"vbroadcastsd", "vex.y.66.0f38.w0 19 RM",  "=y, x", avx2},
  {"vbroadcastsd", "evex.yz.66.0f38.w1 19 RM", "=v{kz}, x/m64", avx512f},
  {"vpbroadcastb", "vex.xy.66.0f38.w0 78 RM", "=v, x/m8", avx2},
  {"vpbroadcastb", "evex.xyz.66.0f38.w0 78 RM", "=v{kz}, x/m8", avx512bw},
  {"vpbroadcastb", "evex.xyz.66.0f38.w0 7a RM", "=v{kz}, r32", avx512bw},
  {"vpbroadcastw", "vex.xy.66.0f38.w0 79 RM", "=v, x/m16", avx2},
  {"vpbroadcastw", "evex.xyz.66.0f38.w0 79 RM", "=v{kz}, x/m16", avx512bw},
  {"vpbroadcastw", "evex.xyz.66.0f38.w0 7b RM", "=v{kz}, r32", avx512bw},
  {"vpbroadcastd", "vex.xy.66.0f38.w0 58 RM", "=v, x/m32", avx2},
  {"vpbroadcastd", "evex.xyz.66.0f38.w0 58 RM", "=v{kz}, x/m32", avx512f},
  {"vpbroadcastd", "evex.xyz.66.0f38.w0 7c RM", "=v{kz}, r32", avx512f},
  {"vpbroadcastq", "vex.xy.66.0f38.w0 59 RM", "=v, x/m64", avx2},
  {"vpbroadcastq", "evex.xyz.66.0f38.w1 59 RM", "=v{kz}, x/m64", avx512f},
  {"vpbroadcastq", "evex.xyz.66.0f38.w1 7c RM", "=v{kz}, r64", avx512f},
  {"vbroadcastf128", "vex.y.66.0f38.w0 1a RM", "=y, m128", avx},
  {"vbroadcasti128", "vex.y.66.0f38.w0 5a RM", "=y, m128", avx2},
  {"vbroadcastf32x4", "evex.yz.66.0f38.w0 1a RM", "=v{kz}, m128", avx512f},
  {"vbroadcasti32x4", "evex.yz.66.0f38.w0 5a RM", "=v{kz}, m128", avx512f},
  {"vbroadcastf64x4", "evex.z.66.0f38.w1 1b RM", "=z{kz}, m256", avx512f},
  {"vbroadcasti64x4", "evex.z.66.0f38.w1 5b RM", "=z{kz}, m256", avx512f},
  {"vextractf128", "vex.y.66.0f3a.w0 19 MRI", "=x/m128, y, u8", avx},
  {"vextracti128", "vex.y.66.0f3a.w0 39 MRI", "=x/m128, y, u8", avx2},
  {"vextractf32x4", "evex.yz.66.0f3a.w0 19 MRI", "=x{kz}, v, u8", avx512f},
  {"vextractf32x4", "evex.yz.66.0f3a.w0 19 MRI", "=m128{k}, v, u8", avx512f},
  {"vextracti32x4", "evex.yz.66.0f3a.w0 39 MRI", "=x{kz}, v, u8", avx512f},
  {"vextracti32x4", "evex.yz.66.0f3a.w0 39 MRI", "=m128{k}, v, u8", avx512f},
  {"vextractf64x4", "evex.z.66.0f3a.w1 1b MRI", "=y{kz}, z, u8", avx512f},
  {"vextractf64x4", "evex.z.66.0f3a.w1 1b MRI", "=m256{k}, z, u8", avx512f},
  {"vextracti64x4", "evex.z.66.0f3a.w1 3b MRI", "=y{kz}, z, u8", avx512f},
  {"vextracti64x4", "evex.z.66.0f3a.w1 3b MRI", "=m256{k}, z, u8", avx512f},
  {"vinsertf128", "vex.y.66.0f3a.w0 18 RVMI", "=y, y, x/m128, u8", avx},
  {"vinserti128", "vex.y.66.0f3a.w0 38 RVMI", "=y, y, x/m128, u8", avx2},
  {"vinsertf32x4", "evex.yz.66.0f3a.w0 18 RVMI", "=v{kz}, v, x/m128, u8", avx512f},
  {"vinserti32x4", "evex.yz.66.0f3a.w0 38 RVMI", "=v{kz}, v, x/m128, u8", avx512f},
  {"vinsertf64x4", "evex.z.66.0f3a.w1 1a RVMI", "=z{kz}, z, y/m256, u8", avx512f},
  {"vinserti64x4", "evex.z.66.0f3a.w1 3a RVMI", "=z{kz}, z, y/m256, u8", avx512f},
  {"vinsertps",  "vex.x.66.0f3a.wig 21 RVMI", "=x, x, x/m32, u8", avx},
  {"vinsertps",  "evex.x.66.0f3a.w0 21 RVMI", "=x, x, x/m32, u8", avx512f},
  {"vextractps", "vex.x.66.0f3a.wig 17 MRI",  "=r32/m32, x, u8", avx},
  {"vextractps", "evex.x.66.0f3a.wig 17 MRI", "=r32/m32, x, u8", avx512f},
  {"vmaskmovps", "vex.xy.66.0f38.w0 2c RVM",  "=v, v, mv", avx},
  {"vmaskmovps", "vex.xy.66.0f38.w0 2e MVR",  "=mv, v, v", avx},
  {"vmaskmovpd", "vex.xy.66.0f38.w0 2d RVM",  "=v, v, mv", avx},
  {"vmaskmovpd", "vex.xy.66.0f38.w0 2f MVR",  "=mv, v, v", avx},
  {"vpmaskmovd", "vex.xy.66.0f38.w0 8c RVM",  "=v, v, mv", avx2},
  {"vpmaskmovd", "vex.xy.66.0f38.w0 8e MVR",  "=mv, v, v", avx2},
  {"vpmaskmovq", "vex.xy.66.0f38.w1 8c RVM",  "=v, v, mv", avx2},
  {"vpmaskmovq", "vex.xy.66.0f38.w1 8e MVR",  "=mv, v, v", avx2},
  GATHER("vgatherdps", "92", "w0", "v", "gvv32"),
  GATHER("vgatherdpd", "92", "w1", "v", "ghv64"),
  GATHER("vgatherqps", "93", "w0", "h", "gvh32"),
  GATHER("vgatherqpd", "93", "w1", "v", "gvv64"),
  GATHER("vpgatherdd", "90", "w0", "v", "gvv32"),
  GATHER("vpgatherdq", "90", "w1", "v", "ghv64"),
  GATHER("vpgatherqd", "91", "w0", "h", "gvh32"),
  GATHER("vpgatherqq", "91", "w1", "v", "gvv64"),
  SCATTER("vscatterdps", "a2", "w0", "v", "gvv32"),
  SCATTER("vscatterdpd", "a2", "w1", "v", "ghv64"),
  SCATTER("vscatterqps", "a3", "w0", "h", "gvh32"),
  SCATTER("vscatterqpd", "a3", "w1", "v", "gvv64"),
  SCATTER("vpscatterdd", "a0", "w0", "v", "gvv32"),
  SCATTER("vpscatterdq", "a0", "w1", "v", "ghv64"),
  SCATTER("vpscatterqd", "a1", "w0", "h", "gvh32"),
  SCATTER("vpscatterqq", "a1", "w1", "v", "gvv64"),

  // Permutes and shuffles.
  {"vperm2f128", "vex.y.66.0f3a.w0 06 RVMI",  "=y, y, y/m256, u8", avx},
  {"vperm2i128", "vex.y.66.0f3a.w0 46 RVMI",  "=y, y, y/m256, u8", avx2},
  {"vpermps",    "vex.y.66.0f38.w0 16 RVM",   "=y, y, y/m256", avx2},
  {"vpermps",    "evex.yz.66.0f38.w0 16 RVM", "=v{kz}, v, v/mv/b32", avx512f},
  {"vpermd",     "vex.y.66.0f38.w0 36 RVM",   "=y, y, y/m256", avx2},
  {"vpermd",     "evex.yz.66.0f38.w0 36 RVM", "=v{kz}, v, v/mv/b32", avx512f},
  {"vpermw",     "evex.xyz.66.0f38.w1 8d RVM", "=v{kz}, v, v/mv", avx512bw},
  {"vpermpd",    "vex.y.66.0f3a.w1 01 RMI",   "=y, y/m256, u8", avx2},
  {"vpermpd",    "evex.yz.66.0f3a.w1 01 RMI", "=v{kz}, v/mv/b64, u8", avx512f},
  {"vpermpd",    "evex.yz.66.0f38.w1 16 RVM", "=v{kz}, v, v/mv/b64", avx512f},
  {"vpermq",     "vex.y.66.0f3a.w1 00 RMI",   "=y, y/m256, u8", avx2},
  {"vpermq",     "evex.yz.66.0f3a.w1 00 RMI", "=v{kz}, v/mv/b64, u8", avx512f},
  {"vpermq",     "evex.yz.66.0f38.w1 36 RVM", "=v{kz}, v, v/mv/b64", avx512f},
  {"vpermilps",  "vex.xy.66.0f38.w0 0c RVM",  "=v, v, v/mv", avx},
  {"vpermilps",  "vex.xy.66.0f3a.w0 04 RMI",  "=v, v/mv, u8", avx},
  {"vpermilps",  "evex.xyz.66.0f38.w0 0c RVM", "=v{kz}, v, v/mv/b32", avx512f},
  {"vpermilps",  "evex.xyz.66.0f3a.w0 04 RMI", "=v{kz}, v/mv/b32, u8", avx512f},
  {"vpermilpd",  "vex.xy.66.0f38.w0 0d RVM",  "=v, v, v/mv", avx},
  {"vpermilpd",  "vex.xy.66.0f3a.w0 05 RMI",  "=v, v/mv, u8", avx},
  {"vpermilpd",  "evex.xyz.66.0f38.w1 0d RVM", "=v{kz}, v, v/mv/b64", avx512f},
  {"vpermilpd",  "evex.xyz.66.0f3a.w1 05 RMI", "=v{kz}, v/mv/b64, u8", avx512f},
  PACKED("vshufps", "0f", "c6", "RVMI", "=v", ", v", ", v/mv", ", u8", avx, avx512f, "w0", "/b32", ""),
  PACKED("vshufpd", "66.0f", "c6", "RVMI", "=v", ", v", ", v/mv", ", u8", avx, avx512f, "w1", "/b64", ""),
  {"vshuff32x4", "evex.yz.66.0f3a.w0 23 RVMI", "=v{kz}, v, v/mv/b32, u8", avx512f},
  {"vshuff64x2", "evex.yz.66.0f3a.w1 23 RVMI", "=v{kz}, v, v/mv/b64, u8", avx512f},
  {"vshufi32x4", "evex.yz.66.0f3a.w0 43 RVMI", "=v{kz}, v, v/mv/b32, u8", avx512f},
  {"vshufi64x2", "evex.yz.66.0f3a.w1 43 RVMI", "=v{kz}, v, v/mv/b64, u8", avx512f},
  PACKED("vunpcklps", "0f", "14", "RVM", "=v", ", v", ", v/mv", "", avx, avx512f, "w0", "/b32", ""),
  PACKED("vunpckhps", "0f", "15", "RVM", "=v", ", v", ", v/mv", "", avx, avx512f, "w0", "/b32", ""),
  PACKED("vunpcklpd", "66.0f", "14", "RVM", "=v", ", v", ", v/mv", "", avx, avx512f, "w1", "/b64", ""),
  PACKED("vunpckhpd", "66.0f", "15", "RVM", "=v", ", v", ", v/mv", "", avx, avx512f, "w1", "/b64", ""),
  INT_BW("vpunpcklbw", "66.0f", "60", ""),
  INT_BW("vpunpcklwd", "66.0f", "61", ""),
  INT_D("vpunpckldq", "66.0f", "62", ""),
  INT_Q("vpunpcklqdq", "66.0f", "6c", ""),
  INT_BW("vpunpckhbw", "66.0f", "68", ""),
  INT_BW("vpunpckhwd", "66.0f", "69", ""),
  INT_D("vpunpckhdq", "66.0f", "6a", ""),
  INT_Q("vpunpckhqdq", "66.0f", "6d", ""),
  INT_BW("vpacksswb", "66.0f", "63", ""),
  INT_BW("vpackuswb", "66.0f", "67", ""),
  INT_D("vpackssdw", "66.0f", "6b", ""),
  INT_D("vpackusdw", "66.0f38", "2b", ""),
  INT_BW("vpshufb", "66.0f38", "00", ""),
  PACKED("vpshufd", "66.0f", "70", "RMI", "=v", "", ", v/mv", ", u8", avx_int, avx512f, "w0", "/b32", ""),
  PACKED("vpshufhw", "f3.0f", "70", "RMI", "=v", "", ", v/mv", ", u8", avx_int, avx512bw, "wig", "", ""),
  PACKED("vpshuflw", "f2.0f", "70", "RMI", "=v", "", ", v/mv", ", u8", avx_int, avx512bw, "wig", "", ""),
  PACKED("vpalignr", "66.0f3a", "0f", "RVMI", "=v", ", v", ", v/mv", ", u8", avx_int, avx512bw, "wig", "", ""),
  DQ("valignd", "valignq", "66.0f3a", "03", "RVMI", "=v{kz}, v, v/mv/b32, u8", "=v{kz}, v, v/mv/b64, u8", avx512f),
  DQ("vpermi2d", "vpermi2q", "66.0f38", "76", "RVM", "+v{kz}, v, v/mv/b32", "+v{kz}, v, v/mv/b64", avx512f),
  DQ("vpermi2ps", "vpermi2pd", "66.0f38", "77", "RVM", "+v{kz}, v, v/mv/b32", "+v{kz}, v, v/mv/b64", avx512f),
  DQ("vpermt2d", "vpermt2q", "66.0f38", "7e", "RVM", "+v{kz}, v, v/mv/b32", "+v{kz}, v, v/mv/b64", avx512f),
  DQ("vpermt2ps", "vpermt2pd", "66.0f38", "7f", "RVM", "+v{kz}, v, v/mv/b32", "+v{kz}, v, v/mv/b64", avx512f),
  {"vpblendw",   "vex.xy.66.0f3a.wig 0e RVMI", "=v, v, v/mv, u8", avx_int},
  {"vpblendd",   "vex.xy.66.0f3a.w0 02 RVMI", "=v, v, v/mv, u8", avx2},
  {"vpblendvb",  "vex.xy.66.0f3a.w0 4c RVMS", "=v, v, v/mv, v", avx_int},
  DQ("vpblendmb", "vpblendmw", "66.0f38", "66", "RVM", "=v{kz}, v, v/mv", "=v{kz}, v, v/mv", avx512bw, "S"),
  DQ("vpblendmd", "vpblendmq", "66.0f38", "64", "RVM", "=v{kz}, v, v/mv/b32", "=v{kz}, v, v/mv/b64", avx512f, "S"),
  {"vpextrb",    "vex.x.66.0f3a.wig 14 MRI",  "=r32/m8, x, u8", avx},
  {"vpextrb",    "evex.x.66.0f3a.wig 14 MRI", "=r32/m8, x, u8", avx512bw},
  {"vpextrw",    "vex.x.66.0f.wig c5 RMI",    "=r32, x, u8", avx},
  {"vpextrw",    "vex.x.66.0f3a.wig 15 MRI",  "=m16, x, u8", avx},
  {"vpextrw",    "evex.x.66.0f.wig c5 RMI",   "=r32, x, u8", avx512bw},
  {"vpextrw",    "evex.x.66.0f3a.wig 15 MRI", "=m16, x, u8", avx512bw},
  {"vpextrd",    "vex.x.66.0f3a.w0 16 MRI",   "=r32/m32, x, u8", avx},
  {"vpextrd",    "evex.x.66.0f3a.w0 16 MRI",  "=r32/m32, x, u8", avx512dq},
  {"vpextrq",    "vex.x.66.0f3a.w1 16 MRI",   "=r64/m64, x, u8", avx},
  {"vpextrq",    "evex.x.66.0f3a.w1 16 MRI",  "=r64/m64, x, u8", avx512dq},
  {"vpinsrb",    "vex.x.66.0f3a.wig 20 RVMI", "=x, x, r32/m8, u8", avx},
  {"vpinsrb",    "evex.x.66.0f3a.wig 20 RVMI", "=x, x, r32/m8, u8", avx512bw},
  {"vpinsrw",    "vex.x.66.0f.wig c4 RVMI",   "=x, x, r32/m16, u8", avx},
  {"vpinsrw",    "evex.x.66.0f.wig c4 RVMI",  "=x, x, r32/m16, u8", avx512bw},
  {"vpinsrd",    "vex.x.66.0f3a.w0 22 RVMI",  "=x, x, r32/m32, u8", avx},
  {"vpinsrd",    "evex.x.66.0f3a.w0 22 RVMI", "=x, x, r32/m32, u8", avx512dq},
  {"vpinsrq",    "vex.x.66.0f3a.w1 22 RVMI",  "=x, x, r64/m64, u8", avx},
  {"vpinsrq",    "evex.x.66.0f3a.w1 22 RVMI", "=x, x, r64/m64, u8", avx512dq},

  // Packed integers.
  INT_BW("vpaddb", "66.0f", "fc", "C"),
  INT_BW("vpaddw", "66.0f", "fd", "C"),
  INT_D("vpaddd", "66.0f", "fe", "C"),
  INT_Q("vpaddq", "66.0f", "d4", "C"),
  INT_BW("vpsubb", "66.0f", "f8", ""),
  INT_BW("vpsubw", "66.0f", "f9", ""),
  INT_D("vpsubd", "66.0f", "fa", ""),
  INT_Q("vpsubq", "66.0f", "fb", ""),
  INT_BW("vpaddsb", "66.0f", "ec", "C"),
  INT_BW("vpaddsw", "66.0f", "ed", "C"),
  INT_BW("vpaddusb", "66.0f", "dc", "C"),
  INT_BW("vpaddusw", "66.0f", "dd", "C"),
  INT_BW("vpsubsb", "66.0f", "e8", ""),
  INT_BW("vpsubsw", "66.0f", "e9", ""),
  INT_BW("vpsubusb", "66.0f", "d8", ""),
  INT_BW("vpsubusw", "66.0f", "d9", ""),
  INT_BW("vpmullw", "66.0f", "d5", "C"),
  INT_BW("vpmulhw", "66.0f", "e5", "C"),
  INT_BW("vpmulhuw", "66.0f", "e4", "C"),
  INT_BW("vpmulhrsw", "66.0f38", "0b", ""),
  INT_D("vpmulld", "66.0f38", "40", ""),
  {"vpmullq",    "evex.xyz.66.0f38.w1 40 RVM", "=v{kz}, v, v/mv/b64", avx512dq},
  INT_Q("vpmuludq", "66.0f", "f4", "C"),
  INT_Q("vpmuldq", "66.0f38", "28", ""),
  INT_BW("vpmaddwd", "66.0f", "f5", "C"),
  INT_BW("vpmaddubsw", "66.0f38", "04", ""),
  {"vpsadbw",    "vex.xy.66.0f.wig f6 RVM",   "=v, v, v/mv", avx_int, "C"},
  {"vpsadbw",    "evex.xyz.66.0f.wig f6 RVM", "=v, v, v/mv", avx512bw},
  // A processor may have VNNI in one encoding only; as assemblers do, the plain name is EVEX.
  {"{vex} vpdpbusd",  "vex.xy.66.0f38.w0 50 RVM", "+v, v, v/mv", avx_vnni},
  {"{vex} vpdpbusds", "vex.xy.66.0f38.w0 51 RVM", "+v, v, v/mv", avx_vnni},
  {"{vex} vpdpwssd",  "vex.xy.66.0f38.w0 52 RVM", "+v, v, v/mv", avx_vnni},
  {"vpdpbusd",   "evex.xyz.66.0f38.w0 50 RVM", "+v{kz}, v, v/mv/b32", avx512_vnni},
  {"vpdpbusds",  "evex.xyz.66.0f38.w0 51 RVM", "+v{kz}, v, v/mv/b32", avx512_vnni},
  {"vpdpwssd",   "evex.xyz.66.0f38.w0 52 RVM", "+v{kz}, v, v/mv/b32", avx512_vnni},
  LOGIC_INT("vpand", "db", "C"),
  LOGIC_INT("vpandn", "df", ""),
  LOGIC_INT("vpor", "eb", "C"),
  LOGIC_INT("vpxor", "ef", "C"),
  DQ("vpternlogd", "vpternlogq", "66.0f3a", "25", "RVMI", "+v{kz}, v, v/mv/b32, u8", "+v{kz}, v, v/mv/b64, u8", avx512f),
  COMPARE_INT("vpcmpeqb", "66.0f", "74", avx512bw, "wig", "", "C"),
  COMPARE_INT("vpcmpeqw", "66.0f", "75", avx512bw, "wig", "", "C"),
  COMPARE_INT("vpcmpeqd", "66.0f", "76", avx512f, "w0", "/b32", "C"),
  COMPARE_INT("vpcmpeqq", "66.0f38", "29", avx512f, "w1", "/b64", ""),
  COMPARE_INT("vpcmpgtb", "66.0f", "64", avx512bw, "wig", "", ""),
  COMPARE_INT("vpcmpgtw", "66.0f", "65", avx512bw, "wig", "", ""),
  COMPARE_INT("vpcmpgtd", "66.0f", "66", avx512f, "w0", "/b32", ""),
  COMPARE_INT("vpcmpgtq", "66.0f38", "37", avx512f, "w1", "/b64", ""),
  {"vpcmpb",     "evex.xyz.66.0f3a.w0 3f RVMI", "=k{k}, v, v/mv, u8", avx512bw, "P"},
  {"vpcmpub",    "evex.xyz.66.0f3a.w0 3e RVMI", "=k{k}, v, v/mv, u8", avx512bw, "P"},
  {"vpcmpw",     "evex.xyz.66.0f3a.w1 3f RVMI", "=k{k}, v, v/mv, u8", avx512bw, "P"},
  {"vpcmpuw",    "evex.xyz.66.0f3a.w1 3e RVMI", "=k{k}, v, v/mv, u8", avx512bw, "P"},
  {"vpcmpd",     "evex.xyz.66.0f3a.w0 1f RVMI", "=k{k}, v, v/mv/b32, u8", avx512f, "P"},
  {"vpcmpud",    "evex.xyz.66.0f3a.w0 1e RVMI", "=k{k}, v, v/mv/b32, u8", avx512f, "P"},
  {"vpcmpq",     "evex.xyz.66.0f3a.w1 1f RVMI", "=k{k}, v, v/mv/b64, u8", avx512f, "P"},
  {"vpcmpuq",    "evex.xyz.66.0f3a.w1 1e RVMI", "=k{k}, v, v/mv/b64, u8", avx512f, "P"},
  DQ("vptestmb", "vptestmw", "66.0f38", "26", "RVM", "=k{k}, v, v/mv", "=k{k}, v, v/mv", avx512bw),
  DQ("vptestmd", "vptestmq", "66.0f38", "27", "RVM", "=k{k}, v, v/mv/b32", "=k{k}, v, v/mv/b64", avx512f),
  {"vptest",     "vex.xy.66.0f38.wig 17 RM",  "v, v/mv", avx, ">flags"},
  {"vtestps",    "vex.xy.66.0f38.w0 0e RM",   "v, v/mv", avx, ">flags"},
  {"vtestpd",    "vex.xy.66.0f38.w0 0f RM",   "v, v/mv", avx, ">flags"},
  INT_BW("vpminsb", "66.0f38", "38", ""),
  INT_BW("vpminsw", "66.0f", "ea", "C"),
  INT_D("vpminsd", "66.0f38", "39", ""),
  {"vpminsq",    "evex.xyz.66.0f38.w1 39 RVM", "=v{kz}, v, v/mv/b64", avx512f},
  INT_BW("vpminub", "66.0f", "da", "C"),
  INT_BW("vpminuw", "66.0f38", "3a", ""),
  INT_D("vpminud", "66.0f38", "3b", ""),
  {"vpminuq",    "evex.xyz.66.0f38.w1 3b RVM", "=v{kz}, v, v/mv/b64", avx512f},
  INT_BW("vpmaxsb", "66.0f38", "3c", ""),
  INT_BW("vpmaxsw", "66.0f", "ee", "C"),
  INT_D("vpmaxsd", "66.0f38", "3d", ""),
  {"vpmaxsq",    "evex.xyz.66.0f38.w1 3d RVM", "=v{kz}, v, v/mv/b64", avx512f},
  INT_BW("vpmaxub", "66.0f", "de", "C"),
  INT_BW("vpmaxuw", "66.0f38", "3e", ""),
  INT_D("vpmaxud", "66.0f38", "3f", ""),
  {"vpmaxuq",    "evex.xyz.66.0f38.w1 3f RVM", "=v{kz}, v, v/mv/b64", avx512f},
  PACKED("vpabsb", "66.0f38", "1c", "RM", "=v", "", ", v/mv", "", avx_int, avx512bw, "wig", "", ""),
  PACKED("vpabsw", "66.0f38", "1d", "RM", "=v", "", ", v/mv", "", avx_int, avx512bw, "wig", "", ""),
  PACKED("vpabsd", "66.0f38", "1e", "RM", "=v", "", ", v/mv", "", avx_int, avx512f, "w0", "/b32", ""),
  {"vpabsq",     "evex.xyz.66.0f38.w1 1f RM", "=v{kz}, v/mv/b64", avx512f},
  SHIFT_INT("vpsrlw", "71", "/2", "d1", avx512bw, "wig", ""),
  SHIFT_INT("vpsrld", "72", "/2", "d2", avx512f, "w0", "/b32"),
  SHIFT_INT("vpsrlq", "73", "/2", "d3", avx512f, "w1", "/b64"),
  SHIFT_INT("vpsraw", "71", "/4", "e1", avx512bw, "wig", ""),
  SHIFT_INT("vpsrad", "72", "/4", "e2", avx512f, "w0", "/b32"),
  {"vpsraq",     "evex.xyz.66.0f.w1 72 /4 VMI", "=v{kz}, v/mv/b64, u8", avx512f},
  {"vpsraq",     "evex.xyz.66.0f.w1 e2 RVM",  "=v{kz}, v, x/m128", avx512f},
  SHIFT_INT("vpsllw", "71", "/6", "f1", avx512bw, "wig", ""),
  SHIFT_INT("vpslld", "72", "/6", "f2", avx512f, "w0", "/b32"),
  SHIFT_INT("vpsllq", "73", "/6", "f3", avx512f, "w1", "/b64"),
  {"vpsrldq",    "vex.xy.66.0f.wig 73 /3 VMI", "=v, v, u8", avx_int},
  {"vpsrldq",    "evex.xyz.66.0f.wig 73 /3 VMI", "=v, v/mv, u8", avx512bw},
  {"vpslldq",    "vex.xy.66.0f.wig 73 /7 VMI", "=v, v, u8", avx_int},
  {"vpslldq",    "evex.xyz.66.0f.wig 73 /7 VMI", "=v, v/mv, u8", avx512bw},
  SHIFT_VAR("vpsrlv", "45"),
  SHIFT_VAR("vpsllv", "47"),
  {"vpsravd",    "vex.xy.66.0f38.w0 46 RVM",  "=v, v, v/mv", avx2},
  {"vpsravd",    "evex.xyz.66.0f38.w0 46 RVM", "=v{kz}, v, v/mv/b32", avx512f},
  {"vpsravq",    "evex.xyz.66.0f38.w1 46 RVM", "=v{kz}, v, v/mv/b64", avx512f},
  {"vpsrlvw",    "evex.xyz.66.0f38.w1 10 RVM", "=v{kz}, v, v/mv", avx512bw},
  {"vpsravw",    "evex.xyz.66.0f38.w1 11 RVM", "=v{kz}, v, v/mv", avx512bw},
  {"vpsllvw",    "evex.xyz.66.0f38.w1 12 RVM", "=v{kz}, v, v/mv", avx512bw},
  DQ("vprord", "vprorq", "66.0f", "72 /0", "VMI", "=v{kz}, v/mv/b32, u8", "=v{kz}, v/mv/b64, u8", avx512f),
  DQ("vprold", "vprolq", "66.0f", "72 /1", "VMI", "=v{kz}, v/mv/b32, u8", "=v{kz}, v/mv/b64, u8", avx512f),
  DQ("vprorvd", "vprorvq", "66.0f38", "14", "RVM", "=v{kz}, v, v/mv/b32", "=v{kz}, v, v/mv/b64", avx512f),
  DQ("vprolvd", "vprolvq", "66.0f38", "15", "RVM", "=v{kz}, v, v/mv/b32", "=v{kz}, v, v/mv/b64", avx512f),
  WIDEN("vpmovsxbw", "20", "h/mh", avx512bw, "wig"),
  WIDEN("vpmovsxbd", "21", "q/mq", avx512f, "wig"),
  WIDEN("vpmovsxbq", "22", "x/me", avx512f, "wig"),
  WIDEN("vpmovsxwd", "23", "h/mh", avx512f, "wig"),
  WIDEN("vpmovsxwq", "24", "q/mq", avx512f, "wig"),
  WIDEN("vpmovsxdq", "25", "h/mh", avx512f, "w0"),
  WIDEN("vpmovzxbw", "30", "h/mh", avx512bw, "wig"),
  WIDEN("vpmovzxbd", "31", "q/mq", avx512f, "wig"),
  WIDEN("vpmovzxbq", "32", "x/me", avx512f, "wig"),
  WIDEN("vpmovzxwd", "33", "h/mh", avx512f, "wig"),
  WIDEN("vpmovzxwq", "34", "q/mq", avx512f, "wig"),
  WIDEN("vpmovzxdq", "35", "h/mh", avx512f, "w0"),
  NARROW("vpmovwb", "30", "h", "mh", avx512bw),
  NARROW("vpmovdb", "31", "q", "mq", avx512f),
  NARROW("vpmovqb", "32", "x", "me", avx512f),
  NARROW("vpmovdw", "33", "h", "mh", avx512f),
  NARROW("vpmovqw", "34", "q", "mq", avx512f),
  NARROW("vpmovqd", "35", "h", "mh", avx512f),
  NARROW("vpmovswb", "20", "h", "mh", avx512bw),
  NARROW("vpmovsdb", "21", "q", "mq", avx512f),
  NARROW("vpmovsqb", "22", "x", "me", avx512f),
  NARROW("vpmovsdw", "23", "h", "mh", avx512f),
  NARROW("vpmovsqw", "24", "q", "mq", avx512f),
  NARROW("vpmovsqd", "25", "h", "mh", avx512f),
  NARROW("vpmovuswb", "10", "h", "mh", avx512bw),
  NARROW("vpmovusdb", "11", "q", "mq", avx512f),
  NARROW("vpmovusqb", "12", "x", "me", avx512f),
  NARROW("vpmovusdw", "13", "h", "mh", avx512f),
  NARROW("vpmovusqw", "14", "q", "mq", avx512f),
  NARROW("vpmovusqd", "15", "h", "mh", avx512f),

  // Mask registers.
  {"kmovb",      "vex.x.66.0f.w0 90 RM",      "=k, k/m8", avx512dq},
  {"kmovb",      "vex.x.66.0f.w0 91 MR",      "=m8, k", avx512dq},
  {"kmovb",      "vex.x.66.0f.w0 92 RM",      "=k, r32", avx512dq},
  {"kmovb",      "vex.x.66.0f.w0 93 RM",      "=r32, k", avx512dq},
  {"kmovw",      "vex.x.0f.w0 90 RM",         "=k, k/m16", avx512f},
  {"kmovw",      "vex.x.0f.w0 91 MR",         "=m16, k", avx512f},
  {"kmovw",      "vex.x.0f.w0 92 RM",         "=k, r32", avx512f},
  {"kmovw",      "vex.x.0f.w0 93 RM",         "=r32, k", avx512f},
  {"kmovd",      "vex.x.66.0f.w1 90 RM",      "=k, k/m32", avx512bw},
  {"kmovd",      "vex.x.66.0f.w1 91 MR",      "=m32, k", avx512bw},
  {"kmovd",      "vex.x.f2.0f.w0 92 RM",      "=k, r32", avx512bw},
  {"kmovd",      "vex.x.f2.0f.w0 93 RM",      "=r32, k", avx512bw},
  {"kmovq",      "vex.x.0f.w1 90 RM",         "=k, k/m64", avx512bw},
  {"kmovq",      "vex.x.0f.w1 91 MR",         "=m64, k", avx512bw},
  {"kmovq",      "vex.x.f2.0f.w1 92 RM",      "=k, r64", avx512bw},
  {"kmovq",      "vex.x.f2.0f.w1 93 RM",      "=r64, k", avx512bw},
  MASK_LOGIC("kand", "41", "y", "RVM", "=k, k, k", ""),
  MASK_LOGIC("kandn", "42", "y", "RVM", "=k, k, k", ""),
  MASK_LOGIC("knot", "44", "x", "RM", "=k, k", ""),
  MASK_LOGIC("kor", "45", "y", "RVM", "=k, k, k", ""),
  MASK_LOGIC("kxnor", "46", "y", "RVM", "=k, k, k", ""),
  MASK_LOGIC("kxor", "47", "y", "RVM", "=k, k, k", ""),
  MASK_LOGIC("kortest", "98", "x", "RM", "k, k", ">flags"),
  {"kshiftrb",   "vex.x.66.0f3a.w0 30 RMI",   "=k, k, u8", avx512dq},
  {"kshiftrw",   "vex.x.66.0f3a.w1 30 RMI",   "=k, k, u8", avx512f},
  {"kshiftrd",   "vex.x.66.0f3a.w0 31 RMI",   "=k, k, u8", avx512bw},
  {"kshiftrq",   "vex.x.66.0f3a.w1 31 RMI",   "=k, k, u8", avx512bw},
  {"kunpckbw",   "vex.y.66.0f.w0 4b RVM",     "=k, k, k", avx512f},
  {"kunpckwd",   "vex.y.0f.w0 4b RVM",        "=k, k, k", avx512bw},
  {"kunpckdq",   "vex.y.0f.w1 4b RVM",        "=k, k, k", avx512bw},
  DQ("vpmovm2b", "vpmovm2w", "f3.0f38", "28", "RM", "=v, k", "=v, k", avx512bw),
  DQ("vpmovm2d", "vpmovm2q", "f3.0f38", "38", "RM", "=v, k", "=v, k", avx512dq),
  DQ("vpmovb2m", "vpmovw2m", "f3.0f38", "29", "RM", "=k, v", "=k, v", avx512bw),
  DQ("vpmovd2m", "vpmovq2m", "f3.0f38", "39", "RM", "=k, v", "=k, v", avx512dq),
};

#undef PACKED
#undef INT_BW
#undef INT_D
#undef INT_Q
#undef FLOAT
#undef FMA
#undef LOGIC_PS_PD
#undef LOGIC_INT
#undef MOVE_VEX
#undef MOVE_EVEX
#undef ALU
#undef SHIFT
#undef CONDITION
#undef COMPARE_INT
#undef SHIFT_INT
#undef SHIFT_VAR
#undef WIDEN
#undef NARROW
#undef GATHER
#undef SCATTER
#undef MASK_LOGIC
#undef DQ
// clang-format on

}  // namespace doorbell::x86::table
