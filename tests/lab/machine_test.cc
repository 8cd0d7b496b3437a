// The lab host's machine as QEMU and its firmware make it: no kernel, no image.
#include "lab/host/machine.h"

#include <gmock/gmock.h>

#include <chrono>
#include <nlohmann/json.hpp>
#include <set>

#include "helpers/base/files.h"
#include "helpers/base/wait.h"
#include "lab/host/qemu_process.h"
#include "lab/host/qmp.h"
#include "tests/lab/bare_machine.h"
#include "tests/lab/plans.h"

namespace passthrough {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;
using testing::IsSupersetOf;

void AddressesBelow(const json& devices, std::set<std::string>* addresses) {
  for (const json& device : devices) {
    addresses->insert(
        PciAddress{0, device["bus"].get<uint8_t>(), device["slot"].get<uint8_t>(), device["function"].get<uint8_t>()}
            .ToString());
    if (device.contains("pci_bridge") && device["pci_bridge"].contains("devices")) {
      AddressesBelow(device["pci_bridge"]["devices"], addresses);
    }
  }
}

// Every function of the machine, by the bus numbers that the firmware has given so far.
std::set<std::string> Addresses(QmpConnection& qmp, const Deadline& deadline) {
  std::set<std::string> addresses;
  for (const json& bus : qmp.Execute("query-pci", deadline)) {
    AddressesBelow(bus["devices"], &addresses);
  }
  return addresses;
}

struct Case {
  std::string name;
  std::vector<std::pair<std::string, DeviceType>> devices;
};

class LabMachineBoots : public testing::TestWithParam<Case> {};

TEST_P(LabMachineBoots, WithEveryFunctionAtItsAddress) {
  const TemporaryDirectory directory("passthrough-machine-test");
  const Plan plan = PlanOf(GetParam().devices);
  const std::filesystem::path base = directory.path() / "base.img";
  WriteFile(base, std::string(1u << 20, '\0'));
  const std::filesystem::path layer = directory.path() / "layer.qcow2";
  CreateLayer(layer, base, "raw");
  const BareMachine machine(directory.path(), directory.path().filename(), plan, layer, false);

  std::set<std::string> wanted;
  for (const LabFunction& function : LabFunctions(plan)) {
    wanted.insert(function.address.ToString());
  }
  const Deadline deadline = Deadline::After(120s);
  QmpConnection qmp = QmpConnection::Open(machine.socket(), deadline);
  std::set<std::string> found;
  try {
    WaitFor(deadline, "the firmware", [&](std::string*) -> std::optional<bool> {
      found = Addresses(qmp, deadline);
      if (std::includes(found.begin(), found.end(), wanted.begin(), wanted.end())) return true;
      return std::nullopt;
    });
  } catch (const TimeoutError&) {
    EXPECT_THAT(found, IsSupersetOf(wanted)) << ReadFile(directory.path() / "qemu.log");
  }
}

constexpr DeviceType kGpu = DeviceType::kGpu;
constexpr DeviceType kAudio = DeviceType::kAudio;
constexpr DeviceType kNetwork = DeviceType::kNetwork;
constexpr DeviceType kStorage = DeviceType::kStorage;
constexpr DeviceType kOther = DeviceType::kOther;

INSTANTIATE_TEST_SUITE_P(
    Topologies, LabMachineBoots,
    testing::Values(
        Case{"Minimal", {{"0000:01:00.0", kGpu}, {"0000:01:00.1", kAudio}}},
        Case{"TwoNodes",
             {{"0000:01:00.0", kGpu}, {"0000:01:00.1", kAudio}, {"0000:65:00.2", kGpu}, {"0000:65:00.3", kAudio}}},
        Case{"NeighbouringBuses",
             {{"0000:02:00.0", kGpu}, {"0000:03:00.0", kGpu}, {"0000:04:00.0", kGpu}, {"0000:06:00.0", kGpu}}},
        Case{"BusZero", {{"0000:00:01.0", kGpu}, {"0000:00:02.3", kAudio}, {"0000:01:00.0", kGpu}}},
        Case{"OtherDeviceNumbers", {{"0000:80:03.0", kGpu}, {"0000:80:03.1", kAudio}, {"0000:80:1f.7", kOther}}},
        Case{"EveryType",
             {{"0000:3b:00.0", kGpu},
              {"0000:3b:00.1", kAudio},
              {"0000:3c:00.0", kNetwork},
              {"0000:3d:00.0", kStorage},
              {"0000:3e:00.0", kOther}}},
        Case{"LastBus", {{"0000:fe:00.0", kGpu}, {"0000:ff:1f.7", kGpu}}}),
    [](const auto& test) { return test.param.name; });

TEST(LabMachine, GrowsWithItsNodes) {
  Plan plan = PlanOf({});
  const int one = LabMemoryMiB(plan);
  for (int i = 0; i < 4; ++i) plan.nodes.push_back(plan.nodes[0]);
  const int five = LabMemoryMiB(plan);
  EXPECT_GE(five - one, 4 * kLabNodeMemoryMiB);
  plan.nodes.push_back(plan.nodes[0]);
  plan.nodes.back().auto_start = false;
  EXPECT_EQ(LabMemoryMiB(plan), five) << "a node that does not run needs no memory";
}

TEST(LabMachine, HasAKeyThatChangesWithAllThatAStateDependsOn) {
  LabMachine machine;
  machine.memory_mib = 1024;
  machine.cpus = 2;
  machine.qemu_version = "7.2";
  machine.topology = MakeLabTopology(PlanOf({{"0000:01:00.0", kGpu}}));
  const std::string key = MachineKey(machine);
  EXPECT_EQ(MachineKey(machine), key);
  const auto differs = [&](auto change) {
    LabMachine other = machine;
    change(other);
    return MachineKey(other) != key;
  };
  EXPECT_TRUE(differs([](LabMachine& m) { m.memory_mib = 1536; }));
  EXPECT_TRUE(differs([](LabMachine& m) { m.cpus = 3; }));
  EXPECT_TRUE(differs([](LabMachine& m) { m.tsc_mhz = 2000; }));
  EXPECT_TRUE(differs([](LabMachine& m) { m.qemu_version = "8.0"; }));
  EXPECT_TRUE(differs([](LabMachine& m) { m.image = "/images-2/host.qcow2"; }));
  EXPECT_TRUE(differs([](LabMachine& m) { m.accelerator = Accelerator::kKvm; }));
  EXPECT_TRUE(differs([](LabMachine& m) { m.topology = MakeLabTopology(PlanOf({{"0000:02:00.0", kGpu}})); }));
}

}  // namespace
}  // namespace passthrough
