// Conversions between number formats.
#include "sim/amd/wave/lanes.h"
#include "sim/amd/wave/valu.h"

namespace doorbell::sim::amd::DOORBELL_SIMD {
namespace {

const LaneRow rows[] = {
    {"v_cvt_f32_i32", LANES([](int32_t a) { return static_cast<float>(a); })},
    {"v_cvt_f32_u32", LANES([](uint32_t a) { return static_cast<float>(a); })},
    {"v_cvt_f64_f32", LANES([](float a) { return static_cast<double>(a); })},
    {"v_cvt_f32_f64", LANES([](double a) { return static_cast<float>(a); })},
    {"v_cvt_f64_i32", LANES([](int32_t a) { return static_cast<double>(a); })},
    {"v_cvt_f64_u32", LANES([](uint32_t a) { return static_cast<double>(a); })},
    {"v_cvt_f32_ubyte0",
     LANES([](uint32_t a) { return static_cast<float>(static_cast<int32_t>(a & 0xff)); })},
    {"v_cvt_f32_ubyte1",
     LANES([](uint32_t a) { return static_cast<float>(static_cast<int32_t>(a >> 8 & 0xff)); })},
    {"v_cvt_f32_ubyte2",
     LANES([](uint32_t a) { return static_cast<float>(static_cast<int32_t>(a >> 16 & 0xff)); })},
    {"v_cvt_f32_ubyte3", LANES([](uint32_t a) { return static_cast<float>(static_cast<int32_t>(a >> 24)); })},
};

}  // namespace

LaneRows convert_rows();
LaneRows convert_rows() { return {rows, sizeof rows / sizeof *rows}; }

}  // namespace doorbell::sim::amd::DOORBELL_SIMD
