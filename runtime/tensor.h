// Tensor: a lazy value. An operation adds a node to the graph and nothing runs before realize(), item() or
// to_vector(). A Tensor is a handle: copies share one state, so that what assign() or realize() does to one
// of them, all of them see; the result of an operation is a state of its own.
//
// Operations neither throw nor abort. Where shapes or dtypes do not fit, the result is an error tensor: it
// remembers operation, shapes, dtypes and source line, passes through later operations unchanged, and comes
// out of realize(), item() and to_vector() as the Result's error.
//
// C++ literals are operands too: `2 * x + 1`. They take the dtype of what they meet (promote.h).
//
// Threads: handles of different states may be used from any threads, even when their graphs share nodes; one
// state belongs to one thread at a time.
#pragma once

#include <memory>
#include <optional>
#include <source_location>
#include <string>
#include <utility>
#include <vector>

#include "codegen/node.h"
#include "hal/base/result.h"
#include "runtime/memory.h"
#include "runtime/promote.h"
#include "runtime/scalar.h"

namespace doorbell {

using Line = std::source_location;

// The axes of a reduction: all of them, or some; negative ones count from the end.
struct Axes {
  std::optional<std::vector<int>> list;  // none: all
  Axes() = default;
  Axes(int axis) : list{{axis}} {}
  Axes(std::initializer_list<int> axes) : list{axes} {}
  Axes(std::vector<int> axes) : list{std::move(axes)} {}
};
inline const Axes all_axes{};

class Tensor {
 public:
  Tensor();  // an error tensor: nothing was given
  Tensor(const Scalar& literal);
  template <class T>
    requires std::is_arithmetic_v<T>
  Tensor(T literal) : Tensor(Scalar(literal)) {}
  explicit Tensor(NodeRef node, bool weak = false);

  // ---- what it is; shape and dtype of an error tensor are empty
  [[nodiscard]] bool ok() const;
  [[nodiscard]] const std::string& error_text() const;  // empty when ok()
  [[nodiscard]] const NodeRef& node() const;
  [[nodiscard]] DType dtype() const;
  [[nodiscard]] Type type() const;  // with weakness
  [[nodiscard]] ShapeView shape() const;
  [[nodiscard]] int rank() const { return static_cast<int>(shape().size()); }
  [[nodiscard]] Dim dim(int axis) const;  // negative axes from the end; 1 where there is no such axis
  [[nodiscard]] int64_t elements() const { return doorbell::elements(shape()); }
  [[nodiscard]] const std::optional<Scalar>& literal() const;

  // ---- dtype
  [[nodiscard]] Tensor cast(DType to, Line at = Line::current()) const;
  // The same bits as elements of another width: the last axis absorbs the ratio.
  [[nodiscard]] Tensor bitcast(DType to, Line at = Line::current()) const;
  // The value that it has now, in a handle of its own, which later assigns to this one do not change.
  [[nodiscard]] Tensor snapshot() const;
  // The same, no longer weak.
  [[nodiscard]] Tensor strong() const;

  // ---- movement: views, no copies
  [[nodiscard]] Tensor reshape(const Shape& to, Line at = Line::current()) const;  // one axis may be -1
  [[nodiscard]] Tensor permute(const std::vector<int>& axes, Line at = Line::current()) const;
  [[nodiscard]] Tensor transpose(int a = -2, int b = -1, Line at = Line::current()) const;
  [[nodiscard]] Tensor expand(const Shape& to, Line at = Line::current()) const;  // by broadcasting
  // (before, after) of each axis; the new elements are `value`.
  [[nodiscard]] Tensor pad(const std::vector<std::pair<int64_t, int64_t>>& widths, const Scalar& value = 0,
                           Line at = Line::current()) const;
  // [begin, end) of each axis; all within bounds.
  [[nodiscard]] Tensor shrink(const std::vector<std::pair<int64_t, int64_t>>& bounds,
                              Line at = Line::current()) const;
  // `length` elements of one axis from `offset`, an integer scalar of symbols and literals. The caller
  // answers for offset + length <= the axis; a symbolic length may replace a fixed one.
  [[nodiscard]] Tensor narrow(int axis, const Tensor& offset, Dim length, Line at = Line::current()) const;
  // Python's x[begin:end:step] on one axis: negative bounds count from the end, bounds are clamped, a
  // negative step walks backwards. An empty result is an error.
  [[nodiscard]] Tensor slice(int axis, std::optional<int64_t> begin, std::optional<int64_t> end,
                             int64_t step = 1, Line at = Line::current()) const;
  [[nodiscard]] Tensor select(int axis, int64_t i,
                              Line at = Line::current()) const;  // one element: the axis goes
  [[nodiscard]] Tensor operator[](int64_t i) const { return select(0, i); }
  [[nodiscard]] Tensor flip(const Axes& axes = {}, Line at = Line::current()) const;
  [[nodiscard]] Tensor stride(const std::vector<int64_t>& steps, Line at = Line::current()) const;
  [[nodiscard]] Tensor squeeze(int axis, Line at = Line::current()) const;
  [[nodiscard]] Tensor unsqueeze(int axis, Line at = Line::current()) const;
  [[nodiscard]] Tensor flatten(int first = 0, int last = -1, Line at = Line::current()) const;
  [[nodiscard]] Tensor repeat(const std::vector<int64_t>& times, Line at = Line::current()) const;  // tiles
  [[nodiscard]] Tensor roll(int64_t by, int axis, Line at = Line::current()) const;
  // Windows of `size` elements, `step` apart, along one axis: that axis becomes their number, and a last axis
  // of `size` is added (torch.Tensor.unfold).
  [[nodiscard]] Tensor unfold(int axis, int64_t size, int64_t step = 1, Line at = Line::current()) const;
  [[nodiscard]] std::vector<Tensor> split(int64_t size, int axis = 0, Line at = Line::current()) const;
  [[nodiscard]] std::vector<Tensor> chunk(int64_t count, int axis = 0, Line at = Line::current()) const;

  // ---- reductions. `keep` leaves the reduced axes as 1. The sums of f16, bf16 and fp8 accumulate in f32 and
  // come back in the tensor's dtype; those of bool and narrow integers accumulate in, and yield, 32 bits;
  // `accumulate` names another accumulator, and then that is the dtype of the result.
  [[nodiscard]] Tensor sum(const Axes& axes = {}, bool keep = false, std::optional<DType> accumulate = {},
                           Line at = Line::current()) const;
  [[nodiscard]] Tensor prod(const Axes& axes = {}, bool keep = false, std::optional<DType> accumulate = {},
                            Line at = Line::current()) const;
  [[nodiscard]] Tensor max(const Axes& axes = {}, bool keep = false, Line at = Line::current()) const;
  [[nodiscard]] Tensor min(const Axes& axes = {}, bool keep = false, Line at = Line::current()) const;
  [[nodiscard]] Tensor any(const Axes& axes = {}, bool keep = false, Line at = Line::current()) const;
  [[nodiscard]] Tensor all(const Axes& axes = {}, bool keep = false, Line at = Line::current()) const;
  [[nodiscard]] Tensor mean(const Axes& axes = {}, bool keep = false, Line at = Line::current()) const;
  // `correction` 1 divides by n - 1.
  [[nodiscard]] Tensor var(const Axes& axes = {}, bool keep = false, int64_t correction = 0,
                           Line at = Line::current()) const;
  [[nodiscard]] Tensor stddev(const Axes& axes = {}, bool keep = false, int64_t correction = 0,
                              Line at = Line::current()) const;
  // The first place of the largest (smallest) element, i32; a NaN counts as largest and as smallest.
  [[nodiscard]] Tensor argmax(int axis = -1, bool keep = false, Line at = Line::current()) const;
  [[nodiscard]] Tensor argmin(int axis = -1, bool keep = false, Line at = Line::current()) const;
  [[nodiscard]] Tensor cumsum(int axis, Line at = Line::current()) const;
  [[nodiscard]] Tensor cumprod(int axis, Line at = Line::current()) const;

  // ---- memory
  [[nodiscard]] Tensor contiguous(Line at = Line::current()) const;          // materialise here
  [[nodiscard]] Tensor to(int64_t device, Line at = Line::current()) const;  // a copy on that device
  // Writes `value`, broadcast and cast, into this tensor's memory: this handle then names the new version,
  // and what was computed from the old one keeps its values. A tensor that is no view of a buffer gets one.
  Tensor& assign(const Tensor& value, Line at = Line::current());
  // The same for a part: `part` is this tensor, moved by views.
  Tensor& assign(const Tensor& part, const Tensor& value, Line at = Line::current());

  // ---- values
  Status realize();
  template <class T>
  Result<T> item();  // of a tensor of one element; T must be the dtype's C++ type, or double for any
  template <class T>
  Result<std::vector<T>> to_vector();

  // For realize(): this handle, and its copies, now stand for another node of the same value.
  void become(NodeRef node);

 private:
  friend class Call;
  struct State;
  static Tensor failed(std::string text);
  Tensor& fail_with(const Tensor& error);  // all copies of the handle see it
  std::shared_ptr<State> state_;
};

// An operand of an operator or function: a tensor or a literal, and the line that wrote it down, which is how
// errors know where they began. It is a Tensor in every other way.
struct Operand : Tensor {
  Line at;
  Operand(const Tensor& tensor, Line line = Line::current()) : Tensor(tensor), at(line) {}
  template <class T>
    requires std::is_arithmetic_v<T>
  Operand(T literal, Line line = Line::current()) : Tensor(literal), at(line) {}
  Operand(const Scalar& literal, Line line = Line::current()) : Tensor(literal), at(line) {}
};

std::string describe(const Tensor& tensor);  // "f32 (2, 3)", or the error

}  // namespace doorbell
