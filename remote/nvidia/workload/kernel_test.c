#define _GNU_SOURCE
#include "remote/nvidia/workload/kernel_test.h"

#include <string.h>

#include "remote/programs/facts.h"

/* A million threads, 256 in a block: 4096 blocks, several for each multiprocessor of any GPU. */
enum { THREADS = 1 << 20, BLOCK_THREADS = 256, STEPS = 64, LAUNCHES = 2, MOST_MISMATCHES_SHOWN = 4 };
enum { LEAST_MAJOR = 5 };

/* PTX is text that the driver's own compiler (libnvidia-ptxjitcompiler.so.1) makes into code for the GPU that is there.
 * Version 6.0 came with CUDA 9.0 and driver release 384 ("Parallel Thread Execution ISA", Release Notes): drivers since
 * then take it. What is written for sm_50 (Maxwell, 2014) is compiled for each later GPU ("CUDA C++ Programming Guide",
 * PTX Compatibility). Integers alone, so that the one right result is known to the last bit. */
static const char ptx[] =
    ".version 6.0\n"
    ".target sm_50\n"
    ".address_size 64\n"
    ".visible .entry passthrough_mix(\n"
    "  .param .u64 mix_results,\n"
    "  .param .u32 mix_threads,\n"
    "  .param .u32 mix_seed)\n"
    "{\n"
    "  .reg .pred %p<3>;\n"
    "  .reg .b32 %r<14>;\n"
    "  .reg .b64 %rd<5>;\n"
    "  ld.param.u64 %rd1, [mix_results];\n"
    "  ld.param.u32 %r1, [mix_threads];\n"
    "  ld.param.u32 %r2, [mix_seed];\n"
    "  mov.u32 %r3, %ctaid.x;\n"
    "  mov.u32 %r4, %ntid.x;\n"
    "  mov.u32 %r5, %tid.x;\n"
    "  mad.lo.u32 %r6, %r3, %r4, %r5;\n"
    "  setp.ge.u32 %p1, %r6, %r1;\n"
    "  @%p1 bra DONE;\n"
    "  mov.u32 %r8, 0x9E3779B1;\n"
    "  mad.lo.u32 %r7, %r6, %r8, %r2;\n"
    "  mov.u32 %r9, 0;\n"
    "  mov.u32 %r11, 1664525;\n"
    "  mov.u32 %r12, 1013904223;\n"
    "STEP:\n"
    "  shl.b32 %r10, %r7, 13;\n"
    "  xor.b32 %r7, %r7, %r10;\n"
    "  shr.u32 %r10, %r7, 17;\n"
    "  xor.b32 %r7, %r7, %r10;\n"
    "  shl.b32 %r10, %r7, 5;\n"
    "  xor.b32 %r7, %r7, %r10;\n"
    "  mad.lo.u32 %r7, %r7, %r11, %r12;\n"
    "  add.u32 %r9, %r9, 1;\n"
    "  setp.lt.u32 %p2, %r9, 64;\n"
    "  @%p2 bra STEP;\n"
    "  cvta.to.global.u64 %rd2, %rd1;\n"
    "  mul.wide.u32 %rd3, %r6, 4;\n"
    "  add.s64 %rd4, %rd2, %rd3;\n"
    "  st.global.u32 [%rd4], %r7;\n"
    "DONE:\n"
    "  ret;\n"
    "}\n";

/* What thread `thread` stores: xorshift by G. Marsaglia, then a linear congruential step, STEPS times. */
static uint32_t expected_of(uint32_t thread, uint32_t seed) {
  uint32_t value = thread * 0x9e3779b1u + seed;
  int step;
  for (step = 0; step < STEPS; ++step) {
    value ^= value << 13;
    value ^= value >> 17;
    value ^= value << 5;
    value = value * 1664525u + 1013904223u;
  }
  return value;
}

#define KERNEL_CALL(name, ...) (begin_call(#name), cuda_result(#name, cuda.name(__VA_ARGS__), "kernel_error") == 0)

static int compile(CUmodule *module, CUfunction *function) {
  static char log[512];
  int options[] = {CU_JIT_ERROR_LOG_BUFFER, CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES};
  void *values[] = {log, (void *)sizeof log};
  const double begun = now_seconds();
  if (!KERNEL_CALL(cuModuleLoadDataEx, module, ptx, 2, options, values)) {
    log[sizeof log - 1] = '\0';
    if (log[0] != '\0') fact("compiler_said: %s", log);
    return 0;
  }
  fact("compile_seconds: %.3f", now_seconds() - begun);
  return KERNEL_CALL(cuModuleGetFunction, function, *module, "passthrough_mix");
}

static int synchronize(void) {
  begin_call("cuCtxSynchronize");
  return cuda_result("cuCtxSynchronize", cuda.cuCtxSynchronize(), "kernel_error") == 0;
}

static int launch(const struct memory *memory, CUfunction function, uint32_t seed) {
  uint32_t threads = THREADS;
  CUdeviceptr results = memory->device;
  void *parameters[] = {&results, &threads, &seed};
  uint32_t *found = (uint32_t *)memory->incoming;
  unsigned long long wrong = 0;
  uint32_t i;
  /* What was there before must not look like an answer. */
  if (!KERNEL_CALL(cuMemsetD32_v2, memory->device, ~expected_of(0, seed), THREADS) ||
      !KERNEL_CALL(cuLaunchKernel, function, THREADS / BLOCK_THREADS, 1, 1, BLOCK_THREADS, 1, 1, 0, NULL, parameters,
                   NULL) ||
      !synchronize() || !KERNEL_CALL(cuMemcpyDtoH_v2, found, memory->device, THREADS * sizeof *found)) {
    return 0;
  }
  for (i = 0; i < THREADS; ++i) {
    const uint32_t expected = expected_of(i, seed);
    if (found[i] == expected) continue;
    if (++wrong <= MOST_MISMATCHES_SHOWN) fact("kernel_mismatch: %u %08x %08x", i, expected, found[i]);
  }
  fact("kernel: %d %llu", THREADS, wrong);
  return 1;
}

int test_kernel(const struct memory *memory, CUdevice device) {
  CUmodule module = NULL;
  CUfunction function = NULL;
  int major = 0, minor = 0, launches, went_well;
  fact("phase: kernel");
  if (!KERNEL_CALL(cuDeviceGetAttribute, &major, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR, device) ||
      !KERNEL_CALL(cuDeviceGetAttribute, &minor, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR, device)) {
    return 0;
  }
  fact("compute_capability: %d.%d", major, minor);
  if (major < LEAST_MAJOR) {
    fact("kernel_skipped: the kernel is written for compute capability %d.0 and later", LEAST_MAJOR);
    return 1;
  }
  if (!compile(&module, &function)) return 0;
  went_well = 1;
  for (launches = 0; launches < LAUNCHES && went_well; ++launches) {
    went_well = launch(memory, function, 0x2545f491u * (uint32_t)(launches + 1));
  }
  return KERNEL_CALL(cuModuleUnload, module) && went_well;
}
