// The handler of SIGSEGV and SIGBUS.
#include "sim/amd/fault_signal.h"

#include <ucontext.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <iterator>

#include "hal/base/result.h"
#include "sim/amd/kernel.h"
#include "sim/amd/lost.h"
#include "sim/amd/raw.h"

namespace doorbell::sim::amd {
namespace {

std::atomic<bool> catching{false};
struct sigaction program_actions[std::size(fault_signals)] = {};
struct sigaction& program_action(int signal) {
  return program_actions[std::ranges::find(fault_signals, signal) - fault_signals];
}
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
  struct sigaction action = program_action(signal);
  if (action.sa_flags & SA_RESETHAND) program_action(signal).sa_handler = SIG_DFL;
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

bool ours(int signal, const siginfo_t& info, const ucontext_t& context) {
  if (info.si_code <= 0) return false;  // somebody sent it
  bool touching = lost_memory.touching != 0, doorbell = signal == SIGSEGV && info.si_code == SEGV_ACCERR;
  bool write = context.uc_mcontext.gregs[REG_ERR] & 2;  // of the page fault's error code
  for (auto& slot : kernels) {
    EmulatedKernel* kernel = slot.load();
    if (!kernel) continue;
    if (doorbell && kernel->doorbell_fault(info.si_addr)) return true;
    if (touching && kernel->memory_fault(info.si_addr, write, signal == SIGBUS)) return true;
  }
  return false;
}

void on_fault(int signal, siginfo_t* info, void* context) {
  int saved = errno;
  if (!ours(signal, *info, *static_cast<const ucontext_t*>(context))) act_as_program(signal, info, context);
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
  for (int signal : fault_signals) {
    struct sigaction present = {};
    sigaction(signal, nullptr, &present);
    if ((present.sa_flags & SA_SIGINFO) && present.sa_sigaction == on_fault) continue;
    // Also if somebody has come before us since: his handler is the program's now.
    program_action(signal) = present;
    catching = true;
    struct sigaction action = {};
    action.sa_sigaction = on_fault;
    // SA_NODEFER: the program's own handler may ring a doorbell.
    action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER | SA_RESTART;
    sigaction(signal, &action, nullptr);
  }
  sigset_t set;
  sigemptyset(&set);
  for (int signal : fault_signals) sigaddset(&set, signal);
  pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
}

void release_faults(EmulatedKernel* kernel) {
  for (auto& slot : kernels) {
    EmulatedKernel* gone = kernel;
    slot.compare_exchange_strong(gone, nullptr);
  }
}

bool catching_faults() noexcept { return catching; }
bool catches(int signal) noexcept { return catching && std::ranges::count(fault_signals, signal) != 0; }

void replace_program_action(int signal, const struct sigaction* action, struct sigaction* old) noexcept {
  struct sigaction before = program_action(signal);
  if (action) program_action(signal) = *action;
  if (old) *old = before;
}

}  // namespace doorbell::sim::amd
