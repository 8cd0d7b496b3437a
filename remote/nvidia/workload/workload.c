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
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cuda_api.h"
#include "facts.h"
#include "gpu_test.h"

/* Below the probe's own limit, so that what was found by then is a whole text. */
enum { CALL_LIMIT = 20, INIT_LIMIT = 45, WHOLE_LIMIT = 80, LIMIT_EACH = 45, LIMIT_MARGIN = 10 };

/* In the child. `first`: the GPU to begin with; where that is not 0, an earlier child printed what comes before
 * the first GPU. */
static void work(int first) {
  int count = 0;
  int version = 0;
  int i;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (!load_cuda(first == 0) || !CUDA_CALL(cuInit, 0)) return;
  if (first == 0 && CUDA_CALL(cuDriverGetVersion, &version)) fact("driver_api_version: %d", version);
  if (!CUDA_CALL(cuDeviceGetCount, &count)) return;
  if (first == 0) fact("gpu_count: %d", count);
  progress->count = count;
  for (i = first; i < count; ++i) test_gpu(i);
}

/* The whole number in the environment, from 1 on; else `otherwise`. */
static int setting(const char *name, int otherwise) {
  const char *wanted = getenv(name);
  return wanted != NULL && atoi(wanted) > 0 ? atoi(wanted) : otherwise;
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

/* Waits for the child. Returns 1 where it ended by itself, 0 where it hung or crashed, which is printed. */
static int supervise(pid_t child, double begun) {
  const struct timespec pause = {0, 20000000};
  unsigned seen = progress->calls;
  double since = now_seconds();
  int status = 0;
  while (waitpid(child, &status, WNOHANG) == 0) {
    const double now = now_seconds();
    if (progress->calls != seen) {
      seen = progress->calls;
      since = now;
    }
    const int call_hangs = now - since > limit_of_call();
    if (call_hangs || now - begun > limit_of_all()) {
      /* It may hang in the kernel, where no signal ends it: it is not waited for. */
      kill(child, SIGKILL);
      if (call_hangs) {
        fact("hung: %s %.0f", progress->call[0] != '\0' ? progress->call : "between_calls", now - since);
      } else {
        /* Nothing hangs: there was more to do than time. */
        fact("time_ran_out: %s %.0f", progress->call[0] != '\0' ? progress->call : "between_calls", now - begun);
      }
      return 0;
    }
    nanosleep(&pause, NULL);
  }
  if (!WIFSIGNALED(status)) return 1;
  fact("crashed: %s %d", progress->call[0] != '\0' ? progress->call : "between_calls", WTERMSIG(status));
  return 0;
}

static void run_all(void) {
  const double begun = now_seconds();
  int first = 0;
  while (1) {
    pid_t child;
    progress->gpu = -1;
    child = fork();
    if (child < 0) {
      fact("program_error: cannot start a process");
      return;
    }
    if (child == 0) {
      work(first);
      fflush(stdout);
      _exit(0);
    }
    /* A GPU that hangs must not hide the others. */
    if (supervise(child, begun) || progress->gpu < 0 || now_seconds() - begun > limit_of_all()) return;
    first = progress->gpu + 1;
  }
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
  progress = mmap(NULL, sizeof *progress, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (progress == MAP_FAILED) return 70;
  fact("program: workload 1");
  if (was_set) fact("cuda_visible_devices: \"%s\"", hidden_by);
  run_all();
  fact("end: workload");
  return 0;
}
