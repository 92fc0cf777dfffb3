// An elementwise kernel of n elements, from an expression to machine code of this processor: lowered with all
// that x86-64 lacks decomposed, and run on arrays. The same lowered kernel runs in the evaluator.
#pragma once

#include <functional>

#include "codegen/decompose.h"
#include "codegen/lower.h"
#include "codegen/target/x86/supported.h"
#include "codegen/value.h"
#include "codegen/verify.h"
#include "tests/x86/harness.h"

namespace doorbell {

inline LaneTarget x86_lanes(Native native = x86::supported) {
  LaneTarget target;
  target.decompose = [native = std::move(native)](Graph& g, Simplifier& s, const Node* sink) {
    return decompose(g, s, sink, native);
  };
  return target;
}

// out[i] = f(in0[i], in1[i], ..): machine code. Fails the test, and then does nothing, where it cannot be
// made.
class Elementwise {
 public:
  using Expression = std::function<Value(const std::vector<Value>& in)>;
  Elementwise(const std::vector<DType>& in, int64_t n, const Expression& f, Native native = x86::supported)
      : native_(std::move(native)) {
    const Node* range = graph_.make(Op::Range, dtype::index, {graph_.constant_int(dtype::index, n)}, {0, 0});
    std::vector<Value> values;
    for (DType t : in) {
      const Node* p = graph_.make(Op::Param, t, {}, {static_cast<int64_t>(values.size())});
      values.push_back({&graph_, graph_.make(Op::Load, t, {p, range})});
    }
    Value out = f(values);
    const Node* p = graph_.make(Op::Param, out.type(), {}, {static_cast<int64_t>(in.size())});
    const Node* sink =
        graph_.make(Op::Sink, dtype::none, {graph_.make(Op::Store, dtype::none, {p, range, out.node})});
    make(sink);
    for (KernelParam& k : kernel_.params) k.elements = n;
  }
  [[nodiscard]] const Lowered& kernel() const { return kernel_; }
  [[nodiscard]] const ProgramImage& image() const { return image_; }
  // Pointers to the arrays of the inputs, then of the output.
  void operator()(std::initializer_list<const void*> arrays) const {
    if (!program_) return;
    std::vector<uint64_t> args;
    for (const void* a : arrays) args.push_back(reinterpret_cast<uint64_t>(a));
    for (uint32_t x = 0; x < kernel_.grid[0]; ++x) program_->entry()(args.data(), x, 0, 0, nullptr);
  }

 private:
  void make(const Node* sink) {
    if (Status s = verify_kernel(sink); !s) {
      ADD_FAILURE() << s.error().message;
      return;
    }
    auto lowered = lower(graph_, sink, x86_lanes(native_), "elementwise");
    if (!lowered) {
      ADD_FAILURE() << lowered.error().message;
      return;
    }
    kernel_ = *lowered;
    if (Status s = verify(kernel_); !s) {
      ADD_FAILURE() << s.error().message << print(kernel_);
      return;
    }
    auto features = x86::host_features();
    auto image = features ? x86::compile(kernel_, *features) : Result<ProgramImage>(features.error());
    if (!image) {
      ADD_FAILURE() << image.error().message;
      return;
    }
    image_ = *image;
    program_ = std::make_unique<Executable>(*image);
  }
  Native native_;
  Graph graph_;
  Lowered kernel_;
  ProgramImage image_;
  std::unique_ptr<Executable> program_;
};

inline uint64_t element(DType t, const std::byte* data, size_t i) {
  uint64_t v = 0;
  std::memcpy(&v, data + i * static_cast<size_t>(t.bytes()), static_cast<size_t>(t.bytes()));
  return v;
}
inline void set_element(DType t, std::byte* data, size_t i, uint64_t v) {
  std::memcpy(data + i * static_cast<size_t>(t.bytes()), &v, static_cast<size_t>(t.bytes()));
}

}  // namespace doorbell
