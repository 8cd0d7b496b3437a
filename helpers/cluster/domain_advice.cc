#include "helpers/cluster/domain_advice.h"

#include <fmt/format.h>

#include "helpers/libvirt/virsh_command.h"

namespace passthrough {

std::string HowToBringDomain(const DiscoveredNode& found, const std::string& expected, const std::string& uri,
                             bool has_devices) {
  const auto command = [&](const std::string& verb) { return VirshCommand(uri, {verb, found.domain}); };
  if (expected == "shut off") {
    return "auto_start is false in the cluster file, and something started it. To stop it: " + command("shutdown");
  }
  const std::string log = fmt::format("/var/log/libvirt/qemu/{}.log on the host", found.domain);
  // After a fatal error of a device that AER reports to the host, QEMU stops the machine for good
  // (vfio_err_notifier_handler() in hw/vfio/pci.c: RUN_STATE_INTERNAL_ERROR). libvirt has no reason for that, and QEMU
  // resumes no machine in that state ("Resetting the Virtual Machine is required").
  if (found.state == "paused" && found.reason.empty() && has_devices) {
    return fmt::format(
        "libvirt does not know why. Look for vfio_err_notifier_handler in its QEMU log, {}, and for AER "
        "in the host's kernel log: after a PCIe error of its device QEMU stops the VM and does not "
        "resume it. To start it anew: {}; {}",
        log, command("destroy"), command("start"));
  }
  const std::string why = fmt::format("Its QEMU log, {}, may say why. ", log);
  if (found.state == "paused") return why + "To let it go on: " + command("resume");
  return why + "To start it, or to see why it does not start: " + command("start");
}

}  // namespace passthrough
