// A client's way to the Pool: the very object if the client is alone, a socket to the launcher otherwise.
//
// The socket carries one Request and one Reply at a time, as SOCK_SEQPACKET messages. The first is the
// launcher's: a Reply with the files of the cards as ancillary data, the text of the Machine, and the folder
// in which the emulated /sys and /dev lie.
#pragma once

#include <memory>
#include <mutex>
#include <string>

#include "sim/amd/pool.h"

namespace doorbell::sim::amd {

struct Request {
  enum class Kind : uint32_t { allocate, release, keep, share, open, available } kind;
  Block block;
  ShareKey key = {};
  uint32_t tag = 0;
};
struct Reply {
  int32_t error = 0;
  uint64_t value = 0;
  Block block;
  ShareKey key = {};
  uint32_t tag = 0;
};

// Carries a request out: what a Pool answers, in whichever process.
Reply answer(Pool& pool, ClientId client, const Request& request);

// Threads: any.
class Resources {
 public:
  virtual ~Resources() = default;
  [[nodiscard]] virtual const Machine& machine() const = 0;
  [[nodiscard]] virtual int file(size_t card) const = 0;
  // The folder of the emulated tree, if it lies on disk.
  [[nodiscard]] virtual const std::string& folder() const = 0;
  virtual Reply ask(const Request& request) = 0;
  // In a child after fork(): lets go of the parent's connection without a word.
  virtual void abandon() {}

  int allocate(uint32_t card, Domain domain, uint64_t bytes, Block& block) {
    Reply reply = ask({Request::Kind::allocate, {card, 0, bytes, domain}, {}, 0});
    block = reply.block;
    return reply.error;
  }
  void release(const Block& block) { ask({Request::Kind::release, block, {}, 0}); }
  void keep(const Block& block) { ask({Request::Kind::keep, block, {}, 0}); }
  int share(const Block& block, uint32_t tag, ShareKey& key) {
    Reply reply = ask({Request::Kind::share, block, {}, tag});
    key = reply.key;
    return reply.error;
  }
  int open(const ShareKey& key, Block& block, uint32_t& tag) {
    Reply reply = ask({Request::Kind::open, {}, key, 0});
    block = reply.block;
    tag = reply.tag;
    return reply.error;
  }
  uint64_t available(uint32_t card, Domain domain) {
    return ask({Request::Kind::available, {card, 0, 0, domain}, {}, 0}).value;
  }
};

Result<std::unique_ptr<Resources>> local_resources(const Machine& machine);
// `name` of the launcher's socket, in the abstract namespace.
Result<std::unique_ptr<Resources>> remote_resources(const std::string& name);

}  // namespace doorbell::sim::amd
