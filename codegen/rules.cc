// The rule tables. Each reads as mathematics; each rule is fuzzed against the evaluator in its domain.
#include "codegen/rules.h"

namespace doorbell {

namespace {

const Pattern x = any(0), y = any(1), z = any(2), c = any(3);
const Pattern c0 = constant(4), c1 = constant(5);

bool is_index(const Node* n) { return n->dtype == dtype::index; }
bool is_wrapping(const Node* n) {
  return (n->dtype.is_int() && n->dtype.kind != Kind::Index) ||
         (n->dtype.is_bool() && (n->is(Op::And) || n->is(Op::Or) || n->is(Op::Xor)));
}
bool is_scalar_alu(const Node* n) { return row(n->op).cls == OpClass::Alu; }
bool integer_or_bool(const Bindings& b) { return !b[0]->dtype.is_float(); }
bool boolean(const Bindings& b) { return b[0]->dtype.is_bool(); }
bool all_ones(const Bindings& b) { return static_cast<uint64_t>(b[4]->arg[0]) == b[4]->dtype.mask(); }
bool float_type(const Bindings& b) { return b[0]->dtype.is_float(); }

}  // namespace

// clang-format off
const RuleSet& index_rules() {
  static const RuleSet set("index", is_index, {
    {x - y,                 x + y * -1},
    {-x,                    x * -1},
    {(x * c0) * c1,         x * fold(c0 * c1)},
    {(x / c0) / c1,         x / fold(c0 * c1), [](const Bindings& b) { return b[4]->as_int() > 0 && b[5]->as_int() > 0; }},
    {(x % c0) % c1,         x % c1, [](const Bindings& b) { return b[4]->as_int() > 0 && b[5]->as_int() > 0 && b[4]->as_int() % b[5]->as_int() == 0; }},
  });
  return set;
}

const RuleSet& wrap_rules() {
  static const RuleSet set("wrap", is_wrapping, {
    {x + 0,                 x},
    {(x + c0) + c1,         x + fold(c0 + c1)},
    {x * 0,                 0},
    {(x * c0) * c1,         x * fold(c0 * c1)},
    {x - x,                 0},
    {x ^ x,                 0},
    {x ^ 0,                 x},
    {x & 0,                 0},
    {x | 0,                 x},
    {x & x,                 x},
    {x | x,                 x},
    {x & c0,                x, all_ones},
    {(x & c0) & c1,         x & fold(c0 & c1)},
    {~(~x),                 x},
    {x << 0,                x},
    {x >> 0,                x},
  });
  return set;
}

const RuleSet& exact_rules() {
  static const RuleSet set("exact", is_scalar_alu, {
    {x - 0,                 x},
    {x * 1,                 x},
    {x / 1,                 x},
    {x * -1,                -x, float_type},
    {-(-x),                 x},
    {x + (-y),              x - y, float_type},
    {where(c, x, x),        x},
    {where(~c, x, y),       where(c, y, x)},
    {where(c, where(c, x, y), z), where(c, x, z)},
    {where(c, x, where(c, y, z)), where(c, x, z)},
    {x & (x & y),           x & y},
    {max(x, x),             x},
    {min(x, x),             x},
    {x < x,                 0},
    {make_pattern(Op::Eq, {x, x}), 1, integer_or_bool},
    {make_pattern(Op::Ne, {x, x}), 0, integer_or_bool},
    {make_pattern(Op::Ne, {x, 0}), x, boolean},
  });
  return set;
}

const RuleSet& relaxed_rules() {
  static const RuleSet set("relaxed", is_scalar_alu, {
    {x * y + z,             make_pattern(Op::Fma, {x, y, z}), [](const Bindings& b) { return b[0]->dtype == dtype::f32 || b[0]->dtype == dtype::f64; }},
    {x * y - z,             make_pattern(Op::Fma, {x, y, -z}), [](const Bindings& b) { return b[0]->dtype == dtype::f32 || b[0]->dtype == dtype::f64; }},
    {z - x * y,             make_pattern(Op::Fma, {-x, y, z}), [](const Bindings& b) { return b[0]->dtype == dtype::f32 || b[0]->dtype == dtype::f64; }},
  });
  return set;
}
// clang-format on

}  // namespace doorbell
