/* Writing patterns to a GPU's memory, reading them back, and how fast that went. */
#ifndef PASSTHROUGH_WORKLOAD_MEMORY_TEST_H_
#define PASSTHROUGH_WORKLOAD_MEMORY_TEST_H_

#include <stddef.h>
#include <stdint.h>

#include "remote/nvidia/workload/cuda_api.h"

/* What is copied at once. */
enum { CHUNK_BYTES = 16 << 20 };

struct memory {
  CUdeviceptr device;
  size_t size;        /* a multiple of CHUNK_BYTES */
  uint64_t *outgoing; /* page-locked, CHUNK_BYTES each */
  uint64_t *incoming;
};

/* Allocates; prints what it could get. Returns 0 where a call failed. */
int allocate_memory(struct memory *memory);
void free_memory(struct memory *memory);

/* Writes, reads back and compares each pattern over all of `memory`, prints how that went, and the bandwidths.
 * Returns 0 where a call failed; memory that returns other data is a fact, not a failed call. */
int test_memory(const struct memory *memory);

#endif
