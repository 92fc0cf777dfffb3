// The AMD table against LLVM 19, an assembler and disassembler that we did not write: every row in every
// encoding with every form of its operands, in both directions; and random words, of which LLVM and we accept
// and refuse the same.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <set>

#include "tests/amd_isa/cases.h"
#include "tests/amd_isa/llvm.h"
#include "tests/amd_isa/words.h"

namespace doorbell::amd {
namespace {

constexpr Target targets[] = {
    {Arch::gfx1030, 32}, {Arch::gfx1030, 64}, {Arch::gfx1100, 32}, {Arch::gfx1100, 64}, {Arch::gfx1151, 32}};

std::string hex(std::span<const std::byte> bytes) {
  std::string s;
  for (std::byte b : bytes) s += fmt::format("{:02x}", static_cast<int>(b));
  return s;
}
std::string label(Target t) { return fmt::format("{}, wave{}", name(t.arch), t.wave); }

std::vector<std::byte> encoded(const Inst& inst, Target t) {
  std::vector<std::byte> bytes;
  const Status done = encode(inst, t, bytes);
  EXPECT_TRUE(done.ok()) << done.error().message;
  return bytes;
}

bool nightly() { return std::getenv("DOORBELL_NIGHTLY"); }

// The same words in every run, and others each night.
unsigned fuzz_seed() {
  static const unsigned seed = [] {
    unsigned s = 1;
    if (const char* given = std::getenv("DOORBELL_FUZZ_SEED"))
      s = static_cast<unsigned>(std::strtoul(given, nullptr, 0));
    else if (nightly()) s = std::random_device{}();
    fmt::print("DOORBELL_FUZZ_SEED={}\n", s);
    return s;
  }();
  return seed;
}

// What LLVM 19 does wrong, so that its answer for a text is no oracle.
struct LlvmBug {
  std::string_view begins, contains, what;
};
constexpr LlvmBug llvm_bugs[] = {
    {"v_fma_mix", "<literal>", "takes literals for halves, also where the source has 32 bits"},
    {"v_ldexp_f16_sdwa", "0.15915494", "refuses what it writes"},
    {"v_", "<float in hex>",
     "writes an inline constant as a half, and refuses that where no literal can follow"},
    {"v_cndmask_b16_e64_dpp", "<literal>", "encodes a literal, which DPP has not, and leaves its dword out"},
    // Its class of scalar registers has these too.
    {"v_cmp_", "<result> src_", "lets results be written where nothing can be written"},
    {"v_readfirstlane_b32", "<result> src_", "the same"},
    {"v_readlane_b32", "<result> src_", "the same"},
    // RDNA3 ISA, "Scalar and operand encodings": gone.
    {"v_", "src_vccz", "refuses on gfx11 what gfx10 alone has, unless a modifier is around it"},
    {"v_", "src_execz", "the same"},
    {"v_dual_", "src_lds_direct", "takes what only gfx10 has"},
};
bool is_llvm_bug(std::string_view text, Target t, const Inst* inst) {
  const auto contains = [&](std::string_view what) {
    if (what == "<literal>") {
      if (inst)
        return std::any_of(inst->operands.begin(), inst->operands.end(),
                           [](const Operand& x) { return x.kind == Operand::Kind::literal; });
      const size_t at = text.find("0x");  // 0x12, |0x12|, neg(0x12); not row_mask:0xf
      return at != text.npos && text[at - 1] != ':';
    }
    if (what == "<float in hex>") {
      if (!inst || !fields::is_extended(inst->encoding)) return false;
      for (size_t i = 0; i < row(*inst).count; ++i)
        if (inst->operands[i].kind == Operand::Kind::constant && inst->operands[i].index >= 240 &&
            names::has_hex_floats(row(*inst), row(*inst).operands[i]))
          return true;
      return false;
    }
    if (what == "<result> src_") return text.find(" src_") == text.find(' ');
    if (what == "src_vccz" || what == "src_execz")
      return t.arch != Arch::gfx1030 && text.find(what) != text.npos;
    return text.find(what) != text.npos;
  };
  return std::any_of(std::begin(llvm_bugs), std::end(llvm_bugs),
                     [&](const LlvmBug& b) { return text.starts_with(b.begins) && contains(b.contains); });
}

// In wave64 only masks and matrices read otherwise; the rest waits for the night.
bool is_covered(const Row& row, Target t) {
  if (!row.in(t.arch) || (row.format == Format::vopd && t.wave == 64)) return false;
  return t.wave == 32 || nightly() ||
         std::any_of(row.operands.begin(), row.operands.end(),
                     [](const OperandRow& o) { return o.dwords(32) != o.dwords(64); });
}

class AmdIsa : public testing::TestWithParam<Target> {};
INSTANTIATE_TEST_SUITE_P(Targets, AmdIsa, testing::ValuesIn(targets), [](const auto& info) {
  return fmt::format("{}Wave{}", name(info.param.arch), info.param.wave);
});

TEST(AmdTable, NamesAndOpcodesAreUnique) {
  for (int a = 0; a < arch_count; ++a) {
    std::set<std::string_view> names;
    std::set<std::pair<Format, int>> opcodes;
    for (const Row& row : rows()) {
      const int opcode = row.opcode[static_cast<size_t>(a)];
      if (opcode < 0) continue;
      EXPECT_TRUE(names.insert(row.name).second) << row.name;
      if (!row.old_name.empty()) { EXPECT_TRUE(names.insert(row.old_name).second) << row.old_name; }
      EXPECT_TRUE(opcodes.insert({row.format, opcode}).second) << row.name << " " << opcode;
    }
    EXPECT_GT(names.size(), 1000u);
  }
}

TEST(AmdTable, LaterGenerationsInherit) {
  size_t kept = 0;
  for (const Row& row : rows()) {
    if (row.in(Arch::gfx1100)) { EXPECT_TRUE(row.in(Arch::gfx1151)) << row.name; }
    kept += row.in(Arch::gfx1030) && row.in(Arch::gfx1100);
  }
  EXPECT_GT(kept, 800u);
  EXPECT_EQ(find("s_load_dword", Arch::gfx1030), op("s_load_b32"));
  EXPECT_EQ(find("s_load_b32", Arch::gfx1100), op("s_load_b32"));
  EXPECT_EQ(find("s_add_f32", Arch::gfx1100), std::nullopt);
  EXPECT_TRUE(find("s_add_f32", Arch::gfx1151));
}

TEST(AmdTable, SaysWhatIsReadAndWritten) {
  const Row& carry = row(op("v_add_co_ci_u32"));
  EXPECT_EQ(carry.count, 5);
  EXPECT_TRUE(carry.operands[1].writes && carry.operands[1].data == Data::mask && carry.operands[4].reads);
  EXPECT_EQ(carry.operands[1].dwords(64), 2);
  const Row& fmac = row(op("v_fmac_f32"));
  EXPECT_TRUE(fmac.operands[0].reads && fmac.operands[0].writes);
  EXPECT_EQ(row(op("v_cmpx_lt_f32")).writes, implicit::exec);
  EXPECT_EQ(row(op("s_and_b32")).writes, implicit::scc);
  EXPECT_EQ(row(op("s_addc_u32")).reads, implicit::scc);
  EXPECT_EQ(row(op("v_exp_f32")).unit, Unit::trans);
  const Row& wmma = row(op("v_wmma_f32_16x16x16_f16"));
  EXPECT_EQ(wmma.operands[0].dwords(32), 8);
  EXPECT_EQ(wmma.operands[0].dwords(64), 4);
  EXPECT_EQ(wmma.operands[1].dwords(64), 8);
  EXPECT_EQ(row(op("global_atomic_cmpswap_b64")).operands[2].dwords(), 4);
}

TEST(AmdTable, SaysWhichCountersRise) {
  const auto counted = [](std::string_view text) {
    const Result<Inst> inst = parse(text, {Arch::gfx1100, 32});
    EXPECT_TRUE(inst.ok()) << text;
    return inst.ok() ? counters(*inst) : 0xff;
  };
  EXPECT_EQ(counted("global_load_b32 v0, v[2:3], off"), counter::vm);
  EXPECT_EQ(counted("global_store_b32 v[2:3], v0, off"), counter::vs);
  EXPECT_EQ(counted("global_atomic_add_u32 v[2:3], v0, off"), counter::vs);
  EXPECT_EQ(counted("global_atomic_add_u32 v1, v[2:3], v0, off glc"), counter::vm);
  EXPECT_EQ(counted("flat_load_b32 v0, v[2:3]"), counter::vm | counter::lgkm);
  EXPECT_EQ(counted("ds_load_b32 v0, v2"), counter::lgkm);
  EXPECT_EQ(counted("s_load_b32 s0, s[2:3], 0x0"), counter::lgkm);
  EXPECT_EQ(counted("v_add_f32 v0, v1, v2"), 0);
}

TEST(AmdTable, ConstantsHaveTheBitsOfTheirOperand) {
  const OperandRow f16{.data = Data::f, .bits = 16}, f32{.data = Data::f}, f64{.data = Data::f, .bits = 64};
  const OperandRow i32{.data = Data::i}, i64{.data = Data::i, .bits = 64}, b64{.data = Data::b, .bits = 64};
  EXPECT_EQ(constant_bits(inline_float(242), f16), 0x3c00u);
  EXPECT_EQ(constant_bits(inline_float(242), f32), 0x3f800000u);
  EXPECT_EQ(constant_bits(inline_float(242), f64), 0x3ff0000000000000u);
  EXPECT_EQ(constant_bits(inline_float(248), f64), 0x3fc45f306dc9c882u);
  EXPECT_EQ(constant_bits(inline_int(-1), i32), 0xffffffffu);
  EXPECT_EQ(constant_bits(inline_int(-16), i64), ~uint64_t{0} - 15);
  EXPECT_EQ(constant_bits(literal(0x80000000), f64), 0x8000000000000000u);
  EXPECT_EQ(constant_bits(literal(0x80000000), i64), 0xffffffff80000000u);
  EXPECT_EQ(constant_bits(literal(0x80000000), b64), 0x80000000u);
}

// The same instruction may be spelt so that an assembler chooses other bytes: 0x3c00 is an inline constant,
// unused bits of a field have no text. Then the bytes of the text count.
TEST_P(AmdIsa, AssemblesToTheBytesOfLlvm) {
  NEED_LLVM();
  const Target t = GetParam();
  std::vector<std::string> texts;
  std::vector<Inst> insts;
  for (const Row& row : rows()) {
    if (!is_covered(row, t)) continue;
    for (Encoding e : encodings_of(row, t)) {
      const std::vector<Inst> list = cases(row, e, t);
      EXPECT_FALSE(list.empty()) << label(t) << ": the plain form of " << row.name << " in encoding "
                                 << static_cast<int>(e) << " does not encode";
      for (const Inst& inst : list) {
        texts.push_back(print(inst, t));
        insts.push_back(inst);
      }
    }
  }
  const std::vector<std::vector<std::byte>> theirs = llvm_assemble(texts, t);
  size_t equal = 0, refused = 0;
  int wrong = 0;
  for (size_t i = 0; i < texts.size() && wrong < 40; ++i) {
    if (is_llvm_bug(texts[i], t, &insts[i])) continue;
    const Result<Inst> parsed = parse(texts[i], t);
    if (!parsed && theirs[i].empty()) {
      ++refused;  // text that only a disassembler writes
      continue;
    }
    if (!parsed) {
      ADD_FAILURE() << label(t) << ": `" << texts[i] << "`: " << parsed.error().message;
      ++wrong;
      continue;
    }
    std::vector<std::byte> ours;
    if (check(*parsed, t).ok()) ours = encoded(*parsed, t);
    if (ours == theirs[i]) {
      ++(ours.empty() ? refused : equal);
    } else {
      ADD_FAILURE() << label(t) << ": `" << texts[i] << "` is " << hex(ours) << " here and " << hex(theirs[i])
                    << " in LLVM";
      ++wrong;
    }
  }
  EXPECT_GT(equal, t.wave == 32 ? 100'000u : 10'000u) << label(t);
  EXPECT_LT(refused, equal / 100) << label(t);
  fmt::print("{}: {} texts give equal bytes, {} are refused by both\n", label(t), equal, refused);
}

TEST_P(AmdIsa, DisassemblesToTheTextOfLlvm) {
  NEED_LLVM();
  const Target t = GetParam();
  const Llvm& llvm = *Llvm::get(t);
  int wrong = 0;
  for (const Row& row : rows()) {
    if (!is_covered(row, t)) continue;
    for (Encoding e : encodings_of(row, t))
      for (const Inst& inst : cases(row, e, t)) {
        const std::vector<std::byte> bytes = encoded(inst, t);
        const std::optional<LlvmDecoded> theirs = llvm.decode(bytes);
        const std::string ours = print(inst, t);
        if (theirs && theirs->text == ours && theirs->length == bytes.size()) continue;
        if (is_llvm_bug(ours, t, &inst)) continue;
        ADD_FAILURE() << label(t) << ": " << hex(bytes) << " is `" << ours << "` here and `"
                      << (theirs ? theirs->text : "refused") << "` in LLVM";
        if (++wrong == 40) return;
      }
  }
}

// Words at random. What LLVM disassembles to text that it assembles again, decodes here to the same text;
// what it refuses, is refused here.
TEST_P(AmdIsa, RandomWordsDecodeAsInLlvm) {
  NEED_LLVM();
  const Target t = GetParam();
  const Llvm& llvm = *Llvm::get(t);
  const unsigned seed = fuzz_seed();
  std::mt19937_64 random(seed);
  WordMaker maker(t, random);
  std::set<Op> reached;
  size_t agreed = 0, both_refuse = 0, beyond = 0;
  std::vector<std::string> disputed, details;
  const size_t words = nightly() ? 400'000 : 60'000;
  for (size_t n = 0; n < words; ++n) {
    const Words w = maker.next();
    const std::span<const std::byte> bytes = std::as_bytes(std::span(w));
    const std::optional<LlvmDecoded> theirs = llvm.decode(bytes);
    const Result<Decoded> ours = decode(bytes, t);
    const std::string text = ours.ok() ? print(llvm_sees(ours->inst), t) : "";
    if (ours.ok()) reached.insert(ours->inst.op);
    if (!theirs && ours.ok() &&
        (!llvm_has(row(ours->inst), ours->inst.encoding) || llvm_sees(ours->inst) != ours->inst)) {
      ++beyond;
      continue;
    }
    if (!theirs && !ours) {
      ++both_refuse;
    } else if (theirs && ours.ok() && theirs->text == text && theirs->length == ours->length) {
      ++agreed;
    } else {
      // What LLVM's disassembler lets through and its assembler refuses: offsets of FLAT with the sign bit,
      // gfx11.5's scalar sources of DPP on gfx11.
      if (theirs && !ours && ours.error().message.find("FLAT has no negative offset") != std::string::npos)
        continue;
      if (theirs && !ours && t.arch == Arch::gfx1100 && theirs->text.find("_e64_dpp ") != std::string::npos)
        continue;
      // LLVM reads a literal behind DPP, which has none (RDNA3 ISA, "DPP16"), and shows what its assembler
      // takes for an inline constant.
      const bool literal_of_dpp = (w[1] >> 9 & 0x1ff) == 255 || (w[1] >> 18 & 0x1ff) == 255;
      if (theirs && !ours && literal_of_dpp && theirs->text.find("_e64_dpp ") != std::string::npos) continue;
      // LLVM gives DPP8 to instructions without operands.
      if (theirs && theirs->text.find(' ') == std::string::npos) continue;
      if (theirs && (theirs->text.starts_with("v_nop ") || theirs->text.starts_with("v_pipeflush ") ||
                     theirs->text.starts_with("v_clrexcp ")))
        continue;
      if (theirs && theirs->text.starts_with("v_interp")) continue;  // graphics
      if (theirs && is_llvm_bug(theirs->text, t, ours.ok() ? &ours->inst : nullptr)) continue;
      const std::string detail =
          fmt::format("{}: {:08x} {:08x} {:08x} is `{}` here and `{}` in LLVM, seed {}", label(t), w[0], w[1],
                      w[2], ours.ok() ? text : ours.error().message, theirs ? theirs->text : "refused", seed);
      if (!theirs) {
        ADD_FAILURE() << detail;
        if (details.size() > 40) break;
      }
      disputed.push_back(theirs ? theirs->text : "");
      details.push_back(detail);
    }
  }
  const std::vector<std::vector<std::byte>> again = llvm_assemble(disputed, t);
  size_t one_way = 0;
  for (size_t i = 0; i < disputed.size(); ++i) {
    if (disputed[i].empty()) continue;
    if (again[i].empty()) ++one_way;
    else ADD_FAILURE() << details[i];
  }
  EXPECT_GT(agreed, words / 2);
  EXPECT_GT(both_refuse, words / 10);
  EXPECT_LT(one_way, agreed / 50);
  EXPECT_LT(beyond, t.arch == Arch::gfx1030 ? 1 : agreed / 5);
  fmt::print("{}: {} words decode alike, {} are refused by both, {} by LLVM's assembler\n", label(t), agreed,
             both_refuse, one_way);
  size_t in_reach = 0;
  for (const Row& row : rows()) in_reach += row.in(t.arch) && !(row.format == Format::vopd && t.wave == 64);
  EXPECT_GT(reached.size(), in_reach * 99 / 100);
}

struct Halves {
  uint32_t words[3];
  std::string_view ours, theirs;  // theirs: of llvm-mc-21, with real-true16, which is its default
};
// clang-format off
constexpr Halves halves[] = {
  {{0xd7644001, 0x00018319}, "v_xor_b16 v1, v25, -1 op_sel:[0,0,1]", "v_xor_b16 v1.h, v25.l, -1 op_sel:[0,0,1]"},
  {{0xd7624801, 0x00010301}, "v_and_b16 v1, v1, 1 op_sel:[1,0,1]", "v_and_b16 v1.h, v1.h, 1 op_sel:[1,0,1]"},
  {{0xd7384801, 0x00020702}, "v_lshlrev_b16 v1, v2, v3 op_sel:[1,0,1]", "v_lshlrev_b16 v1.h, v2.h, v3.l op_sel:[1,0,1]"},
  {{0xd65d5001, 0x00120702}, "v_cndmask_b16 v1, v2, v3, s4 op_sel:[0,1,1]", "v_cndmask_b16 v1.h, v2.l, v3.h, s4"},
  {{0xd5325001, 0x000207c8}, "v_add_f16_e64 v1, v200, v3 op_sel:[0,1,1]", "v_add_f16_e64 v1.h, v200.l, v3.h op_sel:[0,1,1]"},
  {{0xd59c4001, 0x00000182}, "v_mov_b16_e64 v1, v130 op_sel:[0,1]", "v_mov_b16_e64 v1.h, v130.l op_sel:[0,1]"},
  {{0xd6495001, 0x04120702}, "v_min3_f16 v1, v2, v3, v4 op_sel:[0,1,0,1]", "v_min3_f16 v1.h, v2.l, v3.h, v4.l op_sel:[0,1,0,1]"},
  {{0x7e02cd82}, "v_swap_b16 v1.l, v2.h", "v_swap_b16 v1.l, v2.h"},
  {{0x65030702}, "v_add_f16_e32 v1.h, v2, v3.h", "v_add_f16_e32 v1.h, v2.l, v3.h"},
  {{0x6d030702}, "v_fmac_f16_e32 v1.h, v2, v3.h", "v_fmac_f16_e32 v1.h, v2.l, v3.h"},
  {{0x71030702, 0x1234}, "v_fmaak_f16 v1.h, v2, v3.h, 0x1234", "v_fmaak_f16 v1.h, v2.l, v3.h, 0x1234"},
  {{0x7e021782}, "v_cvt_f32_f16_e32 v1, v2.h", "v_cvt_f32_f16_e32 v1, v2.h"},
  {{0x7f021502}, "v_cvt_f16_f32_e32 v1.h, v2", "v_cvt_f16_f32_e32 v1.h, v2"},
  {{0x7f02c502}, "v_sat_pk_u8_i16_e32 v1.h, v2", "v_sat_pk_u8_i16_e32 v1.h, v2"},
  {{0x7c740581}, "v_cmp_eq_u16_e32 vcc_lo, v1.h, v2", "v_cmp_eq_u16_e32 vcc_lo, v1.h, v2.l"},
  {{0x7cfb0581}, "v_cmp_class_f16_e32 vcc_lo, v1.h, v2.h", "v_cmp_class_f16_e32 vcc_lo, v1.h, v2.h"},
  {{0x650306fa, 0xff001b02}, "v_add_f16_dpp v1.h, v2, v3.h quad_perm:[3,2,1,0] row_mask:0xf bank_mask:0xf",
   "v_add_f16_dpp v1.h, v2.l, v3.h quad_perm:[3,2,1,0] row_mask:0xf bank_mask:0xf"},
};
// clang-format on
TEST(AmdHalves, AreWrittenAsLaterAssemblersReadThem) {
  for (const Halves& h : halves) {
    for (Target t : {Target{Arch::gfx1100, 32}, Target{Arch::gfx1151, 32}}) {
      const Result<Decoded> decoded = decode(std::as_bytes(std::span(h.words)), t);
      ASSERT_TRUE(decoded.ok()) << h.ours;
      EXPECT_EQ(print(decoded->inst, t), h.ours);
      for (std::string_view text : {h.ours, h.theirs}) {
        const Result<Inst> parsed = parse(text, t);
        ASSERT_TRUE(parsed.ok()) << text << ": " << parsed.error().message;
        const std::vector<std::byte> bytes = encoded(*parsed, t);
        ASSERT_EQ(bytes.size(), decoded->length) << text;
        EXPECT_EQ(std::memcmp(bytes.data(), h.words, bytes.size()), 0) << text << " is " << hex(bytes);
      }
    }
  }
}

// What decodes encodes to bytes that decode to the same, and its text is read back.
TEST_P(AmdIsa, WhatDecodesEncodesAndParses) {
  const Target t = GetParam();
  std::mt19937_64 random(fuzz_seed());
  WordMaker maker(t, random);
  int decoded_count = 0;
  const int words = nightly() ? 400'000 : 40'000;
  for (int n = 0; n < words; ++n) {
    const Words w = maker.next();
    const Result<Decoded> d = decode(std::as_bytes(std::span(w)), t);
    if (!d) continue;
    ++decoded_count;
    const std::vector<std::byte> bytes = encoded(d->inst, t);
    const Result<Decoded> again = decode(bytes, t);
    ASSERT_TRUE(again.ok() && again->inst == d->inst) << print(d->inst, t);
    const std::string text = print(d->inst, t);
    const Result<Inst> parsed = parse(text, t);
    if (!check(d->inst, t)) continue;
    ASSERT_TRUE(parsed.ok()) << text << ": " << parsed.error().message
                             << fmt::format(" {:08x} {:08x} {:08x}", w[0], w[1], w[2]);
  }
  EXPECT_GT(decoded_count, words / 3);
}

TEST(AmdDecode, CutOffCodeIsAnError) {
  const Target t{Arch::gfx1100, 32};
  for (std::string_view text :
       {"s_add_u32 s0, s1, 0x12345678", "v_fma_f32 v0, v1, v2, 0x12345678", "global_load_b32 v0, v[2:3], off",
        "v_add_f32_e64_dpp v1, v2, v3 quad_perm:[0,1,2,3] row_mask:0xf bank_mask:0xf",
        "v_dual_fmamk_f32 v1, v2, 0x12345678, v3 :: v_dual_mov_b32 v2, v7"}) {
    const Result<Inst> inst = parse(text, t);
    ASSERT_TRUE(inst.ok()) << inst.error().message;
    const std::vector<std::byte> bytes = encoded(*inst, t);
    for (size_t n = 0; n < bytes.size(); ++n) {
      // A copy of its own size, so that a sanitizer sees a read past the end.
      const std::vector<std::byte> part(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(n));
      EXPECT_FALSE(decode(part, t).ok()) << text << " cut to " << n;
    }
  }
}

// Words of tinygrad's instruction tests, which ran on RDNA3: operand fields that the instruction has no use
// for.
TEST(AmdDecode, ByTheRulesOfSiliconUnusedFieldsAreIgnored) {
  const Target t{Arch::gfx1100, 32};
  constexpr struct {
    uint32_t words[3];
    std::string_view text;
  } cases[] = {{{0xd8000000, 0x0200010a, 0}, "ds_add_u32 v10, v1"},
               {{0xd8400000, 0x0302010a, 0}, "ds_cmpstore_b32 v10, v1, v2"},
               {{0xca2004ff, 0x02000300, 7}, "v_dual_mov_b32 v2, 7 :: v_dual_add_nc_u32 v1, v0, v1"}};
  for (const auto& one : cases) {
    const auto bytes = std::as_bytes(std::span(one.words));
    EXPECT_FALSE(decode(bytes, t).ok()) << one.text << ": LLVM refuses it";
    const Result<Decoded> d = decode(bytes, t, Rules::silicon);
    ASSERT_TRUE(d.ok()) << d.error().message;
    EXPECT_EQ(print(d->inst, t), one.text);
  }
}

TEST(AmdParse, RefusesWithTheColumn) {
  const Target t{Arch::gfx1100, 32};
  const auto message = [&](std::string_view text) {
    const Result<Inst> inst = parse(text, t);
    return inst.ok() ? "accepted" : inst.error().message;
  };
  EXPECT_EQ(message("v_addd_f32 v0, v1, v2"),
            "column 1: expected an instruction of gfx1100, found `v_addd_f32`");
  EXPECT_EQ(message("  s_load_dwordx5 s0"),
            "column 3: expected an instruction of gfx1100, found `s_load_dwordx5`");
  EXPECT_EQ(message("v_add_f32 v0, v1"), "column 17: expected `,`, found the end");
  EXPECT_EQ(message("v_add_f32 v0, v1, v256"), "column 19: expected registers of v0 to v255, found `v256`");
  EXPECT_EQ(message("v_add_f32 v0, v1, v2 clam"),
            "column 22: expected a modifier, or the end of the line, found `clam`");
  EXPECT_EQ(message("s_waitcnt vmcnt(64)"), "column 17: expected 0 to 63, found `64`");
  EXPECT_EQ(message("s_mov_b32 s0, 0x123456789"),
            "column 15: expected a number of 32 bits, found `0x123456789`");
  EXPECT_EQ(message("s_mov_b32 s0, here"), "column 15: expected a number, or the name of one, found `here`");
  EXPECT_EQ(message("v_add_f32_e32 v0, v1, s2"),
            "column 1: v_add_f32 takes no such operands and modifiers in gfx1100");
  EXPECT_EQ(message(""), "column 1: expected an instruction, found the end");
}

TEST(AmdParse, ChoosesAsAssemblersDo) {
  const Target t{Arch::gfx1100, 32};
  const auto chosen = [&](std::string_view text) {
    const Result<Inst> inst = parse(text, t);
    return inst.ok() ? print(*inst, t) : inst.error().message;
  };
  EXPECT_EQ(chosen("v_add_f32 v0, v1, v2"), "v_add_f32_e32 v0, v1, v2");
  EXPECT_EQ(chosen("v_add_f32 v0, v1, s2"), "v_add_f32_e64 v0, v1, s2");
  EXPECT_EQ(chosen("v_add_f32 v0, -v1, v2"), "v_add_f32_e64 v0, -v1, v2");
  EXPECT_EQ(chosen("v_add_f32 v0, 1.0, v2"), "v_add_f32_e32 v0, 1.0, v2");
  EXPECT_EQ(chosen("v_add_f32 v0, 3.5, v2"), "v_add_f32_e32 v0, 0x40600000, v2");
  EXPECT_EQ(chosen("v_add_f16 v0, 3.5, v2"), "v_add_f16_e32 v0, 0x4300, v2");
  EXPECT_EQ(chosen("v_add_f64 v[0:1], 3.5, v[2:3]"), "v_add_f64 v[0:1], 0x400c0000, v[2:3]");
  EXPECT_EQ(chosen("v_cmp_lt_f32 vcc_lo, v1, v2"), "v_cmp_lt_f32_e32 vcc_lo, v1, v2");
  EXPECT_EQ(chosen("v_cmp_lt_f32 s4, v1, v2"), "v_cmp_lt_f32_e64 s4, v1, v2");
  EXPECT_EQ(chosen("v_mov_b32 v1, v2 quad_perm:[1,0,3,2]"),
            "v_mov_b32_dpp v1, v2 quad_perm:[1,0,3,2] row_mask:0xf bank_mask:0xf");
  EXPECT_EQ(chosen("s_mov_b32 s0, 0x3f800000"), "s_mov_b32 s0, 1.0");
  EXPECT_EQ(chosen("s_mov_b32 s0, (1<<4)|3"), "s_mov_b32 s0, 19");
  EXPECT_EQ(chosen("s_mov_b64 [s2,s3], exec"), "s_mov_b64 s[2:3], exec");
}

}  // namespace
}  // namespace doorbell::amd
