/* The part of CUDA's driver API that the workload uses, declared here so that no CUDA toolkit is needed:
 * names, parameters and numbers as in NVIDIA's "CUDA Driver API" reference and cuda.h. */
#ifndef PASSTHROUGH_WORKLOAD_CUDA_API_H_
#define PASSTHROUGH_WORKLOAD_CUDA_API_H_

#include <stddef.h>

typedef int CUresult; /* 0: CUDA_SUCCESS */
typedef int CUdevice;
typedef unsigned long long CUdeviceptr;
typedef struct CUctx_st *CUcontext;
typedef struct CUstream_st *CUstream;
typedef struct CUevent_st *CUevent;
typedef struct CUmod_st *CUmodule;
typedef struct CUfunc_st *CUfunction;
typedef struct {
  unsigned char bytes[16];
} CUuuid;

enum { CU_CTX_SCHED_BLOCKING_SYNC = 0x04, CU_EVENT_BLOCKING_SYNC = 0x01, CU_EVENT_DISABLE_TIMING = 0x02 };
enum { CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR = 75, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR = 76 };
enum { CU_JIT_ERROR_LOG_BUFFER = 5, CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES = 6 };
enum { CUDA_ERROR_OUT_OF_MEMORY = 2 };

/* name, parameters. The suffix is the ABI's version, which cuda.h adds with a macro. */
#define CUDA_FUNCTIONS(X)                                                                                        \
  X(cuInit, (unsigned flags))                                                                                    \
  X(cuDriverGetVersion, (int *version))                                                                          \
  X(cuDeviceGetCount, (int *count))                                                                              \
  X(cuDeviceGet, (CUdevice * device, int ordinal))                                                               \
  X(cuDeviceGetName, (char *name, int size, CUdevice device))                                                    \
  X(cuDeviceGetPCIBusId, (char *id, int size, CUdevice device))                                                  \
  X(cuDeviceGetUuid, (CUuuid * uuid, CUdevice device))                                                           \
  X(cuCtxCreate_v2, (CUcontext * context, unsigned flags, CUdevice device))                                      \
  X(cuCtxDestroy_v2, (CUcontext context))                                                                        \
  X(cuMemGetInfo_v2, (size_t * available, size_t * total))                                                       \
  X(cuMemAlloc_v2, (CUdeviceptr * memory, size_t size))                                                          \
  X(cuMemHostAlloc, (void **memory, size_t size, unsigned flags))                                                \
  X(cuMemFreeHost, (void *memory))                                                                               \
  X(cuMemFree_v2, (CUdeviceptr memory))                                                                          \
  X(cuMemcpyHtoD_v2, (CUdeviceptr to, const void *from, size_t size))                                            \
  X(cuMemcpyDtoH_v2, (void *to, CUdeviceptr from, size_t size))                                                  \
  X(cuMemcpyHtoDAsync_v2, (CUdeviceptr to, const void *from, size_t size, CUstream stream))                      \
  X(cuMemsetD32_v2, (CUdeviceptr to, unsigned value, size_t count))                                              \
  X(cuEventCreate, (CUevent * event, unsigned flags))                                                            \
  X(cuEventRecord, (CUevent event, CUstream stream))                                                             \
  X(cuEventSynchronize, (CUevent event))                                                                         \
  X(cuEventDestroy_v2, (CUevent event))                                                                          \
  X(cuDeviceGetAttribute, (int *value, int attribute, CUdevice device))                                          \
  X(cuModuleLoadDataEx, (CUmodule * module, const void *image, unsigned options, int *option, void **values))    \
  X(cuModuleGetFunction, (CUfunction * function, CUmodule module, const char *name))                             \
  X(cuModuleUnload, (CUmodule module))                                                                           \
  X(cuLaunchKernel,                                                                                              \
    (CUfunction function, unsigned grid_x, unsigned grid_y, unsigned grid_z, unsigned block_x, unsigned block_y, \
     unsigned block_z, unsigned shared_bytes, CUstream stream, void **parameters, void **extra))                 \
  X(cuCtxSynchronize, (void))                                                                                    \
  X(cuGetErrorName, (CUresult result, const char **name))

struct cuda_api {
#define MEMBER(name, parameters) CUresult(*name) parameters;
  CUDA_FUNCTIONS(MEMBER)
#undef MEMBER
};

extern struct cuda_api cuda;

/* Opens libcuda.so.1 and fills `cuda`; prints what is missing, and with `tell` also what it found. Returns 0
 * where the library or a function of it is missing. */
int load_cuda(int tell);

/* Calls one function, telling the supervisor which, and prints a fact "error: NAME NUMBER ERROR_NAME" if it
 * fails. Its value is 1 where the call succeeded. */
#define CUDA_CALL(name, ...) (begin_call(#name), cuda_succeeded(#name, cuda.name(__VA_ARGS__)))
int cuda_succeeded(const char *call, CUresult result);

/* The same, with a fact of another name. Returns what `result` is; for calls that may fail without an end to the rest.
 */
CUresult cuda_result(const char *call, CUresult result, const char *fact_name);

#endif
