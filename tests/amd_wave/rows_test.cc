// The instruction table and its meanings: every row that the decoder returns is executed, or refused with a
// reason.
#include <gtest/gtest.h>

#include "codegen/isa/amd/amd.h"
#include "sim/amd/wave/semantics.h"

namespace doorbell::sim::amd {
namespace {

TEST(Rows, AreExecutedOrRefusedWithAReason) {
  for (size_t i = 0; i < doorbell::amd::rows().size(); ++i) {
    auto op = static_cast<doorbell::amd::Op>(i);
    bool runs = semantics(op).run != nullptr;
    EXPECT_NE(runs, !why_refused(op).empty()) << doorbell::amd::row(op).name;
  }
}

}  // namespace
}  // namespace doorbell::sim::amd
