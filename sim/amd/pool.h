// What clients of an emulated machine share: the memory of its cards, the budgets, and the list of who has
// what.
//
// Each card's memory is one sparse file without a name. An allocation is a range of offsets in it, which
// clients map; ranges are handed out from a space far larger than the card, so that only the budget can run
// out, as on a GPU whose page tables make fragmentation harmless. GTT lies in the same file, under the budget
// of system memory.
//
// One process owns the Pool (the launcher, or the only client there is). Clients die without notice, holding
// anything: drop() gives back what a client had, because nothing of a Pool lies in memory that a client can
// write.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <set>
#include <vector>

#include "hal/base/file.h"
#include "hal/base/result.h"
#include "sim/amd/machine.h"

namespace doorbell::sim::amd {

enum class Domain : uint8_t {
  vram,    // the card's memory
  gtt,     // system memory that the kernel gives out
  pinned,  // system memory of the client's own: counted, not given out
};

using ClientId = uint64_t;
using ShareKey = std::array<uint64_t, 2>;

struct Block {
  uint32_t card = 0;
  uint64_t offset = 0;  // in the card's file; of pinned blocks a name, nothing more
  uint64_t bytes = 0;   // whole pages
  Domain domain = Domain::vram;
};

// Threads: one at a time. Numbers returned are 0 or -errno.
class Pool {
 public:
  static Result<Pool> make(const Machine& machine);

  [[nodiscard]] const Machine& machine() const { return machine_; }
  [[nodiscard]] int file(size_t card) const { return files_[card].get(); }

  int allocate(ClientId client, uint32_t card, Domain domain, uint64_t bytes, Block& block);
  // Gives back one hold on a block; with the last its memory goes.
  int release(ClientId client, uint32_t card, uint64_t offset);
  // The kernel itself needs the block as long as the client lives: that is no leak of the client's.
  int keep(ClientId client, uint32_t card, uint64_t offset);
  // A key under which any client can take hold of the block. Who opens it is told the first tag but 0.
  int share(ClientId client, uint32_t card, uint64_t offset, uint32_t tag, ShareKey& key);
  int open(ClientId client, const ShareKey& key, Block& block, uint32_t& tag);
  [[nodiscard]] uint64_t available(uint32_t card, Domain domain) const;

  struct Left {
    uint64_t blocks = 0, bytes = 0;
  };
  // Releases whatever the client still holds, and says how much of that it could have released itself.
  Left drop(ClientId client);

 private:
  struct Entry {
    Block block;
    std::multiset<ClientId> holders;
    ShareKey key = {};
    uint32_t tag = 0;
    bool kept = false;
  };
  using Name = std::pair<uint32_t, uint64_t>;  // card, offset

  void give_back(std::map<Name, Entry>::iterator entry);

  Machine machine_;
  std::vector<Fd> files_;
  std::vector<std::map<uint64_t, uint64_t>> free_;  // per card: offset to bytes
  std::vector<uint64_t> vram_used_;
  uint64_t system_used_ = 0;
  std::map<Name, Entry> blocks_;
  std::map<ShareKey, Name> shared_;
};

}  // namespace doorbell::sim::amd
