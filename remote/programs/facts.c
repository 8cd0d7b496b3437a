#define _GNU_SOURCE
#include "remote/programs/facts.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct progress *progress;

void begin_call(const char *name) {
  strncpy(progress->call, name, sizeof progress->call - 1);
  ++progress->calls;
}

void end_call(void) {
  progress->call[0] = '\0';
  ++progress->calls;
}

void fact(const char *format, ...) {
  char line[1024];
  char *c;
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(line, sizeof line, format, arguments);
  va_end(arguments);
  /* A fact is one line, whatever a driver puts into its texts. */
  for (c = line; *c != '\0'; ++c) {
    if (*c == '\n' || *c == '\r') *c = ' ';
  }
  printf("%s\n", line);
  fflush(stdout);
}

double now_seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

const char *rooted(const char *path) {
  static char whole[512];
  const char *root = getenv("PROBE_ROOT");
  snprintf(whole, sizeof whole, "%s%s", root != NULL ? root : "", path);
  return whole;
}

void read_line(const char *path, char *line, size_t size) {
  FILE *file = fopen(rooted(path), "re");
  line[0] = '\0';
  if (file == NULL) return;
  if (fgets(line, (int)size, file) == NULL) line[0] = '\0';
  line[strcspn(line, "\n")] = '\0';
  fclose(file);
}
