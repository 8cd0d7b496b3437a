/* Puts each GPU of this machine to work through CUDA's driver API, as any program would, and prints facts as
 * remote/README.md says: whether the library is there, what it calls its errors, whether memory returns what was
 * written, how fast copies are, and whether interrupts arrived. Checks nothing.
 *
 *   workload [--check | --unlink]
 *     --check    only says, by exit status 0, that it can be run here
 *     --unlink   removes its own file first, for a copy that nobody else would remove
 *
 * The work is done by a child process, so that a call that never returns, or a crash inside the library, is a
 * fact as well. $WORKLOAD_CALL_LIMIT: seconds that a call may take (default 20; 45 for cuInit, which brings up
 * every GPU of the machine). $PROBE_LIMIT: seconds for all (default: 80, and 45 for each CUDA device after the first).
 * $PROBE_SCALE: multiplies both defaults, on slow machines. $WORKLOAD_MEMORY_PERCENT: how much of each GPU's free
 * memory is tested, 1 to 100 (default: half of it, 256 MiB at most). */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "remote/nvidia/workload/cuda_api.h"
#include "remote/nvidia/workload/gpu_test.h"
#include "remote/programs/facts.h"
#include "remote/programs/supervisor.h"

/* Below the probe's own limit, so that what was found by then is a whole text. */
enum { CALL_LIMIT = 20, INIT_LIMIT = 45, WHOLE_LIMIT = 80, LIMIT_EACH = 45, LIMIT_MARGIN = 10 };

/* `first`: the GPU to begin with; where that is not 0, an earlier child printed what comes before the first GPU. */
static void work(int first) {
  int count = 0;
  int version = 0;
  int i;
  if (!load_cuda(first == 0) || !CUDA_CALL(cuInit, 0)) return;
  if (first == 0 && CUDA_CALL(cuDriverGetVersion, &version)) fact("driver_api_version: %d", version);
  if (!CUDA_CALL(cuDeviceGetCount, &count)) return;
  if (first == 0) fact("gpu_count: %d", count);
  progress->count = count;
  for (i = first; i < count; ++i) test_gpu(i);
}

static int limit_of_call(void) {
  const int limit = strcmp(progress->call, "cuInit") == 0 ? INIT_LIMIT : CALL_LIMIT;
  return setting("WORKLOAD_CALL_LIMIT", limit * setting("PROBE_SCALE", 1));
}

/* Seconds for all GPUs: it follows from how many there are, and instances of MIG count as such. */
static int limit_of_all(void) {
  const int given = setting("PROBE_LIMIT", 0);
  const int devices = progress->count > 1 ? progress->count : 1;
  if (given > 2 * LIMIT_MARGIN) return given - LIMIT_MARGIN;
  return (WHOLE_LIMIT + LIMIT_EACH * (devices - 1)) * setting("PROBE_SCALE", 1);
}

int main(int argc, char **argv) {
  /* A variable for programs that are to leave GPUs to others: here it would hide GPUs that are there. */
  static const char hiding[] = "CUDA_VISIBLE_DEVICES";
  char hidden_by[256] = "";
  const char *value = getenv(hiding);
  const int was_set = value != NULL;
  if (was_set) snprintf(hidden_by, sizeof hidden_by, "%s", value);
  unsetenv(hiding);
  if (argc > 1 && strcmp(argv[1], "--check") == 0) return 0;
  if (argc > 1 && strcmp(argv[1], "--unlink") == 0) unlink(argv[0]);
  if (!share_progress()) return 70;
  fact("program: workload 1");
  if (was_set) fact("cuda_visible_devices: \"%s\"", hidden_by);
  supervise(work, limit_of_call, limit_of_all);
  fact("end: workload");
  return 0;
}
