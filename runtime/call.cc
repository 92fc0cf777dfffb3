// See call.h.
#include "runtime/call.h"

#include <cstring>

namespace doorbell {

namespace {
struct Outermost {
  std::vector<const char*> ops;
  Line at;
};
thread_local Outermost calls;
}  // namespace

Call::Call(const char* op, Line at) {
  if (calls.ops.empty()) calls.at = at;
  calls.ops.push_back(op);
}
Call::~Call() { calls.ops.pop_back(); }

Tensor Call::fail(std::string_view what) {
  DOORBELL_CHECK(!calls.ops.empty(), "no Call is open: {}", what);
  const char* slash = std::strrchr(calls.at.file_name(), '/');
  std::string text = fmt::format("{}:{}: {}: ", slash ? slash + 1 : calls.at.file_name(), calls.at.line(),
                                 calls.ops.front());
  if (std::strcmp(calls.ops.front(), calls.ops.back()) != 0) text += fmt::format("{}: ", calls.ops.back());
  return Tensor::failed(text.append(what));
}

}  // namespace doorbell
