// Clients that die at any moment beside one that works all the while. Runs on an emulated machine with two
// cards (`doorbell emu --gpu gfx1100,gfx1030 -- ...`), for emu_test.py, which also reads what the launcher
// reports: killed SEED. Prints `usable`, and the numbers of the processes that held memory when they died.
//
// Clients are children, children of children, and programs started by exec; each reports how far it has come
// in memory that all share.
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <string>
#include <thread>

#include "driver/amd/abi/drm.h"
#include "tests/amd_kernel/worker.h"

namespace doorbell::test {
namespace {

using namespace std::chrono_literals;
namespace drm = doorbell::amd::drm;

constexpr int deaths = 100;

struct Progress {
  std::atomic<int> pid{0};
  std::atomic<int> steps{0};  // 1 and more: memory and queues are there
};
Progress* progress = nullptr;  // deaths of them, and as many for the children's children
int progress_file = -1;

[[noreturn]] void fail(const std::string& what) {
  fprintf(stderr, "killed: process %d: %s\n", getpid(), what.c_str());
  _exit(9);
}

// Until it is killed.
[[noreturn]] void work(int number, uint64_t seed) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  progress[number].pid = getpid();
  try {
    std::mt19937_64 random(seed);
    Client client(host_kernel());
    client.acquire();
    Worker worker(client, random() % client.cards.size(), random());
    while (true) {
      ++progress[number].steps;
      if (random() % 8 == 0) worker.leave_kernel_running();
      worker.step();
    }
  } catch (std::exception& problem) { fail(problem.what()); }
}

// A child in one of its shapes.
[[noreturn]] void live(int number, uint64_t seed) {
  setpgid(0, 0);
  if (number % 8 == 3) {
    if (fork() == 0) work(deaths + number, seed + 1);
  } else if (number % 8 == 6) {
    // Already a client, with memory, when another program takes the process over.
    Client client(host_kernel());
    client.acquire();
    uint64_t handle = 0;
    if (client.allocate(client.reserve(page), page, alloc::vram, handle) != 0) fail("ALLOC_MEMORY_OF_GPU");
    std::string arguments[] = {std::to_string(seed), std::to_string(number), std::to_string(progress_file)};
    execl("/proc/self/exe", "killed", arguments[0].c_str(), arguments[1].c_str(), arguments[2].c_str(),
          nullptr);
    fail("exec");
  }
  work(number, seed);
}

void share_progress(int file) {
  progress_file = file;
  progress = static_cast<Progress*>(
      mmap(nullptr, 2 * deaths * sizeof(Progress), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0));
}

int disturb(uint64_t seed) {
  share_progress(memfd_create("progress", 0));
  if (ftruncate(progress_file, 2 * deaths * sizeof(Progress)) != 0) fail("ftruncate");
  std::mt19937_64 random(seed);
  Client client(host_kernel());
  client.acquire();
  Worker first(client, 0, random());
  auto in_use = [&] {
    std::vector<uint64_t> bytes(4);
    for (size_t card = 0; card < 2; ++card) {
      for (auto [query, i] : {std::pair(drm::Query::vram_usage, 0), std::pair(drm::Query::gtt_usage, 1)}) {
        drm::Info info{};
        info.return_pointer = reinterpret_cast<uint64_t>(&bytes[card * 2 + static_cast<size_t>(i)]);
        info.return_size = 8;
        info.query = static_cast<uint32_t>(query);
        if (host_kernel().ioctl(client.render[card], drm::info.request, &info) != 0) fail("AMDGPU_INFO");
      }
    }
    return bytes;
  };
  std::vector<uint64_t> before = in_use();
  std::atomic<bool> enough{false};
  std::atomic<int> steps{0};
  std::thread steady([&] {
    try {
      while (!enough) {
        first.step();
        ++steps;
      }
    } catch (std::exception& problem) { fail(std::string("the steady client: ") + problem.what()); }
  });

  std::vector<std::pair<int, int>> living;  // number, process
  int steps_of_others = 0;
  for (int number = 0; number < deaths || !living.empty();) {
    if (number < deaths) {
      uint64_t its_seed = random();
      pid_t child = fork();
      if (child == 0) live(number, its_seed);
      setpgid(child, child);
      living.emplace_back(number++, child);
    }
    if (living.size() < 4 && number < deaths) continue;
    size_t victim = random() % living.size();
    auto [its_number, process] = living[victim];
    // A third at any time, the others at work.
    auto patience = std::chrono::steady_clock::now() + 60s;
    bool any_time = random() % 3 == 0;
    while (!any_time && progress[its_number].steps == 0) {
      if (std::chrono::steady_clock::now() > patience) fail("a child does not get to work");
      siginfo_t ended{};
      if (waitid(P_PID, static_cast<id_t>(process), &ended, WEXITED | WNOHANG | WNOWAIT) != 0 ||
          ended.si_pid != 0)
        fail("a child ended by itself");
      std::this_thread::sleep_for(1ms);
    }
    std::this_thread::sleep_for(std::chrono::microseconds(random() % 20'000));
    kill(-process, SIGKILL);
    int status = 0;
    waitpid(process, &status, 0);
    if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL) fail("a child ended by itself");
    steps_of_others += progress[its_number].steps;
    living.erase(living.begin() + static_cast<std::ptrdiff_t>(victim));
  }
  int steps_meanwhile = steps;
  enough = true;
  steady.join();

  first.rest();
  auto patience = std::chrono::steady_clock::now() + 60s;
  while (in_use() != before) {
    if (std::chrono::steady_clock::now() > patience) fail("memory of the dead is not free again");
    std::this_thread::sleep_for(10ms);
  }
  for (int i = 0; i < 50; ++i) first.step();
  printf("steps %d beside %d\nholding", steps_meanwhile, steps_of_others);
  for (int i = 0; i < 2 * deaths; ++i)
    if (progress[i].steps != 0) printf(" %d", progress[i].pid.load());
  printf("\nusable\n");
  fflush(stdout);
  // Its own memory is left behind as well.
  _exit(0);
}

}  // namespace
}  // namespace doorbell::test

int main(int count, char** arguments) {
  using namespace doorbell::test;  // NOLINT(google-build-using-namespace)
  if (count < 2) return 2;
  uint64_t seed = std::stoull(arguments[1]);
  if (count < 4) return disturb(seed);
  share_progress(std::stoi(arguments[3]));
  work(std::stoi(arguments[2]), seed);
}
