#include "driver/cpu/guard.h"

#include <fmt/format.h>
#include <setjmp.h>
#include <signal.h>
#include <ucontext.h>
#include <xmmintrin.h>

#include <array>
#include <cstddef>
#include <mutex>

namespace doorbell {
namespace {

constexpr unsigned kDefaultMxcsr = 0x1f80;     // System V ABI: all exceptions masked, round to nearest
constexpr size_t kAlternateStack = 64 * 1024;  // the frame alone takes 3 KiB with AVX-512 state

struct ThreadState {
  sigjmp_buf jump;
  volatile sig_atomic_t inside = 0;
  const std::atomic<bool>* abort = nullptr;
  Fault fault;
};
thread_local ThreadState thread_state;

struct Caught {
  int signal;
  const char* name;
  struct sigaction previous;
};
std::array<Caught, 5> caught = {{{SIGSEGV, "SIGSEGV", {}},
                                 {SIGBUS, "SIGBUS", {}},
                                 {SIGILL, "SIGILL", {}},
                                 {SIGFPE, "SIGFPE", {}},
                                 {SIGURG, "hang", {}}}};

void pass_on(const struct sigaction& previous, int signal, siginfo_t* info, void* context) {
  if (previous.sa_flags & SA_SIGINFO) {
    previous.sa_sigaction(signal, info, context);
  } else if (previous.sa_handler == SIG_DFL && signal != SIGURG) {
    // Back to the default: the instruction faults again and ends the process as it should.
    ::signal(signal, SIG_DFL);
  } else if (previous.sa_handler != SIG_IGN && previous.sa_handler != SIG_DFL) {
    previous.sa_handler(signal);
  }
}

void handle(int signal, siginfo_t* info, void* context) {
  ThreadState& state = thread_state;
  bool ours = state.inside && (signal != SIGURG || state.abort->load(std::memory_order_relaxed));
  if (!ours) {
    for (const Caught& row : caught)
      if (row.signal == signal) pass_on(row.previous, signal, info, context);
    return;
  }
  state.inside = 0;
  const auto& registers = static_cast<ucontext_t*>(context)->uc_mcontext.gregs;
  bool has_address = signal == SIGSEGV || signal == SIGBUS;
  state.fault = {signal, static_cast<uint64_t>(registers[REG_RIP]),
                 has_address ? reinterpret_cast<uint64_t>(info->si_addr) : 0};
  siglongjmp(state.jump, 1);
}

void install_handlers() {
  for (Caught& row : caught) {
    struct sigaction action{};
    action.sa_sigaction = handle;
    // NODEFER: the handler is left by a jump that does not restore the signal mask.
    action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER | SA_RESTART;
    sigaction(row.signal, &action, &row.previous);
  }
}

}  // namespace

std::string Fault::cause() const {
  for (const Caught& row : caught) {
    if (row.signal != signal) continue;
    if (signal == SIGSEGV || signal == SIGBUS) return fmt::format("{} at address {:#x}", row.name, address);
    return row.name;
  }
  return "unknown";
}

GuardedThread::GuardedThread(const std::atomic<bool>& abort)
    : stack_(std::make_unique<std::byte[]>(kAlternateStack)) {
  static std::once_flag once;
  std::call_once(once, install_handlers);
  stack_t stack{};
  stack.ss_sp = stack_.get();
  stack.ss_size = kAlternateStack;
  sigaltstack(&stack, nullptr);
  _mm_setcsr(kDefaultMxcsr);
  thread_state.abort = &abort;
}

GuardedThread::~GuardedThread() {
  stack_t none{};
  none.ss_flags = SS_DISABLE;
  sigaltstack(&none, nullptr);
}

bool run_guarded(void (*body)(void*), void* context, Fault& fault) {
  if (sigsetjmp(thread_state.jump, 0) != 0) {
    _mm_setcsr(kDefaultMxcsr);
    fault = thread_state.fault;
    return false;
  }
  thread_state.inside = 1;
  std::atomic_signal_fence(std::memory_order_seq_cst);
  body(context);
  std::atomic_signal_fence(std::memory_order_seq_cst);
  thread_state.inside = 0;
  return true;
}

void abort_thread(pthread_t thread) { pthread_kill(thread, SIGURG); }

}  // namespace doorbell
