// See shape.h.
#include "runtime/shape.h"

#include <algorithm>

namespace doorbell {

Result<Shape> broadcast(ShapeView a, ShapeView b) {
  Shape out(std::max(a.size(), b.size()));
  for (size_t i = 1; i <= out.size(); ++i) {
    Dim x = i <= a.size() ? a[a.size() - i] : Dim(1);
    Dim y = i <= b.size() ? b[b.size() - i] : Dim(1);
    if (x != y && x != Dim(1) && y != Dim(1))
      return error("shapes {} and {} do not broadcast: axis -{} is {} and {}, expected equal sizes or 1",
                   print(a), print(b), i, print(ShapeView(&x, 1)), print(ShapeView(&y, 1)));
    out[out.size() - i] = x == Dim(1) ? y : x;
  }
  return out;
}

namespace {

// The product of the fixed sizes between symbolic axes: s0 segments, one more than there are symbols.
struct Segments {
  std::vector<int64_t> products{1};
  std::vector<Dim> symbols;
};
Segments segments(ShapeView shape) {
  Segments s;
  for (const Dim& d : shape) {
    if (!d.symbol) {
      s.products.back() *= d.size;
    } else {
      s.symbols.push_back(d);
      s.products.push_back(1);
    }
  }
  return s;
}

}  // namespace

Result<Shape> reshaped(ShapeView from, ShapeView to) {
  Shape out(to.begin(), to.end());
  Dim* open = nullptr;
  for (Dim& d : out) {
    if (d.size == -1 && !d.symbol) {
      if (open) return error("shape {} has more than one -1", print(to));
      open = &d;
      d.size = 1;
    } else if (d.size < 1) {
      return error("shape {} has a size below 1", print(to));
    }
  }
  const Segments have = segments(from), want = segments(out);
  if (have.symbols.size() == want.symbols.size() + 1 && open) {  // -1 stands for the symbolic axis itself
    for (size_t k = 0; k < have.symbols.size(); ++k) {
      *open = have.symbols[k];
      const Segments filled = segments(out);
      if (filled.symbols == have.symbols && filled.products == have.products) return out;
    }
    *open = 1;
  }
  if (open && have.symbols == want.symbols) {
    for (size_t i = 0; i < have.products.size(); ++i) {
      if (have.products[i] == want.products[i]) continue;
      if (have.products[i] % want.products[i] == 0) open->size = have.products[i] / want.products[i];
      break;
    }
  }
  const Segments got = segments(out);
  if (got.symbols != have.symbols || got.products != have.products) {
    if (have.symbols.empty() && got.symbols.empty())
      return error("shape {} has {} elements, {} asks for {}{}", print(from), elements(from), print(to),
                   open ? "a multiple of " : "", elements(out));
    return error(
        "shape {} does not become {}: a symbolic axis stays an axis of its own, in order, with the same "
        "number of elements before and after it",
        print(from), print(to));
  }
  return out;
}

Result<int> normal_axis(int axis, int rank) {
  if (axis < -rank || axis >= rank) return error("axis {} of a tensor of {} axes", axis, rank);
  return axis < 0 ? axis + rank : axis;
}

Result<std::vector<int>> normal_axes(std::vector<int> axes, int rank) {
  for (int& axis : axes) axis = TRY(normal_axis(axis, rank));
  std::sort(axes.begin(), axes.end());
  if (auto twice = std::adjacent_find(axes.begin(), axes.end()); twice != axes.end())
    return error("axis {} is named twice", *twice);
  return axes;
}

}  // namespace doorbell
