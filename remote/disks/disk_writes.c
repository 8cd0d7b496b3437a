#define _GNU_SOURCE
#include "remote/disks/disk_writes.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "remote/disks/marked_data.h"
#include "remote/programs/facts.h"

enum { PIECE = 1 << 20, MOST_PIECES = 16, MOST_SHOWN = 4, PLACE_TEXT = 256 };

/* The function's place, as in `may_be_overwritten`. Returns 0 where other than bridges is above it. */
static int place_of(const char *address, char place[PLACE_TEXT]) {
  char path[512];
  char where[512];
  unsigned domain, bus, slot, function;
  size_t length;
  const char *at;
  ssize_t got;
  int used = 0;
  snprintf(path, sizeof path, "/sys/bus/pci/devices/%s", address);
  got = readlink(rooted(path), where, sizeof where - 1);
  if (got <= 0) return 0;
  where[got] = '\0';
  at = strstr(where, "/devices/pci");
  if (at == NULL || sscanf(at, "/devices/pci%x:%x%n", &domain, &bus, &used) != 2 || domain != 0) return 0;
  length = (size_t)snprintf(place, PLACE_TEXT, "%02x", bus);
  for (at += used; *at == '/'; at += used) {
    used = 0;
    if (sscanf(at, "/%x:%x:%x.%x%n", &domain, &bus, &slot, &function, &used) != 4 || used == 0 || domain != 0) return 0;
    if (length + 8 > PLACE_TEXT) return 0;
    length += (size_t)snprintf(place + length, PLACE_TEXT - length, "/%02x.%x", slot, function);
  }
  return *at == '\0';
}

static int is_listed(const char *place, const char *list) {
  const size_t length = strlen(place);
  while (*list != '\0') {
    const size_t item = strcspn(list, ",");
    if (item == length && memcmp(list, place, length) == 0) return 1;
    list += item;
    if (*list == ',') ++list;
  }
  return 0;
}

/* All of `length` bytes at `offset`; 0, with errno, where that fails. */
static int put(int file, const unsigned char *data, size_t length, uint64_t offset) {
  ssize_t done;
  begin_call("write");
  done = pwrite64(file, data, length, (off64_t)offset);
  end_call();
  if (done >= 0 && done != (ssize_t)length) errno = EIO;
  return done == (ssize_t)length;
}

/* `data` has something else before, so that a read which brings nothing is told from one that does. */
static int get(int file, unsigned char *data, size_t length, uint64_t offset) {
  ssize_t done;
  memset(data, 0x5a, length);
  begin_call("read_back");
  done = pread64(file, data, length, (off64_t)offset);
  end_call();
  if (done >= 0 && done != (ssize_t)length) errno = EIO;
  return done == (ssize_t)length;
}

static int flush(int file) {
  int result;
  begin_call("flush");
  result = fsync(file);
  end_call();
  return result == 0;
}

static void fill(unsigned char *piece, uint64_t seed, uint64_t offset) {
  size_t at;
  for (at = 0; at < PIECE; at += 8) {
    const uint64_t word = marked_word(seed, offset + at);
    memcpy(piece + at, &word, sizeof word); /* little-endian, as x86-64 and arm64 are */
  }
}

/* Writes the mark, and has the disk keep it. */
static int put_mark(int file, unsigned char *piece, const struct mark *mark) {
  make_mark(piece, mark);
  return put(file, piece, MARK_BYTES, 0) && flush(file);
}

/* What is written of a disk that has `bytes` marked: whole pieces. */
static uint64_t bytes_to_write(uint64_t bytes) {
  const uint64_t pieces = bytes / PIECE < MOST_PIECES ? bytes / PIECE : MOST_PIECES;
  return pieces * PIECE;
}

/* New data behind the mark, which says so meanwhile: whoever is cut off here leaves a disk of which nothing is
 * expected. Returns whether that was done; errno says why not. */
static int write_new_data(int file, unsigned char *piece, struct mark *mark) {
  const double begun = now_seconds();
  uint64_t offset;
  mark->writing = 1;
  mark->bytes = bytes_to_write(mark->bytes);
  if (!put_mark(file, piece, mark)) return 0;
  for (offset = 0; offset < mark->bytes; offset += PIECE) {
    fill(piece, mark->seed, offset);
    if (offset == 0) make_mark(piece, mark);
    if (!put(file, piece, PIECE, offset)) return 0;
  }
  if (!flush(file)) return 0;
  fact("write_mb_per_s: %.3f", (double)mark->bytes / (now_seconds() - begun) / 1e6);
  mark->writing = 0;
  return put_mark(file, piece, mark);
}

/* How many of the words that `mark` has on the disk are not as it says, or as before where writing was cut off; -1,
 * with errno, where they cannot be read. `show`: the fact's name for the first few, or NULL. */
static int64_t compare_with(int file, unsigned char *piece, const struct mark *mark, const char *show,
                            unsigned long long *words) {
  const uint64_t bytes = bytes_to_write(mark->bytes);
  int64_t wrong = 0;
  uint64_t offset;
  *words = 0;
  for (offset = 0; offset < bytes; offset += PIECE) {
    size_t at;
    if (!get(file, piece, PIECE, offset)) return -1;
    for (at = offset == 0 ? MARK_BYTES : 0; at < PIECE; at += 8) {
      const uint64_t expected = marked_word(mark->seed, offset + at);
      uint64_t found;
      memcpy(&found, piece + at, sizeof found);
      ++*words;
      if (found == expected || (mark->writing && found == marked_word(mark->seed - 1, offset + at))) continue;
      if (++wrong <= MOST_SHOWN && show != NULL) {
        fact("%s: %llu %016llx %016llx", show, (unsigned long long)(offset + at), (unsigned long long)expected,
             (unsigned long long)found);
      }
    }
  }
  return wrong;
}

/* The kernel looks at the disk anew, so that nothing of what it remembers is what is read back. */
static int rescan(const struct disk *disk, int file) {
  static const char *const files[] = {"rescan_controller", "rescan"};
  size_t i;
  int result;
  if (rooted("")[0] != '\0') return 1; /* a file in the place of a disk */
  for (i = 0; i < sizeof files / sizeof *files; ++i) {
    char path[256];
    int request;
    ssize_t written;
    snprintf(path, sizeof path, "/sys/block/%s/device/%s", disk->name, files[i]);
    request = open(path, O_WRONLY | O_CLOEXEC);
    if (request < 0) continue; /* its driver has no such thing */
    begin_call("rescan");
    written = write(request, "1", 1);
    end_call();
    close(request);
    if (written < 0) return 0;
  }
  begin_call("rescan");
  result = ioctl(file, BLKFLSBUF, 0);
  end_call();
  return result == 0;
}

static void found_name(const char *name, void *data) {
  (void)name;
  *(int *)data = 1;
}

/* What the kernel has made of the disk, of which it would lose its data: NULL, or in words. O_EXCL tells of the rest.
 */
static const char *what_is_on(const struct disk *disk) {
  char path[256];
  int found = 0;
  snprintf(path, sizeof path, "/sys/block/%s/holders", disk->name);
  for_each_entry(path, found_name, &found);
  if (found) return "another device is made of it";
  snprintf(path, sizeof path, "/sys/block/%s", disk->name);
  return has_partitions(path) ? "it has partitions" : NULL;
}

/* Reads the mark, and whether what it says is there: a disk that was written to since has other data, and a mark that
 * nobody removed. Returns why the disk is not to be written to, or NULL. */
static const char *refusal(const struct disk *disk, struct disk_size size, int file, unsigned char *piece,
                           struct mark *mark) {
  unsigned long long words;
  const char *const on_it = what_is_on(disk);
  if (on_it != NULL) return on_it;
  if (size.sector > MARK_BYTES) return "its sectors are larger than 4 KiB";
  if (!get(file, piece, MARK_BYTES, 0)) return "its begin cannot be read";
  if (!read_mark(piece, mark)) return "it has no mark";
  if (mark->bytes < PIECE) return "less than 1 MiB of it is marked";
  if (mark->bytes > size.bytes) return "its mark is of a larger disk";
  if (compare_with(file, piece, mark, NULL, &words) != 0) return "what is on it is not what its mark says";
  return NULL;
}

static void overwrite(const struct disk *disk, int file, unsigned char *piece, struct mark *mark) {
  unsigned long long words = 0;
  int64_t wrong;
  ++mark->seed;
  if (!write_new_data(file, piece, mark)) {
    fact("write_error: %s", strerror(errno));
    return;
  }
  fact("written_bytes: %llu", (unsigned long long)mark->bytes);
  if (!rescan(disk, file)) {
    fact("write_error: the kernel cannot look at it anew: %s", strerror(errno));
    return;
  }
  wrong = compare_with(file, piece, mark, "wrong_written", &words);
  if (wrong < 0) {
    fact("write_error: reading back: %s", strerror(errno));
  } else {
    fact("written_words: %llu %llu", words, (unsigned long long)wrong);
  }
}

/* Whether each way to the disk is one that may be taken. */
static int may_be_written(const struct disk *disk, const char *may_be_overwritten) {
  char place[PLACE_TEXT];
  int path;
  for (path = 0; path < disk->paths; ++path) {
    if (!place_of(disk->addresses[path], place) || !is_listed(place, may_be_overwritten)) return 0;
  }
  return disk->paths > 0;
}

void test_writes(const struct disk *disk, struct disk_size size, const char *may_be_overwritten) {
  struct mark mark;
  const char *why;
  void *piece = NULL;
  int file;
  if (may_be_overwritten == NULL || !may_be_written(disk, may_be_overwritten)) return;
  fact("phase: writes");
  file = open_disk(disk, O_RDWR | O_EXCL);
  if (file < 0) {
    fact("not_written: it cannot be opened: %s", errno == EBUSY ? "it is in use" : strerror(errno));
    return;
  }
  if (posix_memalign(&piece, PIECE, PIECE) != 0) {
    fact("not_written: no memory for the data");
  } else if ((why = refusal(disk, size, file, piece, &mark)) != NULL) {
    fact("not_written: %s", why);
  } else {
    overwrite(disk, file, piece, &mark);
  }
  free(piece);
  close(file);
}

static int random_seed(uint64_t *seed) {
  const int file = open("/dev/urandom", O_RDONLY | O_CLOEXEC);
  const ssize_t got = file < 0 ? -1 : read(file, seed, sizeof *seed);
  if (file >= 0) close(file);
  return got == sizeof *seed;
}

/* Whether `file` is a whole disk, and no file or partition. */
static int is_whole_disk(int file) {
  char path[128];
  struct stat status;
  if (rooted("")[0] != '\0') return 1; /* a file in the place of a disk */
  if (fstat(file, &status) != 0 || !S_ISBLK(status.st_mode)) return 0;
  snprintf(path, sizeof path, "/sys/dev/block/%u:%u/partition", major(status.st_rdev), minor(status.st_rdev));
  if (access(path, F_OK) == 0) return 0;
  snprintf(path, sizeof path, "/sys/dev/block/%u:%u", major(status.st_rdev), minor(status.st_rdev));
  return !has_partitions(path);
}

int mark_disk(const char *path, const char *bytes) {
  struct mark mark = {0, 0, 0};
  void *piece = NULL;
  char *end = NULL;
  int done = 0;
  const unsigned long long wanted = strtoull(bytes, &end, 10);
  const int file = open(path, O_RDWR | O_EXCL | O_CLOEXEC);
  const off64_t size = file < 0 ? -1 : lseek64(file, 0, SEEK_END);
  const char *const nothing = "nothing was written";
  if (file < 0) {
    fprintf(stderr, "%s: %s: %s\n", path, errno == EBUSY ? "it is in use" : strerror(errno), nothing);
  } else if (!is_whole_disk(file)) {
    fprintf(stderr, "%s: it is no whole disk, or has partitions: %s\n", path, nothing);
  } else if (*bytes < '0' || *bytes > '9' || *end != '\0' || size < 0 || (unsigned long long)size != wanted) {
    fprintf(stderr, "%s: its size is %lld bytes, and not %s: %s\n", path, (long long)size, bytes, nothing);
  } else if (size < PIECE) {
    fprintf(stderr, "%s: it has less than 1 MiB: %s\n", path, nothing);
  } else if (posix_memalign(&piece, PIECE, PIECE) != 0 || !random_seed(&mark.seed)) {
    fprintf(stderr, "%s: no memory, or no /dev/urandom: %s\n", path, nothing);
  } else {
    mark.bytes = wanted;
    done = write_new_data(file, piece, &mark);
    if (!done) fprintf(stderr, "%s: %s: it is not marked, and what was on it is lost\n", path, strerror(errno));
  }
  if (done) printf("%s: marked, %llu bytes of it\n", path, (unsigned long long)mark.bytes);
  free(piece);
  if (file >= 0) close(file);
  return done;
}
