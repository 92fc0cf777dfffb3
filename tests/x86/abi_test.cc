// The calling convention of a kernel (codegen/target/x86/isa.h), seen from its caller, and errors of
// compile().
#include <immintrin.h>

#include "tests/x86/harness.h"

// Calls fn(args, x, y, z, local) with known values in the registers that belong to the caller, and reports
// what is in them afterwards, then rsp's change. The groups come with garbage above their 32 bits, as the ABI
// allows.
extern "C" void doorbell_abi_probe(void* fn, const uint64_t* args, std::byte* local, const uint64_t in[6],
                                   uint64_t out[7]);
asm(R"(
.intel_syntax noprefix
.globl doorbell_abi_probe
doorbell_abi_probe:
  push rbx
  push rbp
  push r12
  push r13
  push r14
  push r15
  push r8
  mov rax, rdi
  mov r10, rcx
  mov rdi, rsi
  mov r8, rdx
  movabs rsi, 0xdead000000000001
  movabs rdx, 0xbeef000000000000
  movabs rcx, 0xffffffff00000002
  mov rbx, [r10]
  mov rbp, [r10 + 8]
  mov r12, [r10 + 16]
  mov r13, [r10 + 24]
  mov r14, [r10 + 32]
  mov r15, [r10 + 40]
  mov [rip + doorbell_abi_rsp], rsp
  call rax
  mov rax, [rsp]
  mov [rax], rbx
  mov [rax + 8], rbp
  mov [rax + 16], r12
  mov [rax + 24], r13
  mov [rax + 32], r14
  mov [rax + 40], r15
  mov rcx, rsp
  sub rcx, [rip + doorbell_abi_rsp]
  mov [rax + 48], rcx
  pop r8
  pop r15
  pop r14
  pop r13
  pop r12
  pop rbp
  pop rbx
  ret
.data
doorbell_abi_rsp: .quad 0
.text
.att_syntax prefix
)");

namespace doorbell {
namespace {

// Many values at once, uniform and varying, so that all registers are used and some spilled.
Lowered crowded(Graph& g) {
  Build b(g, 8);
  auto x = b.param(dtype::i32, 4096), y = b.param(dtype::f32, 4096), z = b.param(dtype::i32, 4096);
  auto lane = b.lane(), gx = b.group(0), gy = b.group(1), gz = b.group(2);
  b.k.grid[0] = 2, b.k.grid[2] = 3;
  std::vector<const Node*> scalars, vectors;
  for (int i = 0; i < 40; ++i) scalars.push_back(b.load(x, b.op(Op::Add, {gx, b.i(i * 3)})));
  for (int i = 0; i < 40; ++i) vectors.push_back(b.load(y, b.op(Op::Add, {lane, b.i(8 * i)})));
  auto where =
      b.op(Op::Add, {b.op(Op::Mul, {gx, b.i(500)}), b.op(Op::Add, {b.op(Op::Mul, {gz, b.i(1000)}), gy})});
  for (int i = 0; i < 40; ++i) {
    b.store(z, b.op(Op::Add, {where, b.i(i)}),
            b.op(Op::Mul, {scalars[static_cast<size_t>(i)], scalars[static_cast<size_t>(39 - i)]}));
    b.store(y, b.op(Op::Add, {lane, b.op(Op::Add, {where, b.i(8 * i + 400)})}),
            b.op(Op::Mul, {vectors[static_cast<size_t>(i)], vectors[static_cast<size_t>(39 - i)]}));
  }
  return b.k;
}

TEST(Abi, CallerKeepsItsRegistersStackAndModes) {
  Graph g;
  const Lowered kernel = crowded(g);
  auto features = x86::host_features();
  ASSERT_TRUE(features.ok());
  x86::Trace trace;
  auto image = x86::compile(kernel, *features, &trace);
  ASSERT_TRUE(image.ok());
  EXPECT_GT(trace.spilled, 0);
  Executable program(*image);
  std::vector<int32_t> x(4096, 3), z(4096);
  std::vector<float> y(4096, 2);
  const uint64_t args[] = {reinterpret_cast<uint64_t>(x.data()), reinterpret_cast<uint64_t>(y.data()),
                           reinterpret_cast<uint64_t>(z.data())};
  const uint64_t in[6] = {0x1111, 0x2222222222222222, 0x3333, 0xffffffffffffffff, 0x5555, 0x6666};
  uint64_t out[7] = {};
  const uint32_t before = _mm_getcsr();
  doorbell_abi_probe(reinterpret_cast<void*>(program.entry()), args, nullptr, in, out);
  EXPECT_EQ(_mm_getcsr() & ~0x3fu, before & ~0x3fu);  // all but the sticky exception flags
  for (int i = 0; i < 6; ++i) EXPECT_EQ(out[i], in[i]) << i;
  EXPECT_EQ(out[6], 0u) << "rsp";
  // Group (1, 0, 2): the garbage above 32 bits was not seen.
  EXPECT_EQ(z[2500], 9);
  EXPECT_EQ(z[2539], 9);
  EXPECT_EQ(y[2900], 4.0f);
}

TEST(Abi, UpperHalvesAreZeroOnReturn) {
  Graph g;
  const Lowered kernel = crowded(g);
  auto image = x86::compile(kernel, *x86::host_features());
  ASSERT_TRUE(image.ok());
  const std::string code = x86::disassemble(*image);
  const size_t zero = code.find("vzeroupper"), ret = code.find("ret\n");
  ASSERT_NE(zero, std::string::npos);
  ASSERT_NE(ret, std::string::npos);
  EXPECT_LT(zero, ret);
  EXPECT_EQ(code.find("ymm", zero), std::string::npos) << "a vector is used behind vzeroupper";
}

TEST(Abi, ImagesNameTheirArgumentsAndFeatures) {
  Graph g;
  Build b(g, 8, "three");
  Symbol s = make_symbol("n", 0, 4);
  b.k.symbols = {s.id};
  auto x = b.param(dtype::f32, 8);
  auto tile = b.alloc(dtype::f32, Space::Local, 0, 17);
  b.store(tile, b.lane(), b.load(x, b.lane()));
  auto image = x86::compile(b.k, *x86::host_features());
  ASSERT_TRUE(image.ok()) << image.error().message;
  EXPECT_EQ(image->isa, "x86-64");
  EXPECT_EQ(image->name, "three");
  EXPECT_EQ(image->lanes, 8u);
  EXPECT_EQ(image->local_bytes, 128u);  // of 68, up to a cache line
  EXPECT_EQ(image->arguments, (std::vector{ArgumentKind::buffer, ArgumentKind::value}));
  EXPECT_NE(std::ranges::find(image->features, "avx2"), image->features.end());
}

TEST(Compile, RefusesWhatItCannotSelect) {
  const auto features = *x86::host_features();
  Graph g;
  Build b(g, 8);
  auto x = b.param(dtype::f32, 8);
  b.store(x, b.lane(), b.op(Op::Exp, {b.load(x, b.lane())}));
  auto image = x86::compile(b.k, features);
  ASSERT_FALSE(image.ok());
  EXPECT_NE(image.error().message.find("x86-64 has no exp of f32"), std::string::npos)
      << image.error().message;

  Build copies(g, 8);
  auto y = copies.param(dtype::f32, 8);
  const Node* tile = g.make(Op::Alloc, dtype::f32, {}, {0, static_cast<int64_t>(Space::Local), 8});
  copies.k.body.push_back(tile);
  copies.k.body.push_back(g.make(Op::CopyAsync, dtype::none, {tile, copies.lane(), y, copies.lane()}));
  copies.k.body.push_back(g.make(Op::Await, dtype::none, {copies.k.body.back()}));
  image = x86::compile(copies.k, features);
  ASSERT_FALSE(image.ok());
  EXPECT_NE(image.error().message.find("no engine that copies"), std::string::npos) << image.error().message;

  Build odd(g, 6);
  EXPECT_FALSE(x86::compile(odd.k, features).ok());
  EXPECT_NE(x86::compile(odd.k, features).error().message.find("6 lanes"), std::string::npos);

  Build plain(g, 8);
  auto below = x86::compile(plain.k, features & ~x86::Features{x86::feature::fma});
  ASSERT_FALSE(below.ok());
  EXPECT_TRUE(below.error().message.starts_with("this processor lacks fma;")) << below.error().message;
}

}  // namespace
}  // namespace doorbell
