// The table of debug variables: the only place where the program's behaviour is read from its environment.
// `doorbell env` prints it. (Where the machine keeps things, XDG folders and proxies, is not behaviour and is
// read where it is needed.)
//
// Threads: reading is safe anywhere. reload_env() is for program start and for tests, while nothing else
// runs.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "hal/base/result.h"

namespace doorbell {

// In the order of the table.
enum class Env : uint8_t { dev, debug, dump, trace, threads, cache, features };

struct EnvRow {
  Env id;
  const char* name;
  enum Type : uint8_t { text, integer } type;
  const char* fallback;  // the value when the variable is absent
  int64_t min, max;      // of integers
  const char* help;
};

std::span<const EnvRow> env_table();

// An integer variable that does not hold an integer of its range ends the program with one line: call
// check_env() at start to say so before any work is done.
Status check_env();
int64_t env_integer(Env id);
std::string env_text(Env id);

// Reads the environment anew. What was derived from it earlier (open devices, an open trace) stays as it is.
void reload_env();

// DEBUG, at the cost of one load.
inline int debug_level() { return static_cast<int>(env_integer(Env::debug)); }

// NAME  value  (default)  help, a line each.
std::string env_listing();

}  // namespace doorbell
