// SIGSEGV and SIGBUS, shared between the emulated kernel and the program in whose process it is.
//
//   sleeping doorbells   A store to one faults; the handler asks the emulated kernels of the process whose
//                        page it is, and if one says so, returns: the store is retried.
//   lost memory          The GPU's threads may meet memory that the program has unmapped (lost.h).
//
// All other faults are the program's own. What it wants done with them is kept here and done as if nobody
// stood before it.
#pragma once

#include <signal.h>

namespace doorbell::sim::amd {

class EmulatedKernel;

inline constexpr int fault_signals[] = {SIGSEGV, SIGBUS};

// From here on faults on the kernel's doorbells are its affair. The handler is set with the first.
void catch_faults(EmulatedKernel* kernel);
// No fault of the kernel's is under way, and none will come.
void release_faults(EmulatedKernel* kernel);
// True once the handler is set.
bool catching_faults() noexcept;
// True once the handler is set, and is that signal's.
bool catches(int signal) noexcept;
// The program's own action for such a signal: gives the old one, takes the new one; either may be null.
void replace_program_action(int signal, const struct sigaction* action, struct sigaction* old) noexcept;

}  // namespace doorbell::sim::amd
