/* An emulated AMD GPU for other tools: a small, stable C interface. A handle is one GPU with one address
 * space. Code objects or raw code bytes are loaded, memory is given, a grid is run; results are memory,
 * registers, and, where the program does what silicon would punish, a fault that says where.
 *
 *     doorbell_emu* gpu = doorbell_emu_create("gfx1100", error, sizeof error);
 *     uint64_t out = doorbell_emu_alloc(gpu, 4096);
 *     doorbell_emu_load(gpu, file, file_bytes);
 *     doorbell_emu_launch launch = {.struct_bytes = sizeof launch, .kernel = "add", .grid = {64, 1, 1}, ...};
 *     doorbell_emu_fault fault = {.struct_bytes = sizeof fault};
 *     if (doorbell_emu_run(gpu, &launch, &fault) != 0) puts(fault.line);
 *
 * Functions that can fail return 0 for success and -1 otherwise; doorbell_emu_error() then says why, in one
 * line. A fault of the program is +1. Structures begin with their own size, set by the caller, so that later
 * fields can be added behind the last. One handle belongs to one thread at a time; run() itself uses several.
 */
#ifndef DOORBELL_EMU_H
#define DOORBELL_EMU_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define DOORBELL_EMU_API __attribute__((visibility("default")))

typedef struct doorbell_emu doorbell_emu;

/* The GPU is one that `doorbell emu --gpu` knows: "gfx1030", "gfx1100", "gfx1151". Null on an error, which is
 * then written to `error`, if that is not null. */
DOORBELL_EMU_API doorbell_emu* doorbell_emu_create(const char* gpu, char* error, size_t error_bytes);
DOORBELL_EMU_API void doorbell_emu_destroy(doorbell_emu*);
/* Why the last function that failed did. Valid until the next call. */
DOORBELL_EMU_API const char* doorbell_emu_error(const doorbell_emu*);
/* Switches checks off: "load-use,hang", or "all". */
DOORBELL_EMU_API int doorbell_emu_lenient(doorbell_emu*, const char* names);

/* ---- memory ---- */

enum { DOORBELL_EMU_READ = 1, DOORBELL_EMU_WRITE = 2, DOORBELL_EMU_EXECUTE = 4 };

/* New memory of the GPU, rounded up to whole pages, with nothing behind it: its address, or 0. It is fresh:
 * what was not written is garbage, and counts as data that nobody wrote. Belongs to the handle. */
DOORBELL_EMU_API uint64_t doorbell_emu_alloc(doorbell_emu*, uint64_t bytes);
/* Memory of the caller's at a GPU address of the caller's choice, both on pages of 4096 bytes. It must
 * outlive its mapping. */
DOORBELL_EMU_API int doorbell_emu_map(doorbell_emu*, uint64_t address, void* memory, uint64_t bytes,
                                      unsigned access);
DOORBELL_EMU_API int doorbell_emu_unmap(doorbell_emu*, uint64_t address, uint64_t bytes);
DOORBELL_EMU_API int doorbell_emu_write(doorbell_emu*, uint64_t address, const void* from, uint64_t bytes);
DOORBELL_EMU_API int doorbell_emu_read(doorbell_emu*, uint64_t address, void* to, uint64_t bytes);

/* ---- code ---- */

/* Assembles a source in LLVM's syntax for this GPU: kernels with their .amdhsa_kernel blocks, as
 * `doorbell asm --help` shows. A code object of `*bytes` bytes for doorbell_emu_load(), which belongs to the
 * handle and is valid until the next call of this function; or null, and the error begins with
 * "LINE:COLUMN: ". */
DOORBELL_EMU_API const void* doorbell_emu_assemble(doorbell_emu*, const char* source, size_t* bytes);
/* The instruction at the beginning of `code` as text, cut to `text_bytes` with its final zero, in waves of 32
 * or 64 lanes. How many bytes it takes; 0 if there is none, or less of it than it takes. */
DOORBELL_EMU_API size_t doorbell_emu_disassemble(doorbell_emu*, const void* code, size_t bytes,
                                                 unsigned lanes, char* text, size_t text_bytes);

/* Loads an ELF code object as clang and ROCm's tools make them; its kernels are known by their names from
 * then on. */
DOORBELL_EMU_API int doorbell_emu_load(doorbell_emu*, const void* file, size_t bytes);

typedef struct doorbell_emu_kernel {
  uint32_t struct_bytes;
  uint64_t descriptor; /* its GPU address */
  uint64_t entry;      /* of its first instruction */
  uint32_t kernarg_bytes;
  uint32_t lds_bytes;     /* static */
  uint32_t private_bytes; /* scratch per work-item */
  uint32_t lanes;         /* of a wave: 32 or 64 */
  uint32_t vgprs;
} doorbell_emu_kernel;
DOORBELL_EMU_API int doorbell_emu_find(doorbell_emu*, const char* name, doorbell_emu_kernel* kernel);

/* ---- running ---- */

/* The registers of one wave, before its first or after its last instruction. `vgpr[i * lanes + lane]` is lane
 * `lane` of VGPR i. `sgpr` holds 128 dwords in the order in which gfx11 encodes scalar operands: s0-s105, vcc
 * 106-107, ttmp0-15 108-123, null 124, m0 125, exec 126-127. */
typedef struct doorbell_emu_wave {
  uint32_t workgroup[3];
  uint32_t wave; /* within the workgroup */
  uint32_t lanes, vgprs;
  uint32_t* vgpr;
  uint32_t* sgpr;
  uint32_t* scc;
  uint32_t* mode;
} doorbell_emu_wave;

typedef struct doorbell_emu_launch {
  uint32_t struct_bytes;
  /* Either a kernel of a loaded code object, with its arguments: explicit and hidden ones as one block of
   * bytes, which is copied to memory of the GPU ... */
  const char* kernel;
  const void* kernarg;
  uint32_t kernarg_bytes;
  /* ... or, if `kernel` is null, code at an address and the registers as COMPUTE_PGM_RSRC1/2/3 and user
   * SGPRs. */
  uint64_t code;
  uint32_t rsrc1, rsrc2, rsrc3;
  uint32_t wave64;
  const uint32_t* user_sgprs;
  uint32_t user_sgpr_count;
  uint32_t private_bytes; /* of scratch per work-item; for a kernel, more than it asks for itself */

  uint32_t grid[3], workgroup[3]; /* in work-items */
  uint32_t lds_bytes;             /* for a kernel: dynamic, behind its static ones */
  /* Called for each wave, from any thread: before it starts (what is changed counts as written), and when it
   * has ended. May be null. */
  void (*begin)(void* context, doorbell_emu_wave*);
  void (*end)(void* context, const doorbell_emu_wave*);
  void* context;
  /* Threads of the host that run the grid, no more than it has cores. 0 and 1: the calling one alone. */
  uint32_t threads;
} doorbell_emu_launch;

enum {
  DOORBELL_EMU_MEMORY = 1, /* as FaultKind in sim/amd/fault.h */
  DOORBELL_EMU_ILLEGAL = 2,
  DOORBELL_EMU_TRAP = 3,
  DOORBELL_EMU_APERTURE = 4,
  DOORBELL_EMU_DISPATCH = 5,
  DOORBELL_EMU_HANG = 6,
  DOORBELL_EMU_STRICT = 7
};
typedef struct doorbell_emu_fault {
  uint32_t struct_bytes;
  uint32_t kind;
  char check[48]; /* the name that doorbell_emu_lenient() takes */
  uint64_t pc;
  char instruction[160];
  uint32_t workgroup[3];
  uint32_t wave;
  int32_t lane; /* -1: none in particular */
  uint32_t has_address;
  uint64_t address;
  uint32_t write;  /* the access was a store or an atomic */
  char text[512];  /* what happened */
  char line[1024]; /* all of it in one line */
} doorbell_emu_fault;

/* 0: all waves have ended. 1: the program faulted, as `fault` says, if that is not null. -1: it was not run.
 */
DOORBELL_EMU_API int doorbell_emu_run(doorbell_emu*, const doorbell_emu_launch*, doorbell_emu_fault* fault);

/* ---- coverage: how often each row of the instruction table was executed in this process ---- */

DOORBELL_EMU_API size_t doorbell_emu_rows(void);
DOORBELL_EMU_API const char* doorbell_emu_row_name(size_t row);
/* 1 if the GPU has the row. */
DOORBELL_EMU_API int doorbell_emu_row_known(const doorbell_emu*, size_t row);
DOORBELL_EMU_API uint64_t doorbell_emu_row_count(size_t row);

#ifdef __cplusplus
}
#endif

#endif
