#define _GNU_SOURCE
#include "remote/nvidia/workload/gpu_test.h"

#include <stdio.h>

#include "remote/nvidia/workload/cuda_api.h"
#include "remote/nvidia/workload/kernel_test.h"
#include "remote/nvidia/workload/memory_test.h"
#include "remote/programs/facts.h"
#include "remote/programs/kernel_view.h"

/* How often the processor sleeps until the GPU's interrupt wakes it. */
enum { ROUNDS = 32, LINK_SECONDS = 1 };

static void show_uuid(CUdevice device) {
  CUuuid uuid;
  char text[40];
  int i, at = 0;
  if (!CUDA_CALL(cuDeviceGetUuid, &uuid, device)) return;
  for (i = 0; i < 16; ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) text[at++] = '-';
    at += snprintf(text + at, sizeof text - (size_t)at, "%02x", uuid.bytes[i]);
  }
  fact("uuid: GPU-%s", text);
}

/* One copy, and the sleep until it is done. The link is looked at while the copy is under way: an idle GPU lets its
 * link sleep. */
static int copy_once(const struct memory *memory, CUevent event, const char *address, struct link_sample *link) {
  if (!CUDA_CALL(cuMemcpyHtoDAsync_v2, memory->device, memory->outgoing, CHUNK_BYTES, NULL) ||
      !CUDA_CALL(cuEventRecord, event, NULL)) {
    return 0;
  }
  sample_link(address, link);
  return CUDA_CALL(cuEventSynchronize, event);
}

/* CUDA polls for the end of work unless it is asked to wait. A context and an event with "blocking sync" make
 * the driver put the thread to sleep until the GPU's interrupt: only so do interrupts say anything. */
static int test_interrupts(const struct memory *memory, const char *address) {
  struct interrupt_lines lines;
  unsigned long long before;
  struct link_sample link = {"", ""};
  CUevent event = NULL;
  int round, went_well = 1;
  double until;
  fact("phase: interrupts");
  if (!CUDA_CALL(cuEventCreate, &event, CU_EVENT_BLOCKING_SYNC | CU_EVENT_DISABLE_TIMING)) return 0;
  find_interrupts(address, &lines);
  fact("interrupt_kind: %s", lines.kind);
  fact("interrupt_lines: %d", lines.count);
  before = count_interrupts(&lines);
  for (round = 0; round < ROUNDS && went_well; ++round) {
    went_well = copy_once(memory, event, address, &link);
  }
  if (went_well) {
    fact("waits: %d", round);
    fact("interrupts: %llu", count_interrupts(&lines) - before);
  }
  /* A link that slept may take longer to wake than all of the above. */
  until = now_seconds() + LINK_SECONDS;
  while (went_well && link_is_slow(address, &link) && now_seconds() < until) {
    went_well = copy_once(memory, event, address, &link);
  }
  show_link(&link);
  CUDA_CALL(cuEventDestroy_v2, event);
  return went_well;
}

void test_gpu(int ordinal) {
  struct memory memory = {0, 0, NULL, NULL};
  CUcontext context = NULL;
  CUdevice device;
  char text[256] = "";
  char address[PCI_ADDRESS_TEXT];
  int went_well;

  progress->item = ordinal;
  fact("gpu: %d", ordinal);
  if (!CUDA_CALL(cuDeviceGet, &device, ordinal)) return;
  if (CUDA_CALL(cuDeviceGetName, text, (int)sizeof text, device)) fact("name: %s", text);
  show_uuid(device);
  if (!CUDA_CALL(cuDeviceGetPCIBusId, text, (int)sizeof text, device)) return;
  if (!sysfs_address(text, address)) {
    fact("bad_bus_id: %s", text);
    return;
  }
  fact("pci_bus_id: %s", address);
  fact("phase: memory");
  if (!CUDA_CALL(cuCtxCreate_v2, &context, CU_CTX_SCHED_BLOCKING_SYNC, device)) return;
  went_well = allocate_memory(&memory) && test_memory(&memory) && test_interrupts(&memory, address) &&
              test_kernel(&memory, device);
  free_memory(&memory);
  CUDA_CALL(cuCtxDestroy_v2, context);
  if (went_well) fact("done: yes");
}
