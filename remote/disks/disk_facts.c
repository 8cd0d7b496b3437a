#define _GNU_SOURCE
#include "remote/disks/disk_facts.h"

#include <errno.h>
#include <linux/nvme_ioctl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "remote/programs/facts.h"

enum { SECTOR = 512 }; /* of sysfs' sizes, whatever the disk has */

/* The first line of /sys/block/<disk>/<file>. */
static void read_attribute(const struct disk *disk, const char *file, char *text, size_t size) {
  char path[256];
  snprintf(path, sizeof path, "/sys/block/%s/%s", disk->name, file);
  read_line(path, text, size);
}

/* Prints the first of `files` (with NULL behind the last) that has something, without blanks at its end. */
static void show_first(const struct disk *disk, const char *name, const char *const *files) {
  char text[128] = "";
  size_t length;
  for (; *files != NULL && text[0] == '\0'; ++files) read_attribute(disk, *files, text, sizeof text);
  length = strlen(text);
  while (length > 0 && text[length - 1] == ' ') text[--length] = '\0';
  if (length > 0) fact("%s: %s", name, text);
}

static unsigned long long number_of(const struct disk *disk, const char *file) {
  char text[64];
  const char *digit = text;
  unsigned long long number = 0;
  read_attribute(disk, file, text, sizeof text);
  while (*digit >= '0' && *digit <= '9') number = number * 10 + (unsigned)(*digit++ - '0');
  return number;
}

struct disk_size show_disk(const struct disk *disk) {
  static const char *const models[] = {"device/model", NULL};
  static const char *const serials[] = {"device/serial", "serial", NULL};
  static const char *const firmwares[] = {"device/firmware_rev", "device/rev", NULL};
  static const char *const states[] = {"device/state", NULL};
  static const char *const sectors[] = {"queue/logical_block_size", NULL};
  static const char *const read_only[] = {"ro", NULL};
  static const char *const rotational[] = {"queue/rotational", NULL};
  const struct disk_size size = {number_of(disk, "size") * SECTOR, number_of(disk, "queue/logical_block_size")};
  int path;
  begin_call("attributes"); /* a virtio disk is asked for its serial number then, and may never answer */
  for (path = 0; path < disk->paths; ++path) fact("pci_address: %s", disk->addresses[path]);
  fact("bytes: %llu", size.bytes);
  show_first(disk, "sector_bytes", sectors);
  show_first(disk, "read_only", read_only);
  show_first(disk, "rotational", rotational);
  show_first(disk, "model", models);
  show_first(disk, "serial", serials);
  show_first(disk, "firmware", firmwares);
  show_first(disk, "state", states);
  end_call();
  return size;
}

/* A little-endian number of the log; of 16 bytes, the lower 8, or all ones where it is larger. */
static unsigned long long field(const uint8_t *log, int offset, int bytes) {
  unsigned long long number = 0;
  int i;
  for (i = bytes - 1; i >= 8; --i) {
    if (log[offset + i] != 0) return ~0ull;
  }
  for (i = bytes < 8 ? bytes - 1 : 7; i >= 0; --i) number = number << 8 | log[offset + i];
  return number;
}

void show_health(const struct disk *disk, int file) {
  enum { GET_LOG_PAGE = 0x02, SMART_LOG = 0x02, LOG_BYTES = 512 };
  /* NVM Express Base Specification 2.0, figure 207: SMART / Health Information Log Page. */
  static const struct {
    const char *name;
    int offset, bytes;
  } fields[] = {{"critical_warning", 0, 1},    {"temperature_kelvin", 1, 2}, {"available_spare", 3, 1},
                {"spare_threshold", 4, 1},     {"percentage_used", 5, 1},    {"power_on_hours", 128, 16},
                {"unsafe_shutdowns", 144, 16}, {"media_errors", 160, 16},    {"error_log_entries", 176, 16}};
  uint8_t log[LOG_BYTES];
  struct nvme_admin_cmd command;
  size_t i;
  int result;
  if (strncmp(disk->name, "nvme", 4) != 0) return;
  memset(&command, 0, sizeof command);
  memset(log, 0, sizeof log);
  command.opcode = GET_LOG_PAGE;
  command.nsid = 0xffffffff; /* of the whole controller */
  command.addr = (uint64_t)(uintptr_t)log;
  command.data_len = sizeof log;
  command.cdw10 = (sizeof log / 4 - 1) << 16 | SMART_LOG;
  begin_call("health");
  result = ioctl(file, NVME_IOCTL_ADMIN_CMD, &command);
  end_call();
  if (result < 0) {
    fact("health_error: %s", strerror(errno));
    return;
  }
  if (result > 0) {
    fact("health_error: NVMe status 0x%x", (unsigned)result);
    return;
  }
  for (i = 0; i < sizeof fields / sizeof *fields; ++i) {
    fact("%s: %llu", fields[i].name, field(log, fields[i].offset, fields[i].bytes));
  }
}
