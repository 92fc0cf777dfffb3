// Selection: a lowered kernel becomes a machine program. One class, a file a concern:
//
//   select.cc   the walk over the body: loops, register memory, what a node's value is made of
//   vector.cc   arithmetic on lanes, and on uniform floats
//   mask.cc     bools in lanes: comparisons and what they steer
//   scalar.cc   arithmetic on uniform integers
//   convert.cc  casts and bitcasts
//   memory.cc   addresses, loads and stores
//
// Values. A uniform integer or bool lies in a general register (narrow ones extended to 32 bits by their
// type; what lies above 32 bits of a 32-bit one is undefined). All else lies in vectors: a varying value in
// as many as its lanes need, a uniform float in one whose lanes are all equal. A lane is 64 bits wide for
// 64-bit types and 32 bits for all others: narrow integers are sign- or zero-extended, narrow floats are
// their bits, bool is all ones or all zeros, or (EVEX) a bit of a mask register for each lane of 32 bits.
// Kernels of fewer lanes than a register use its low part; what lies above is undefined. With one lane
// everything is uniform.
//
// Processors with AVX-512 (has_evex) and those without share all of this: they differ in the size and number
// of vectors, in what a mask is, and in instructions that only one encoding has. Which of them is asked as
// evex_.
#pragma once

#include <functional>
#include <map>
#include <unordered_map>

#include "codegen/kernel.h"
#include "codegen/target/x86/emit.h"

namespace doorbell::x86::target {

using machine::Reg;

// An index as a sum: constant + sum of coefficient * term, plus a constant of each lane. Index arithmetic
// does not overflow (the `index` domain), so this is the node's value without any wrap.
struct Affine {
  std::vector<std::pair<const Node*, int64_t>> terms;  // sorted by place in the body; uniform or varying
  int64_t constant = 0;
  std::vector<int64_t> lanes;  // empty: 0 in all
};

struct Value {
  std::vector<Reg> regs;
  std::vector<Reg> wide;  // bool: masks of 64-bit lanes, where a comparison of such gave them
  bool gpr = false;
};

struct MemoryRef {
  enum class Kind : uint8_t { Param, Local, Register } kind = Kind::Param;
  const Node* node = nullptr;  // the Param or Alloc
  int object = 0;              // for dependences: equal for what may overlap
};

class Selector {
 public:
  Selector(const Lowered& kernel, Features features);
  Result<machine::Program> run();
  [[nodiscard]] uint32_t local_bytes() const { return local_bytes_; }

 private:
  struct Info {
    Value value;
    Affine affine;
    bool has_affine = false;
    bool varying = false;
    bool skipped = false;  // its one user takes its source instead
    int uses = 0, left = 0;
    int level = 0;                  // loops around it
    const Node* user = nullptr;     // the last one
    std::vector<uint64_t> by_lane;  // the value in each lane, where it is known
    Reg alias_of;                   // the element of register memory whose registers it shares
  };
  // What has been computed once may be used as long as its loop is open.
  using Cache = std::map<std::vector<int64_t>, Reg>;
  struct Frame {
    const Node* range = nullptr;
    size_t preheader = 0, head = 0;
    size_t guard = 0;  // the block whose last instruction skips the loop, if it may be empty
    bool guarded = false;
    Reg counter;
    int64_t trips = -1;  // where constant
    Reg trips_reg;
    Cache inside, before;                        // made in the loop; made in its preheader
    std::vector<std::pair<Reg, int64_t>> steps;  // pointers, and by how much they advance
  };

  // select.cc
  void analyse();
  void select(const Node* node);
  bool by_lane(const Node* node);
  void open_loop(const Node* node);
  void close_loop(const Node* end);
  void load_register(const Node* node);
  void store_register(const Node* node);
  void detach(const Node* load);
  Reg cached(const std::vector<int64_t>& key, int level, const std::function<Reg()>& make);
  [[nodiscard]] int level() const { return static_cast<int>(frames_.size()) - 1; }
  [[nodiscard]] bool varying(const Node* node) { return info(node).varying; }
  Info& info(const Node* node) { return info_[place_.at(node)]; }
  [[nodiscard]] bool dies(const Node* node) { return info(node).left == 0 && info(node).level == level(); }

  // Shape of values.
  [[nodiscard]] int width(DType t) const { return t.bits * t.count == 64 ? 64 : 32; }
  [[nodiscard]] RegClass vclass(int w) const;
  [[nodiscard]] RegClass vclass(DType t) const { return vclass(width(t)); }
  [[nodiscard]] RegClass bool_class(int w) const;  // of a mask of lanes of that width
  [[nodiscard]] RegClass value_class(DType t) const { return t.is_bool() ? bool_class(32) : vclass(t); }
  [[nodiscard]] size_t parts(int w) const;  // registers of a varying value
  [[nodiscard]] size_t parts(const Node* node) { return varying(node) ? parts(width(node->dtype)) : 1; }
  [[nodiscard]] int per_part(int w) const { return std::min(lanes_, bits_of(vclass(w)) / w); }
  [[nodiscard]] static RegClass gclass(DType t) { return t.bits == 64 ? RegClass::gpr64 : RegClass::gpr32; }
  [[nodiscard]] bool in_gpr(const Node* node) {
    const DType t = node->dtype;
    return !varying(node) && t.count == 1 && (!t.is_float() || t.bits < 32);
  }

  Reg part(const Node* node, size_t p);  // as a vector of its own width; bool: a mask of lanes of 32 bits
  Reg scalar(const Node* node);          // uniform, in a general register
  Arg scalar_or_imm(const Node* node);
  Reg scalar64(const Node* node);             // extended to 64 bits by its type
  Reg broadcast(Reg gpr, int w, RegClass c);  // of a general register
  void set(const Node* node, std::vector<Reg> regs, bool gpr = false);

  // vector.cc
  void vector_alu(const Node* node);
  Reg vector_op(const Node* node, size_t p);
  Reg float_op(const Node* node, size_t p);
  Reg logic(const Node* node, size_t p);
  Reg int32_op(const Node* node, size_t p);
  Reg int64_op(const Node* node, size_t p);
  Reg float_max_min(const Node* node, Reg a, Reg b);
  Reg fused(const Node* node, size_t p);
  void compare(const Node* node);
  Reg divide32(const Node* node, size_t p);
  Reg multiply64(Reg a, Reg b);
  void per_lane64(const Node* node);
  void lane_xor(const Node* node);
  void contract(const Node* node);
  void vec(const Node* node);
  void element(const Node* node);
  Reg all_ones(RegClass c) { return e_.splat(32, c, ~0u); }
  // Vectors and their equal parts.
  [[nodiscard]] static RegClass sized(int bits) {
    return bits <= 128 ? RegClass::xmm : bits <= 256 ? RegClass::ymm : RegClass::zmm;
  }
  [[nodiscard]] static RegClass half_of(RegClass c) { return sized(bits_of(c) / 2); }  // xmm at least
  Reg piece(Reg from, RegClass c, RegClass size, int which);
  Reg joined(RegClass c, RegClass size, std::span<const Reg> pieces);

  // mask.cc
  Reg mask(const Node* node, size_t p, int w);  // a bool as a mask of lanes of that width
  Reg lowest(int n, int w);                     // the mask of the first n lanes
  Reg lowest(Reg mask, int n, int w);           // and what of `mask` lies in it
  Reg compare_floats(int predicate, int w, Reg a, Reg b);
  Reg compare_ints(doorbell::Op o, DType t, Reg a, Reg b);
  Reg bool_op(const Node* node, size_t p);
  Reg narrow_mask(const std::vector<Reg>& wide, size_t p);
  Reg lane_bits(Reg mask, int w);  // to a general register, a bit a lane
  Reg first_bit(Reg mask);         // of a uniform mask
  Reg nonzero(Reg r);
  Reg choose(Reg mask, Reg a, Reg b, int w, RegClass c);  // mask ? a : b
  Reg keep(Reg mask, Reg r, int w, RegClass c);           // mask ? r : 0
  Reg drop(Reg mask, Reg r, int w, RegClass c);           // mask ? 0 : r
  Reg fill(Reg mask, Reg r, int w, RegClass c);           // mask ? all ones : r

  // scalar.cc
  void scalar_alu(const Node* node);
  Reg scalar_op(doorbell::Op op, DType t, Reg a, const Arg& b_arg, Reg b);
  Reg scalar_divide(DType t, Reg a, Reg b, bool remainder);

  // convert.cc
  void cast(const Node* node);
  void bitcast(const Node* node);
  std::vector<Reg> convert(const Node* source, DType to);
  Reg convert_natively(Op op, DType from, DType to, Reg r, RegClass source, RegClass result);
  Reg extend(Reg r, DType t);             // a lane's low bits, extended by a narrow type
  Reg pack(Reg r, RegClass c, int bits);  // the low 8 or 16 bits of each 32-bit lane, side by side
  Reg pack_pairs(const std::vector<Reg>& wide, size_t p);  // low halves of 64-bit lanes
  Reg float_to_i32(Reg r, RegClass c);
  Reg float_to_u32(Reg r, RegClass c);
  Reg u32_to_float(Reg r, RegClass c);
  Reg u32_to_double(Reg half, RegClass c);
  Reg double_to_32(Reg r, RegClass c, bool is_signed);
  Reg int64_to_double(Reg r, RegClass c, bool is_signed);
  Reg scalar_float_to_64(Reg r, DType from, DType to);
  Reg scalar_64_to_float(Reg r, DType from);
  Reg lane_to_gpr(const std::vector<Reg>& regs, int w, int lane);
  std::vector<Reg> lanes_to_vector(const std::vector<Reg>& gprs, int w);

  // memory.cc
  MemoryRef memory(const Node* node);
  const Affine& affine(const Node* node);
  bool lane_pattern(const Node* node, Affine& out);
  machine::Operand address(const MemoryRef& m, const Affine& uniform, int element, int64_t offset, int bits);
  Reg base(const MemoryRef& m, std::span<const std::pair<const Node*, int64_t>> terms, int element, int at);
  void load(const Node* node);
  void load_uniform(const Node* node, const MemoryRef& m, const Affine& index, int element);
  void load_varying(const Node* node, const MemoryRef& m, const Affine& index, int element, const Node* gate);
  void store(const Node* node);
  void store_uniform(const Node* node, const MemoryRef& m, const Affine& index, int element);
  void store_varying(const Node* node, const MemoryRef& m, const Affine& index, int element,
                     const Node* gate);
  Reg load_contiguous(DType t, DType as, int n, machine::Operand at, int object, Reg mask);
  Reg load_broadcast(DType t, DType as, machine::Operand at, int object);
  Reg load_scalar(DType t, machine::Operand at, int object);
  void store_contiguous(DType t, int n, machine::Operand at, Reg value, int object, Reg mask, DType from);
  Reg index_vector(const Affine& varying, size_t first, int n, int64_t scale);
  machine::Operand indexed(const MemoryRef& m, const Affine& uniform, const Affine& index, int element,
                           size_t first, int n, int w);

  const Lowered& kernel_;
  Features features_;
  Emit e_;
  int lanes_;
  const bool evex_ = has_evex(features_);
  const int register_bits_ = evex_ ? 512 : 256;
  std::unordered_map<const Node*, size_t> place_;
  std::vector<Info> info_;
  std::vector<Frame> frames_;
  Reg args_, group_[3], local_;
  std::unordered_map<const Node*, std::vector<Value>> allocs_;
  std::unordered_map<const Node*, bool> alloc_varying_;
  std::unordered_map<const Node*, uint32_t> local_offset_;
  uint32_t local_bytes_ = 0;
  std::unordered_map<uint32_t, const Node*> element_of_;  // the alloc of an element, by its first register
  std::vector<const Node*> aliases_;
};

}  // namespace doorbell::x86::target
