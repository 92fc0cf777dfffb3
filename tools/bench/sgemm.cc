#include "tools/bench/sgemm.h"

#include "runtime/create.h"
#include "runtime/matmul.h"
#include "runtime/schedule.h"
#include "tools/bench/measure.h"

namespace doorbell::bench {

Result<Throughput> sgemm(Engine& engine, int64_t size, int runs) {
  const auto n = static_cast<size_t>(size);
  std::vector<float> a(n * n), b(n * n);
  for (size_t i = 0; i < n * n; ++i) {
    a[i] = static_cast<float>(static_cast<int>(i * 7 % 31) - 15) / 16;
    b[i] = static_cast<float>(static_cast<int>(i * 11 % 29) - 14) / 16;
  }
  const Tensor product = matmul(from_values(a, {size, size}), from_values(b, {size, size}));
  if (!product.ok()) return error("{}", product.error_text());
  const Node* node = product.node().get();
  Schedule plan = TRY(schedule(std::span(&node, 1)));
  Captured work = TRY(engine.capture(plan));
  Status status = success();
  auto seconds = time_runs(3, runs, [&] {
    if (status.ok()) status = work.submit({});
    if (status.ok()) status = work.wait();
  });
  TRY(std::move(status));
  // What does not compute is no measurement: the corners of the product.
  std::vector<float> c(n * n);
  TRY(engine.read(*work.output(0), std::as_writable_bytes(std::span(c))));
  for (size_t row : {size_t{0}, n / 2, n - 1})
    for (size_t column : {size_t{0}, n / 2 + 1, n - 1}) {
      double sum = 0;
      for (size_t k = 0; k < n; ++k) sum += double{a[row * n + k]} * b[k * n + column];
      if (std::abs(sum - c[row * n + column]) > 1e-2)
        return error("sgemm: element {}, {} is {}, expected {}", row, column, c[row * n + column], sum);
    }
  const double work_done = 2e-9 * static_cast<double>(n) * static_cast<double>(n) * static_cast<double>(n);
  return Throughput{work_done / median(seconds),
                    work_done / *std::min_element(seconds.begin(), seconds.end())};
}

}  // namespace doorbell::bench
