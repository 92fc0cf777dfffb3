// Pool: budgets, offsets and holders.
#include "sim/amd/pool.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace doorbell::sim::amd {
namespace {

constexpr uint64_t page = 4096;
constexpr uint64_t file_bytes = 1ull << 46;
// Offset 0 is no block's, so that an offset can stand for "none".
constexpr uint64_t first_offset = 1ull << 32;

}  // namespace

Result<Pool> Pool::make(const Machine& machine) {
  Pool pool;
  pool.machine_ = machine;
  for (size_t card = 0; card < machine.cards.size(); ++card) {
    Fd file(memfd_create(fmt::format("doorbell-card{}", card).c_str(), MFD_CLOEXEC));
    if (!file || ftruncate(file.get(), static_cast<off_t>(file_bytes)) != 0) {
      return error("cannot create the memory of an emulated {}: {}", machine.cards[card].gpu->name,
                   std::strerror(errno));
    }
    pool.files_.push_back(std::move(file));
    pool.free_.push_back({{first_offset, file_bytes - first_offset}});
    pool.vram_used_.push_back(0);
  }
  return pool;
}

uint64_t Pool::available(uint32_t card, Domain domain) const {
  if (card >= files_.size()) return 0;
  uint64_t total = domain == Domain::vram ? machine_.cards[card].vram_bytes : machine_.system_memory;
  uint64_t used = domain == Domain::vram ? vram_used_[card] : system_used_;
  return total - used;
}

int Pool::allocate(ClientId client, uint32_t card, Domain domain, uint64_t bytes, Block& block) {
  if (card >= files_.size() || bytes == 0 || domain > Domain::pinned) return -EINVAL;
  if (bytes > available(card, domain)) return -ENOMEM;
  bytes = (bytes + page - 1) / page * page;
  if (bytes > available(card, domain)) return -ENOMEM;
  auto& free = free_[card];
  auto range = free.begin();
  while (range != free.end() && range->second < bytes) ++range;
  if (range == free.end()) return -ENOMEM;
  block = {card, range->first, bytes, domain};
  if (range->second > bytes) free.emplace(range->first + bytes, range->second - bytes);
  free.erase(range);
  (domain == Domain::vram ? vram_used_[card] : system_used_) += bytes;
  blocks_[{card, block.offset}] = {block, {client}, {}, 0, false};
  return 0;
}

int Pool::release(ClientId client, uint32_t card, uint64_t offset) {
  auto entry = blocks_.find({card, offset});
  if (entry == blocks_.end()) return -EINVAL;
  auto holder = entry->second.holders.find(client);
  if (holder == entry->second.holders.end()) return -EINVAL;
  entry->second.holders.erase(holder);
  if (entry->second.holders.empty()) give_back(entry);
  return 0;
}

void Pool::give_back(std::map<Name, Entry>::iterator entry) {
  const Block block = entry->second.block;
  if (block.domain != Domain::pinned) {
    fallocate(files_[block.card].get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
              static_cast<off_t>(block.offset), static_cast<off_t>(block.bytes));
  }
  (block.domain == Domain::vram ? vram_used_[block.card] : system_used_) -= block.bytes;
  if (entry->second.key != ShareKey{}) shared_.erase(entry->second.key);
  blocks_.erase(entry);
  auto& free = free_[block.card];
  auto range = free.emplace(block.offset, block.bytes).first;
  if (auto next = std::next(range); next != free.end() && range->first + range->second == next->first) {
    range->second += next->second;
    free.erase(next);
  }
  if (range != free.begin()) {
    auto previous = std::prev(range);
    if (previous->first + previous->second == range->first) {
      previous->second += range->second;
      free.erase(range);
    }
  }
}

int Pool::keep(ClientId client, uint32_t card, uint64_t offset) {
  auto entry = blocks_.find({card, offset});
  if (entry == blocks_.end() || !entry->second.holders.contains(client)) return -EINVAL;
  entry->second.kept = true;
  return 0;
}

int Pool::share(ClientId client, uint32_t card, uint64_t offset, uint32_t tag, ShareKey& key) {
  auto entry = blocks_.find({card, offset});
  if (entry == blocks_.end() || !entry->second.holders.contains(client)) return -EINVAL;
  if (entry->second.block.domain == Domain::pinned) return -EINVAL;
  if (entry->second.key == ShareKey{}) {
    if (getrandom(entry->second.key.data(), sizeof(ShareKey), 0) != sizeof(ShareKey)) return -EAGAIN;
    shared_[entry->second.key] = {card, offset};
  }
  if (entry->second.tag == 0) entry->second.tag = tag;
  key = entry->second.key;
  return 0;
}

int Pool::open(ClientId client, const ShareKey& key, Block& block, uint32_t& tag) {
  auto name = shared_.find(key);
  if (name == shared_.end()) return -ENOENT;
  Entry& entry = blocks_.at(name->second);
  entry.holders.insert(client);
  block = entry.block;
  tag = entry.tag;
  return 0;
}

Pool::Left Pool::drop(ClientId client) {
  Left left;
  for (auto entry = blocks_.begin(); entry != blocks_.end();) {
    auto next = std::next(entry);
    if (size_t holds = entry->second.holders.erase(client); holds != 0) {
      if (!entry->second.kept) {
        left.blocks += holds;
        left.bytes += entry->second.block.bytes;
      }
      if (entry->second.holders.empty()) give_back(entry);
    }
    entry = next;
  }
  return left;
}

}  // namespace doorbell::sim::amd
