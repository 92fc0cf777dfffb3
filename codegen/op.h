// The table of primitives. Everything else a user calls is composed of these in runtime/. A primitive is one
// row here, its meaning in the evaluator, its gradient rule in runtime/grad.cc and, for targets without it, a
// rewrite that spells it in older primitives.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace doorbell {

// Which program form an op may stand in; Alu ops stand in both.
enum class OpClass : uint8_t { Leaf, Alu, Movement, Memory, Kernel };

// clang-format off
// X(name, class, sources (-1: any), commutative, text)
#define DOORBELL_OPS(X)                                                                                            \
  /* leaves */                                                                                                     \
  X(Const,      Leaf,     0, 0, "const")      /* arg: bit pattern in the dtype, zero-extended */                   \
  X(Symbol,     Leaf,     0, 0, "symbol")     /* arg: id, min, max, multiple; i64 scalar, value given at run */    \
  X(Buffer,     Leaf,     0, 0, "buffer")     /* arg: unique id; tensor graph; flat memory */                      \
  X(Iota,       Leaf,     0, 0, "iota")       /* shape (n): 0, 1, ... n-1 in the dtype (integer) */                \
  /* arithmetic: correctly rounded per operation to the node's dtype */                                            \
  X(Neg,        Alu,      1, 0, "neg")                                                                             \
  X(Not,        Alu,      1, 0, "not")        /* bitwise; logical on bool */                                       \
  X(Sqrt,       Alu,      1, 0, "sqrt")                                                                            \
  X(Trunc,      Alu,      1, 0, "trunc")      /* floats: to an integer, towards zero */                            \
  X(Floor,      Alu,      1, 0, "floor")                                                                           \
  X(Ceil,       Alu,      1, 0, "ceil")                                                                            \
  X(Round,      Alu,      1, 0, "round")      /* ties to even */                                                   \
  X(Exp,        Alu,      1, 0, "exp")        /* from here to pow: within 2 ulp in f32 */                          \
  X(Exp2,       Alu,      1, 0, "exp2")                                                                            \
  X(Log,        Alu,      1, 0, "log")                                                                             \
  X(Log2,       Alu,      1, 0, "log2")                                                                            \
  X(Sin,        Alu,      1, 0, "sin")                                                                             \
  X(Cos,        Alu,      1, 0, "cos")                                                                             \
  X(Tanh,       Alu,      1, 0, "tanh")                                                                            \
  X(Erf,        Alu,      1, 0, "erf")                                                                             \
  X(Pow,        Alu,      2, 0, "pow")                                                                             \
  X(Cast,       Alu,      1, 0, "cast")       /* by value; float to int truncates, saturates, NaN is 0 */          \
  X(Bitcast,    Alu,      1, 0, "bitcast")    /* by bits; in the tensor graph the last axis absorbs the ratio */   \
  X(Add,        Alu,      2, 1, "add")        /* integers wrap; on bool: or */                                     \
  X(Sub,        Alu,      2, 0, "sub")                                                                             \
  X(Mul,        Alu,      2, 1, "mul")        /* on bool: and */                                                   \
  X(Div,        Alu,      2, 0, "div")        /* integers: towards zero; x/0 = 0, min/-1 = min */                  \
  X(Mod,        Alu,      2, 0, "mod")        /* integers: sign of the dividend; x%0 = 0. floats: fmod is not a primitive */ \
  X(Max,        Alu,      2, 1, "max")        /* floats: NaN if either is; max(-0, +0) = +0 */                     \
  X(Min,        Alu,      2, 1, "min")        /* floats: NaN if either is; min(-0, +0) = -0 */                     \
  X(And,        Alu,      2, 1, "and")                                                                             \
  X(Or,         Alu,      2, 1, "or")                                                                              \
  X(Xor,        Alu,      2, 1, "xor")                                                                             \
  X(Shl,        Alu,      2, 0, "shl")        /* a count of the width or more gives 0 */                           \
  X(Shr,        Alu,      2, 0, "shr")        /* arithmetic when signed; a count of the width or more: sign or 0 */\
  X(Lt,         Alu,      2, 0, "lt")         /* to bool; false on NaN */                                          \
  X(Eq,         Alu,      2, 1, "eq")                                                                              \
  X(Ne,         Alu,      2, 1, "ne")         /* true on NaN */                                                    \
  X(Where,      Alu,      3, 0, "where")      /* condition (bool), then, else */                                   \
  X(Fma,        Alu,      3, 0, "fma")        /* a*b+c, rounded once; f32 and f64 */                               \
  /* movement (tensor graph) */                                                                                    \
  X(Reshape,    Movement, 1, 0, "reshape")    /* node's shape; arg: none */                                        \
  X(Permute,    Movement, 1, 0, "permute")    /* arg: source axis of each axis */                                  \
  X(Expand,     Movement, 1, 0, "expand")     /* node's shape; axes of size 1 repeat */                            \
  X(Pad,        Movement, 1, 0, "pad")        /* arg: before of each axis; node's shape gives the rest; fills 0 */ \
  X(Shrink,     Movement,-1, 0, "shrink")     /* arg: offset of each axis; node's shape; sources 1..: symbolic offsets, see shape.h */ \
  X(Flip,       Movement, 1, 0, "flip")       /* arg: 0 or 1 for each axis */                                      \
  X(Gather,     Movement, 2, 0, "gather")     /* (table[n, rest], index[shape]) -> [shape, rest]; out of range gives 0 */ \
  X(Reduce,     Memory,  -1, 0, "reduce")     /* graph: arg: op, axes...: axes become 1. kernel: see kernel.h */   \
  X(Contiguous, Memory,   1, 0, "contiguous") /* materialise here */                                               \
  X(Assign,     Memory,   2, 0, "assign")     /* (view of a buffer, value): a new version of that buffer */        \
  X(Copy,       Memory,   1, 0, "copy")       /* arg: device index */                                              \
  X(Sink,       Memory,  -1, 0, "sink")       /* keeps its sources together */                                     \
  /* kernel */                                                                                                     \
  X(Param,      Kernel,   0, 0, "param")      /* arg: slot; dtype of the elements in global memory */              \
  X(Range,      Kernel,  -1, 0, "range")      /* (extent); arg: axis id, RangeKind */                              \
  X(Lane,       Kernel,   0, 0, "lane")       /* this lane's index, 0..width-1; arg: width */                      \
  X(Alloc,      Kernel,   0, 0, "alloc")      /* arg: id, Space, elements */                                       \
  X(After,      Kernel,  -1, 0, "after")      /* (memory, effects...): that memory once the effects have happened */ \
  X(Load,       Kernel,  -1, 0, "load")       /* (memory, index[, gate]): 0 where the gate is false */             \
  X(Store,      Kernel,  -1, 0, "store")      /* (memory, index, value[, gate]) */                                 \
  X(CopyAsync,  Kernel,  -1, 0, "copy_async") /* (local memory, index, param, index[, gate]): a token */           \
  X(Await,      Kernel,  -1, 0, "await")      /* (tokens...): until what they copy has arrived */                  \
  X(LaneXor,    Kernel,   1, 0, "lane_xor")   /* arg: mask; the value of lane (this ^ mask) */                     \
  X(Vec,        Kernel,  -1, 0, "vec")        /* short vector of its sources */                                    \
  X(Element,    Kernel,   1, 0, "element")    /* arg: which element of a short vector */                           \
  X(Contract,   Kernel,   3, 0, "contract")   /* (accumulator, a, b) by a matrix-unit row; arg: row */             \
  X(End,        Kernel,  -1, 0, "end")        /* lowered kernel: closes a range */                                 \
  /* patterns (rewrite rules only) */                                                                              \
  X(Any,        Kernel,   0, 0, "any")        /* arg: variable index, required class */                            \
  X(Fold,       Kernel,   1, 0, "fold")       /* evaluates its constant source when the right side is built */
// clang-format on

enum class Op : uint8_t {
#define X(name, cls, arity, commutative, text) name,
  DOORBELL_OPS(X)
#undef X
};

struct OpRow {
  Op op;
  OpClass cls;
  int8_t arity;  // -1: any
  bool commutative;
  std::string_view text;
};

std::span<const OpRow> op_table();
const OpRow& row(Op op);
inline std::string_view text(Op op) { return row(op).text; }
std::optional<Op> parse_op(std::string_view text);

}  // namespace doorbell
