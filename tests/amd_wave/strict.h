// A bench for small programs on an emulated GPU: memory of every kind at addresses in scalar registers, one
// dispatch, and what the machine said.
//
//     s[0:1]    memory, zero                 s[2:3]    memory that nobody wrote
//     s[4:5]    memory to be read only       s[6:7]    an address that is not mapped
//     s8, ...   workgroup id, then nothing   v0        work-item id
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "sim/amd/dispatch.h"
#include "sim/amd/gpu.h"
#include "tests/amd_wave/assemble.h"

namespace doorbell::sim::amd {

struct Bench {
  static constexpr uint64_t data = 0x10'0000'0000, fresh = 0x11'0000'0000, fixed = 0x12'0000'0000,
                            nowhere = 0x13'0000'0000, code = 0x14'0000'0000, scratch = 0x15'0000'0000,
                            bytes = 1 << 16;
  // A program that runs on is stopped, and a failure. The longest takes 3 s, and ten times that under the
  // sanitizers on a busy machine.
  static constexpr auto longest = std::chrono::seconds(120);

  explicit Bench(const char* chip, unsigned lanes = 32) : gpu(*find_gpu(chip)), wave(lanes) {
    map(data, access_read | access_write);
    map(fresh, access_read | access_write, true);
    map(fixed, access_read);
    program = map(code, access_read | access_execute);
    map(scratch, access_read | access_write, true);
    dispatch.code = code;
    dispatch.wave32 = wave == 32;
    dispatch.rsrc1 = 3 | 0xc0 << 12;       // 32 VGPRs, denormals kept, CU mode
    dispatch.rsrc2 = 1 | 8 << 1 | 1 << 7;  // scratch, s[0:7], workgroup id x
    for (uint64_t address : {data, fresh, fixed, nowhere}) {
      dispatch.user_sgprs.push_back(static_cast<uint32_t>(address));
      dispatch.user_sgprs.push_back(static_cast<uint32_t>(address >> 32));
    }
    dispatch.grid[0] = dispatch.workgroup[0] = wave;
    dispatch.lds_bytes = 1024;
    dispatch.scratch = scratch;
    dispatch.scratch_wave_bytes = 64 * wave;
    dispatch.scratch_waves = 4;
    dispatch.kernel = "program";
    dispatch.queue = "bench";
    dispatch.packet = 7;
    dispatch.has_packet = true;
  }

  std::byte* map(uint64_t va, Access access, bool holes = false, Mtype mtype = Region().mtype) {
    memory.push_back(std::make_unique<std::byte[]>(bytes));
    std::byte* host = memory.back().get();
    if (holes) fill_fresh({host, bytes});
    Region region;
    region.va = va;
    region.bytes = bytes;
    region.host = host;
    region.access = access;
    region.fresh = holes;
    region.mtype = mtype;
    EXPECT_TRUE(vm.map(region).ok());
    return host;
  }
  void load(std::string_view text) {
    auto words = assemble(text, gpu, wave);
    ASSERT_TRUE(words.ok()) << words.error().message;
    ASSERT_LE(words->size(), bytes);
    std::copy(words->begin(), words->end(), program);
  }
  uint32_t* words() { return reinterpret_cast<uint32_t*>(memory[0].get()); }

  Outcome run_once(Surroundings around = {}) {
    around.report = [this, told = around.report](const Fault& fault) {
      std::lock_guard lock(mutex);
      lints.push_back(fault);
      if (told) told(fault);
    };
    around.stop = &stop;
    std::mutex waiting;
    std::condition_variable ended;
    bool over = false;
    std::thread clock([&] {
      std::unique_lock lock(waiting);
      if (!ended.wait_for(lock, longest, [&] { return over; })) stop = true;
    });
    Outcome outcome = run(gpu, vm, dispatch, around);
    {
      std::lock_guard lock(waiting);
      over = true;
    }
    ended.notify_all();
    clock.join();
    EXPECT_FALSE(stop) << "the program came to no end";
    return outcome;
  }

  const Gpu& gpu;
  unsigned wave;
  std::vector<std::unique_ptr<std::byte[]>> memory;
  std::byte* program = nullptr;
  Vm vm;
  Dispatch dispatch;
  std::mutex mutex;
  std::vector<Fault> lints;
  std::atomic<bool> stop{false};
};

}  // namespace doorbell::sim::amd
