// The files below /dev that programs open to use a GPU.
#include <map>

#include "fixtures/check.h"
#include "helpers/health/nvidia/device_file_problems.h"
#include "helpers/parsers/nvidia/nvidia_smi_xml.h"
#include "suites/nvidia/nvidia_gpus.h"

namespace passthrough {
namespace {

class DeviceFiles : public NodeCheckOf<DeviceFilesEvidence, NvidiaSmiXml> {
 protected:
  const DeviceFilesEvidence& Files() { return Parsed<DeviceFilesEvidence>(); }
  // By GPU; empty where nvidia-smi does not say.
  std::map<std::string, int> Minors() {
    std::map<std::string, int> minors;
    try {
      for (const NvidiaSmiGpu& gpu : Parsed<NvidiaSmiXml>().gpus) {
        if (gpu.minor_number) minors[gpu.bus_id.ToString()] = *gpu.minor_number;
      }
    } catch (const EvidenceError&) {
      // The checks of NvidiaSmi fail with it.
    }
    return minors;
  }
};

PASSTHROUGH_CHECKS(DeviceFiles, NvidiaNodes);

TEST_P(DeviceFiles, ControlDeviceIsThere) { ReportEach(ControlDeviceProblems(Files())); }

TEST_P(DeviceFiles, OneForEachGpu) { ReportEach(GpuDeviceProblems(Files(), NvidiaGpusOf(node()).size(), Minors())); }

// The module nvidia-uvm is loaded when a program first needs it. Once it is, CUDA needs its device file.
TEST_P(DeviceFiles, UvmDeviceIsThere) { ReportEach(UvmDeviceProblems(Files())); }

TEST_P(DeviceFiles, SshUserCanOpenThem) { ReportEach(OpenProblems(Files())); }

}  // namespace
}  // namespace passthrough
