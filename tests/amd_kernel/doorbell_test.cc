// Doorbells: a plain store wakes a GPU that sleeps, whoever handles SIGSEGV besides; and what it costs to
// sleep.
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csetjmp>
#include <csignal>
#include <thread>

#include "driver/amd/abi/aql.h"
#include "tests/amd_kernel/rig.h"

namespace doorbell::test {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

// An AQL queue with its doorbell mapped.
struct Rung {
  explicit Rung(Client& client) : parts(client) {
    EXPECT_EQ(client.call(kfd::create_queue, parts.args), 0);
    for (uint32_t slot = 0; slot < parts.args.ring_size / 64; ++slot)
      *parts.ring.at<uint16_t>(slot * 64) = 1;  // INVALID
    doorbell = parts.doorbell(client);
  }
  // A barrier packet that waits for nothing.
  void submit() {
    auto* packet = parts.ring.at<uint32_t>(next % (parts.args.ring_size / 64) * 64);
    for (int word = 1; word < 16; ++word) packet[word] = 0;
    std::atomic_ref(packet[0]).store(3, std::memory_order_release);
    std::atomic_ref(*parts.write.at<uint64_t>()).store(next + 1, std::memory_order_release);
    *doorbell = next++;
  }
  bool wait(std::chrono::milliseconds limit = 5000ms) {
    auto until = Clock::now() + limit;
    while (std::atomic_ref(*parts.read.at<uint64_t>()).load() != next) {
      if (Clock::now() > until) return false;
      std::this_thread::sleep_for(50us);
    }
    return true;
  }
  QueueParts parts;
  volatile uint64_t* doorbell = nullptr;
  uint64_t next = 0;
};

class Doorbell : public testing::Test {
 protected:
  void SetUp() override { client.acquire(); }
  Client client;
};

TEST_F(Doorbell, WakesASleepingGpu) {
  Rung queue(client);
  for (int i = 0; i < 5; ++i) {
    queue.submit();
    ASSERT_TRUE(queue.wait()) << i;
    std::this_thread::sleep_for(20ms);  // it sleeps after one
  }
}

TEST_F(Doorbell, TakesManyStoresWhileAwake) {
  Rung queue(client);
  for (int i = 0; i < 2000; ++i) {
    queue.submit();
    if (i % 512 == 511) { ASSERT_TRUE(queue.wait()); }
  }
  EXPECT_TRUE(queue.wait());
}

TEST_F(Doorbell, WorksInSeveralMappings) {
  Rung queue(client);
  uint64_t offset = queue.parts.args.doorbell_offset;
  intptr_t again = client.kernel().mmap(nullptr, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, client.fd,
                                        offset & ~uint64_t{8191});
  ASSERT_GT(again, 0);
  auto* first = queue.doorbell;
  auto* second = reinterpret_cast<volatile uint64_t*>(again + static_cast<intptr_t>(offset & 8191));
  for (auto* doorbell : {second, first, second}) {
    queue.doorbell = doorbell;
    std::this_thread::sleep_for(10ms);
    queue.submit();
    EXPECT_TRUE(queue.wait());
  }
  client.kernel().munmap(reinterpret_cast<void*>(again), 8192);
  queue.doorbell = first;
  std::this_thread::sleep_for(10ms);
  queue.submit();
  EXPECT_TRUE(queue.wait());
}

// Wake-ups are counted: what one costs depends on the machine. A thread that spins has none, but uses a core.
TEST_F(Doorbell, NobodyWakesUpWhileTheGpuSleeps) {
  Rung queue(client);
  queue.submit();
  ASSERT_TRUE(queue.wait());
  std::this_thread::sleep_for(500ms);
  auto microseconds = [](const rusage& usage) {
    return (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1'000'000 + usage.ru_utime.tv_usec +
           usage.ru_stime.tv_usec;
  };
  rusage before{}, after{};
  getrusage(RUSAGE_SELF, &before);
  std::this_thread::sleep_for(1s);
  getrusage(RUSAGE_SELF, &after);
  EXPECT_LE(after.ru_nvcsw - before.ru_nvcsw, 2) << "of this thread is one";
  EXPECT_LT(microseconds(after) - microseconds(before), 100'000);
}

// In a process of its own: it changes what SIGSEGV does. A sanitizer's handler does not stay.
int in_child(int (*body)()) {
  pid_t child = fork();
  if (child == 0) {
    signal(SIGSEGV, SIG_DFL);
    _exit(body());
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

sigjmp_buf escape;
volatile int* volatile nowhere = reinterpret_cast<volatile int*>(64);  // not null, which sanitizers would see
volatile sig_atomic_t seen = 0;

TEST(DoorbellSignal, TheProgramsOwnFaultsGoToItsOwnHandler) {
  EXPECT_EQ(in_child([] {
              // Set before the machine is there, as a runtime does.
              struct sigaction action = {};
              action.sa_handler = [](int) {
                seen = seen + 1;
                siglongjmp(escape, 1);
              };
              sigaction(SIGSEGV, &action, nullptr);
              Client client;
              client.acquire();
              Rung queue(client);
              std::this_thread::sleep_for(20ms);
              if (sigsetjmp(escape, 1) == 0) *nowhere = 1;
              if (seen != 1) return 1;
              queue.submit();
              return queue.wait() && seen == 1 ? 0 : 2;
            }),
            0);
}

TEST(DoorbellSignal, WithoutAHandlerTheProgramDiesOfItsFault) {
  EXPECT_EQ(in_child([] {
              Client client;
              client.acquire();
              Rung queue(client);
              *nowhere = 1;
              return 0;
            }),
            128 + SIGSEGV);
}

TEST(DoorbellSignal, AChildCannotRingItsParentsQueue) {
  EXPECT_EQ(in_child([] {
              Client client;
              client.acquire();
              Rung queue(client);
              pid_t child = fork();
              if (child == 0) {
                *queue.doorbell = 0;
                _exit(0);
              }
              int status = 0;
              waitpid(child, &status, 0);
              if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGSEGV) return 1;
              queue.submit();
              return queue.wait() ? 0 : 2;
            }),
            0);
}

}  // namespace
}  // namespace doorbell::test
