// See materialise.h.
#include "tests/tensor/materialise.h"

#include <gtest/gtest.h>

namespace doorbell {

Result<Array> materialise(const Tensor& tensor, const SymbolValues& symbols) {
  if (!tensor.ok()) return error("{}", tensor.error_text());
  const Node* root = tensor.node().get();
  Environment environment{{}, symbols};
  std::vector<std::vector<std::byte>> blank;  // memory that nothing was put in yet
  for (const Node* n : topological(std::span(&root, 1))) {
    if (n->is(Op::Buffer)) {
      auto host = std::static_pointer_cast<Memory>(memo_of(n));
      if (!host) blank.emplace_back(static_cast<size_t>(elements(n->shape) * n->dtype.bytes()));
      environment.buffers[n->arg[0]] = host ? host->host : std::span<const std::byte>(blank.back());
    }
    if (n->is(Op::Symbol)) environment.symbols.try_emplace(static_cast<uint32_t>(n->arg[0]), n->arg[2]);
    for (const Dim& d : n->shape)
      if (d.symbol) environment.symbols.try_emplace(d.symbol, d.size);
  }
  return evaluate(root, environment);
}

std::vector<double> numbers(const Tensor& tensor, const SymbolValues& symbols) {
  auto array = materialise(tensor, symbols);
  if (!array.ok()) {
    ADD_FAILURE() << array.error().message;
    return {};
  }
  std::vector<double> out;
  for (size_t i = 0; i < array->size(); ++i) out.push_back(decode(array->dtype, array->get(i)));
  return out;
}

}  // namespace doorbell
