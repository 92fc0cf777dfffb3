/* sim/emu.h from C: a kernel is assembled from text and run over memory; another one gets its registers from
 * this program and gives them back; a third one does what silicon would punish. Prints what it sees, and
 * fails where that is not what the kernels say. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/emu.h"

static const char source[] =
    ".globl scale\n"
    ".p2align 8\n"
    ".type scale,@function\n"
    "scale:                                // s[0:1]: the arguments, s2: the workgroup, v0: the work-item in "
    "it\n"
    "  s_load_b128 s[4:7], s[0:1], 0x0\n"
    "  s_load_b32 s8, s[0:1], 0x10\n"
    "  v_lshl_add_u32 v0, s2, 6, v0\n"
    "  v_lshlrev_b32 v0, 2, v0\n"
    "  s_waitcnt lgkmcnt(0)\n"
    "  global_load_b32 v1, v0, s[4:5]\n"
    "  s_waitcnt vmcnt(0)\n"
    "  v_mul_f32 v1, s8, v1\n"
    "  global_store_b32 v0, v1, s[6:7]\n"
    "  s_endpgm\n"
    ".p2align 8\n"
    "add:                                  // v1 = s10 + v5, registers that the caller sets\n"
    "  v_add_nc_u32 v1, s10, v5\n"
    "  s_endpgm\n"
    ".globl stray\n"
    ".p2align 8\n"
    "stray:                                // a store to where nothing is mapped\n"
    "  v_mov_b32 v0, 16\n"
    "  v_mov_b32 v1, 0\n"
    "  global_store_b32 v[0:1], v1, off\n"
    "  s_endpgm\n"
    ".section .rodata,\"a\"\n"
    ".p2align 6\n"
    ".amdhsa_kernel scale\n"
    "  .amdhsa_kernarg_size 24\n"
    "  .amdhsa_user_sgpr_kernarg_segment_ptr 1\n"
    "  .amdhsa_next_free_vgpr 8\n"
    "  .amdhsa_next_free_sgpr 16\n"
    ".end_amdhsa_kernel\n"
    ".amdhsa_kernel add\n"
    "  .amdhsa_next_free_vgpr 8\n"
    "  .amdhsa_next_free_sgpr 16\n"
    ".end_amdhsa_kernel\n"
    ".amdhsa_kernel stray\n"
    "  .amdhsa_next_free_vgpr 8\n"
    "  .amdhsa_next_free_sgpr 16\n"
    ".end_amdhsa_kernel\n";

enum { count = 256, lanes = 32 };

static void need(int condition, const char* what) {
  if (condition) return;
  fprintf(stderr, "example: %s\n", what);
  exit(1);
}

/* The registers of a wave, before its first instruction and after its last. */
static void begin(void* context, doorbell_emu_wave* wave) {
  (void)context;
  for (unsigned lane = 0; lane < wave->lanes; ++lane) wave->vgpr[5 * wave->lanes + lane] = 3 * lane;
  wave->sgpr[10] = 1000;
}
static void end(void* context, const doorbell_emu_wave* wave) {
  memcpy(context, &wave->vgpr[1 * wave->lanes], lanes * sizeof(uint32_t));
}

int main(void) {
  char text[256];
  doorbell_emu* gpu = doorbell_emu_create("gfx1100", text, sizeof text);
  need(gpu != NULL, text);

  size_t bytes = 0;
  const void* object = doorbell_emu_assemble(gpu, source, &bytes);
  need(object != NULL, doorbell_emu_error(gpu));
  need(doorbell_emu_load(gpu, object, bytes) == 0, doorbell_emu_error(gpu));
  doorbell_emu_kernel kernel = {.struct_bytes = sizeof kernel};
  need(doorbell_emu_find(gpu, "scale", &kernel) == 0, doorbell_emu_error(gpu));
  need(kernel.lanes == lanes && kernel.kernarg_bytes == 24, "the descriptor of scale");

  /* The code, back as text. */
  unsigned char code[256];
  need(doorbell_emu_read(gpu, kernel.entry, code, sizeof code) == 0, doorbell_emu_error(gpu));
  for (size_t at = 0; strcmp(text, "s_endpgm") != 0;) {
    const size_t n = doorbell_emu_disassemble(gpu, code + at, sizeof code - at, lanes, text, sizeof text);
    need(n != 0, doorbell_emu_error(gpu));
    printf("  %s\n", text);
    at += n;
  }

  /* out[i] = 2.5 * in[i], with memory of the GPU's own, and some of ours. */
  float in[count], out[count];
  for (int i = 0; i < count; ++i) in[i] = (float)i;
  struct {
    uint64_t in, out;
    float factor;
    uint32_t unused;
  } arguments = {doorbell_emu_alloc(gpu, sizeof in), doorbell_emu_alloc(gpu, sizeof out), 2.5f, 0};
  need(arguments.in != 0 && arguments.out != 0, doorbell_emu_error(gpu));
  need(doorbell_emu_write(gpu, arguments.in, in, sizeof in) == 0, doorbell_emu_error(gpu));
  doorbell_emu_launch launch = {.struct_bytes = sizeof launch,
                                .kernel = "scale",
                                .kernarg = &arguments,
                                .kernarg_bytes = sizeof arguments,
                                .grid = {count, 1, 1},
                                .workgroup = {64, 1, 1}};
  doorbell_emu_fault fault = {.struct_bytes = sizeof fault};
  need(doorbell_emu_run(gpu, &launch, &fault) == 0, doorbell_emu_error(gpu));
  need(doorbell_emu_read(gpu, arguments.out, out, sizeof out) == 0, doorbell_emu_error(gpu));
  for (int i = 0; i < count; ++i) need(out[i] == 2.5f * (float)i, "an element of scale");
  printf("scale: %g %g %g ...\n", (double)out[0], (double)out[1], (double)out[2]);

  /* Registers in and out. */
  uint32_t v1[lanes] = {0};
  launch = (doorbell_emu_launch){.struct_bytes = sizeof launch,
                                 .kernel = "add",
                                 .grid = {lanes, 1, 1},
                                 .workgroup = {lanes, 1, 1},
                                 .begin = begin,
                                 .end = end,
                                 .context = v1};
  need(doorbell_emu_run(gpu, &launch, &fault) == 0, doorbell_emu_error(gpu));
  for (unsigned lane = 0; lane < lanes; ++lane) need(v1[lane] == 1000 + 3 * lane, "a lane of add");
  printf("add: %u %u %u ...\n", v1[0], v1[1], v1[2]);

  /* The same code without its descriptor. */
  need(doorbell_emu_find(gpu, "add", &kernel) == 0, doorbell_emu_error(gpu));
  memset(v1, 0, sizeof v1);
  launch.kernel = NULL;
  launch.code = kernel.entry;
  launch.rsrc1 = (kernel.vgprs + 7) / 8 - 1;
  need(doorbell_emu_run(gpu, &launch, &fault) == 0, doorbell_emu_error(gpu));
  need(v1[31] == 1093, "a lane of add, run as bare code");

  /* What a chip would punish. */
  launch = (doorbell_emu_launch){
      .struct_bytes = sizeof launch, .kernel = "stray", .grid = {1, 1, 1}, .workgroup = {1, 1, 1}};
  need(doorbell_emu_run(gpu, &launch, &fault) == 1, "stray did not fault");
  printf("%s\n", fault.line);
  need(fault.kind == DOORBELL_EMU_MEMORY && fault.has_address && fault.address == 16 && fault.write,
       "the fault of stray");
  need(fault.lane == 0 && strstr(fault.instruction, "global_store_b32") != NULL, "the place of the fault");

  /* And what is no program. */
  need(doorbell_emu_assemble(gpu, "  v_add_f32 v0, v1\n", &bytes) == NULL, "half an instruction");
  printf("%s\n", doorbell_emu_error(gpu));
  need(strncmp(doorbell_emu_error(gpu), "1:19: expected", 14) == 0, "the place of the mistake");
  doorbell_emu_destroy(gpu);
  return 0;
}
