#include "helpers/parsers/nvidia/cuda_errors.h"

#include <array>

namespace passthrough {

const CudaErrorMeaning* FindCudaError(int number) {
  static constexpr std::array<CudaErrorMeaning, 19> kErrors{{
      {2, "not enough memory on the GPU or page-locked memory in the node",
       "Look for other programs on the GPU (nvidia-smi), and at ulimit -l and the node's free memory."},
      {34, "the library is the toolkit's stub, which is for linking only",
       "Remove the toolkit's lib64/stubs from the loader's path."},
      {46, "the GPU takes no context now: its compute mode is prohibited or exclusive, or another program has it",
       "Look at the compute mode in nvidia-smi -q (nvidia-smi -c 0 sets the default), and for other programs."},
      {100, "the driver has no GPU that CUDA can use",
       "Look at the checks of NvidiaSmi, and at MIG without instances."},
      {101, "there is no such GPU", "Look at the checks of NvidiaSmi."},
      {200, "the driver cannot load the kernel that its compiler made",
       "Look whether libcuda, libnvidia-ptxjitcompiler and the kernel module are of one release."},
      {209, "the driver has no code for this GPU: it is newer than the driver's compiler knows",
       "Install a newer driver on the node."},
      {214, "the GPU's memory has an error that ECC cannot correct",
       "Look at the ECC counters of nvidia-smi -q and for Xid 48 in the kernel log."},
      {218, "the driver's compiler for kernels (PTX) refused the program",
       "Look whether libcuda and libnvidia-ptxjitcompiler are of one release; what the compiler said is in the "
       "evidence."},
      {221, "the driver's compiler for kernels (PTX) is missing: libnvidia-ptxjitcompiler.so.1",
       "Install it, of the kernel module's version (Debian: libnvidia-ptxjitcompiler1; Ubuntu: libnvidia-compute): "
       "programs without code for just this GPU cannot start."},
      {222, "the driver's compiler for kernels is older than PTX 6.0 (CUDA 9.0, driver release 384)",
       "Install a newer driver on the node, or a library of the kernel module's release."},
      {223, "the driver's compiler for kernels is switched off", "Unset CUDA_DISABLE_PTX_JIT on the node."},
      {700, "the GPU was given an address that it does not have",
       "Look for Xid 31 in the node's kernel log, and at the IOMMU's faults in the host's."},
      {719, "the GPU's work was ended by a fault",
       "Look for Xid in the node's kernel log, and for the IOMMU's faults in the host's."},
      {801, "the GPU does not do this", "Look at the GPU's name in the evidence."},
      {802, "a daemon that the GPU needs does not run, mostly the fabric manager of NVSwitch systems",
       "Start nvidia-fabricmanager on the node, of the driver's own version; a GPU of an NVSwitch board "
       "that is passed through alone needs its links switched off on the host."},
      {803, "library and kernel module are of two driver versions",
       "Reboot after a driver update, or install the library of the module's version."},
      {804, "the compatibility library does not support this GPU", "Remove cuda-compat from the loader's path."},
      {999, "unknown; mostly the module nvidia-uvm is missing or too new for its device files",
       "Run nvidia-modprobe -u on the node; look at /dev/nvidia-uvm and the kernel log."},
  }};
  for (const CudaErrorMeaning& one : kErrors) {
    if (one.number == number) return &one;
  }
  return nullptr;
}

}  // namespace passthrough
