// SIGSEGV, shared between sleeping doorbells and the program that rings them.
//
// A store to a sleeping doorbell page faults; the handler here asks the emulated kernels of the process whose
// page it is, and if one says so, returns: the store is retried. All other faults are the program's own. What
// it wants done with them is kept here and done as if nobody stood before it.
#pragma once

#include <signal.h>

namespace doorbell::sim::amd {

class EmulatedKernel;

// From here on faults on the kernel's doorbells are its affair. The handler is set with the first.
void catch_faults(EmulatedKernel* kernel);
// No fault of the kernel's is under way, and none will come.
void release_faults(EmulatedKernel* kernel);
// True once the handler is set.
bool catching_faults() noexcept;
// The program's own action for SIGSEGV: gives the old one, takes the new one; either may be null.
void replace_program_action(const struct sigaction* action, struct sigaction* old) noexcept;

}  // namespace doorbell::sim::amd
