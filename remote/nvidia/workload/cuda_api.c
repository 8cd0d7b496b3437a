#define _GNU_SOURCE
#include "remote/nvidia/workload/cuda_api.h"

#include <dlfcn.h>

#include "remote/programs/facts.h"

struct cuda_api cuda;

static int missing;

static void *find(void *library, const char *name) {
  void *symbol = dlsym(library, name);
  if (symbol == NULL) {
    fact("missing_function: %s", name);
    ++missing;
  }
  return symbol;
}

int load_cuda(int tell) {
  static const char name[] = "libcuda.so.1";
  void *library;
  const char *const *stand_in;
  Dl_info info;

  begin_call("dlopen");
  library = dlopen(name, RTLD_NOW | RTLD_LOCAL);
  if (library == NULL) {
    const char *why = dlerror();
    fact("library_error: %s", why != NULL ? why : "unknown");
    return 0;
  }
  if (tell) fact("library: %s", name);
  /* The tests' own stand-in says what it is, so that nobody takes it for a driver. */
  stand_in = (const char *const *)dlsym(library, "passthrough_stand_in");
  if (tell && stand_in != NULL) fact("stand_in: %s", *stand_in);
#define FIND(function, parameters) *(void **)(&cuda.function) = find(library, #function);
  CUDA_FUNCTIONS(FIND)
#undef FIND
  if (tell && cuda.cuInit != NULL && dladdr(*(void **)(&cuda.cuInit), &info) != 0 && info.dli_fname != NULL) {
    fact("library_path: %s", info.dli_fname);
  }
  return missing == 0;
}

CUresult cuda_result(const char *call, CUresult result, const char *fact_name) {
  const char *name = NULL;
  end_call();
  if (result == 0) return result;
  if (cuda.cuGetErrorName(result, &name) != 0 || name == NULL) name = "of_no_name";
  fact("%s: %s %d %s", fact_name, call, result, name);
  return result;
}

int cuda_succeeded(const char *call, CUresult result) { return cuda_result(call, result, "error") == 0; }
