#include "tests/workload/recorded_run.h"

#include "helpers/base/files.h"
#include "helpers/cluster/discovery.h"
#include "helpers/config/plan.h"
#include "helpers/evidence/node_evidence.h"
#include "helpers/inventory/inventory.h"
#include "helpers/rundir/run_record.h"

namespace passthrough {
namespace {

namespace fs = std::filesystem;

const fs::path kRecordedConfig = fs::path(PASSTHROUGH_SOURCE_DIR) / "configs/test-pcie-passthrough-minimal.yaml";

// A root port at 0000:00:02.0 of the domain, on which the GPU and its audio function are.
constexpr char kDomainXml[] = R"(<domain type='kvm'><name>compute</name><devices>
  <controller type='pci' index='0' model='pcie-root'/>
  <controller type='pci' index='1' model='pcie-root-port'>
    <address type='pci' domain='0x0000' bus='0x00' slot='0x02' function='0x0'/>
  </controller>
</devices></domain>
)";

DiscoveredNode Discovered(const PlannedNode& node) {
  return {.node = node.name,
          .domain = node.domain_names.front(),
          .uuid = "11111111-2222-3333-4444-555555555555",
          .state = "running",
          .mac_addresses = {"52:54:00:00:00:01"},
          .address = node.address.value_or(""),
          .address_source = "lease",
          .problem = ""};
}

}  // namespace

std::string HealthyWorkload() {
  return "program: workload 1\n"
         "library: libcuda.so.1\n"
         "library_path: /lib/x86_64-linux-gnu/libcuda.so.1\n"
         "driver_api_version: 12040\n"
         "gpu_count: 1\n"
         "gpu: 0\n"
         "name: NVIDIA GeForce RTX 4090\n"
         "uuid: GPU-fafafafa-fafa-fafa-fafa-fafafafafa00\n"
         "pci_bus_id: 0000:01:00.0\n"
         "phase: memory\n"
         "memory_bytes: 25386352640\n"
         "free_bytes: 24946671616\n"
         "tested_bytes: 268435456\n"
         "pattern: address 0\n"
         "pattern: not_address 0\n"
         "pattern: checkerboard 0\n"
         "pattern: not_checkerboard 0\n"
         "pattern: memset 0\n"
         "to_device_gb_per_s: 21.906\n"
         "to_device_best_gb_per_s: 25.530\n"
         "from_device_gb_per_s: 22.409\n"
         "from_device_best_gb_per_s: 26.351\n"
         "phase: interrupts\n"
         "interrupt_kind: msi\n"
         "interrupt_lines: 1\n"
         "link_speed_under_load: 16.0 GT/s PCIe\n"
         "link_width_under_load: 16\n"
         "waits: 32\n"
         "interrupts: 34\n"
         "phase: kernel\n"
         "compute_capability: 8.9\n"
         "compile_seconds: 0.012\n"
         "kernel: 1048576 0\n"
         "kernel: 1048576 0\n"
         "done: yes\n"
         "end: workload\n";
}

std::string HealthyPci() {
  return "function: 0000:00:02.0\nvendor: 0x1b36\ndevice: 0x000c\nsubsystem_vendor: 0x1b36\n"
         "subsystem_device: 0x0000\nclass: 0x060400\nrevision: 0x00\ndriver: pcieport\n"
         "function: 0000:01:00.0\nvendor: 0x10de\ndevice: 0x2684\nsubsystem_vendor: 0x10de\n"
         "subsystem_device: 0x16f4\nclass: 0x030000\nrevision: 0xa1\ndriver: nvidia\nparent: 0000:00:02.0\n"
         "max_link_speed: 16.0 GT/s PCIe\ncurrent_link_width: 16\nmax_link_width: 16\n"
         "resource: 0 0x00000000fd000000 0x00000000fdffffff 0x0000000000040200\n"
         "config: de 10 84 26 07 04 10 00 a1 00 00 03 00 00 80 00 00 00 00 fd 00 00 00 00 00 00 00 00 00 00 00 00 "
         "00 00 00 00 00 00 00 00 00 00 00 00 de 10 f4 16 00 00 00 00 60 00 00 00 00 00 00 00 ff 01 00 00\n"
         "function: 0000:01:00.1\nvendor: 0x10de\ndevice: 0x22bd\nsubsystem_vendor: 0x10de\n"
         "subsystem_device: 0x16f4\nclass: 0x040300\nrevision: 0xa1\ndriver: snd_hda_intel\n"
         "parent: 0000:00:02.0\n"
         "end: pci\n";
}

std::string HealthyNvidiaSmi() {
  return "+-----------------------------------------------------------------------------+\n"
         "| NVIDIA-SMI 535.54.03    Driver Version: 535.54.03    CUDA Version: 12.2     |\n"
         "|-------------------------------+----------------------+----------------------+\n"
         "| GPU  Name        Persistence-M| Bus-Id        Disp.A | Volatile Uncorr. ECC |\n"
         "| Fan  Temp  Perf  Pwr:Usage/Cap|         Memory-Usage | GPU-Util  Compute M. |\n"
         "|                               |                      |               MIG M. |\n"
         "|===============================+======================+======================|\n"
         "|   0  NVIDIA GeForce ...   On  | 00000000:01:00.0 Off |                  Off |\n"
         "|  0%   41C    P8    20W / 450W |      1MiB / 24564MiB |      0%      Default |\n"
         "|                               |                      |                  N/A |\n"
         "+-------------------------------+----------------------+----------------------+\n";
}

std::string HealthyNvidiaSmiXml(const std::string& elements) {
  return "<!DOCTYPE nvidia_smi_log SYSTEM \"nvsmi_device_v12.dtd\">\n<nvidia_smi_log>\n"
         "<attached_gpus>1</attached_gpus>\n<gpu id=\"00000000:01:00.0\">\n" +
         elements + "\n</gpu>\n</nvidia_smi_log>\n";
}

void WriteRunWithoutEvidence(const fs::path& run, const fs::path& config, const std::string& stub_driver) {
  const Plan plan = MakePlan(LoadClusterFile(config));
  fs::create_directories(run / "evidence" / "host");
  WriteFile(run / "evidence" / "cluster.yaml", ReadFile(config));
  RunRecord record;
  record.config = config;
  record.cluster = plan.name;
  record.profile = "recorded";
  record.stub_driver = stub_driver;
  record.cleanup = false;
  WriteRunRecord(run / "run.json", record);

  Discovery discovery;
  Inventory running;
  for (const PlannedNode& node : plan.nodes) {
    discovery.nodes.push_back(Discovered(node));
    DomainInventory domain;
    domain.name = node.domain_names.front();
    domain.state = "running";
    for (const PlannedDevice& device : node.devices) {
      PciAddress guest = device.host_address;  // bus 1 is the root port's index
      domain.hostdevs.push_back({.host_address = device.host_address, .guest_address = guest, .alias = ""});
    }
    running.domains.push_back(domain);
    WriteFile(run / "evidence" / "host" / (domain.name + ".xml"), kDomainXml);
  }
  WriteFile(run / "evidence" / "discovery.json", ToJson(discovery));
  WriteFile(run / "evidence" / "host" / "running.json", ToJson(running));
}

void NoteTheSlot(const fs::path& run) {
  const fs::path file = run / "evidence" / "host" / "running.json";
  Inventory running = InventoryFromJson(ReadFile(file));
  HostPciDevice port;
  port.address = *PciAddress::Parse("0000:00:01.0");
  port.max_link_width = 16;
  port.max_link_speed = 16;
  HostPciDevice gpu;
  gpu.address = *PciAddress::Parse("0000:01:00.0");
  gpu.vendor_id = 0x10de;
  gpu.driver = "vfio-pci";
  gpu.parent = port.address;
  running.pci_devices = {port, gpu};
  WriteFile(file, ToJson(running));
}

void WriteRecordedRun(const fs::path& run, const std::map<std::string, std::string>& probes,
                      const std::string& stub_driver) {
  WriteRunWithoutEvidence(run, kRecordedConfig, stub_driver);
  Collection collection;
  for (const auto& [probe, text] : probes) {
    ProbeOutput output;
    output.probe = probe;
    output.text = text;
    output.exit_status = 0;
    output.complete = true;
    collection.probes.push_back(output);
  }
  SaveCollection(run / "evidence", "hpc_compute_01", collection);
}

}  // namespace passthrough
