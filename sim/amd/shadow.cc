#include "sim/amd/shadow.h"

#include <algorithm>
#include <cstring>

#include "sim/amd/raw.h"
#include "sim/amd/vm.h"

namespace doorbell::sim::amd {
namespace {

constexpr uint64_t words = page_bytes / 8;
constexpr uint64_t whole = ~uint64_t{0};

// The host may read and write beside: what it sees change, and what is read of it, are whole words where all
// of them is meant.
template <class T>
T load(const std::byte* from) {
  return __atomic_load_n(reinterpret_cast<const T*>(from), __ATOMIC_RELAXED);
}
template <class T>
void store(std::byte* to, T value) {
  __atomic_store_n(reinterpret_cast<T*>(to), value, __ATOMIC_RELAXED);
}

void copy_page(std::byte* to, const std::byte* from) {
  for (uint64_t i = 0; i < page_bytes; i += 8) store(to + i, load<uint64_t>(from + i));
}

}  // namespace

std::shared_ptr<Author> Authors::of(std::string_view queue, uint64_t packet, std::string_view kernel) {
  std::lock_guard lock(mutex_);
  if (authors_.empty() || authors_.back()->packet != packet || authors_.back()->kernel != kernel ||
      authors_.back()->queue != queue) {
    auto author = std::make_shared<Author>();
    author->queue = queue;
    author->packet = packet;
    author->kernel = kernel;
    authors_.push_back(std::move(author));
  }
  return authors_.back();
}

void Authors::tell() {
  std::lock_guard lock(mutex_);
  for (const auto& author : authors_) author->told = true;
  authors_.clear();
}

void Authors::forget() {
  std::lock_guard lock(mutex_);
  authors_.clear();
}

Shadow::~Shadow() {
  if (copy_) raw::unmap(copy_, 2 * bytes_);
}

uint64_t Shadow::page(const std::byte* host) const {
  return static_cast<uint64_t>(host - host_) / page_bytes;
}

bool Shadow::all(const std::byte* host, uint64_t bytes, State least) const {
  if (held_.load(std::memory_order_acquire) == 0) return false;
  for (uint64_t at = page(host), last = page(host + bytes - 1); at <= last; ++at)
    if (states_[at].load(std::memory_order_acquire) < least) return false;
  return true;
}

std::byte* Shadow::look(std::byte* host, uint64_t bytes) {
  uint64_t held = 0, first = page(host), last = page(host + bytes - 1);
  for (uint64_t at = first; at <= last; ++at) held += states_[at].load(std::memory_order_acquire) != none;
  if (held == 0) return host;
  if (held != last - first + 1) {
    std::lock_guard alone(gate_);
    hold(host, bytes, clean, {});
  }
  return copy_ + (host - host_);
}

void Shadow::hold(const std::byte* host, uint64_t bytes, State state, const Storer& who) {
  if (!copy_) {
    copy_ = raw::reserve(2 * bytes_);
    if (!copy_) {  // no room in the address space: as if nobody cached
      stopped_.store(true, std::memory_order_relaxed);
      return;
    }
    states_ = std::make_unique<std::atomic<uint8_t>[]>(bytes_ / page_bytes);
  }
  for (uint64_t at = page(host), last = page(host + bytes - 1); at <= last; ++at) {
    uint8_t was = states_[at].load(std::memory_order_relaxed);
    if (was == none) copy_page(copy_ + at * page_bytes, host_ + at * page_bytes);
    if (was < dirty) {
      std::shared_ptr<Author>& author = pages_[at];
      if (state == dirty && who.authors) author = who.authors->of(who.queue, who.packet, who.kernel);
      states_[at].store(std::max<uint8_t>(was, state), std::memory_order_release);
    }
  }
  held_.store(pages_.size(), std::memory_order_release);
}

std::byte* Shadow::fresh(std::byte* host, uint64_t bytes) {
  if (held_.load(std::memory_order_acquire) == 0) return host;
  std::byte* at = look(host, bytes);
  if (at == host) return host;
  std::lock_guard alone(gate_);
  for (uint64_t one = page(host), last = page(host + bytes - 1); one <= last; ++one)
    if (states_[one].load(std::memory_order_relaxed) != none) refresh_page(one);
    else copy_page(copy_ + one * page_bytes, host_ + one * page_bytes);  // written back meanwhile
  return at;
}

void Shadow::Store::open(Shadow& shadow, uint64_t bytes, const Storer& who, bool sparse) {
  shadow.gate_.enter();
  while (!shadow.stopped_.load(std::memory_order_relaxed) && !shadow.all(at, bytes, dirty)) {
    shadow.gate_.leave();
    {
      std::lock_guard alone(shadow.gate_);
      if (!shadow.stopped_.load(std::memory_order_relaxed)) shadow.hold(at, bytes, dirty, who);
    }
    shadow.gate_.enter();
  }
  shadow_ = &shadow;
  if (shadow.stopped_.load(std::memory_order_relaxed)) return;
  at = shadow.copy_ + (at - shadow.host_);
  stored = at + shadow.bytes_;
  bytes_ = sparse ? 0 : bytes;
}

void Shadow::Store::close() {
  if (stored) std::memset(stored, 0xff, bytes_);
  shadow_->gate_.leave();
}

void Shadow::write_back_page(uint64_t at) {
  std::byte* from = copy_ + at * page_bytes;
  std::byte* to = host_ + at * page_bytes;
  std::byte* stored = from + bytes_;
  for (uint64_t word = 0; word < words; ++word, from += 8, to += 8, stored += 8) {
    uint64_t which = load<uint64_t>(stored);
    if (which == 0) continue;
    if (which == whole) {
      store(to, load<uint64_t>(from));
    } else {
      for (unsigned i = 0; i < 8; i += 4) {
        if (load<uint32_t>(stored + i) == static_cast<uint32_t>(whole)) {
          store(to + i, load<uint32_t>(from + i));
          continue;
        }
        for (unsigned j = i; j < i + 4; ++j)
          if (stored[j] != std::byte{0}) to[j] = from[j];
      }
    }
    store(stored, uint64_t{0});
  }
}

void Shadow::refresh_page(uint64_t at) {
  const std::byte* from = host_ + at * page_bytes;
  std::byte* to = copy_ + at * page_bytes;
  const std::byte* stored = to + bytes_;
  for (uint64_t word = 0; word < words; ++word, from += 8, to += 8, stored += 8) {
    uint64_t which = load<uint64_t>(stored);
    if (which == whole) continue;
    uint64_t theirs = load<uint64_t>(from), ours = load<uint64_t>(to);
    store(to, (ours & which) | (theirs & ~which));
  }
}

// By stretches of pages: how far from the start, and how many bytes.
template <class Body>
void Shadow::each_held(std::byte* host, uint64_t bytes, State least, Body&& body) {
  auto at = static_cast<uint64_t>(host - host_);
  for (uint64_t end = at + bytes; at < end;) {
    uint64_t next = std::min(end, (at / page_bytes + 1) * page_bytes);
    if (states_[at / page_bytes].load(std::memory_order_relaxed) >= least) body(at, next - at);
    at = next;
  }
}

void Shadow::settle(std::byte* host, uint64_t bytes) {
  each_held(host, bytes, dirty, [&](uint64_t at, uint64_t size) {
    for (uint64_t i = at; i < at + size; ++i) {
      std::byte& stored = copy_[bytes_ + i];
      if (stored != std::byte{0}) host_[i] = copy_[i];
      stored = std::byte{0};
    }
  });
}

void Shadow::follow(std::byte* host, uint64_t bytes) {
  each_held(host, bytes, clean,
            [&](uint64_t at, uint64_t size) { std::memcpy(copy_ + at, host_ + at, size); });
}

void Shadow::drop() {
  for (const auto& [at, author] : pages_) {
    write_back_page(at);
    states_[at].store(none, std::memory_order_release);
  }
  pages_.clear();
  held_.store(0, std::memory_order_release);
}

void Shadow::write_back() {
  if (held_.load(std::memory_order_acquire) == 0) return;
  std::lock_guard alone(gate_);
  drop();
}

void Shadow::refresh() {
  if (held_.load(std::memory_order_acquire) == 0) return;
  std::lock_guard alone(gate_);
  for (auto page = pages_.begin(); page != pages_.end();) {
    if (states_[page->first].load(std::memory_order_relaxed) == dirty) {
      refresh_page(page->first);
      ++page;
    } else {
      states_[page->first].store(none, std::memory_order_release);
      page = pages_.erase(page);
    }
  }
  held_.store(pages_.size(), std::memory_order_release);
}

void Shadow::stop() {
  std::lock_guard alone(gate_);
  drop();
  stopped_.store(true, std::memory_order_relaxed);
}

std::vector<Shadow::Unreleased> Shadow::end(std::byte* host, uint64_t bytes) {
  std::vector<Unreleased> unreleased;
  if (held_.load(std::memory_order_acquire) == 0) return unreleased;
  std::lock_guard alone(gate_);
  auto page = pages_.lower_bound(this->page(host)), last = pages_.upper_bound(this->page(host + bytes - 1));
  for (; page != last; page = pages_.erase(page)) {
    const auto& [at, author] = *page;
    if (author && author->told.load()) {
      const std::byte* stored = copy_ + bytes_ + at * page_bytes;
      auto marked = static_cast<uint64_t>(std::count(stored, stored + page_bytes, std::byte{0xff}));
      auto known = std::find_if(unreleased.begin(), unreleased.end(),
                                [&](const Unreleased& one) { return one.author == author; });
      if (known != unreleased.end()) {
        known->bytes += marked;
      } else if (marked != 0) {
        auto first = std::find(stored, stored + page_bytes, std::byte{0xff}) - stored;
        unreleased.push_back({author, host_ + at * page_bytes + first, marked});
      }
    }
    write_back_page(at);
    states_[at].store(none, std::memory_order_release);
  }
  held_.store(pages_.size(), std::memory_order_release);
  return unreleased;
}

void Shadow::lose(const std::byte* host, uint64_t bytes) {
  if (held_.load(std::memory_order_acquire) == 0) return;
  std::lock_guard alone(gate_);
  // What is lost may reach beyond this memory on either side.
  const std::byte *from = std::max<const std::byte*>(host, host_),
                  *to = std::min<const std::byte*>(host + bytes, host_ + bytes_);
  if (from >= to) return;
  auto page = pages_.lower_bound(this->page(from)), last = pages_.upper_bound(this->page(to - 1));
  for (; page != last; page = pages_.erase(page)) {
    std::memset(copy_ + bytes_ + page->first * page_bytes, 0, page_bytes);
    states_[page->first].store(none, std::memory_order_release);
  }
  held_.store(pages_.size(), std::memory_order_release);
}

}  // namespace doorbell::sim::amd
