// Result<T>: the way in which environment failures travel (files, ioctls, malformed models, missing
// hardware). An Error is one line: who, what, why, and what to do about it if that is known. Our own bugs do
// not travel: DOORBELL_CHECK prints the values and aborts. (g++ 12 offers std::expected only in C++23 mode.)
#pragma once

#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <utility>
#include <variant>

namespace doorbell {

struct Error {
  std::string message;  // one line, without a newline at its end
};

template <class... Args>
[[nodiscard]] Error error(fmt::format_string<Args...> format, Args&&... args) {
  return Error{fmt::format(format, std::forward<Args>(args)...)};
}

template <class T = std::monostate>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}

  [[nodiscard]] bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }
  [[nodiscard]] const Error& error() const { return *std::get_if<1>(&state_); }
  [[nodiscard]] T& operator*() { return *std::get_if<0>(&state_); }
  [[nodiscard]] const T& operator*() const { return *std::get_if<0>(&state_); }
  [[nodiscard]] T* operator->() { return std::get_if<0>(&state_); }
  [[nodiscard]] const T* operator->() const { return std::get_if<0>(&state_); }

 private:
  std::variant<T, Error> state_;
};

using Status = Result<>;
inline Status success() { return Status(std::monostate{}); }

[[noreturn]] inline void die(const char* file, int line, const std::string& what) {
  fmt::print(stderr, "{}:{}: bug in doorbell: {}\n", file, line, what);
  std::abort();
}

}  // namespace doorbell

// TRY(expr) is the value of a Result, or returns its error from the enclosing function. Not to be nested.
#define TRY(...)                                                          \
  __extension__({                                                         \
    auto try_result_ = (__VA_ARGS__);                                     \
    if (!try_result_.ok()) return ::doorbell::Error{try_result_.error()}; \
    std::move(*try_result_);                                              \
  })

// DOORBELL_CHECK(condition, format, ...): an invariant of ours; a violation aborts with the values.
#define DOORBELL_CHECK(condition, ...) \
  (static_cast<bool>(condition)        \
       ? void()                        \
       : ::doorbell::die(__FILE__, __LINE__, #condition ": " + ::fmt::format(__VA_ARGS__)))
