// `doorbell emu -- PROGRAM`: runs a program that nobody here wrote on an emulated machine.
//
// The launcher owns what clients share (sim/amd/pool.h) and answers their requests; it stays the program's
// parent and outlives every client. Clients find it by the name of a socket in their environment.
#pragma once

#include <string>
#include <vector>

#include "hal/base/result.h"
#include "sim/amd/machine.h"

namespace doorbell::sim::door {

// Set by the launcher for the preloaded object, not a switch for people: the launcher's socket.
inline constexpr const char* socket_variable = "DOORBELL_EMU_SOCKET";

// Runs the command with the shared object `door` preloaded. Its exit status, 128 + the signal's number if one
// ended it; an error if it could not be started. Messages of the launcher's own go to stderr.
Result<int> launch(const amd::Machine& machine, const std::string& door,
                   const std::vector<std::string>& command);

}  // namespace doorbell::sim::door
