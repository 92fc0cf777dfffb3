// A HIP program, built by Debian's hipcc and run on the emulated GPU by hip_test.py: each argument names a
// test, which prints `NAME ok`, or says what is wrong. What is right is computed by the host.
#include <hip/hip_runtime.h>
// Behind it: the cooperative groups use what it declares.
#include <hip/hip_cooperative_groups.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>
#define OK(x)                                                                  \
  do {                                                                         \
    hipError_t e_ = (x);                                                       \
    if (e_ != hipSuccess) {                                                    \
      printf("%s:%d %s: %s\n", __func__, __LINE__, #x, hipGetErrorString(e_)); \
      return false;                                                            \
    }                                                                          \
  } while (0)
#define HOLDS(x)                                             \
  do {                                                       \
    if (!(x)) {                                              \
      printf("%s:%d %s is false\n", __func__, __LINE__, #x); \
      return false;                                          \
    }                                                        \
  } while (0)

__global__ void add(const float* a, const float* b, float* c, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) c[i] = a[i] + b[i];
}
__global__ void matmul(const float* a, const float* b, float* c, int n) {
  __shared__ float ta[16][16], tb[16][16];
  int row = blockIdx.y * 16 + threadIdx.y, col = blockIdx.x * 16 + threadIdx.x;
  float sum = 0;
  for (int t = 0; t < n / 16; ++t) {
    ta[threadIdx.y][threadIdx.x] = a[row * n + t * 16 + threadIdx.x];
    tb[threadIdx.y][threadIdx.x] = b[(t * 16 + threadIdx.y) * n + col];
    __syncthreads();
    for (int k = 0; k < 16; ++k) sum += ta[threadIdx.y][k] * tb[k][threadIdx.x];
    __syncthreads();
  }
  c[row * n + col] = sum;
}
__global__ void reduce(const int* in, int* out, int n) {
  __shared__ int part[256];
  int i = blockIdx.x * 256 + threadIdx.x;
  part[threadIdx.x] = i < n ? in[i] : 0;
  __syncthreads();
  for (int step = 128; step > 0; step /= 2) {
    if ((int)threadIdx.x < step) part[threadIdx.x] += part[threadIdx.x + step];
    __syncthreads();
  }
  if (threadIdx.x == 0) atomicAdd(out, part[0]);
}
__global__ void count(unsigned* bins, const unsigned char* data, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) atomicAdd(&bins[data[i] & 15], 1u);
}
__global__ void others(int* p, float* f, unsigned long long* l) {
  atomicMax(&p[0], (int)threadIdx.x);
  atomicMin(&p[1], -(int)threadIdx.x);
  atomicOr(&p[2], 1 << (threadIdx.x & 31));
  atomicAnd(&p[3], ~(1 << (threadIdx.x & 15)));
  atomicXor(&p[4], (int)threadIdx.x);
  atomicExch(&p[5], 7);
  atomicCAS(&p[6], 0, 9);
  atomicAdd(f, 1.0f);
  atomicAdd(l, 1ull << 33);
}
__global__ void twice(int* p, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) p[i] *= 2;
}
__global__ void spin(int* p, int rounds) {
  int v = *p;
  for (int i = 0; i < rounds; ++i) v = v * 1664525 + 1013904223;
  *p = v;
}
__global__ void say(int x) {
  if (threadIdx.x < 3)
    printf("block %d thread %d says %d and %.2f %s\n", (int)blockIdx.x, (int)threadIdx.x, x,
           1.5f * threadIdx.x, "hello");
}

bool vectors() {
  int n = 5000;
  std::vector<float> a(n), b(n), c(n);
  for (int i = 0; i < n; i++) {
    a[i] = i * 0.5f;
    b[i] = 2 * i;
  }
  float *da, *db, *dc;
  OK(hipMalloc(&da, n * 4));
  OK(hipMalloc(&db, n * 4));
  OK(hipMalloc(&dc, n * 4));
  OK(hipMemcpy(da, a.data(), n * 4, hipMemcpyHostToDevice));
  OK(hipMemcpy(db, b.data(), n * 4, hipMemcpyHostToDevice));
  add<<<(n + 255) / 256, 256>>>(da, db, dc, n);
  OK(hipGetLastError());
  OK(hipDeviceSynchronize());
  OK(hipMemcpy(c.data(), dc, n * 4, hipMemcpyDeviceToHost));
  for (int i = 0; i < n; i++) HOLDS(c[i] == a[i] + b[i]);
  OK(hipFree(da));
  OK(hipFree(db));
  OK(hipFree(dc));
  return true;
}
bool matrices() {
  int n = 64;
  std::vector<float> a(n * n), b(n * n), c(n * n);
  for (int i = 0; i < n * n; i++) {
    a[i] = i % 7 - 3;
    b[i] = i % 5 - 2;
  }
  float *da, *db, *dc;
  OK(hipMalloc(&da, n * n * 4));
  OK(hipMalloc(&db, n * n * 4));
  OK(hipMalloc(&dc, n * n * 4));
  OK(hipMemcpy(da, a.data(), n * n * 4, hipMemcpyHostToDevice));
  OK(hipMemcpy(db, b.data(), n * n * 4, hipMemcpyHostToDevice));
  matmul<<<dim3(n / 16, n / 16), dim3(16, 16)>>>(da, db, dc, n);
  OK(hipMemcpy(c.data(), dc, n * n * 4, hipMemcpyDeviceToHost));
  for (int i = 0; i < n; i++)
    for (int j = 0; j < n; j++) {
      float sum = 0;
      for (int k = 0; k < n; k++) sum += a[i * n + k] * b[k * n + j];
      HOLDS(c[i * n + j] == sum);
    }
  OK(hipFree(da));
  OK(hipFree(db));
  OK(hipFree(dc));
  return true;
}
bool reduction() {
  int n = 10000;
  std::vector<int> v(n);
  long want = 0;
  for (int i = 0; i < n; i++) {
    v[i] = i * 37 % 1001 - 500;
    want += v[i];
  }
  int *in, *out, got = 0;
  OK(hipMalloc(&in, n * 4));
  OK(hipMalloc(&out, 4));
  OK(hipMemset(out, 0, 4));
  OK(hipMemcpy(in, v.data(), n * 4, hipMemcpyHostToDevice));
  reduce<<<(n + 255) / 256, 256>>>(in, out, n);
  OK(hipMemcpy(&got, out, 4, hipMemcpyDeviceToHost));
  HOLDS(got == want);
  OK(hipFree(in));
  OK(hipFree(out));
  return true;
}
bool atomics() {
  int n = 4000;
  std::vector<unsigned char> data(n);
  unsigned want[16] = {}, got[16];
  for (int i = 0; i < n; i++) {
    data[i] = i * 31 % 251;
    want[data[i] & 15]++;
  }
  unsigned char* d;
  unsigned* bins;
  OK(hipMalloc(&d, n));
  OK(hipMalloc(&bins, 64));
  OK(hipMemset(bins, 0, 64));
  OK(hipMemcpy(d, data.data(), n, hipMemcpyHostToDevice));
  count<<<(n + 127) / 128, 128>>>(bins, d, n);
  OK(hipMemcpy(got, bins, 64, hipMemcpyDeviceToHost));
  HOLDS(memcmp(got, want, 64) == 0);
  int* p;
  float* f;
  unsigned long long* l;
  int start[7] = {-5, 5, 0, -1, 0, 0, 0}, end[7];
  float fe;
  unsigned long long le;
  OK(hipMalloc(&p, 28));
  OK(hipMalloc(&f, 4));
  OK(hipMalloc(&l, 8));
  OK(hipMemset(f, 0, 4));
  OK(hipMemset(l, 0, 8));
  OK(hipMemcpy(p, start, 28, hipMemcpyHostToDevice));
  others<<<1, 64>>>(p, f, l);
  OK(hipMemcpy(end, p, 28, hipMemcpyDeviceToHost));
  OK(hipMemcpy(&fe, f, 4, hipMemcpyDeviceToHost));
  OK(hipMemcpy(&le, l, 8, hipMemcpyDeviceToHost));
  HOLDS(end[0] == 63);
  HOLDS(end[1] == -63);
  HOLDS(end[2] == -1);
  HOLDS(end[3] == ~0xffff);
  HOLDS(end[4] == 0);
  HOLDS(end[5] == 7);
  HOLDS(end[6] == 9);
  HOLDS(fe == 64.0f);
  HOLDS(le == 64ull << 33);
  return true;
}
bool copies() {
  size_t n = 1 << 20;
  std::vector<int> v(n / 4), w(n / 4);
  for (size_t i = 0; i < v.size(); i++) v[i] = (int)(i * 2654435761u);
  int *a, *b;
  hipStream_t s;
  int* pinned;
  OK(hipStreamCreate(&s));
  OK(hipMalloc(&a, n));
  OK(hipMalloc(&b, n));
  OK(hipHostMalloc(&pinned, n));
  memcpy(pinned, v.data(), n);
  OK(hipMemcpyAsync(a, pinned, n, hipMemcpyHostToDevice, s));
  OK(hipMemcpyAsync(b, a, n, hipMemcpyDeviceToDevice, s));
  memset(w.data(), 0, n);
  OK(hipMemcpyAsync(w.data(), b, n, hipMemcpyDeviceToHost, s));
  OK(hipStreamSynchronize(s));
  HOLDS(v == w);
  OK(hipMemsetAsync(b, 0x5a, n, s));
  OK(hipMemsetD32Async((hipDeviceptr_t)a, 0x12345678, n / 4, s));
  OK(hipMemcpyAsync(pinned, b, n, hipMemcpyDeviceToHost, s));
  OK(hipStreamSynchronize(s));
  for (size_t i = 0; i < n / 4; i++) HOLDS(pinned[i] == 0x5a5a5a5a);
  OK(hipMemcpy(w.data(), a, n, hipMemcpyDeviceToHost));
  for (int x : w) HOLDS(x == 0x12345678);
  std::vector<char> grid(100 * 40);
  for (size_t i = 0; i < grid.size(); i++) grid[i] = (char)i;
  OK(hipMemcpy2D(a, 256, grid.data(), 100, 60, 40, hipMemcpyHostToDevice));
  std::vector<char> back(60 * 40);
  OK(hipMemcpy2D(back.data(), 60, a, 256, 60, 40, hipMemcpyDeviceToHost));
  for (int y = 0; y < 40; y++)
    for (int x = 0; x < 60; x++) HOLDS(back[y * 60 + x] == grid[y * 100 + x]);
  OK(hipFree(a));
  OK(hipFree(b));
  OK(hipHostFree(pinned));
  OK(hipStreamDestroy(s));
  return true;
}
bool events() {
  hipEvent_t start, stop;
  int* p;
  int v = 3;
  float ms = -1;
  OK(hipEventCreate(&start));
  OK(hipEventCreate(&stop));
  OK(hipMalloc(&p, 4));
  OK(hipMemcpy(p, &v, 4, hipMemcpyHostToDevice));
  OK(hipEventRecord(start));
  spin<<<1, 1>>>(p, 20000);
  OK(hipEventRecord(stop));
  OK(hipEventSynchronize(stop));
  OK(hipEventElapsedTime(&ms, start, stop));
  HOLDS(ms > 0.0f && ms < 60000.0f);
  OK(hipMemcpy(&v, p, 4, hipMemcpyDeviceToHost));
  unsigned want = 3;
  for (int i = 0; i < 20000; i++) want = want * 1664525u + 1013904223u;
  HOLDS((unsigned)v == want);
  OK(hipEventDestroy(start));
  OK(hipEventDestroy(stop));
  OK(hipFree(p));
  return true;
}
bool streams() {
  const int k = 4, n = 3000;
  hipStream_t s[k];
  int* p[k];
  std::vector<int> v(n), w(n);
  hipEvent_t e;
  OK(hipEventCreate(&e));
  for (int i = 0; i < n; i++) v[i] = i;
  for (int j = 0; j < k; j++) {
    OK(hipStreamCreateWithFlags(&s[j], hipStreamNonBlocking));
    OK(hipMalloc(&p[j], n * 4));
    OK(hipMemcpy(p[j], v.data(), n * 4, hipMemcpyHostToDevice));
  }
  for (int round = 0; round < 5; round++)
    for (int j = 0; j < k; j++) twice<<<(n + 255) / 256, 256, 0, s[j]>>>(p[j], n);
  OK(hipEventRecord(e, s[0]));
  OK(hipStreamWaitEvent(s[1], e, 0));
  twice<<<(n + 255) / 256, 256, 0, s[1]>>>(p[0], n);
  for (int j = 0; j < k; j++) OK(hipStreamSynchronize(s[j]));
  for (int j = 0; j < k; j++) {
    OK(hipMemcpy(w.data(), p[j], n * 4, hipMemcpyDeviceToHost));
    for (int i = 0; i < n; i++) HOLDS(w[i] == v[i] * (j == 0 ? 64 : 32));
  }
  for (int j = 0; j < k; j++) {
    OK(hipStreamDestroy(s[j]));
    OK(hipFree(p[j]));
  }
  return true;
}
bool managed() {
  int *p, n = 2000;
  hipError_t e = hipMallocManaged(&p, n * 4);
  OK(e);
  for (int i = 0; i < n; i++) p[i] = i;
  twice<<<(n + 255) / 256, 256>>>(p, n);
  OK(hipDeviceSynchronize());
  for (int i = 0; i < n; i++) HOLDS(p[i] == 2 * i);
  OK(hipFree(p));
  return true;
}
// What the host has allocated itself, and what the runtime has allocated on the host.
bool host() {
  int n = 2000, *pinned, *p;
  OK(hipHostMalloc(&pinned, n * 4, hipHostMallocMapped));
  std::vector<int> own(n + 1024);
  int* page = (int*)(((uintptr_t)own.data() + 4095) & ~(uintptr_t)4095);
  for (int i = 0; i < n - 1024; i++) pinned[i] = page[i] = i;
  OK(hipHostGetDevicePointer((void**)&p, pinned, 0));
  twice<<<(n + 255) / 256, 256>>>(p, n - 1024);
  OK(hipHostRegister(page, (n - 1024) * 4, hipHostRegisterDefault));
  OK(hipHostGetDevicePointer((void**)&p, page, 0));
  twice<<<(n + 255) / 256, 256>>>(p, n - 1024);
  OK(hipDeviceSynchronize());
  for (int i = 0; i < n - 1024; i++) HOLDS(pinned[i] == 2 * i && page[i] == 2 * i);
  OK(hipHostUnregister(page));
  OK(hipHostFree(pinned));
  return true;
}
// Each lane keeps a table in scratch, more than a queue has at first.
__global__ void tables(int* out, int n, int size) {
  int table[3000], i = blockIdx.x * blockDim.x + threadIdx.x;
  for (int j = 0; j < size; j++) table[(j * 7 + i) % size] = i + j;
  int sum = 0;
  for (int j = 0; j < size; j += 5) sum = sum * 31 + table[j];
  if (i < n) out[i] = sum;
}
bool scratch() {
  const int n = 96, size = 100;
  int *p, table[size];
  std::vector<int> got(n);
  OK(hipMalloc(&p, n * 4));
  tables<<<3, 32>>>(p, n, size);
  OK(hipMemcpy(got.data(), p, n * 4, hipMemcpyDeviceToHost));
  for (int i = 0; i < n; i++) {
    for (int j = 0; j < size; j++) table[(j * 7 + i) % size] = i + j;
    unsigned sum = 0;
    for (int j = 0; j < size; j += 5) sum = sum * 31 + table[j];
    HOLDS(got[i] == (int)sum);
  }
  OK(hipFree(p));
  return true;
}
// Two devices: each works on memory of its own, copies between them, and one looks into the other's.
bool peers() {
  const int n = 3000;
  int count = 0, *p[2], *copy, can = 0;
  std::vector<int> v(n), w(n);
  for (int i = 0; i < n; i++) v[i] = i;
  OK(hipGetDeviceCount(&count));
  HOLDS(count == 2);
  for (int d = 0; d < 2; d++) {
    OK(hipSetDevice(d));
    OK(hipMalloc(&p[d], n * 4));
    OK(hipMemcpy(p[d], v.data(), n * 4, hipMemcpyHostToDevice));
    for (int i = 0; i <= d; i++) twice<<<(n + 255) / 256, 256>>>(p[d], n);
    OK(hipDeviceSynchronize());
  }
  OK(hipMalloc(&copy, n * 4));
  OK(hipMemcpyPeer(copy, 1, p[0], 0, n * 4));
  OK(hipMemcpy(w.data(), copy, n * 4, hipMemcpyDeviceToHost));
  for (int i = 0; i < n; i++) HOLDS(w[i] == 2 * v[i]);
  OK(hipDeviceCanAccessPeer(&can, 1, 0));
  HOLDS(can == 1);
  OK(hipDeviceEnablePeerAccess(0, 0));
  twice<<<(n + 255) / 256, 256>>>(p[0], n);
  OK(hipDeviceSynchronize());
  OK(hipSetDevice(0));
  OK(hipMemcpy(w.data(), p[0], n * 4, hipMemcpyDeviceToHost));
  for (int i = 0; i < n; i++) HOLDS(w[i] == 4 * v[i]);
  OK(hipMemcpy(w.data(), p[1], n * 4, hipMemcpyDeviceToHost));
  for (int i = 0; i < n; i++) HOLDS(w[i] == 4 * v[i]);
  return true;
}
bool printing() {
  say<<<2, 32>>>(42);
  OK(hipDeviceSynchronize());
  return true;
}
bool properties() {
  hipDeviceProp_t p;
  int count = 0;
  size_t free = 0, total = 0;
  OK(hipGetDeviceCount(&count));
  OK(hipGetDeviceProperties(&p, 0));
  OK(hipMemGetInfo(&free, &total));
  printf("%d x %s %s warp %d, %zu MiB\n", count, p.name, p.gcnArchName, p.warpSize, total >> 20);
  HOLDS(free <= total);
  return true;
}
__global__ void wild(int* p) { p[threadIdx.x] = 1; }
// The runtime ends a program whose kernel faults: neither of these returns.
bool fault() {
  wild<<<1, 32>>>((int*)0x123456789000);
  OK(hipDeviceSynchronize());
  return false;
}
// malloc() has so much mapped for itself, and free() unmaps it with nobody told.
bool freed() {
  const size_t bytes = 16 << 20;
  int *memory = (int*)calloc(bytes, 1), *seen = nullptr;
  OK(hipHostRegister(memory, bytes, hipHostRegisterDefault));
  OK(hipHostGetDevicePointer((void**)&seen, memory, 0));
  wild<<<1, 32>>>(seen);
  OK(hipDeviceSynchronize());
  HOLDS(memory[31] == 1);
  free(memory);
  wild<<<1, 32>>>(seen);
  OK(hipDeviceSynchronize());
  return false;
}
// The same, but the kernel is at work when the memory goes. It meets the host by two words that stay.
enum Touch { loads, stores, adds, loads_whole_waves, loads_scalars };
template <Touch touch>
__global__ void meets(int* memory, volatile int* words, int* out) {
  if (threadIdx.x == 0) words[0] = 1;
  while (words[1] == 0) __builtin_amdgcn_s_sleep(1);
  if (touch == loads) *out = threadIdx.x == 5 ? memory[threadIdx.x] : 0;
  if (touch == stores) memory[threadIdx.x] = 1;
  if (touch == adds) atomicAdd(&memory[threadIdx.x], 1);
  if (touch == loads_whole_waves) out[threadIdx.x] = memory[threadIdx.x];
  if (touch == loads_scalars) {
    int scalar;
    asm volatile("s_load_dword %0, %1, 0x0\n\ts_waitcnt lgkmcnt(0)" : "=s"(scalar) : "s"(memory));
    *out = scalar;
  }
}
template <Touch touch>
bool freeing() {
  const size_t bytes = 16 << 20;
  int *memory = (int*)calloc(bytes, 1), *seen = nullptr, *out = nullptr;
  volatile int* words = nullptr;
  OK(hipHostMalloc((void**)&words, 8, hipHostMallocCoherent));
  OK(hipMalloc(&out, 256));
  words[0] = words[1] = 0;
  OK(hipHostRegister(memory, bytes, hipHostRegisterDefault));
  OK(hipHostGetDevicePointer((void**)&seen, memory, 0));
  meets<touch><<<1, 32>>>(seen, words, out);
  while (words[0] == 0) usleep(1000);
  free(memory);
  words[1] = 1;
  OK(hipDeviceSynchronize());
  return false;
}
__global__ void give_up() { abort(); }
bool trap() {
  give_up<<<1, 32>>>();
  OK(hipDeviceSynchronize());
  return false;
}
__global__ void waits(volatile int* flag) {
  while (*flag == 0) __builtin_amdgcn_s_sleep(1);
}
// Nobody will write to it. The runtime ends the program.
bool hang() {
  int* flag;
  OK(hipMalloc(&flag, 4));
  OK(hipMemset(flag, 0, 4));
  waits<<<1, 32>>>(flag);
  OK(hipDeviceSynchronize());
  return false;
}
// The host takes its time, longer than it takes to find a hang; another stream takes less.
bool released() {
  int *flag, *ours;
  OK(hipHostMalloc(&flag, 4, hipHostMallocDefault));
  *flag = 0;
  waits<<<1, 32>>>(flag);
  sleep(3);
  *(volatile int*)flag = 1;
  OK(hipDeviceSynchronize());
  OK(hipHostFree(flag));
  hipStream_t first, second;
  OK(hipStreamCreateWithFlags(&first, hipStreamNonBlocking));
  OK(hipStreamCreateWithFlags(&second, hipStreamNonBlocking));
  OK(hipMalloc(&ours, 4));
  OK(hipMemset(ours, 0, 4));
  OK(hipDeviceSynchronize());
  waits<<<1, 32, 0, first>>>(ours);
  usleep(100000);
  OK(hipMemsetAsync(ours, 1, 4, second));
  OK(hipStreamSynchronize(first));
  OK(hipFree(ours));
  return true;
}
__global__ void local(int* p) {
  extern __shared__ int words[];
  words[threadIdx.x] = 1;
  p[0] = words[0];
}
bool limits() {
  int* p;
  OK(hipMalloc(&p, 4));
  local<<<1, 32, 70000>>>(p);
  HOLDS(hipGetLastError() != hipSuccess);
  local<<<1, 2048, 100>>>(p);
  HOLDS(hipGetLastError() == hipErrorInvalidConfiguration);
  local<<<1, 32, 65536>>>(p);
  OK(hipGetLastError());
  OK(hipDeviceSynchronize());
  int one = 0;
  OK(hipMemcpy(&one, p, 4, hipMemcpyDeviceToHost));
  HOLDS(one == 1);
  OK(hipFree(p));
  return true;
}
bool too_much() {
  void* p;
  hipError_t e = hipMalloc(&p, (size_t)1 << 45);
  (void)hipGetLastError();
  HOLDS(e == hipErrorOutOfMemory);
  return true;
}

// Every block of the grid writes, all meet, every block reads what all have written.
__global__ void meet(int* words, int* sums, int rounds) {
  int blocks = gridDim.x;
  for (int round = 0; round < rounds; ++round) {
    if (threadIdx.x == 0) words[blockIdx.x] = round * 100 + blockIdx.x;
    cooperative_groups::this_grid().sync();
    int sum = 0;
    for (int i = 0; i < blocks; ++i) sum += words[i];
    if (threadIdx.x == 0) sums[round * blocks + blockIdx.x] = sum;
    cooperative_groups::this_grid().sync();
  }
}
bool cooperative() {
  int can = 0;
  OK(hipDeviceGetAttribute(&can, hipDeviceAttributeCooperativeLaunch, 0));
  HOLDS(can == 1);
  int blocks = 12, rounds = 3;
  int *words = nullptr, *sums = nullptr;
  OK(hipMalloc(&words, blocks * sizeof(int)));
  OK(hipMalloc(&sums, blocks * rounds * sizeof(int)));
  void* arguments[] = {&words, &sums, &rounds};
  OK(hipLaunchCooperativeKernel(reinterpret_cast<void*>(meet), dim3(blocks), dim3(64), arguments, 0, 0));
  OK(hipDeviceSynchronize());
  std::vector<int> got(blocks * rounds);
  OK(hipMemcpy(got.data(), sums, got.size() * sizeof(int), hipMemcpyDeviceToHost));
  for (int i = 0; i < blocks * rounds; ++i)
    HOLDS(got[i] == i / blocks * 100 * blocks + blocks * (blocks - 1) / 2);
  OK(hipFree(words));
  OK(hipFree(sums));
  return true;
}

struct {
  const char* name;
  bool (*run)();
} tests[] = {
    {"properties", properties}, {"vectors", vectors},   {"matrices", matrices}, {"reduction", reduction},
    {"atomics", atomics},       {"copies", copies},     {"events", events},     {"streams", streams},
    {"managed", managed},       {"printing", printing}, {"too_much", too_much}, {"limits", limits},
    {"host", host},             {"scratch", scratch},   {"peers", peers},       {"fault", fault},
    {"trap", trap},             {"hang", hang},         {"released", released}, {"freed", freed},
    {"freeing_loads", freeing<loads>},
    {"freeing_stores", freeing<stores>},
    {"freeing_adds", freeing<adds>},
    {"freeing_waves", freeing<loads_whole_waves>},
    {"freeing_scalars", freeing<loads_scalars>},
    {"cooperative", cooperative},
};
int main(int argc, char** argv) {
  int bad = 0;
  for (int i = 1; i < argc; i++)
    for (auto& t : tests)
      if (argv[i] == std::string(t.name)) {
        bool ok = t.run();
        printf("%s %s\n", t.name, ok ? "ok" : "WRONG");
        fflush(stdout);
        bad += !ok;
      }
  return bad;
}
