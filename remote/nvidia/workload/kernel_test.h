/* A kernel on the GPU: what no copy and no memset can show is that its multiprocessors compute. */
#ifndef PASSTHROUGH_WORKLOAD_KERNEL_TEST_H_
#define PASSTHROUGH_WORKLOAD_KERNEL_TEST_H_

#include "remote/nvidia/workload/memory_test.h"

/* Has the driver compile a kernel, launches it over `memory`, and compares what each of its threads computed with what
 * the processor computes. Prints how that went; returns 0 where a call failed. What the compiler or the launch refuses
 * is the fact "kernel_error", beside which all that was tested before stands. */
int test_kernel(const struct memory *memory, CUdevice device);

#endif
