#include "helpers/health/driver_use_problems.h"

#include <fmt/format.h>

#include "helpers/base/gpu_class.h"

namespace passthrough {
namespace {

// Drivers that hold a function for somebody else, who enables it when it is used.
bool LeavesItToOthers(std::string_view driver) {
  return driver == "vfio-pci" || driver.ends_with("-vfio-pci") || driver.ends_with("_vfio_pci") ||
         driver == "pci-stub" || driver == "uio_pci_generic" || driver == "igb_uio";
}

// Devices that work by starting transfers of their own. Of others the class does not tell.
bool NeedsBusMaster(const PciFunction& function) {
  constexpr uint32_t kUsb = 0x0c03;
  const uint8_t base_class = function.BaseClass();
  return IsGpuClass(function.class_code) || base_class == 0x01 || base_class == 0x02 || base_class == 0x04 ||
         function.class_code >> 8 == kUsb;
}

// What ConfigProblems has said of it explains the rest.
bool Answers(const PciFunction& function) {
  return !function.config.empty() && !function.ConfigIsDead() && function.ConfigVendor() == function.vendor &&
         function.ConfigDevice() == function.device && function.ConfigCommand() != 0xffff;
}

bool HasMemoryBar(const PciFunction& function) {
  for (size_t i = 0; i < 6; ++i) {
    if (function.resources.at(i).IsMemory() && function.resources.at(i).Assigned()) return true;
  }
  return false;
}

}  // namespace

Findings EnableProblems(const PciEvidence& pci, const PciFunction& function, const std::string& name) {
  if (function.driver.empty() || LeavesItToOthers(function.driver)) return {};
  if (function.runtime_status == "error") {
    return {
        {fmt::format("{}: the kernel failed to wake it, or to put it to sleep (runtime_status is \"error\"), though {} "
                     "is bound to it",
                     name, function.driver),
         pci.At(function.line),
         "Its driver cannot use it: look for its power state in the node's kernel log, and reboot the node."}};
  }
  if (!function.IsAwake() || !Answers(function)) return {};
  const std::string advice =
      "Whoever wrote to it in sysfs or with setpci, or reset it, did so behind the driver's back: look for resets in "
      "the "
      "kernel logs of node and host, and reboot the node.";
  Findings problems;
  const auto add = [&](const std::string& what, int line) {
    problems.push_back(
        {fmt::format("{}: {}, though {} is bound to it", name, what, function.driver), pci.At(line), advice});
  };
  if (function.enabled == false) add("the kernel has it disabled (enable is 0)", function.line);
  const uint16_t command = function.ConfigCommand().value_or(0);
  if (HasMemoryBar(function) && !function.MemorySpaceEnabled()) {
    add(fmt::format("it does not decode memory addresses (command register {:04x}), so that its BARs do not work",
                    command),
        function.config_line);
  }
  if (NeedsBusMaster(function) && !function.BusMasterEnabled()) {
    add(fmt::format("bus mastering is off (command register {:04x}), so that it can neither copy nor interrupt",
                    command),
        function.config_line);
  }
  return problems;
}

Findings DriverOverrideProblems(const PciEvidence& pci, const PciFunction& function, const std::string& name) {
  const std::string& wanted = function.driver_override;
  if (wanted.empty() || wanted == function.driver) return {};
  const std::string advice =
      "An empty line written to driver_override of the function in sysfs takes it away; look for what sets it at boot "
      "(driverctl, a rule of udev's).";
  if (!function.driver.empty()) {
    return {
        {fmt::format("{} is bound to {}, and driver_override keeps it for {}, which gets it the next time that it is "
                     "bound",
                     name, function.driver, wanted),
         pci.At(function.line), advice, true}};
  }
  // Its own driver, which did not take it: that is told by whoever looks at drivers.
  if (pci.HasDriver(wanted) && !LeavesItToOthers(wanted)) return {};
  return {{fmt::format("{} has no driver, and may have none but {}: that is its driver_override", name, wanted),
           pci.At(function.line), advice}};
}

std::string_view DriverOfCompanion(const PciFunction& function) {
  constexpr uint16_t kNvidia = 0x10de;  // the one maker whose cards have that I2C bus, and of NVSwitches
  switch (function.class_code >> 8) {
    case 0x0403:
      return "snd_hda_intel";
    case 0x0c03:
      return (function.class_code & 0xff) == 0x30 ? "xhci_hcd" : "";
    case 0x0680:
      return function.vendor == kNvidia ? "nvidia-nvswitch" : "";
    case 0x0c80:
      return function.vendor == kNvidia ? "nvidia-gpu" : "";
    default:
      return "";
  }
}

Findings CompanionDriverProblems(const PciEvidence& pci, const PciFunction& function, const std::string& name) {
  const std::string_view expected = DriverOfCompanion(function);
  if (expected.empty()) return {};
  if (!function.driver.empty() && LeavesItToOthers(function.driver)) {
    return {
        {fmt::format("{} is held by {}, which does nothing with it, in place of {}", name, function.driver, expected),
         pci.At(function.line), "Unbind it from that driver where the node is to use it.", true}};
  }
  // With an override the reason is known: DriverOverrideProblems.
  if (!function.driver.empty() || !function.driver_override.empty() || !pci.HasDriver(expected)) return {};
  return {
      {fmt::format("{} has no driver, though the kernel has its driver {}: that failed to take it, or let it go", name,
                   expected),
       pci.At(function.line),
       fmt::format("Look for {} in the node's kernel log; its address written to /sys/bus/pci/drivers/{}/bind says why "
                   "it is not taken.",
                   function.address.ToString(), expected)}};
}

Findings UnusedFunctionProblems(const PciEvidence& pci, const PciFunction& function, const std::string& name) {
  if (!function.driver.empty() && !LeavesItToOthers(function.driver)) return {};
  const std::string driver = function.driver.empty() ? "no driver" : "no driver but " + function.driver;
  return {{fmt::format("{} has {}, so that nothing in the node uses it", name, driver), pci.At(function.line),
           "Where it is to be used, load its driver: lspci -k on the node names those that know it.", true}};
}

}  // namespace passthrough
