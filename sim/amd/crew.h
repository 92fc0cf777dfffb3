// Host threads of the emulated GPU: how they are started, and a crew of them that helps with dispatches.
//
// A dispatch is run by the thread that asks for it; members of the crew join it, take workgroups of its grid
// as that thread does, and leave when there are none left. They start with the first work that is offered,
// and sleep when there is none. A crew belongs to one process: a child after fork() has none of its threads.
#pragma once

#include <condition_variable>
#include <functional>
#include <list>
#include <mutex>
#include <thread>
#include <vector>

namespace doorbell::sim::amd {

// A thread of a client's process: its signal handlers do not run there, except for faults that the thread
// causes itself, and it may touch the client's memory (lost.h). `name` has at most 15 characters.
std::thread start_thread(const char* name, std::function<void()> body);

class Crew {
 public:
  // `members`: beside the threads that offer work. 0: nobody helps.
  explicit Crew(unsigned members) : members_(members) {}
  ~Crew();  // no offer lives
  Crew(const Crew&) = delete;
  Crew& operator=(const Crew&) = delete;
  // One for each core of the host but the caller's; `threads` bounds both together, 0 does not.
  static unsigned members_for(unsigned threads);

  // While it lives, up to `helpers` members call `work`, once each. The destructor takes it back and waits
  // for those that have begun.
  class Offer {
   public:
    Offer(Crew& crew, uint64_t helpers, std::function<void()> work);
    ~Offer();
    Offer(const Offer&) = delete;
    Offer& operator=(const Offer&) = delete;

   private:
    friend class Crew;
    Crew& crew_;
    std::function<void()> work_;
    uint64_t open_;
    unsigned at_work_ = 0;
  };

 private:
  void serve();

  const unsigned members_;
  std::mutex mutex_;
  std::condition_variable offered_, done_;
  std::list<Offer*> offers_;
  std::vector<std::thread> threads_;
  bool quit_ = false;
};

}  // namespace doorbell::sim::amd
