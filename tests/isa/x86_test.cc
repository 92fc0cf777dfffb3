// The x86 table against llvm-mc-19, an assembler and disassembler that we did not write: every row, in every
// form of its operands, in both directions. One invocation each way, since starting it costs more than a
// thousand instructions. Without llvm-mc-19 these tests skip, except where CI=true: there they fail.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "tests/isa/llvm_mc.h"
#include "tests/isa/x86_cases.h"

namespace doorbell::x86 {
namespace {

bool is_branch(const Inst& inst) {
  return match(inst)->count == 1 && match(inst)->operands[0].slot == Slot::distance;
}

const std::vector<Inst>& every_case() {
  static const std::vector<Inst> all = all_cases();
  return all;
}

std::vector<std::byte> encoded(const Inst& inst) {
  std::vector<std::byte> bytes;
  encode(inst, bytes);
  return bytes;
}

// A predicate of 0 or 4 and its kin name another instruction: vpcmpd 0 prints as vpcmpeqd, which is shorter.
bool prints_as_another(const Inst& inst) {
  const Result<Inst> again = parse(print(inst));
  return again.ok() && again->op != inst.op;
}

TEST(X86Table, NamesStandTogether) {
  std::set<std::string_view> done;
  std::string_view last;
  for (const Row& row : rows()) {
    if (row.name != last) { EXPECT_TRUE(done.insert(row.name).second) << row.name; }
    last = row.name;
  }
}

TEST(X86Table, EveryRowSpellsSomeInstruction) {
  std::set<const Row*> chosen;
  for (const Inst& inst : every_case()) {
    ASSERT_NE(match(inst), nullptr) << print(inst);
    chosen.insert(match(inst));
  }
  for (const Row& row : rows())
    EXPECT_TRUE(chosen.contains(&row))
        << row.name << " opcode " << fmt::format("{:02x}", row.opcode) << " format "
        << static_cast<int>(row.format) << " length " << static_cast<int>(row.length);
}

TEST(X86Table, AFormOfOperandsSelectsAName) {
  static_assert(op("vaddps", "ymm, ymm, m256") == op("vaddps"));
  static_assert(op("vaddps", "zmm, zmm, b32") == op("vaddps"));
  static_assert(op("shl", "r64, r8") == op("shl") && op("jmp", "rel") == op("jmp"));
  EXPECT_EQ(name(op("vfmadd231ps")), "vfmadd231ps");
}

TEST(X86Table, SaysWhatIsReadAndWritten) {
  const Inst fma(op("vfmadd231ps"), {zmm(0), zmm(1), zmm(2)});
  const Row* row = match(fma);
  EXPECT_TRUE(row->operands[0].writes && row->operands[0].reads && !row->operands[1].writes);
  EXPECT_EQ(row->features, feature::avx512f);
  const Inst add(op("vaddps"), {ymm(0), ymm(1), ymm(2)});
  EXPECT_FALSE(reads(*match(add), add, 0));
  EXPECT_EQ(match(add)->features, feature::avx);
  EXPECT_TRUE(reads(*match(add.masked(k(1))), add.masked(k(1)), 0));
  EXPECT_EQ(match(add.masked(k(1)))->features, feature::avx512f | feature::avx512vl);
  EXPECT_FALSE(reads(*match(add.masked(k(1), true)), add.masked(k(1), true), 0));
  const Inst compare = Inst(op("vcmpps"), {k(1), zmm(0), zmm(1), imm(1)}).masked(k(2));
  EXPECT_FALSE(reads(*match(compare), compare, 0));
  const Inst blend = Inst(op("vblendmps"), {zmm(0), zmm(1), zmm(2)}).masked(k(2));
  EXPECT_FALSE(reads(*match(blend), blend, 0));
  EXPECT_TRUE(needs_distinct_registers(
      *match(Inst(op("vpgatherdd"), {ymm(0), mem(256, r64(0), ymm(1), 4), ymm(2)}))));
  EXPECT_FALSE(needs_distinct_registers(*match(add)));
  const Inst divide(op("div"), {r64(1)});
  EXPECT_EQ(match(divide)->implicit_reads, 1u << 0 | 1u << 2);
  EXPECT_EQ(match(divide)->implicit_writes, 1u << 0 | 1u << 2 | implicit_flags);
  EXPECT_EQ(match(Inst(op("vpaddd"), {ymm(0), ymm(1), ymm(2)}))->features, feature::avx | feature::avx2);
  EXPECT_EQ(match(Inst(op("vpaddd"), {xmm(0), xmm(1), xmm(2)}))->features, feature::avx);
}

TEST(X86Encode, TellsWhereToPatch) {
  std::vector<std::byte> code(3);
  const Encoded jump = encode(Inst(op("jne"), {label(7)}), code);
  EXPECT_EQ(jump.offset, 3u);
  EXPECT_EQ(jump.size, 6u);
  EXPECT_EQ(jump.field, 5u);
  const Encoded constant = encode(Inst(op("vpshufd"), {ymm(1), rip(256), imm(3)}), code);
  EXPECT_EQ(constant.field + 5, constant.offset + constant.size);  // disp32, then the immediate
  EXPECT_EQ(encode(Inst(op("ret"), {}), code).field, 0u);
}

TEST(X86Encode, BytesEqualLlvmAssemblingOurText) {
  NEED_LLVM();
  std::string input = ".intel_syntax noprefix\n";
  std::vector<const Inst*> sent;
  for (const Inst& inst : every_case()) {
    if (is_branch(inst))
      continue;  // an assembler relaxes them to labels: their bytes are held by the disassembler
    input += print(inst) + "\n";
    sent.push_back(&inst);
  }
  std::vector<std::string> theirs;
  for (const std::string& line : llvm_mc("-x86-asm-syntax=intel -show-encoding", input))
    if (const size_t at = line.find("encoding: ["); at != line.npos)
      theirs.push_back(line.substr(at + 11, line.find(']', at) - at - 11));
  ASSERT_EQ(theirs.size(), sent.size());
  int wrong = 0;
  for (size_t i = 0; i < sent.size() && wrong < 40; ++i) {
    if (prints_as_another(*sent[i])) continue;
    const std::string ours = hex(encoded(*sent[i]));
    EXPECT_EQ(ours, theirs[i]) << print(*sent[i]) << (++wrong, "");
  }
  EXPECT_GT(sent.size(), 10 * rows().size());
}

TEST(X86Decode, TextEqualsLlvmDisassemblingOurBytes) {
  NEED_LLVM();
  std::string input;
  std::vector<std::string> ours;
  for (const Inst& inst : every_case()) {
    const std::vector<std::byte> bytes = encoded(inst);
    const Result<Decoded> decoded = decode(bytes);
    ASSERT_TRUE(decoded.ok()) << print(inst) << " " << hex(bytes) << " " << decoded.error().message;
    EXPECT_EQ(decoded->length, bytes.size()) << print(inst);
    EXPECT_EQ(encoded(decoded->inst), bytes) << print(inst);
    ours.push_back(print(decoded->inst));
    input += hex(bytes) + "\n";
  }
  const std::vector<std::string> theirs = disassembled(input);
  ASSERT_EQ(theirs.size(), ours.size());
  int wrong = 0;
  for (size_t i = 0; i < ours.size() && wrong < 40; ++i)
    EXPECT_EQ(ours[i], theirs[i]) << hex(encoded(every_case()[i])) << (ours[i] == theirs[i] ? 0 : ++wrong);
}

// Bytes at random, of which half begin as VEX or EVEX do, which chance would rarely do.
std::vector<std::byte> random_bytes(std::mt19937_64& random, size_t size) {
  std::vector<std::byte> bytes(size);
  for (std::byte& b : bytes) b = static_cast<std::byte>(random());
  constexpr uint8_t starts[] = {0x62, 0xc4, 0xc5, 0x62};
  const uint64_t kind = random() % 4;
  if (kind != 0) bytes[0] = static_cast<std::byte>(starts[random() % 4]);
  if (kind > 1 && size > 3 && bytes[0] != std::byte{0xc5}) {
    bytes[1] =
        static_cast<std::byte>((random() & (bytes[0] == std::byte{0xc4} ? 0xe0 : 0xf0)) | (1 + random() % 3));
    if (bytes[0] == std::byte{0x62}) bytes[2] |= std::byte{4};
  }
  if (kind == 3 && size > 3 && bytes[0] == std::byte{0x62}) {
    bytes[2] |= std::byte{0x78};  // no vvvv
    bytes[3] |= std::byte{0x08};
  }
  return bytes;
}

// The other way round: what the table accepts beyond its own spellings (ignored bits, long forms) is what
// llvm-mc reads there too.
TEST(X86Decode, ReadsRandomBytesAsLlvmDoes) {
  NEED_LLVM();
  const unsigned seed = std::random_device{}();
  std::mt19937_64 random(seed);
  std::string input;
  std::vector<std::string> ours, bytes_of;
  while (ours.size() < 20'000) {
    const std::vector<std::byte> bytes = random_bytes(random, 15);
    const Result<Decoded> d = decode(bytes);
    // llvm-mc-19 takes some EVEX instructions with W0 only where the manual says WIG (vpsllw, vpalignr).
    if (!d || (d->row->format == Format::evex && d->row->w == ignored &&
               (bytes[2] & std::byte{0x80}) != std::byte{}))
      continue;
    ours.push_back(print(d->inst));
    bytes_of.push_back(hex(std::span(bytes).first(d->length)));
    input += bytes_of.back() + "\n";
  }
  const std::vector<std::string> theirs = disassembled(input);
  ASSERT_EQ(theirs.size(), ours.size()) << "seed " << seed;
  for (size_t i = 0; i < ours.size(); ++i) {
    // What could be said shorter prints so in llvm-mc: [rax + 2*riz], [1*rcx], a shift whose immediate is 1.
    if (theirs[i].find("riz") != std::string::npos || theirs[i].find("[1*") != std::string::npos ||
        theirs[i] == ours[i] + ", 1")
      continue;
    ASSERT_EQ(ours[i], theirs[i]) << bytes_of[i] << " seed " << seed;
  }
}

TEST(X86Text, ParsesWhatItPrints) {
  for (const Inst& inst : every_case()) {
    const std::string text = print(inst);
    const Result<Inst> again = parse(text);
    ASSERT_TRUE(again.ok()) << again.error().message;
    ASSERT_TRUE(*again == inst || prints_as_another(inst)) << text;
    ASSERT_EQ(print(*again), text);
  }
}

TEST(X86Text, LabelsRoundTrip) {
  const Result<Inst> jump = parse("jne .L12");
  ASSERT_TRUE(jump.ok());
  EXPECT_EQ(*jump, Inst(op("jne"), {label(12)}));
  EXPECT_EQ(print(*jump), "jne .L12");
}

TEST(X86Text, RefusesWithTheOffset) {
  EXPECT_EQ(parse("vaddpz ymm0, ymm1").error().message,
            "x86: offset 6 of `vaddpz ymm0, ymm1`: expected a mnemonic of the table");
  EXPECT_EQ(parse("mov eax, [rax +").error().message,
            "x86: offset 15 of `mov eax, [rax +`: expected a register");
  EXPECT_EQ(parse("mov eax, xmm1").error().message,
            "x86: `mov eax, xmm1`: no form of mov takes these operands");
  EXPECT_FALSE(parse("mov eax, dword ptr [rax + 3*rcx]").ok());
  EXPECT_FALSE(parse("mov eax, dword ptr [rax + 8*rsp]").ok());
  EXPECT_FALSE(parse("mov eax, dword ptr [rax + 2147483648]").ok());
  EXPECT_FALSE(parse("vmovups zmmword ptr [rax] {k1} {z}, zmm0").ok());
  EXPECT_FALSE(parse("").ok());
}

TEST(X86Decode, CutOffBytesAreAnError) {
  for (const Inst& inst : every_case()) {
    const std::vector<std::byte> bytes = encoded(inst);
    for (size_t n = 0; n < bytes.size(); ++n) {
      // A copy of its own size, so that a sanitizer sees a read past the end.
      const std::vector<std::byte> part(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(n));
      ASSERT_FALSE(decode(part).ok()) << print(inst) << " cut to " << n;
    }
  }
}

TEST(X86Decode, WhatRandomBytesDecodeToEncodesToTheSameText) {
  const unsigned seed = std::random_device{}();
  std::mt19937_64 random(seed);
  int decoded_count = 0;
  for (int n = 0; n < 1'000'000; ++n) {
    const std::vector<std::byte> bytes = random_bytes(random, 1 + random() % 16);
    const Result<Decoded> d = decode(bytes);
    if (!d) continue;
    ++decoded_count;
    ASSERT_LE(d->length, bytes.size()) << "seed " << seed;
    const std::string text = print(d->inst);
    const Result<Inst> parsed = parse(text);
    ASSERT_TRUE(parsed.ok()) << parsed.error().message << " seed " << seed;
    ASSERT_EQ(print(*parsed), text) << "seed " << seed;
    ASSERT_NE(match(d->inst), nullptr) << text << " seed " << seed;
    const std::vector<std::byte> again = encoded(d->inst);
    const Result<Decoded> second = decode(again);
    ASSERT_TRUE(second.ok()) << text << " seed " << seed;
    ASSERT_EQ(encoded(second->inst), again) << text << " seed " << seed;
  }
  EXPECT_GT(decoded_count, 10'000) << "seed " << seed;
}

}  // namespace
}  // namespace doorbell::x86
