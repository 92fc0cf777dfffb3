// Running machine code that may fault, and getting out of it. A fault in a kernel, or in a copy of a buffer
// that is gone, must lose the device, not end the process: the handler records what happened on an alternate
// stack (the fault may be a stack overflow) and jumps back to run_guarded. Faults elsewhere go to the handler
// that was there before. Kernels call nothing and hold nothing, so that they can be left at any instruction;
// the same jump therefore also ends a kernel that hangs, when abort_thread() asks for it (by SIGURG, whose
// default is to be ignored; Go's scheduler chose it for the same reason, Go proposal 24543).
#pragma once

#include <pthread.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

namespace doorbell {

struct Fault {
  int signal = 0;  // SIGURG: it hung and was ended
  uint64_t pc = 0;
  uint64_t address = 0;  // that was accessed; of SIGSEGV and SIGBUS only

  [[nodiscard]] std::string cause() const;  // "SIGSEGV at address 0x10", "hang"
};

// Constructed at the top of each thread that runs kernels: gives it an alternate stack, the floating-point
// state of the System V ABI (threads inherit their creator's), and the flag that permits its kernels to be
// aborted.
class GuardedThread {
 public:
  explicit GuardedThread(const std::atomic<bool>& abort);
  ~GuardedThread();
  GuardedThread(const GuardedThread&) = delete;
  GuardedThread& operator=(const GuardedThread&) = delete;

 private:
  std::unique_ptr<std::byte[]> stack_;
};

// Runs body(context) on a guarded thread. False: it faulted, and was left without unwinding.
[[nodiscard]] bool run_guarded(void (*body)(void*), void* context, Fault& fault);

// Ends the kernel that `thread` is running, if any and if its abort flag is set. It may have to be asked
// again: a thread that is about to enter a kernel does not notice.
void abort_thread(pthread_t thread);

}  // namespace doorbell
