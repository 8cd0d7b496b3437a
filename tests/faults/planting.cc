#include "tests/faults/planting.h"

#include <fmt/format.h>

namespace passthrough {

std::string UnplugFromDomain(const std::string& address, const std::string& domain) {
  const std::string bus = address.substr(5, 2);
  const std::string function = address.substr(11, 1);
  return fmt::format(
      "# virsh detach-device of {0} from the running domain\n"
      "cat >/tmp/unplug.xml <<'END'\n"
      "<hostdev mode='subsystem' type='pci' managed='yes'><source>\n"
      "<address domain='0x0000' bus='0x{1}' slot='0x00' function='0x{2}'/></source></hostdev>\n"
      "END\n"
      "virsh -q detach-device --live {3} /tmp/unplug.xml\n"
      "while virsh dumpxml {3} | grep -q \"<address domain='0x0000' bus='0x{1}' slot='0x00' function='0x{2}'/>\"; do\n"
      "  sleep 0.2\n"
      "done\n",
      address, bus, function, domain);
}

std::string CoverFile(const std::string& file, const std::string& sed) {
  return fmt::format(
      "# {0} covered by another file: {1}\n"
      "sed -e '{1}' \"{0}\" >/tmp/cover\n"
      "mount -o bind /tmp/cover \"{0}\"\n",
      file, sed);
}

std::string CoverNvidiaSmi(const std::string& sed) {
  return fmt::format(
      "# an nvidia-smi whose output is other: {0}\n"
      "mv /usr/bin/nvidia-smi /usr/bin/nvidia-smi.real\n"
      "cat >/usr/bin/nvidia-smi <<'END'\n"
      "#!/bin/sh\n"
      "output=$(nvidia-smi.real \"$@\"); status=$?\n"
      "printf '%s\\n' \"$output\" | sed -e '{0}'\n"
      "exit $status\n"
      "END\n"
      "chmod 755 /usr/bin/nvidia-smi\n",
      sed);
}

std::string WriteSmallDomain(const std::string& name, const std::string& devices) {
  return fmt::format(
      "cat >/tmp/{0}.xml <<'END'\n"
      "<domain type='qemu'><name>{0}</name><memory unit='MiB'>32</memory>\n"
      "<os><type arch='x86_64' machine='q35'>hvm</type></os><devices>{1}</devices></domain>\n"
      "END\n",
      name, devices);
}

}  // namespace passthrough
