// The table of checks, and the line that a fault is told in.
#include "sim/amd/fault.h"

#include <gtest/gtest.h>

#include <set>

namespace doorbell::sim::amd {
namespace {

TEST(Strict, NamesAreUniqueAndSwitchable) {
  std::set<std::string_view> names;
  for (const CheckRow& row : check_rows()) {
    EXPECT_TRUE(names.insert(row.name).second) << row.name;
    Strict strict;
    EXPECT_EQ(strict.on(row.check), row.on);
    ASSERT_TRUE(strict.lenient(row.name).ok());
    for (const CheckRow& other : check_rows()) {
      EXPECT_EQ(strict.on(other.check), other.on && other.check != row.check)
          << row.name << ", " << other.name;
    }
  }
}

TEST(Strict, ListsAndAllAreTaken) {
  Strict strict;
  ASSERT_TRUE(strict.lenient("hang,load-use").ok());
  EXPECT_FALSE(strict.on(Check::hang));
  EXPECT_FALSE(strict.on(Check::load_use));
  EXPECT_TRUE(strict.on(Check::unmapped));
  ASSERT_TRUE(strict.lenient("all").ok());
  for (const CheckRow& row : check_rows()) EXPECT_FALSE(strict.on(row.check)) << row.name;
}

TEST(Strict, AnUnknownNameIsAnErrorThatListsTheKnown) {
  Strict strict;
  Status status = strict.lenient("load-use,lode-use");
  ASSERT_FALSE(status.ok());
  EXPECT_NE(status.error().message.find("lode-use: no such check"), std::string::npos);
  EXPECT_NE(status.error().message.find("lds-bounds"), std::string::npos);
}

TEST(Fault, IsOneLineFromTheQueueDownToTheLane) {
  Fault fault{.kind = FaultKind::strict,
              .check = Check::load_use,
              .queue = "queue 3",
              .packet = 7,
              .has_packet = true,
              .kernel = "add",
              .pc = 0x1010,
              .has_pc = true,
              .instruction = "v_add_f32 v1, v2, v3",
              .workgroup = {4, 5, 6},
              .wave = 1,
              .has_wave = true,
              .lane = 31,
              .address = 0,
              .has_address = false,
              .write = false,
              .text = "v2 is still being loaded"};
  EXPECT_EQ(describe(fault),
            "load-use: queue 3, packet 7, kernel add, workgroup 4,5,6 wave 1, lane 31, pc 0x1010 "
            "`v_add_f32 v1, v2, v3`: v2 is still being loaded");
}

}  // namespace
}  // namespace doorbell::sim::amd
