// Random tensors, counter-based: an element is a function of a key and its place, in any order and on any
// device. The function is Threefry-2x32 with 20 rounds (Salmon et al., "Parallel random numbers: as easy as
// 1, 2, 3", 2011), spelled in graph operations; bits and uniform numbers equal JAX's of the same key
// (jax_threefry_partitionable). Each draw takes a key of its own, which is data: equal code serves all draws.
#pragma once

#include <atomic>
#include <utility>

#include "runtime/elementwise.h"
#include "runtime/tensor.h"

namespace doorbell {

// The block cipher on any 32-bit word: uint32_t, or Tensor of u32.
template <class Word>
std::pair<Word, Word> threefry2x32(const Word& key0, const Word& key1, const Word& counter0,
                                   const Word& counter1) {
  constexpr int rotations[2][4] = {{13, 15, 26, 6}, {17, 29, 16, 24}};
  const Word key[3] = {key0, key1, key0 ^ key1 ^ 0x1BD11BDAU};
  Word a = counter0 + key[0], b = counter1 + key[1];
  for (uint32_t block = 0; block < 5; ++block) {
    for (int r : rotations[block % 2]) {
      a = a + b;
      b = ((b << r) | (b >> (32 - r))) ^ a;
    }
    a = a + key[(block + 1) % 3];
    b = b + key[(block + 2) % 3] + (block + 1);
  }
  return {a, b};
}

// A stream of keys. Draws from one generator, in order, are the same in every run. Threads may share it; then
// their order is theirs to keep.
class Generator {
 public:
  explicit Generator(uint64_t seed) : seed_(seed) {}
  void seed(uint64_t seed) {
    seed_ = seed;
    draw_ = 0;
  }
  Tensor key();  // u32 (2): the next draw's

 private:
  std::atomic<uint64_t> seed_, draw_ = 0;
};
Generator& generator();  // the process's own, seeded with 0

// Two words of 32 bits for each element, and their exclusive or: the bits of a draw. At most 2^32 elements.
std::pair<Tensor, Tensor> random_words(const Tensor& key, const Shape& shape, Line at = Line::current());
Tensor random_bits(const Tensor& key, const Shape& shape, Line at = Line::current());
// From the key alone. uniform: [0, 1), a multiple of 2^-mantissa. normal: by Box and Muller.
Tensor uniform(const Tensor& key, const Shape& shape, DType dtype = dtype::f32, Line at = Line::current());
Tensor normal(const Tensor& key, const Shape& shape, DType dtype = dtype::f32, Line at = Line::current());

Tensor rand(const Shape& shape, DType dtype = dtype::f32, Generator& from = generator(),
            Line at = Line::current());
Tensor randn(const Shape& shape, DType dtype = dtype::f32, Generator& from = generator(),
             Line at = Line::current());
// [low, high); high - low < 2^32. (A bias of at most (high - low) / 2^32.)
Tensor randint(const Shape& shape, int64_t low, int64_t high, DType dtype = dtype::i32,
               Generator& from = generator(), Line at = Line::current());

// Initial weights of shape (out, in, ...): uniform in +-bound. Kaiming (He et al. 2015): sqrt(6 / ((1 + a^2)
// * fan_in)); Xavier (Glorot and Bengio 2010): sqrt(6 / (fan_in + fan_out)).
Tensor kaiming_uniform(const Shape& shape, double a = 0, DType dtype = dtype::f32,
                       Generator& from = generator(), Line at = Line::current());
Tensor xavier_uniform(const Shape& shape, DType dtype = dtype::f32, Generator& from = generator(),
                      Line at = Line::current());

// Zeroes each element with the probability, and scales the others by 1 / (1 - probability).
Tensor dropout(const Operand& x, double probability = 0.5, Generator& from = generator());

}  // namespace doorbell
