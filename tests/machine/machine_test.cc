// The passes over machine programs, on the toy instruction set: a random program gives the same results
// before and after, however few registers it is allowed.
#include <gtest/gtest.h>

#include <chrono>
#include <random>

#include "codegen/machine/allocate.h"
#include "codegen/machine/liveness.h"
#include "codegen/machine/schedule.h"
#include "tests/machine/toy.h"

namespace doorbell {
namespace {

using namespace machine;

Operand part(Operand o, unsigned sub, unsigned count) {
  o.sub = static_cast<uint8_t>(sub);
  o.count = static_cast<uint8_t>(count);
  return o;
}

class RandomProgram {
 public:
  explicit RandomProgram(uint64_t seed) : random_(seed) {}

  Program make() {
    p_.name = "toy";
    p_.blocks.emplace_back();
    for (int i = 0; i < 4; ++i) scalars_.push_back(constant());
    tuples_.push_back(tuple());
    region(0, 4 + n(40), false);
    for (Reg r : scalars_) emit(Inst(toy::out, {use(r, 0)}, ordered));
    for (Reg r : tuples_) {
      Reg d = p_.make_reg(toy::s_file);
      emit(Inst(toy::sum4, {def(d, 0), part(use(r, 0), 0, 4)}));
      emit(Inst(toy::out, {use(d, 0)}, ordered));
    }
    emit(Inst(toy::ret, {}, returns));
    return std::move(p_);
  }

 private:
  uint64_t n(uint64_t below) { return random_() % below; }
  void emit(const Inst& inst) { p_.blocks.back().insts.push_back(inst); }
  Reg scalar() { return scalars_[n(scalars_.size())]; }
  Reg constant() {
    Reg r = p_.make_reg(toy::s_file);
    emit(Inst(toy::li, {def(r, 0), imm(static_cast<int64_t>(n(1000)))}, remat));
    return r;
  }
  Reg fresh(std::vector<Reg>& list, unsigned file, unsigned size = 1, unsigned align = 1) {
    if (!list.empty() && n(3) == 0) return list[n(list.size())];  // a register may be written again
    list.push_back(p_.make_reg(file, size, align));
    return list.back();
  }
  Reg tuple() {
    Reg r = p_.make_reg(toy::t_file, 4, n(2) ? 4 : 1);
    emit(Inst(toy::make4, {part(def(r, 0), 0, 4), use(scalar(), 0)}));
    return r;
  }

  void region(int depth, uint64_t count, bool scoped = true) {
    const size_t scalars = scalars_.size(), tuples = tuples_.size();
    for (uint64_t i = 0; i < count; ++i) {
      if (depth < 3 && n(12) == 0) loop(depth, 1 + n(12));
      else if (n(12) == 0 && count > 1) conditional(depth, 1 + n(std::min<uint64_t>(count - 1, 6)));
      else simple();
    }
    if (!scoped) return;  // what a loop or an arm defined is not in scope behind it
    scalars_.resize(scalars);
    tuples_.resize(tuples);
  }
  void block(int depth) { p_.blocks.emplace_back().depth = depth; }
  void loop(int depth, uint64_t count) {
    Reg counter = p_.make_reg(toy::s_file);
    emit(Inst(toy::li, {def(counter, 0), imm(static_cast<int64_t>(1 + n(4)))}));
    block(depth + 1);
    const size_t head = p_.blocks.size() - 1;
    region(depth + 1, count);
    emit(Inst(toy::dec, {update(counter, 0)}));
    emit(Inst(toy::again, {use(counter, 0), machine::block(head)}, branch));
    block(depth);
  }
  void conditional(int depth, uint64_t count) {
    const size_t from = p_.blocks.size() - 1;
    emit(Inst(toy::skip, {use(scalar(), 0), machine::block(0)}, branch));
    block(depth);
    region(depth, count);
    block(depth);
    p_.blocks[from].insts.back().operands[1].imm = static_cast<int64_t>(p_.blocks.size() - 1);
  }
  void simple_in_place() { emit(Inst(toy::mac, {update(scalar(), 0), use(scalar(), 0), use(scalar(), 0)})); }

  void simple() {
    switch (n(12)) {
      case 0: scalars_.push_back(constant()); break;
      case 1:
      case 2: {
        Reg a = scalar(), b = scalar();
        emit(Inst(toy::add, {def(fresh(scalars_, toy::s_file), 0), use(a, 0), use(b, 0)}));
        break;
      }
      case 3: simple_in_place(); break;
      case 4: {
        Reg a = scalar(), b = scalar();
        Operand d = def(p_.make_reg(toy::s_file), 0);
        d.early = true;
        emit(Inst(toy::hard, {d, use(a, 0), use(b, 0)}));
        scalars_.push_back(d.reg);
        break;
      }
      case 5: tuples_.push_back(tuple()); break;
      case 6: {
        if (tuples_.size() < 2) break;
        const unsigned a = static_cast<unsigned>(n(3)), b = static_cast<unsigned>(n(3));
        Reg x = tuples_[n(tuples_.size())], y = tuples_[n(tuples_.size())];
        if (x == y) break;
        emit(Inst(toy::mix2, {part(update(x, 0), a, 2), part(use(y, 0), b, 2)}));
        break;
      }
      case 7: {
        if (tuples_.empty()) break;
        Reg t = tuples_[n(tuples_.size())];
        emit(Inst(toy::get,
                  {def(fresh(scalars_, toy::s_file), 0), part(use(t, 0), static_cast<unsigned>(n(4)), 1)}));
        break;
      }
      case 8: {
        if (tuples_.empty()) break;
        Reg t = tuples_[n(tuples_.size())];
        emit(Inst(toy::put, {part(def(t, 0), static_cast<unsigned>(n(4)), 1), use(scalar(), 0)}));
        break;
      }
      case 9: {  // a new tuple, part by part
        Reg t = p_.make_reg(toy::t_file, 4, 2);
        for (unsigned k = 0; k < 4; ++k) {
          Operand d = part(def(t, 0), k, 1);
          d.undef = k == 0;
          emit(Inst(toy::put, {d, use(scalar(), 0)}));
        }
        tuples_.push_back(t);
        break;
      }
      case 10: {  // fixed registers
        Reg s0 = Reg::physical(toy::s_file, 0), s1 = Reg::physical(toy::s_file, 1);
        Operand a = update(s0, 0), b = def(s1, 0);
        a.implicit = b.implicit = true;
        emit(Inst(op_copy, {def(s0, 0), use(scalar(), 0)}));
        emit(Inst(toy::fixed, {a, b}, glued));
        Reg d = p_.make_reg(toy::s_file), e = p_.make_reg(toy::s_file);
        emit(Inst(op_copy, {def(d, 0), use(s0, 0)}, glued));
        emit(Inst(op_copy, {def(e, 0), use(s1, 0)}, glued));
        scalars_.push_back(d);
        scalars_.push_back(e);
        break;
      }
      default: {  // a copy that both ends survive
        Reg d = p_.make_reg(toy::s_file);
        emit(Inst(op_copy, {def(d, 0), use(scalar(), 0)}));
        scalars_.push_back(d);
        break;
      }
    }
  }

  std::mt19937_64 random_;
  Program p_;
  std::vector<Reg> scalars_, tuples_;
};

TEST(Allocation, KeepsResultsUnderAnyBudget) {
  const uint64_t first =
      getenv("DOORBELL_SEED") ? std::strtoull(getenv("DOORBELL_SEED"), nullptr, 10) : std::random_device()();
  const auto machine = toy::describe();
  int spills = 0, repeats = 0, programs = 0;
  const auto start = std::chrono::steady_clock::now();
  const double seconds = getenv("DOORBELL_NIGHTLY") ? 300 : 2;
  for (uint64_t seed = first;; ++seed) {
    SCOPED_TRACE(fmt::format("DOORBELL_SEED={}", seed));
    const Program original = RandomProgram(seed).make();
    if (Status s = verify(original, machine); !s) FAIL() << s.error().message;
    const auto expected = toy::Interpreter(original).run();
    Program reduced = original;
    remove_dead(reduced);
    EXPECT_EQ(toy::Interpreter(reduced).run(), expected) << "after remove_dead";
    coalesce(reduced, machine);
    if (Status s = verify(reduced, machine); !s) FAIL() << s.error().message;
    EXPECT_EQ(toy::Interpreter(reduced).run(), expected) << "after coalesce";
    for (bool in_order : {false, true}) {
      auto in = machine;
      in.in_order = in_order;
      Program scheduled = reduced;
      schedule(scheduled, in, std::vector<size_t>{6, 14});
      if (Status s = verify(scheduled, machine); !s) FAIL() << s.error().message;
      EXPECT_EQ(toy::Interpreter(scheduled).run(), expected) << "after schedule";
      if (in_order) reduced = scheduled;
    }
    for (const std::vector<size_t>& budget : {std::vector<size_t>{16, 32}, {8, 16}, {5, 12}, {4, 8}}) {
      Program p = reduced;
      auto allocation = allocate(p, machine, budget);
      ASSERT_TRUE(allocation.ok()) << allocation.error().message;
      if (Status s = verify(p, machine, true); !s) FAIL() << s.error().message << print(p, machine);
      for (size_t f = 0; f < 2; ++f)
        for (size_t r = budget[f]; r < allocation->used[f].size(); ++r) EXPECT_FALSE(allocation->used[f][r]);
      EXPECT_EQ(toy::Interpreter(p).run(), expected) << print(original, machine) << print(p, machine);
      spills += allocation->spilled;
      repeats += allocation->repeated;
    }
    if (HasFailure()) return;
    ++programs;
    if (std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count() > seconds &&
        programs > 50)
      break;
  }
  EXPECT_GT(spills, 0);
  EXPECT_GT(repeats, 0);
  fmt::print("{} programs from seed {}, {} spilled, {} repeated\n", programs, first, spills, repeats);
}

TEST(Allocation, SaysWhichBudgetIsTooSmall) {
  const auto machine = toy::describe();
  Program p = RandomProgram(1).make();
  auto result = allocate(p, machine, std::vector<size_t>{4, 3});
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().message,
            "toy: one instruction needs more registers of file t than the budget of 3");
}

// Six values made first and used last: in order of need, four registers do.
TEST(Scheduling, BringsUsesForwardWhenRegistersRunOut) {
  const auto machine = toy::describe();
  std::string text = "program p\n", body = "block 0\n";
  for (int i = 0; i < 17; ++i) text += "vreg s 1 1\n";
  for (int i = 0; i < 8; ++i) body += fmt::format("  li =v{}:any #{}\n", i, i + 1);
  body += "  add =v8:any v0:any v0:any\n";
  for (int i = 1; i < 8; ++i) body += fmt::format("  add =v{}:any v{}:any v{}:any\n", 8 + i, 7 + i, i);
  auto p = parse(text + body + "  out v15:any !ordered\n  ret !returns\n", machine);
  ASSERT_TRUE(p.ok()) << p.error().message;
  const auto expected = toy::Interpreter(*p).run();
  const std::vector<size_t> budget{3, 8};
  schedule(*p, machine, budget);
  auto allocation = allocate(*p, machine, budget);
  ASSERT_TRUE(allocation.ok());
  EXPECT_EQ(allocation->spilled, 0);
  EXPECT_EQ(toy::Interpreter(*p).run(), expected);
}

TEST(Scheduling, HidesLatencyOnAnInOrderMachine) {
  auto machine = toy::describe();
  machine.in_order = true;
  auto p = parse(R"(program p
vreg s 1 1
vreg t 4 4
vreg s 1 1
vreg s 1 1
vreg s 1 1
block 0
  li =v0:any #3
  li =v3:any #4
  make4 =v1.0*4:any v0:any
  sum4 =v2:any v1.0*4:any
  add =v4:any v3:any v3:any
  out v4:any !ordered
  out v2:any !ordered
  ret !returns
)",
                 machine);
  ASSERT_TRUE(p.ok()) << p.error().message;
  schedule(*p, machine, std::vector<size_t>{8, 8});
  // The independent add moves between the tuple's making, which takes four cycles, and its use.
  EXPECT_EQ(p->blocks[0].insts[4].op, toy::sum4);
}

TEST(Scheduling, KeepsAccessesThatMayMeetInOrder) {
  const auto machine = toy::describe();
  auto text = [](int disp, int first, int second) {
    return fmt::format(R"(program p
vreg s 1 1
vreg s 1 1
vreg s 1 1
vreg s 1 1
block 0
  li =v0:any #3
  li =v1:any #3
  addm =v2:any v0:any [v0 + 0]:32 !stores mem {}
  addm =v3:any v1:any [v0 + {}]:32 !loads mem {}
  out v3:any !ordered
  ret !returns
)",
                       first, disp, second);
  };
  // Whether the load may rise above the store, which a budget of no registers would have it do.
  auto rises = [&](int disp, int first, int second) {
    auto p = parse(text(disp, first, second), machine);
    EXPECT_TRUE(p.ok());
    auto in = machine;
    in.in_order = true;
    in.latency = [](const Inst& inst) { return inst.has(loads) ? 9 : 1; };
    schedule(*p, in, std::vector<size_t>{8, 8});
    size_t load = 0, store = 0;
    for (size_t i = 0; i < p->blocks[0].insts.size(); ++i) {
      if (p->blocks[0].insts[i].has(loads)) load = i;
      if (p->blocks[0].insts[i].has(stores)) store = i;
    }
    return load < store;
  };
  EXPECT_FALSE(rises(0, 1, 1));
  EXPECT_FALSE(rises(2, 1, 1));
  EXPECT_TRUE(rises(4, 1, 1));  // side by side
  EXPECT_TRUE(rises(0, 1, 2));  // another object
}

TEST(Coalescing, JoinsATiedOperandWithItsSource) {
  const auto machine = toy::describe();
  auto p = parse(R"(program p
vreg s 1 1
vreg s 1 1
block 0
  li =v0:any #3
  copy =v1:any v0:any
  mac +v1:any v1:any v1:any
  out v1:any !ordered
  ret !returns
)",
                 machine);
  ASSERT_TRUE(p.ok()) << p.error().message;
  coalesce(*p, machine);
  EXPECT_EQ(p->blocks[0].insts.size(), 4u);
  EXPECT_EQ(toy::Interpreter(*p).run(), std::vector<uint64_t>{12});
}

TEST(Coalescing, KeepsACopyWhoseSourceLivesOn) {
  const auto machine = toy::describe();
  auto p = parse(R"(program p
vreg s 1 1
vreg s 1 1
block 0
  li =v0:any #3
  copy =v1:any v0:any
  mac +v1:any v0:any v0:any
  out v1:any !ordered
  out v0:any !ordered
  ret !returns
)",
                 machine);
  ASSERT_TRUE(p.ok()) << p.error().message;
  coalesce(*p, machine);
  EXPECT_EQ(p->blocks[0].insts.size(), 6u);
}

TEST(Text, RoundTrips) {
  const auto machine = toy::describe();
  for (uint64_t seed = 0; seed < 50; ++seed) {
    Program p = RandomProgram(seed).make();
    p.pool.push_back({{std::byte{1}, std::byte{0xfe}}});
    p.slots.push_back({32});
    p.inputs.push_back(Reg::physical(1, 7));
    Operand m = mem(64, Reg::make_virtual(0), Reg::make_virtual(1), 4, -12), q = pool(16, 0, 8);
    m.broadcast = 4;
    p.blocks[0].insts.insert(p.blocks[0].insts.begin(),
                             Inst(toy::addm, {m, q, slot(8, 0)}, loads | stores | masked | zeroing));
    p.blocks[0].insts.front().memory = 3;
    auto again = parse(print(p, machine), machine);
    ASSERT_TRUE(again.ok()) << again.error().message;
    EXPECT_EQ(print(*again, machine), print(p, machine));
    EXPECT_TRUE(*again == p);
  }
}

TEST(Text, ErrorsNameTheLine) {
  const auto machine = toy::describe();
  for (auto [text, message] : {std::pair{"block 0\n  frob v0:any", "line 2: no instruction 'frob'"},
                               {"vreg q 1 1", "line 1: expected 'vreg FILE SIZE ALIGNMENT'"},
                               {"  li =v0:any", "line 1: 'li' outside of a block"},
                               {"block 0\n  li =v0:none #1", "line 2: no operand at"},
                               {"block 0\n  ret !gone", "line 2: no flag 'gone'"},
                               {"slot x", "line 1: expected a size in bytes"}}) {
    auto p = parse(text, machine);
    ASSERT_FALSE(p.ok());
    EXPECT_NE(p.error().message.find(message), std::string::npos) << p.error().message;
  }
}

struct Broken {
  const char* text;
  const char* rule;
};
class Rules : public testing::TestWithParam<Broken> {};

TEST_P(Rules, EachIsChecked) {
  const auto machine = toy::describe();
  std::string head = "program p\nvreg s 1 1\nvreg t 4 1\nslot 8\n";
  auto p = parse(head + GetParam().text, machine);
  ASSERT_TRUE(p.ok()) << p.error().message;
  Status s = verify(*p, machine);
  ASSERT_FALSE(s.ok()) << GetParam().rule;
  EXPECT_NE(s.error().message.find(GetParam().rule), std::string::npos) << s.error().message;
}
INSTANTIATE_TEST_SUITE_P(
    Verify, Rules,
    testing::Values(
        Broken{"", "has no blocks"},
        Broken{"vreg s 0 1\nblock 0\n  ret !returns\n", "has a size and an alignment"},
        Broken{"block -1\n  ret !returns\n", "lies in -1 loops"},
        Broken{"block 0\n  ret !returns !glued\n", "is glued to nothing"},
        Broken{"block 0\n  ret !returns\n  li =v0:any #1\n", "stands behind the end of its block"},
        Broken{"block 0\n  li =v0:any #1\n", "the last block falls off the end"},
        Broken{"block 0\n  skip v0:any @4 !branch\n  ret !returns\n", "branches to no block"},
        Broken{"block 0\n  li =v0:any #1\n  skip v0:any !branch\n  ret !returns\n", "branches to nowhere"},
        Broken{"block 0\n  li =v0:any #1\n  skip +v0:any @0 !branch\n  ret !returns\n",
               "writes a register as it leaves its block"},
        Broken{"block 0\n  li =v0:any @0\n  ret !returns\n", "has a block but does not branch"},
        Broken{"block 0\n  li =v7:any #1\n  ret !returns\n", "names a virtual register that is not there"},
        Broken{"block 0\n  put =v1.4*1:any v0:any\n  ret !returns\n", "names a part that its tuple has not"},
        Broken{"block 0\n  li =v0.0*0:any #1\n  ret !returns\n", "has an operand of no registers"},
        Broken{"block 0\n  li ^+v0:any #1\n  ret !returns\n", "leaves undefined what it does not define"},
        Broken{"block 0\n  addm =v0:any v0:any [slot 1 + 0]:8\n  ret !returns\n",
               "names a pool entry or slot that is not there"},
        Broken{"block 0\n  copy +v0:any v0:any\n  ret !returns\n", "copies one register to another"},
        Broken{"block 0\n  add =v0:any v0:any v0:any !remat\n  ret !returns\n",
               "reads a register, so it cannot be repeated"},
        Broken{"block 0\n  out v0:any\n  ret !returns\n", "v0 is read where nothing has written it"},
        Broken{"block 0\n  out s:3:any\n  ret !returns\n",
               "register 3 of s is read where nothing has written it"}));

TEST(Verify, WantsNoVirtualRegistersAfterAllocation) {
  const auto machine = toy::describe();
  auto p = parse("vreg s 1 1\nblock 0\n  li =v0:any #1\n  ret !returns\n", machine);
  ASSERT_TRUE(p.ok());
  EXPECT_TRUE(verify(*p, machine).ok());
  EXPECT_FALSE(verify(*p, machine, true).ok());
}

}  // namespace
}  // namespace doorbell
