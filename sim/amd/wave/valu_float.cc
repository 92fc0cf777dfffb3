// Vector float arithmetic in f32 and f64. Host arithmetic is IEEE 754's; MXCSR stands for MODE (valu.cc). A
// result that is no number although no source was is the positive quiet NaN here, and the negative one on
// x86.
#include "sim/amd/wave/lanes.h"
#include "sim/amd/wave/valu.h"

namespace doorbell::sim::amd::DOORBELL_SIMD {
namespace {

#define COMPARES(name, type)                                                            \
  {"v_cmp_f_" name, LANES([](type, type) { return false; })},                           \
      {"v_cmp_lt_" name, LANES([](type a, type b) { return a < b; })},                  \
      {"v_cmp_eq_" name, LANES([](type a, type b) { return a == b; })},                 \
      {"v_cmp_le_" name, LANES([](type a, type b) { return a <= b; })},                 \
      {"v_cmp_gt_" name, LANES([](type a, type b) { return a > b; })},                  \
      {"v_cmp_lg_" name, LANES([](type a, type b) { return (a < b) || (b < a); })},     \
      {"v_cmp_ge_" name, LANES([](type a, type b) { return a >= b; })},                 \
      {"v_cmp_o_" name, LANES([](type a, type b) { return a == a && b == b; })},        \
      {"v_cmp_u_" name, LANES([](type a, type b) { return a != a || b != b; })},        \
      {"v_cmp_nge_" name, LANES([](type a, type b) { return !(a >= b); })},             \
      {"v_cmp_nlg_" name, LANES([](type a, type b) { return !((a < b) || (b < a)); })}, \
      {"v_cmp_ngt_" name, LANES([](type a, type b) { return !(a > b); })},              \
      {"v_cmp_nle_" name, LANES([](type a, type b) { return !(a <= b); })},             \
      {"v_cmp_neq_" name, LANES([](type a, type b) { return !(a == b); })},             \
      {"v_cmp_nlt_" name, LANES([](type a, type b) { return !(a < b); })}, {            \
    "v_cmp_t_" name, LANES([](type, type) { return true; })                             \
  }

const LaneRow rows[] = {
    {"v_add_f32", LANES([](float a, float b) { return a + b; })},
    {"v_sub_f32", LANES([](float a, float b) { return a - b; })},
    {"v_subrev_f32", LANES([](float a, float b) { return b - a; })},
    {"v_mul_f32", LANES([](float a, float b) { return a * b; })},
    {"v_fma_f32", LANES([](float a, float b, float c) { return __builtin_fmaf(a, b, c); })},
    {"v_fmac_f32", LANES([](float a, float b, float c) { return __builtin_fmaf(a, b, c); })},
    {"v_fmaak_f32", LANES([](float a, float b, float c) { return __builtin_fmaf(a, b, c); })},
    {"v_fmamk_f32", LANES([](float a, float b, float c) { return __builtin_fmaf(a, b, c); })},
    {"v_add_f64", LANES([](double a, double b) { return a + b; })},
    {"v_mul_f64", LANES([](double a, double b) { return a * b; })},
    {"v_fma_f64", LANES([](double a, double b, double c) { return __builtin_fma(a, b, c); })},
    COMPARES("f32", float),
    COMPARES("f64", double),
};

}  // namespace

LaneRows float_rows();
LaneRows float_rows() { return {rows, sizeof rows / sizeof *rows}; }

}  // namespace doorbell::sim::amd::DOORBELL_SIMD
