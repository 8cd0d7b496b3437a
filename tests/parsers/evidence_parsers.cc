#include "tests/parsers/evidence_parsers.h"

#include "helpers/parsers/device_files_evidence.h"
#include "helpers/parsers/identity_evidence.h"
#include "helpers/parsers/kernel_log.h"
#include "helpers/parsers/modules_evidence.h"
#include "helpers/parsers/nvidia_smi_table.h"
#include "helpers/parsers/nvidia_smi_xml.h"
#include "helpers/parsers/pci_evidence.h"
#include "helpers/parsers/workload_evidence.h"

namespace passthrough {
namespace {

std::map<std::string, std::string> MakeSeeds() {
  std::string config;
  for (int i = 0; i < 64; ++i) config += " de";
  return {
      {"device_files",
       "user_id: 0\nmajor: 195 nvidia\nfile: /dev/nvidia0\nmode: crw-rw-rw-\nuid: 0\ngid: 0\n"
       "device: 195 0\nopens: yes\nend: device_files\n"},
      {"identity",
       "kernel_release: 6.1\nboot_id: b\nproduct_uuid: U\nuptime_seconds: 1.5\nepoch_seconds: 2\n"
       "tmp_free_kib: 3\nend: identity\n"},
      {"kernel_log", "[    0.000000] Linux version\n[    1.0] NVRM: Xid\n"},
      {"modules",
       "kernel_release: 6.1\ndriver_version_text: NVRM 535.1\nmodule: nvidia 1 - Live\nend: "
       "modules\n"},
      {"nvidia_smi",
       "+---+\n| NVIDIA-SMI 535 Driver Version: 535 CUDA Version: 12 |\n|---+---+\n"
       "| GPU  Name  Persistence-M | Bus-Id  Disp.A |\n| Fan  Temp | Memory |\n|====+====|\n"
       "|  0  NVIDIA x  On | 00000000:01:00.0 Off |\n| ERR!  41C | ERR! |\n+---+\n"},
      {"nvidia_smi_xml",
       "<!DOCTYPE nvidia_smi_log SYSTEM \"nvsmi_device_v12.dtd\">\n<nvidia_smi_log>"
       "<attached_gpus>1</attached_gpus><gpu id=\"0000:01:00.0\"><a><b>ERR!</b></a></gpu>"
       "</nvidia_smi_log>\n"},
      {"pci",
       "function: 0000:01:00.0\nvendor: 0x10de\ndevice: 0x2684\nsubsystem_vendor: 0x1\n"
       "subsystem_device: 0x2\nclass: 0x030000\nrevision: 0xa1\nirq: 1\n"
       "resource: 0 0x1000 0x1fff 0x200\naer_fatal: 1 X=1\nconfig:" +
           config + "\nend: pci\n"},
      {"workload",
       "program: workload 1\nlibrary: libcuda.so.1\nlibrary_path: /l\ndriver_api_version: 12040\ngpu_count: 1\n"
       "gpu: 0\nname: x\nuuid: GPU-fa\npci_bus_id: 0000:01:00.0\nphase: memory\nmemory_bytes: 2\n"
       "tested_bytes: 1\npattern: address 0\npattern: memset 1\nto_device_gb_per_s: 21.9\nphase: interrupts\n"
       "interrupt_kind: msi\ninterrupt_lines: 1\nlink_speed_under_load: 16.0 GT/s PCIe\n"
       "link_width_under_load: 16\nwaits: 32\ninterrupts: 34\ndone: yes\nend: workload\n"},
  };
}

}  // namespace

const std::map<std::string, EvidenceParser>& EvidenceParsers() {
  static const std::map<std::string, EvidenceParser> parsers = {
      {"device_files",
       [](std::string_view text) { DeviceFilesEvidence::Parse(text, "x").GpuFiles(); }},
      {"identity", [](std::string_view text) { IdentityEvidence::Parse(text, "x"); }},
      {"kernel_log", [](std::string_view text) { KernelLog::Parse(text, "x").Containing("Xid"); }},
      {"modules", [](std::string_view text) { ModulesEvidence::Parse(text, "x").DriverVersion(); }},
      {"nvidia_smi", [](std::string_view text) { NvidiaSmiTable::Parse(text, "x"); }},
      {"nvidia_smi_xml", [](std::string_view text) { NvidiaSmiXml::Parse(text, "x").Problems(); }},
      {"pci", [](std::string_view text) { PciEvidence::Parse(text, "x"); }},
      {"workload", [](std::string_view text) { WorkloadEvidence::Parse(text, "x"); }},
  };
  return parsers;
}

const std::map<std::string, std::string>& EvidenceSeeds() {
  static const std::map<std::string, std::string> seeds = MakeSeeds();
  return seeds;
}

}  // namespace passthrough
