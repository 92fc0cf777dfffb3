// The handler of SIGSEGV.
#include "sim/amd/fault_signal.h"

#include <array>
#include <atomic>
#include <cerrno>

#include "hal/base/result.h"
#include "sim/amd/kernel.h"
#include "sim/amd/raw.h"

namespace doorbell::sim::amd {
namespace {

std::atomic<bool> catching{false};
struct sigaction program_action = {};
std::array<std::atomic<EmulatedKernel*>, 64> kernels = {};

// In the handler, system calls themselves: where the door stands before the C library's names, it takes what
// comes from outside for the program's.
void set_default(int signal) {
  struct {  // the kernel's sigaction
    void (*handler)(int);
    unsigned long flags;
    void (*restorer)();
    uint64_t mask;
  } action = {SIG_DFL, 0, nullptr, 0};
  raw::call(SYS_rt_sigaction, signal, raw::pointer(&action), 0, 8);
}
void set_mask(int how, const sigset_t& mask, sigset_t* before) {
  raw::call(SYS_rt_sigprocmask, how, raw::pointer(&mask), raw::pointer(before), 8);
}

void act_as_program(int signal, siginfo_t* info, void* context) {
  struct sigaction action = program_action;
  if (action.sa_flags & SA_RESETHAND) program_action.sa_handler = SIG_DFL;
  bool has_handler =
      (action.sa_flags & SA_SIGINFO) || (action.sa_handler != SIG_DFL && action.sa_handler != SIG_IGN);
  if (!has_handler) {
    // The default action belongs to the instruction that faulted, which runs again as soon as this returns.
    set_default(signal);
    // A signal that somebody sent does not come again by itself.
    if (info->si_code <= 0) raise(signal);
    return;
  }
  sigset_t mask = action.sa_mask, before;
  if (!(action.sa_flags & SA_NODEFER)) sigaddset(&mask, signal);
  set_mask(SIG_BLOCK, mask, &before);
  if (action.sa_flags & SA_SIGINFO) {
    action.sa_sigaction(signal, info, context);
  } else {
    action.sa_handler(signal);
  }
  set_mask(SIG_SETMASK, before, nullptr);
}

void on_fault(int signal, siginfo_t* info, void* context) {
  int saved = errno;
  if (info->si_code == SEGV_ACCERR) {
    for (auto& slot : kernels) {
      EmulatedKernel* kernel = slot.load();
      if (kernel && kernel->doorbell_fault(info->si_addr)) {
        errno = saved;
        return;
      }
    }
  }
  act_as_program(signal, info, context);
  errno = saved;
}

}  // namespace

void catch_faults(EmulatedKernel* kernel) {
  bool placed = false;
  for (auto& slot : kernels) placed |= slot.load() == kernel;
  for (auto& slot : kernels) {
    EmulatedKernel* none = nullptr;
    if (!placed) placed = slot.compare_exchange_strong(none, kernel);
  }
  DOORBELL_CHECK(placed, "more than {} emulated machines in one process", kernels.size());
  struct sigaction present = {};
  sigaction(SIGSEGV, nullptr, &present);
  if ((present.sa_flags & SA_SIGINFO) && present.sa_sigaction == on_fault) return;
  // Also if somebody has come before us since: his handler is the program's now.
  program_action = present;
  catching = true;
  struct sigaction action = {};
  action.sa_sigaction = on_fault;
  // SA_NODEFER: the program's own handler may ring a doorbell.
  action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER | SA_RESTART;
  sigaction(SIGSEGV, &action, nullptr);
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGSEGV);
  pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
}

void release_faults(EmulatedKernel* kernel) {
  for (auto& slot : kernels) {
    EmulatedKernel* gone = kernel;
    slot.compare_exchange_strong(gone, nullptr);
  }
}

bool catching_faults() noexcept { return catching; }

void replace_program_action(const struct sigaction* action, struct sigaction* old) noexcept {
  struct sigaction before = program_action;
  if (action) program_action = *action;
  if (old) *old = before;
}

}  // namespace doorbell::sim::amd
