/* Puts each disk of this machine that a PCI function drives to work, and prints facts as remote/README.md says: what
 * the kernel and the disk say of it, whether reads return the same twice, and what is known to be there where it is
 * marked (marked_data.h), how fast they are, whether interrupts arrived. Checks nothing, and writes to no disk but one
 * that $DISKS_OVERWRITE names and that has a mark (disk_writes.h).
 *
 *   disks [--check | --unlink]
 *     --check    only says, by exit status 0, that it can be run here
 *     --unlink   removes its own file first, for a copy that nobody else would remove
 *   disks --mark DISK BYTES   puts a mark on a disk of that size, in place of what is on it
 *
 * $DISKS_CALL_LIMIT: seconds that one read may take (default 20). $PROBE_LIMIT: seconds for all (default 80).
 * $PROBE_SCALE: multiplies both defaults, on slow machines. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "remote/disks/disk_facts.h"
#include "remote/disks/disk_list.h"
#include "remote/disks/disk_reads.h"
#include "remote/disks/disk_writes.h"
#include "remote/programs/facts.h"
#include "remote/programs/supervisor.h"

enum { CALL_LIMIT = 20, WHOLE_LIMIT = 80, LIMIT_MARGIN = 10 };

static void test_disk(const struct disk *disk) {
  struct disk_size size;
  int file;
  fact("disk: %s", disk->name);
  size = show_disk(disk);
  file = open_disk(disk, O_RDONLY);
  if (file < 0) {
    fact("open_error: %s", strerror(errno));
    return;
  }
  show_health(disk, file);
  test_reads(disk, file, size.bytes, size.sector);
  close(file);
  test_writes(disk, size, getenv("DISKS_OVERWRITE"));
  fact("done: yes");
}

static void work(int first) {
  static struct disk disks[MOST_DISKS];
  const int count = list_disks(disks);
  int i;
  if (first == 0) show_functions(disks, count);
  progress->count = count;
  for (i = first; i < count; ++i) {
    progress->item = i;
    test_disk(&disks[i]);
  }
}

static int limit_of_call(void) { return setting("DISKS_CALL_LIMIT", CALL_LIMIT * setting("PROBE_SCALE", 1)); }

static int limit_of_all(void) {
  const int given = setting("PROBE_LIMIT", 0);
  return given > 2 * LIMIT_MARGIN ? given - LIMIT_MARGIN : WHOLE_LIMIT * setting("PROBE_SCALE", 1);
}

/* By what the kernel says: argv[0] may be anything. */
static void unlink_self(void) {
  char path[512];
  const ssize_t length = readlink("/proc/self/exe", path, sizeof path - 1);
  if (length <= 0) return;
  path[length] = '\0';
  unlink(path);
}

int main(int argc, char **argv) {
  const int marks = argc == 4 && strcmp(argv[1], "--mark") == 0;
  if (argc == 2 && strcmp(argv[1], "--check") == 0) return 0;
  if (argc == 2 && strcmp(argv[1], "--unlink") == 0) {
    unlink_self();
  } else if (argc != 1 && !marks) {
    fprintf(stderr, "usage: disks [--check | --unlink | --mark DISK BYTES]\n");
    return 64;
  }
  if (!share_progress()) return 70;
  if (marks) return mark_disk(argv[2], argv[3]) ? 0 : 1;
  fact("program: disks 1");
  fact("user_id: %u", (unsigned)geteuid());
  supervise(work, limit_of_call, limit_of_all);
  fact("end: disks");
  return 0;
}
