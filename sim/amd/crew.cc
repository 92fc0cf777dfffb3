#include "sim/amd/crew.h"

#include <pthread.h>
#include <sys/prctl.h>

#include <algorithm>
#include <csignal>
#include <utility>

#include "sim/amd/lost.h"

namespace doorbell::sim::amd {

std::thread start_thread(const char* name, std::function<void()> body) {
  sigset_t blocked, before;
  sigfillset(&blocked);
  for (int synchronous : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT})
    sigdelset(&blocked, synchronous);
  pthread_sigmask(SIG_SETMASK, &blocked, &before);
  std::thread thread([name, body = std::move(body)] {
    pthread_setname_np(pthread_self(), name);
    prctl(PR_SET_TIMERSLACK, 1000);  // ns: sleeps of microseconds are meant
    Touching memory;
    body();
  });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return thread;
}

unsigned Crew::members_for(unsigned threads) {
  unsigned cores = std::max(std::thread::hardware_concurrency(), 1u);
  return (threads == 0 ? cores : std::min(threads, cores)) - 1;
}

Crew::~Crew() {
  {
    std::lock_guard lock(mutex_);
    quit_ = true;
  }
  offered_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void Crew::serve() {
  std::unique_lock lock(mutex_);
  while (true) {
    offered_.wait(lock, [&] { return quit_ || !offers_.empty(); });
    if (quit_) return;
    // In turns, so that dispatches of several queues get a like share.
    Offer& offer = *offers_.front();
    ++offer.at_work_;
    if (--offer.open_ == 0) offers_.pop_front();
    else offers_.splice(offers_.end(), offers_, offers_.begin());
    lock.unlock();
    offer.work_();
    lock.lock();
    --offer.at_work_;
    done_.notify_all();
  }
}

Crew::Offer::Offer(Crew& crew, uint64_t helpers, std::function<void()> work)
    : crew_(crew), work_(std::move(work)), open_(std::min<uint64_t>(helpers, crew.members_)) {
  if (open_ == 0) return;
  std::lock_guard lock(crew_.mutex_);
  while (crew_.threads_.size() < crew_.members_)
    crew_.threads_.push_back(start_thread("gpu waves", [&crew] { crew.serve(); }));
  crew_.offers_.push_back(this);
  for (uint64_t i = 0; i < open_; ++i) crew_.offered_.notify_one();
}

Crew::Offer::~Offer() {
  std::unique_lock lock(crew_.mutex_);
  crew_.offers_.remove(this);
  crew_.done_.wait(lock, [&] { return at_work_ == 0; });
}

}  // namespace doorbell::sim::amd
