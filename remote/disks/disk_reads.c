#define _GNU_SOURCE
#include "remote/disks/disk_reads.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "remote/disks/marked_data.h"
#include "remote/programs/facts.h"
#include "remote/programs/kernel_view.h"

enum {
  PAGE = 4096,
  LARGE = 1 << 20,
  MOST_LARGE = 16,
  MOST_SMALL = 256,
  ALL_BYTES = (MOST_LARGE + 4) * LARGE, /* small reads take the rest, fewer where sectors are large */
  MOST_ERRORS = 8,                      /* then the rest is not tried */
  MOST_SHOWN = 4
};
static const double large_seconds = 2; /* on a slow disk, fewer reads are done */
static const double small_seconds = 1;

struct read {
  uint64_t offset;
  size_t length;
  unsigned char *data; /* what it returned the first time; NULL: it failed */
};

struct reads {
  struct read list[MOST_LARGE + MOST_SMALL];
  int count;
  int done;   /* of both rounds */
  int errors; /* of both rounds */
  int file;
};

/* From a fixed seed, so that each run reads the same places. */
static uint64_t next_random(uint64_t *state) {
  *state ^= *state << 13;
  *state ^= *state >> 7;
  *state ^= *state << 17;
  return *state;
}

/* `filler`: what `buffer` has before, so that a read which says that it was done and brought nothing is told from one
 * that did. */
static int read_into(struct reads *reads, const struct read *one, unsigned char *buffer, int filler) {
  ssize_t got;
  memset(buffer, filler, one->length);
  begin_call(one->length == LARGE ? "large_read" : "small_read");
  got = pread64(reads->file, buffer, one->length, (off64_t)one->offset);
  end_call();
  ++reads->done;
  if (got == (ssize_t)one->length) return 1;
  if (++reads->errors <= MOST_SHOWN) {
    fact("read_error: %llu %s", (unsigned long long)one->offset,
         got < 0 ? strerror(errno) : "fewer bytes than asked for");
  }
  return 0;
}

/* One read more, of the first round. */
static void read_first(struct reads *reads, uint64_t offset, size_t length, unsigned char *buffer) {
  struct read *one = &reads->list[reads->count++];
  one->offset = offset;
  one->length = length;
  one->data = read_into(reads, one, buffer, 0xa5) ? buffer : NULL;
}

/* Large reads from the begin on, and small ones all over the disk; fewer of a small disk. Returns bytes. */
static unsigned long long first_round(struct reads *reads, unsigned char *buffer, unsigned long long bytes, size_t unit,
                                      const char *address) {
  struct link_sample link = {"", ""};
  uint64_t state = 0x2545f4914f6cdd1du;
  unsigned long long at = 0;
  int large = 0, small = 0;
  double begun = now_seconds();
  while (large < MOST_LARGE && at + LARGE <= bytes && reads->errors < MOST_ERRORS &&
         now_seconds() - begun < large_seconds) {
    read_first(reads, at, LARGE, buffer + at);
    sample_link(address, &link);
    at += LARGE;
    ++large;
  }
  if (large > 0 && reads->errors == 0) {
    fact("large_reads: %d", large);
    fact("large_mb_per_s: %.3f", (double)at / (now_seconds() - begun) / 1e6);
  }
  begun = now_seconds();
  while (small < MOST_SMALL && bytes >= unit && at + unit <= ALL_BYTES && reads->errors < MOST_ERRORS &&
         now_seconds() - begun < small_seconds) {
    read_first(reads, next_random(&state) % (bytes / unit) * unit, unit, buffer + at);
    at += unit;
    ++small;
  }
  if (small > 0 && reads->errors == 0) {
    fact("small_reads: %d", small);
    fact("small_reads_per_s: %.1f", small / (now_seconds() - begun));
  }
  show_link(&link);
  return at;
}

/* Each once more, compared with what it returned before. */
static void second_round(struct reads *reads) {
  static unsigned char again[LARGE] __attribute__((aligned(LARGE)));
  unsigned long long differing = 0;
  int i;
  for (i = 0; i < reads->count && reads->errors < MOST_ERRORS; ++i) {
    const struct read *one = &reads->list[i];
    size_t page;
    if (one->data == NULL || !read_into(reads, one, again, 0x5a)) continue;
    for (page = 0; page < one->length; page += PAGE) {
      if (memcmp(one->data + page, again + page, PAGE) == 0) continue;
      if (++differing <= MOST_SHOWN) fact("differs: %llu", (unsigned long long)one->offset + page);
    }
  }
  fact("differing_pages: %llu", differing);
}

/* Where the disk is marked, what it holds is known. */
static void compare_with_mark(const struct reads *reads) {
  unsigned long long words = 0, wrong = 0;
  struct mark mark;
  int i;
  if (reads->count == 0 || reads->list[0].data == NULL || !read_mark(reads->list[0].data, &mark) || mark.writing) {
    return;
  }
  for (i = 0; i < reads->count; ++i) {
    const struct read *one = &reads->list[i];
    size_t at;
    for (at = 0; one->data != NULL && at < one->length; at += 8) {
      const uint64_t offset = one->offset + at;
      uint64_t found, expected;
      if (offset < MARK_BYTES || offset + 8 > mark.bytes) continue;
      memcpy(&found, one->data + at, sizeof found);
      expected = marked_word(mark.seed, offset);
      ++words;
      if (found == expected) continue;
      if (++wrong <= MOST_SHOWN) {
        fact("wrong: %llu %016llx %016llx", (unsigned long long)offset, (unsigned long long)expected,
             (unsigned long long)found);
      }
    }
  }
  fact("marked_words: %llu %llu", words, wrong);
}

/* Writes that the kernel has sent to the disk since it knows it (Documentation/block/stat.rst: the fifth number). */
static unsigned long long writes_so_far(const struct disk *disk) {
  char path[256];
  char line[256];
  unsigned long long writes = 0;
  snprintf(path, sizeof path, "/sys/block/%s/stat", disk->name);
  read_line(path, line, sizeof line);
  if (sscanf(line, "%*u %*u %*u %*u %llu", &writes) != 1) return 0;
  return writes;
}

/* A counter that was put back, or has lost a processor's part, has not moved as far as is known. */
static unsigned long long growth(unsigned long long before, unsigned long long after) {
  return after > before ? after - before : 0;
}

void test_reads(const struct disk *disk, int file, unsigned long long bytes, size_t sector) {
  static struct reads reads;
  static struct interrupt_lines lines;
  const unsigned long long writes = writes_so_far(disk);
  unsigned long long before;
  void *buffer = NULL;
  if (posix_memalign(&buffer, LARGE, ALL_BYTES) != 0) {
    fact("read_error: 0 no memory for the data");
    return;
  }
  memset(&reads, 0, sizeof reads);
  reads.file = file;
  fact("phase: reads");
  find_interrupts(disk->addresses[0], &lines);
  before = count_interrupts(&lines);
  fact("read_bytes: %llu", first_round(&reads, buffer, bytes, sector > PAGE ? sector : PAGE, disk->addresses[0]));
  second_round(&reads);
  compare_with_mark(&reads);
  fact("reads: %d %d", reads.done, reads.errors);
  fact("interrupt_kind: %s", lines.kind);
  fact("interrupts: %llu", growth(before, count_interrupts(&lines)));
  fact("writes_meanwhile: %llu", growth(writes, writes_so_far(disk)));
  free(buffer);
}
