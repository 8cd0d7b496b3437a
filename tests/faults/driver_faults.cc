// What can be wrong with the driver of a GPU.
#include "tests/faults/fault.h"
#include "tests/faults/planting.h"

namespace passthrough {

// The module, and what is bound to the GPU.
std::vector<Fault> DriverFaults() {
  return {
      {.id = "N8",
       .name = "no driver owns the GPU",
       .in_node = std::string("# the GPU is unbound from the driver nvidia\n") + kFindGpu +
                  "echo \"${gpu##*/}\" >/sys/bus/pci/drivers/nvidia/unbind\n",
       .fails = {"GpuDriver.IsNvidia", "@smi", "DeviceFiles.OneForEachGpu"},
       .says = {{"GpuDriver.IsNvidia", "is bound to no driver, expected nvidia"}}},
      {.id = "N8b",
       .name = "another driver owns the GPU",
       .mode = FaultMode::kReplay,
       .in_evidence = "sed -i 's/^driver: nvidia$/driver: vfio-pci/' evidence/hpc_compute_01/pci.txt",
       .fails = {"GpuDriver.IsNvidia"},
       .says = {{"GpuDriver.IsNvidia", "is bound to vfio-pci, expected nvidia"}}},
      {.id = "N8c",
       .name = "nouveau is loaded beside the driver",
       .in_node = CoverFile("/proc/modules", "$a nouveau 2433024 0 - Live 0x0000000000000000"),
       .fails = {"KernelModule.NouveauIsNotLoaded"},
       .says = {{"KernelModule.NouveauIsNotLoaded", "nouveau is loaded"}}},
      {.id = "N9",
       .name = "the module is not loaded",
       .in_node = "rmmod nvidia_uvm nvidia",
       .fails = {"KernelModule.NvidiaIsLoaded", "GpuDriver.IsNvidia", "@smi", "DeviceFiles.*",
                 "-DeviceFiles.UvmDeviceIsThere"},
       .says = {{"KernelModule.NvidiaIsLoaded", "kernel module nvidia is not loaded, though it is on disk"},
                {"NvidiaSmi.AnswersWithExitStatusZero", "exit status 9"}}},
      {.id = "N9b",
       .name = "the module was never built for this kernel",
       .in_node = "rmmod nvidia_uvm nvidia\nrm /lib/modules/*/updates/nvidia*.ko\ndepmod",
       .fails = {"KernelModule.NvidiaIsLoaded", "GpuDriver.IsNvidia", "@smi", "DeviceFiles.*",
                 "-DeviceFiles.UvmDeviceIsThere"},
       .says = {{"KernelModule.NvidiaIsLoaded", "there is none on disk for kernel"}}},
      {.id = "N9c",
       .name = "the module on disk is of another kernel, and this one refuses it",
       .in_node = "# vermagic of the module's file changed, and the module loaded anew\n"
                  "rmmod nvidia_uvm nvidia\n"
                  "file=$(ls /lib/modules/*/updates/nvidia.ko)\n"
                  "place=$(strings -t d \"$file\" | sed -n 's/^ *\\([0-9]*\\) vermagic=.*/\\1/p')\n"
                  // Of the release, which comes first, a kernel with versions of symbols takes any.
                  "release=$(strings \"$file\" | sed -n 's/^vermagic=\\([^ ]* \\).*/\\1/p')\n"
                  "printf 'XXX' | dd of=\"$file\" bs=1 seek=$((place + 9 + ${#release})) conv=notrunc\n"
                  "! modprobe nvidia\n",
       .fails = {"NvidiaKernelMessages.HaveNoRefusedModule", "KernelModule.NvidiaIsLoaded", "GpuDriver.IsNvidia",
                 "@smi", "DeviceFiles.ControlDeviceIsThere", "DeviceFiles.OneForEachGpu",
                 "DeviceFiles.SshUserCanOpenThem"},
       .says = {{"NvidiaKernelMessages.HaveNoRefusedModule", "nvidia: version magic"}}},
      {.id = "N12",
       .name = "the driver gives up on the GPU: RmInitAdapter failed",
       .in_node = "echo 0 >/sys/module/nvidia/parameters/fail_init",
       .fails = {"@smi", "DeviceFiles.SshUserCanOpenThem", "NvidiaKernelMessages.HaveNoFailedDriverStart"},
       .says = {{"NvidiaSmi.TableHasNoErrorText", "No devices were found"},
                {"NvidiaKernelMessages.HaveNoFailedDriverStart", "RmInitAdapter failed"}}},
      {.id = "N12b",
       .name = "the driver refuses the GPU when it is bound",
       .in_node = "rmmod nvidia_uvm nvidia\nmodprobe nvidia fail_probe=-1\nmodprobe nvidia_uvm",
       .fails = {"GpuDriver.IsNvidia", "@smi", "DeviceFiles.OneForEachGpu",
                 "NvidiaKernelMessages.HaveNoFailedDriverStart"},
       .says = {{"NvidiaKernelMessages.HaveNoFailedDriverStart", "probe routine failed"}}},
  };
}

// Parts of the driver that are not of one release.
std::vector<Fault> DriverReleaseFaults() {
  return {
      {.id = "N10",
       .name = "the NVML library is of another release than the module",
       .in_node = "mkdir -p /usr/lib/x86_64-linux-gnu\ncd /usr/lib/x86_64-linux-gnu\n"
                  "touch libnvidia-ml.so.999.99\nln -s libnvidia-ml.so.999.99 libnvidia-ml.so.1\n",
       .fails = {"KernelModule.LibraryIsOfTheSameRelease"},
       .says = {{"KernelModule.LibraryIsOfTheSameRelease",
                 "is of release 999.99, the loaded module nvidia is 000.00"}}},
      {.id = "N10b",
       .name = "nvidia-smi cannot talk to the module: driver/library version mismatch",
       .in_node = "# an nvidia-smi that says \"Failed to initialize NVML: Driver/library version mismatch\"\n"
                  "printf '%s\\n' '#!/bin/sh' "
                  "'echo \"Failed to initialize NVML: Driver/library version mismatch\"' "
                  "'echo \"NVML library version: 999.99\"' 'exit 18' >/tmp/nvidia-smi\n"
                  "chmod 755 /tmp/nvidia-smi\ncp /tmp/nvidia-smi /usr/bin/nvidia-smi\n",
       .fails = {"@smi"},
       .says = {{"NvidiaSmi.AnswersWithExitStatusZero", "exit status 18"},
                {"NvidiaSmi.TableHasNoErrorText", "version mismatch"}}},
      {.id = "N11",
       .name = "the module on disk is newer than the loaded one: it works until the next boot",
       .in_node = PatchBinary("/lib/modules/*/updates/nvidia.ko", "version=000.00", "version=999.99"),
       .fails = {"KernelModule.LoadedIsTheOneOnDisk"},
       .says = {{"KernelModule.LoadedIsTheOneOnDisk",
                 "the loaded module nvidia is 000.00, the one on disk is 999.99"}}},
  };
}

}  // namespace passthrough
