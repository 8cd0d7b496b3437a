#define _GNU_SOURCE
#include "remote/nvidia/workload/memory_test.h"

#include <stdlib.h>
#include <string.h>

#include "remote/programs/facts.h"

enum { MOST_BYTES = 256 << 20, MOST_MISMATCHES_SHOWN = 4 };

/* Copies in one direction. */
struct rate {
  double bytes;
  double seconds;
  double best; /* of one chunk, GB/s */
};

static void add_to_rate(struct rate *rate, double seconds) {
  const double this_one = CHUNK_BYTES / 1e9 / (seconds > 1e-9 ? seconds : 1e-9);
  rate->bytes += CHUNK_BYTES;
  rate->seconds += seconds;
  if (this_one > rate->best) rate->best = this_one;
}

static void show_rate(const char *direction, const struct rate *rate) {
  if (rate->seconds <= 0) return;
  fact("%s_gb_per_s: %.3f", direction, rate->bytes / 1e9 / rate->seconds);
  fact("%s_best_gb_per_s: %.3f", direction, rate->best);
}

/* --- patterns --- */

enum pattern { ADDRESS, NOT_ADDRESS, CHECKERBOARD, NOT_CHECKERBOARD, MEMSET, PATTERNS };

static const char *const names[PATTERNS] = {"address", "not_address", "checkerboard", "not_checkerboard", "memset"};

/* Every address has a value of its own, so that memory which is reached twice is noticed, and data of an
 * earlier pattern is never right. (The finaliser of SplitMix64, by G. Steele, D. Lea and C. Flood.) */
static uint64_t of_address(uint64_t address) {
  uint64_t value = address * 0x9e3779b97f4a7c15u + 0x9e3779b97f4a7c15u;
  value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9u;
  value = (value ^ value >> 27) * 0x94d049bb133111ebu;
  return value ^ value >> 31;
}

static const uint32_t memset_value = 0xc3a5963cu;

static uint64_t value_at(enum pattern pattern, uint64_t word) {
  switch (pattern) {
    case ADDRESS:
      return of_address(word);
    case NOT_ADDRESS:
      return ~of_address(word);
    case CHECKERBOARD:
      return word & 1 ? 0xaaaaaaaaaaaaaaaau : 0x5555555555555555u;
    case NOT_CHECKERBOARD:
      return word & 1 ? 0x5555555555555555u : 0xaaaaaaaaaaaaaaaau;
    default:
      return (uint64_t)memset_value << 32 | memset_value;
  }
}

/* --- one pattern --- */

static int write_pattern(const struct memory *memory, enum pattern pattern, struct rate *rate) {
  size_t offset, i;
  if (pattern == MEMSET) return CUDA_CALL(cuMemsetD32_v2, memory->device, memset_value, memory->size / 4);
  for (offset = 0; offset < memory->size; offset += CHUNK_BYTES) {
    double begun;
    for (i = 0; i < CHUNK_BYTES / 8; ++i) memory->outgoing[i] = value_at(pattern, offset / 8 + i);
    begun = now_seconds();
    if (!CUDA_CALL(cuMemcpyHtoD_v2, memory->device + offset, memory->outgoing, CHUNK_BYTES)) return 0;
    add_to_rate(rate, now_seconds() - begun);
  }
  return 1;
}

static int compare_pattern(const struct memory *memory, enum pattern pattern, struct rate *rate) {
  unsigned long long wrong = 0;
  size_t offset, i;
  for (offset = 0; offset < memory->size; offset += CHUNK_BYTES) {
    double begun;
    /* What is left there from before must not look like an answer. */
    memset(memory->incoming, 0, CHUNK_BYTES);
    begun = now_seconds();
    if (!CUDA_CALL(cuMemcpyDtoH_v2, memory->incoming, memory->device + offset, CHUNK_BYTES)) return 0;
    add_to_rate(rate, now_seconds() - begun);
    for (i = 0; i < CHUNK_BYTES / 8; ++i) {
      const uint64_t expected = value_at(pattern, offset / 8 + i);
      if (memory->incoming[i] == expected) continue;
      if (++wrong > MOST_MISMATCHES_SHOWN) continue;
      fact("mismatch: %s 0x%llx %016llx %016llx", names[pattern], (unsigned long long)(offset + i * 8),
           (unsigned long long)expected, (unsigned long long)memory->incoming[i]);
    }
  }
  fact("pattern: %s %llu", names[pattern], wrong);
  return 1;
}

/* --- all --- */

static size_t part_of(size_t all, int percent) {
  return all / 100 * (size_t)percent + all % 100 * (size_t)percent / 100;
}

/* $WORKLOAD_MEMORY_PERCENT of what is free; without it, half of that and MOST_BYTES at most: others may be at work. */
static int allocate_device(struct memory *memory, size_t available) {
  const char *wanted = getenv("WORKLOAD_MEMORY_PERCENT");
  const int percent = wanted != NULL ? atoi(wanted) : 0;
  const int asked = percent >= 1 && percent <= 100;
  size_t step, least;
  memory->size = asked ? part_of(available, percent) : available / 2 < MOST_BYTES ? available / 2 : MOST_BYTES;
  memory->size -= memory->size % CHUNK_BYTES;
  if (memory->size == 0) memory->size = CHUNK_BYTES; /* then the allocation says what is wrong */
  if (asked) fact("memory_percent: %d", percent);
  /* All that is free is seldom to be had in one piece: the most that is, down to seven eighths of what was asked for.
   */
  step = memory->size / 128;
  step = step - step % CHUNK_BYTES + CHUNK_BYTES;
  least = memory->size / 8 * 7;
  while (asked && memory->size >= least + step) {
    CUresult result;
    begin_call("cuMemAlloc_v2");
    result = cuda.cuMemAlloc_v2(&memory->device, memory->size);
    end_call();
    if (result == 0) return 1;
    memory->device = 0;
    if (result != CUDA_ERROR_OUT_OF_MEMORY) break;
    memory->size -= step;
  }
  return CUDA_CALL(cuMemAlloc_v2, &memory->device, memory->size);
}

int allocate_memory(struct memory *memory) {
  size_t available = 0, total = 0;
  if (!CUDA_CALL(cuMemGetInfo_v2, &available, &total)) return 0;
  fact("memory_bytes: %llu", (unsigned long long)total);
  fact("free_bytes: %llu", (unsigned long long)available);
  return allocate_device(memory, available) && CUDA_CALL(cuMemHostAlloc, (void **)&memory->outgoing, CHUNK_BYTES, 0) &&
         CUDA_CALL(cuMemHostAlloc, (void **)&memory->incoming, CHUNK_BYTES, 0);
}

void free_memory(struct memory *memory) {
  if (memory->incoming != NULL) CUDA_CALL(cuMemFreeHost, memory->incoming);
  if (memory->outgoing != NULL) CUDA_CALL(cuMemFreeHost, memory->outgoing);
  if (memory->device != 0) CUDA_CALL(cuMemFree_v2, memory->device);
}

int test_memory(const struct memory *memory) {
  struct rate to_device = {0, 0, 0};
  struct rate from_device = {0, 0, 0};
  int pattern;
  fact("tested_bytes: %llu", (unsigned long long)memory->size);
  for (pattern = 0; pattern < PATTERNS; ++pattern) {
    /* All is written before any is read: else memory that is reached by two addresses would look right. */
    if (!write_pattern(memory, (enum pattern)pattern, &to_device)) return 0;
    if (!compare_pattern(memory, (enum pattern)pattern, &from_device)) return 0;
  }
  show_rate("to_device", &to_device);
  show_rate("from_device", &from_device);
  return 1;
}
