// An interpreter with a switch (jump tables or compare trees), diverging with each lane's program.
//! grid 128 group 64
//! out int[128]
//! code uchar[4096] bits
#ifdef __AMDGPU__
#include "gpu.hip.h"
#define FUNCTION static __device__
#else
#include "host.h"
#define FUNCTION static
#endif
FUNCTION int step(int operation, int a, int b, int depth) {
  switch (operation) {
    case 0: return a + b;
    case 1: return a - b;
    case 2: return a * b;
    case 3: return b > 0 ? a / b : a % 77;
    case 4: return a ^ b;
    case 5: return a & ~b;
    case 6: return a << (b & 7);
    case 7: return a >> (b & 7);
    case 8: return a < b ? a : b;
    case 9: return a > b ? depth : b;
    default: return a + operation;
  }
}
#ifdef __AMDGPU__
extern "C" __global__ void k(int* out, const unsigned char* code) {
  int stack[8], depth = 1;
  stack[0] = id(0);
  for (int i = 0; i < 32; ++i) {
    const unsigned char c = code[id(0) * 32 + i];
    if (c & 0x80) {
      if (depth < 8) stack[depth++] = c & 0x7f;
    } else if (depth > 1) {
      --depth;
      stack[depth - 1] = step(c & 15, stack[depth - 1], stack[depth], depth);
    }
  }
  out[id(0)] = stack[depth - 1];
}
#else
struct Args { int* out; uchar* code; };
void twin(const struct Args* s) {
  for (int item = 0; item < 128; ++item) {
    int stack[8] = {item}, top = 0;
    for (const uchar* c = s->code + item * 32; c < s->code + item * 32 + 32; ++c)
      if (*c > 127) {
        if (top < 7) stack[++top] = *c - 128;
      } else if (top) {
        top -= 1;
        stack[top] = step(*c % 16, stack[top], stack[top + 1], top + 1);
      }
    s->out[item] = stack[top];
  }
}
#endif
