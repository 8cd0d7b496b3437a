/* A FAKE of NVIDIA's libcuda.so.1, for the tests of remote/nvidia/workload alone: no GPU is behind it. It says so in
 * passthrough_stand_in, in its devices' names and in its path. Never installed, never sent to a node.
 *
 * $FAKE_CUDA is what it plays:
 *   healthy (default) | wrong-data | one-wrong-bit | aliased | no-device | unknown | not-ready | fewer |
 *   hang-init | hang-second | crash | no-interrupts | hang-interrupts | copy-fails | out-of-memory | slow | no-bus-id |
 *   obeys-the-environment (as the real one does: CUDA_VISIBLE_DEVICES hides one) | link-wakes (after 40 interrupts) |
 * link-flickers (fast at the 5th alone) | wrong-kernel (one thread's result) | lazy-kernel (it computes nothing) |
 * no-compiler | compiler-refuses | launch-fails | hang-kernel | old-gpu (compute capability 3.5) | fragmented (not all
 * that is free can be had in one piece) | many (6 GPUs at bus 1 and 2, slow) It has two GPUs, 0000:01:00.0 and
 * 0000:02:00.0, of 64 MiB each. Interrupts are counted by writing $PROBE_ROOT/proc/interrupts. With
 * -DFAKE_WITHOUT_MEMSET it lacks a function. */
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "remote/nvidia/workload/cuda_api.h"

#define EXPORT __attribute__((visibility("default")))

EXPORT const char *const passthrough_stand_in = "a FAKE libcuda of the project's own tests; no GPU is behind it";

enum { DEVICE_BYTES = 64 << 20 };

static int current = -1;
static unsigned interrupts[2] = {100, 200};

static int plays(const char *mode) {
  const char *wanted = getenv("FAKE_CUDA");
  return strcmp(wanted != NULL ? wanted : "healthy", mode) == 0;
}

static void hang(void) {
  while (1) pause();
}

static void write_interrupts(void) {
  const char *root = getenv("PROBE_ROOT");
  char path[512];
  FILE *file;
  if (root == NULL) return;
  snprintf(path, sizeof path, "%s/proc/interrupts", root);
  file = fopen(path, "w");
  if (file == NULL) return;
  fprintf(file, "           CPU0       CPU1\n  1:          9          0   IO-APIC   1-edge      i8042\n");
  fprintf(file, " 40: %10u          1   PCI-MSI 524288-edge      nvidia\n", interrupts[0]);
  fprintf(file, " 41: %10u          1   PCI-MSI 1048576-edge      nvidia\n", interrupts[1]);
  fprintf(file, "NMI:          7          7   Non-maskable interrupts\n");
  fclose(file);
}

static void write_link_speed(const char *speed) {
  const char *root = getenv("PROBE_ROOT");
  char path[512];
  FILE *file;
  if (root == NULL) return;
  snprintf(path, sizeof path, "%s/sys/bus/pci/devices/0000:0%d:00.0/current_link_speed", root, current + 1);
  file = fopen(path, "w");
  if (file == NULL) return;
  fprintf(file, "%s GT/s PCIe\n", speed);
  fclose(file);
}

EXPORT CUresult cuGetErrorName(CUresult result, const char **name) {
  switch (result) {
    case 2:
      *name = "CUDA_ERROR_OUT_OF_MEMORY";
      return 0;
    case 100:
      *name = "CUDA_ERROR_NO_DEVICE";
      return 0;
    case 218:
      *name = "CUDA_ERROR_INVALID_PTX";
      return 0;
    case 221:
      *name = "CUDA_ERROR_JIT_COMPILER_NOT_FOUND";
      return 0;
    case 719:
      *name = "CUDA_ERROR_LAUNCH_FAILED";
      return 0;
    case 802:
      *name = "CUDA_ERROR_SYSTEM_NOT_READY";
      return 0;
    case 999:
      *name = "CUDA_ERROR_UNKNOWN";
      return 0;
    default:
      return 1;
  }
}

EXPORT CUresult cuInit(unsigned flags) {
  (void)flags;
  if (plays("hang-init")) hang();
  write_interrupts();
  return plays("no-device") ? 100 : plays("unknown") ? 999 : plays("not-ready") ? 802 : 0;
}

EXPORT CUresult cuDriverGetVersion(int *version) { return *version = 12040, 0; }
EXPORT CUresult cuDeviceGetCount(int *count) {
  const int hides = plays("obeys-the-environment") && getenv("CUDA_VISIBLE_DEVICES") != NULL;
  return *count = plays("many") ? 6 : plays("fewer") || hides ? 1 : 2, 0;
}
EXPORT CUresult cuDeviceGet(CUdevice *device, int ordinal) { return *device = ordinal, 0; }

EXPORT CUresult cuDeviceGetName(char *name, int size, CUdevice device) {
  snprintf(name, (size_t)size, "FAKE GPU %d of the tests", device);
  return 0;
}

EXPORT CUresult cuDeviceGetPCIBusId(char *id, int size, CUdevice device) {
  snprintf(id, (size_t)size,
           plays("no-bus-id") ? "nowhere-at-all"
           : plays("vmd")     ? "00010000:0%d:00.0"
                              : "0000:0%d:00.0",
           device % 2 + 1);
  return 0;
}

EXPORT CUresult cuDeviceGetUuid(CUuuid *uuid, CUdevice device) {
  memset(uuid->bytes, 0xfa, sizeof uuid->bytes);
  uuid->bytes[15] = (unsigned char)device;
  return 0;
}

EXPORT CUresult cuCtxCreate_v2(CUcontext *context, unsigned flags, CUdevice device) {
  if (flags != CU_CTX_SCHED_BLOCKING_SYNC) return 1;
  if (plays("many")) nanosleep(&(const struct timespec){1, 0}, NULL);
  if (plays("crash") && device == 0) raise(SIGSEGV);
  if (plays("hang-second") && device == 1) hang();
  current = device % 2;
  *context = (CUcontext)&current;
  return 0;
}

EXPORT CUresult cuCtxDestroy_v2(CUcontext context) {
  if (plays("many")) nanosleep(&(const struct timespec){1, 0}, NULL);
  return context == (CUcontext)&current ? 0 : 201;
}

EXPORT CUresult cuMemGetInfo_v2(size_t *available, size_t *total) {
  *available = *total = DEVICE_BYTES;
  return 0;
}

EXPORT CUresult cuMemAlloc_v2(CUdeviceptr *memory, size_t size) {
  const int refused = plays("out-of-memory") || (plays("fragmented") && size > DEVICE_BYTES - (16 << 20));
  *memory = refused ? 0 : (CUdeviceptr)(size_t)malloc(size);
  return *memory != 0 ? 0 : 2;
}

EXPORT CUresult cuMemHostAlloc(void **memory, size_t size, unsigned flags) {
  return *memory = malloc(size), flags == 0 ? 0 : 1;
}
EXPORT CUresult cuMemFreeHost(void *memory) { return free(memory), 0; }
EXPORT CUresult cuMemFree_v2(CUdeviceptr memory) { return free((void *)(size_t)memory), 0; }

EXPORT CUresult cuMemcpyHtoD_v2(CUdeviceptr to, const void *from, size_t size) {
  static CUdeviceptr first;
  if (plays("copy-fails") && current == 1) return 719;
  if (plays("slow")) nanosleep(&(const struct timespec){0, 50000000}, NULL);
  /* All of the memory is one chunk, reached at every address. */
  if (first == 0) first = to;
  memcpy((void *)(size_t)(plays("aliased") ? first : to), from, size);
  return 0;
}

EXPORT CUresult cuMemcpyDtoH_v2(void *to, CUdeviceptr from, size_t size) {
  static int copies;
  memcpy(to, (const void *)(size_t)from, size);
  if (plays("wrong-data")) memset(to, 0xff, size / 2);
  if (plays("one-wrong-bit") && copies++ == 5) ((unsigned char *)to)[4096 + 3] ^= 0x10;
  return 0;
}

EXPORT CUresult cuMemcpyHtoDAsync_v2(CUdeviceptr to, const void *from, size_t size, CUstream stream) {
  (void)stream;
  return cuMemcpyHtoD_v2(to, from, size);
}

#ifndef FAKE_WITHOUT_MEMSET
EXPORT CUresult cuMemsetD32_v2(CUdeviceptr to, unsigned value, size_t count) {
  unsigned *words = (unsigned *)(size_t)to;
  while (count-- > 0) *words++ = value;
  return 0;
}
#endif

/* --- a kernel: no GPU and no compiler is here. The one kernel that the workload has is known by its name, and what it
 * computes is computed on the processor. --- */

EXPORT CUresult cuDeviceGetAttribute(int *value, int attribute, CUdevice device) {
  (void)device;
  *value = attribute == CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR ? (plays("old-gpu") ? 3 : 8) : 5;
  return 0;
}

EXPORT CUresult cuModuleLoadDataEx(CUmodule *module, const void *image, unsigned options, int *option, void **values) {
  unsigned i;
  char *log = NULL;
  if (plays("no-compiler")) return 221;
  for (i = 0; i < options; ++i) {
    if (option[i] == CU_JIT_ERROR_LOG_BUFFER) log = values[i];
  }
  if (plays("compiler-refuses")) {
    if (log != NULL) snprintf(log, 100, "%s", "ptxas fatal   : the FAKE compiler refuses\n");
    return 218;
  }
  if (strncmp(image, ".version 6.0\n.target sm_50\n", 27) != 0) return 218;
  *module = (CUmodule)(size_t)image;
  return 0;
}

EXPORT CUresult cuModuleGetFunction(CUfunction *function, CUmodule module, const char *name) {
  char entry[80];
  snprintf(entry, sizeof entry, ".visible .entry %s(", name);
  if (strstr((const char *)module, entry) == NULL) return 500;
  *function = (CUfunction)module;
  return 0;
}

EXPORT CUresult cuModuleUnload(CUmodule module) { return module != NULL ? 0 : 1; }
EXPORT CUresult cuCtxSynchronize(void) { return plays("launch-fails") ? 719 : 0; }

EXPORT CUresult cuLaunchKernel(CUfunction function, unsigned grid_x, unsigned grid_y, unsigned grid_z, unsigned block_x,
                               unsigned block_y, unsigned block_z, unsigned shared_bytes, CUstream stream,
                               void **parameters, void **extra) {
  unsigned *results = (unsigned *)(size_t) * (CUdeviceptr *)parameters[0];
  const unsigned threads = *(unsigned *)parameters[1];
  const unsigned seed = *(unsigned *)parameters[2];
  unsigned thread;
  (void)shared_bytes;
  (void)stream;
  if (function == NULL || grid_y * grid_z * block_y * block_z != 1 || extra != NULL) return 1;
  if (plays("hang-kernel")) hang();
  if (plays("launch-fails") || plays("lazy-kernel")) return 0;
  for (thread = 0; thread < grid_x * block_x && thread < threads; ++thread) {
    unsigned value = seed + thread * 2654435761u;
    int step;
    for (step = 0; step < 64; ++step) {
      value ^= value << 13;
      value ^= value >> 17;
      value ^= value << 5;
      value = 1013904223u + value * 1664525u;
    }
    if (plays("wrong-kernel") && current == 1 && thread == 77777) value ^= 0x100;
    results[thread] = value;
  }
  return 0;
}

EXPORT CUresult cuEventCreate(CUevent *event, unsigned flags) {
  *event = (CUevent)&current;
  return (flags & CU_EVENT_BLOCKING_SYNC) != 0 ? 0 : 1;
}
EXPORT CUresult cuEventRecord(CUevent event, CUstream stream) { return (void)stream, event != NULL ? 0 : 1; }
EXPORT CUresult cuEventDestroy_v2(CUevent event) { return event != NULL ? 0 : 1; }

EXPORT CUresult cuEventSynchronize(CUevent event) {
  static int waits[2];
  (void)event;
  ++waits[current];
  if (plays("link-wakes") && waits[current] == 40) write_link_speed("16.0");
  if (plays("link-flickers") && waits[current] == 5) write_link_speed("16.0");
  if (plays("link-flickers") && waits[current] == 6) write_link_speed("2.5");
  if (plays("hang-interrupts")) hang();
  if (!plays("no-interrupts")) ++interrupts[current];
  write_interrupts();
  return 0;
}
