/* The whole workload of one GPU. */
#ifndef PASSTHROUGH_WORKLOAD_GPU_TEST_H_
#define PASSTHROUGH_WORKLOAD_GPU_TEST_H_

/* Prints the block of GPU `ordinal`. */
void test_gpu(int ordinal);

#endif
