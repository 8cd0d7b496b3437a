#define _GNU_SOURCE
#include "remote/programs/kernel_view.h"

#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "remote/programs/facts.h"

/* The decimal number at *text, which then points behind it; -1 where there is none. (strtoul and sscanf have
 * other symbol versions with each new C library.) */
static long long take_number(const char **text) {
  long long number = 0;
  if (!isdigit((unsigned char)**text)) return -1;
  while (isdigit((unsigned char)**text)) number = number * 10 + (*(*text)++ - '0');
  return number;
}

int sysfs_address(const char *bus_id, char address[PCI_ADDRESS_TEXT]) {
  static const char pattern[] = "xxxx:xx:xx.x";
  const size_t shortest = sizeof pattern - 1;
  size_t length = strlen(bus_id);
  size_t i;
  if (length < shortest || length >= PCI_ADDRESS_TEXT) return 0;
  while (length > shortest && *bus_id == '0') {
    ++bus_id;
    --length;
  }
  for (i = 0; i < length; ++i) {
    const char c = (char)tolower((unsigned char)bus_id[i]);
    const char wanted = i < length - shortest ? 'x' : pattern[i - (length - shortest)];
    if (wanted == 'x' ? !isxdigit((unsigned char)c) : c != wanted) return 0;
    address[i] = c;
  }
  address[length] = '\0';
  return 1;
}

void find_interrupts(const char *address, struct interrupt_lines *lines) {
  char path[128];
  char text[32];
  const char *digits = text;
  DIR *directory;
  lines->count = 0;
  lines->kind = "none";
  snprintf(path, sizeof path, "/sys/bus/pci/devices/%s/msi_irqs", address);
  directory = opendir(rooted(path));
  if (directory != NULL) {
    struct dirent *entry;
    while ((entry = readdir(directory)) != NULL && lines->count < MOST_INTERRUPTS) {
      const char *name = entry->d_name;
      const long long number = take_number(&name);
      if (number >= 0 && *name == '\0') lines->numbers[lines->count++] = (int)number;
    }
    closedir(directory);
    if (lines->count > 0) lines->kind = "msi";
  }
  if (lines->count > 0) return;
  snprintf(path, sizeof path, "/sys/bus/pci/devices/%s/irq", address);
  read_line(path, text, sizeof text);
  lines->numbers[0] = (int)take_number(&digits);
  if (lines->numbers[0] > 0) {
    lines->count = 1;
    lines->kind = "intx";
  }
}

static int is_ours(long long number, const struct interrupt_lines *lines) {
  int i;
  for (i = 0; i < lines->count; ++i) {
    if (lines->numbers[i] == number) return 1;
  }
  return 0;
}

/* "  40:   12   3   PCI-MSI 524288-edge   nvidia": one number a processor, then words. */
static unsigned long long sum_of_line(const char *text) {
  unsigned long long sum = 0;
  while (1) {
    long long number;
    while (*text == ' ') ++text;
    number = take_number(&text);
    /* A word that begins with digits ("524288-edge") is no counter. */
    if (number < 0 || (*text != ' ' && *text != '\n' && *text != '\0')) return sum;
    sum += (unsigned long long)number;
  }
}

unsigned long long count_interrupts(const struct interrupt_lines *lines) {
  static char line[65536]; /* 12 characters a processor */
  unsigned long long sum = 0;
  FILE *file = fopen(rooted("/proc/interrupts"), "re");
  if (file == NULL) return 0;
  while (fgets(line, sizeof line, file) != NULL) {
    const char *text = line;
    long long number;
    while (*text == ' ') ++text;
    number = take_number(&text);
    if (number >= 0 && *text == ':' && is_ours(number, lines)) sum += sum_of_line(text + 1);
  }
  fclose(file);
  return sum;
}

static void read_link(const char *address, const char *name, char text[LINK_TEXT]) {
  char path[128];
  snprintf(path, sizeof path, "/sys/bus/pci/devices/%s/%s", address, name);
  read_line(path, text, LINK_TEXT);
}

/* Whole GT/s tell the generations apart: 2, 5, 8, 16, 32, 64. -1 for "Unknown". */
static long long whole_gigatransfers(const char *text) { return take_number(&text); }

void sample_link(const char *address, struct link_sample *best) {
  struct link_sample now;
  read_link(address, "current_link_speed", now.speed);
  if (best->speed[0] != '\0' && whole_gigatransfers(now.speed) <= whole_gigatransfers(best->speed)) return;
  read_link(address, "current_link_width", now.width);
  *best = now;
}

int link_is_slow(const char *address, const struct link_sample *best) {
  char most[LINK_TEXT];
  read_link(address, "max_link_speed", most);
  return best->speed[0] != '\0' && whole_gigatransfers(best->speed) < whole_gigatransfers(most);
}

void show_link(const struct link_sample *best) {
  if (best->speed[0] != '\0') fact("link_speed_under_load: %s", best->speed);
  if (best->width[0] != '\0') fact("link_width_under_load: %s", best->width);
}
