#define _GNU_SOURCE
#include "remote/disks/disk_list.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "remote/programs/facts.h"

enum { PATH_TEXT = 512 };

void for_each_entry(const char *path, void (*each)(const char *name, void *data), void *data) {
  struct dirent *entry;
  DIR *directory = opendir(rooted(path));
  if (directory == NULL) return;
  while ((entry = readdir(directory)) != NULL) {
    if (entry->d_name[0] != '.') each(entry->d_name, data);
  }
  closedir(directory);
}

/* Where the symbolic link $PROBE_ROOT/<path> leads, as it says; empty where there is none. */
static void read_link_text(const char *path, char text[PATH_TEXT]) {
  const ssize_t length = readlink(rooted(path), text, PATH_TEXT - 1);
  text[length > 0 ? length : 0] = '\0';
}

/* The last PCI address among the parts of `path`: that of the function which drives what is there. 0: there is none. */
static int last_address(const char *path, char address[PCI_ADDRESS_TEXT]) {
  int found = 0;
  while (*path != '\0') {
    char part[PCI_ADDRESS_TEXT];
    const size_t length = strcspn(path, "/");
    if (length < sizeof part) {
      memcpy(part, path, length);
      part[length] = '\0';
      found |= sysfs_address(part, address);
    }
    path += length;
    if (*path == '/') ++path;
  }
  return found;
}

static int is_storage(const char *address) {
  char path[PATH_TEXT];
  char class[32];
  snprintf(path, sizeof path, "/sys/bus/pci/devices/%s/class", address);
  read_line(path, class, sizeof class);
  return strncmp(class, "0x01", 4) == 0 || strncmp(class, "0x0c04", 6) == 0;
}

/* One path more, of a function that drives disks. */
static void add_path(struct disk *disk, const char *place) {
  if (disk->paths < MOST_PATHS && last_address(place, disk->addresses[disk->paths]) &&
      is_storage(disk->addresses[disk->paths])) {
    ++disk->paths;
  }
}

/* Of an NVMe disk that several controllers may have (CONFIG_NVME_MULTIPATH): the kernel has it below the subsystem,
 * beside links to its controllers. */
struct subsystem {
  char path[PATH_TEXT];
  struct disk *disk;
};

static void look_at_controller(const char *name, void *data) {
  struct subsystem *subsystem = data;
  char path[PATH_TEXT];
  char where[PATH_TEXT];
  if (strncmp(name, "nvme", 4) != 0) return;
  if (snprintf(path, sizeof path, "%s/%s", subsystem->path, name) >= (int)sizeof path) return;
  read_link_text(path, where);
  if (where[0] != '\0') add_path(subsystem->disk, where);
}

static void find_paths(struct disk *disk) {
  static const char virtual[] = "/virtual/nvme-subsystem/";
  struct subsystem subsystem = {"", disk};
  char path[PATH_TEXT];
  char where[PATH_TEXT];
  const char *at;
  snprintf(path, sizeof path, "/sys/block/%s", disk->name);
  read_link_text(path, where);
  at = strstr(where, virtual);
  if (at == NULL) {
    add_path(disk, where);
    return;
  }
  at += sizeof virtual - 1;
  snprintf(subsystem.path, sizeof subsystem.path, "/sys/devices%s%.*s", virtual, (int)strcspn(at, "/"), at);
  for_each_entry(subsystem.path, look_at_controller, &subsystem);
}

/* One of the paths to a disk that has several, which has no file in /dev. */
static int is_hidden(const char *name) {
  char path[PATH_TEXT];
  char text[8];
  snprintf(path, sizeof path, "/sys/block/%s/hidden", name);
  read_line(path, text, sizeof text);
  return text[0] == '1';
}

struct listing {
  struct disk *disks;
  int count;
};

static void add_disk(const char *name, void *data) {
  struct listing *listing = data;
  struct disk *disk = &listing->disks[listing->count];
  const int takes_media = strncmp(name, "sr", 2) == 0 || strncmp(name, "fd", 2) == 0;
  if (listing->count == MOST_DISKS || strlen(name) >= sizeof disk->name || takes_media || is_hidden(name)) return;
  memset(disk, 0, sizeof *disk);
  strcpy(disk->name, name);
  find_paths(disk);
  if (disk->paths > 0) ++listing->count;
}

static int compare_names(const void *a, const void *b) {
  return strcmp(((const struct disk *)a)->name, ((const struct disk *)b)->name);
}

int list_disks(struct disk disks[MOST_DISKS]) {
  struct listing listing = {disks, 0};
  for_each_entry("/sys/block", add_disk, &listing);
  qsort(disks, (size_t)listing.count, sizeof *disks, compare_names);
  return listing.count;
}

static void show_function(const char *address, void *data) {
  const struct listing *listing = data;
  char path[PATH_TEXT];
  char driver[PATH_TEXT];
  const char *name;
  int disks = 0;
  int i, path_of_it;
  if (!is_storage(address)) return;
  for (i = 0; i < listing->count; ++i) {
    for (path_of_it = 0; path_of_it < listing->disks[i].paths; ++path_of_it) {
      disks += strcmp(listing->disks[i].addresses[path_of_it], address) == 0;
    }
  }
  snprintf(path, sizeof path, "/sys/bus/pci/devices/%s/driver", address);
  read_link_text(path, driver);
  name = strrchr(driver, '/');
  fact("function: %s %s %d", address, name != NULL ? name + 1 : "none", disks);
}

void show_functions(const struct disk *disks, int count) {
  struct listing listing = {(struct disk *)disks, count};
  for_each_entry("/sys/bus/pci/devices", show_function, &listing);
}

/* "259:0" of sysfs against the file that was opened. */
static int is_that_disk(const struct disk *disk, int file) {
  char path[PATH_TEXT];
  char text[32];
  unsigned major_number, minor_number;
  struct stat status;
  snprintf(path, sizeof path, "/sys/block/%s/dev", disk->name);
  read_line(path, text, sizeof text);
  return sscanf(text, "%u:%u", &major_number, &minor_number) == 2 && fstat(file, &status) == 0 &&
         S_ISBLK(status.st_mode) && major(status.st_rdev) == major_number && minor(status.st_rdev) == minor_number;
}

int open_disk(const struct disk *disk, int flags) {
  const int is_fake = rooted("")[0] != '\0';
  char path[PATH_TEXT];
  int file;
  snprintf(path, sizeof path, "/dev/%s", disk->name);
  begin_call("open");
  file = open(rooted(path), flags | O_DIRECT | O_CLOEXEC);
  if (file < 0 && errno == EINVAL && is_fake) {
    file = open(rooted(path), flags | O_CLOEXEC);
    fact("direct: no");
  }
  end_call();
  if (file < 0 || is_fake || is_that_disk(disk, file)) return file;
  close(file);
  errno = ENODEV;
  return -1;
}

struct partition_search {
  const char *disk;
  int found;
};

static void look_at_partition(const char *name, void *data) {
  struct partition_search *search = data;
  char path[PATH_TEXT];
  if (snprintf(path, sizeof path, "%s/%s/partition", search->disk, name) >= (int)sizeof path) return;
  if (access(rooted(path), F_OK) == 0) search->found = 1;
}

int has_partitions(const char *path) {
  struct partition_search search = {path, 0};
  for_each_entry(path, look_at_partition, &search);
  return search.found;
}
