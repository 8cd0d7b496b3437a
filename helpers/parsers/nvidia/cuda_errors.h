// What errors of CUDA's driver API mean on a node that was given a GPU.
#pragma once

#include <string_view>

namespace passthrough {

struct CudaErrorMeaning {
  int number;
  std::string_view meaning;  // a sentence's part
  std::string_view advice;   // a sentence
};

// nullptr for an error that says no more than its name. The numbers are those of CUresult in NVIDIA's
// "CUDA Driver API" reference, 6.1 "Data types used by CUDA driver".
const CudaErrorMeaning* FindCudaError(int number);

}  // namespace passthrough
