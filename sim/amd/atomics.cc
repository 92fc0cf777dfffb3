#include "sim/amd/atomics.h"

#include <algorithm>
#include <type_traits>

#include "driver/amd/abi/sdma.h"

namespace doorbell::sim::amd {
namespace {

namespace sdma = doorbell::amd::sdma;

template <class T>
struct Row {
  uint8_t op;  // its 32-bit form, returning
  T (*apply)(T old, T operand, T compare);
};

template <class T>
constexpr Row<T> rows[] = {
    {sdma::ATOMIC_SWAP_RTN_32, [](T, T operand, T) { return operand; }},
    {sdma::ATOMIC_CMPSWAP_RTN_32, [](T old, T operand, T compare) { return old == compare ? operand : old; }},
    {sdma::ATOMIC_ADD_RTN_32, [](T old, T operand, T) { return static_cast<T>(old + operand); }},
    {sdma::ATOMIC_SUB_RTN_32, [](T old, T operand, T) { return static_cast<T>(old - operand); }},
    {sdma::ATOMIC_SMIN_RTN_32,
     [](T old, T operand, T) {
       using S = std::make_signed_t<T>;
       return static_cast<T>(std::min(static_cast<S>(old), static_cast<S>(operand)));
     }},
    {sdma::ATOMIC_UMIN_RTN_32, [](T old, T operand, T) { return std::min(old, operand); }},
    {sdma::ATOMIC_SMAX_RTN_32,
     [](T old, T operand, T) {
       using S = std::make_signed_t<T>;
       return static_cast<T>(std::max(static_cast<S>(old), static_cast<S>(operand)));
     }},
    {sdma::ATOMIC_UMAX_RTN_32, [](T old, T operand, T) { return std::max(old, operand); }},
    {sdma::ATOMIC_AND_RTN_32, [](T old, T operand, T) { return static_cast<T>(old & operand); }},
    {sdma::ATOMIC_OR_RTN_32, [](T old, T operand, T) { return static_cast<T>(old | operand); }},
    {sdma::ATOMIC_XOR_RTN_32, [](T old, T operand, T) { return static_cast<T>(old ^ operand); }},
    {sdma::ATOMIC_INC_RTN_32,
     [](T old, T operand, T) { return static_cast<T>(old >= operand ? 0 : old + 1); }},
    {sdma::ATOMIC_DEC_RTN_32,
     [](T old, T operand, T) { return old == 0 || old > operand ? operand : static_cast<T>(old - 1); }},
};

constexpr uint32_t wide = sdma::ATOMIC_ADD_RTN_64 - sdma::ATOMIC_ADD_RTN_32;
static_assert(wide == 0x20);

template <class T>
AtomicResult apply(Bus& bus, uint32_t op, uint64_t va, uint64_t operand, uint64_t compare) {
  for (const Row<T>& row : rows<T>) {
    if (row.op != op) continue;
    T value = static_cast<T>(operand), expected = static_cast<T>(compare);
    return {true, bus.exchange<T>(va, [&](T old) { return row.apply(old, value, expected); })};
  }
  return {false, 0};
}

}  // namespace

bool atomic_is_wide(uint32_t op) { return (op & wide) != 0; }

AtomicResult atomic(Bus& bus, uint32_t op, uint64_t va, uint64_t operand, uint64_t compare) {
  op &= ~uint32_t{sdma::ATOMIC_NORTN};
  return atomic_is_wide(op) ? apply<uint64_t>(bus, op & ~wide, va, operand, compare)
                            : apply<uint32_t>(bus, op, va, operand, compare);
}

}  // namespace doorbell::sim::amd
