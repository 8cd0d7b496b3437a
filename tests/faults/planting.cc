#include "tests/faults/planting.h"

#include <fmt/format.h>

#include <algorithm>

namespace passthrough {

std::string AskToUnplug(const std::string& address, const std::string& domain) {
  return fmt::format(
      "# virsh detach-device of {0} from the running domain\n"
      "cat >/tmp/unplug.xml <<'END'\n"
      "<hostdev mode='subsystem' type='pci' managed='yes'><source>\n"
      "<address domain='0x0000' bus='0x{1}' slot='0x00' function='0x{2}'/></source></hostdev>\n"
      "END\n"
      "virsh -q detach-device --live {3} /tmp/unplug.xml\n",
      address, address.substr(5, 2), address.substr(11, 1), domain);
}

std::string UnplugFromDomain(const std::string& address, const std::string& domain) {
  return AskToUnplug(address, domain) +
         fmt::format(
             "while virsh dumpxml {} | grep -q \"<address domain='0x0000' bus='0x{}' slot='0x00' "
             "function='0x{}'/>\"; do\n"
             "  sleep 0.2\n"
             "done\n",
             domain, address.substr(5, 2), address.substr(11, 1));
}

std::string CoverFile(const std::string& file, const std::string& sed) {
  return fmt::format(
      "# {0} covered by another file: {1}\n"
      "cover=$(mktemp)\n"
      "chmod 644 \"$cover\"\n"
      "sed -e '{1}' \"{0}\" >\"$cover\"\n"
      "mount -o bind \"$cover\" \"{0}\"\n",
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

std::string ReplaceInNvidiaSmi(const std::string& lines) {
  std::string in_short = lines;
  std::replace(in_short.begin(), in_short.end(), '\n', ',');
  return fmt::format(
      "# the stub nvidia-smi says {}\n"
      "mkdir -p /run/nvidia-stub\n"
      "cat >/run/nvidia-stub/replace <<'END'\n{}\nEND\n"
      "chmod 755 /run/nvidia-stub\n"
      "chmod 644 /run/nvidia-stub/replace\n",
      in_short, lines);
}

std::string SayInKernelLog(const std::string& text) {
  return fmt::format("# kernel log: {0}\necho '<3>{0}' >/dev/kmsg\n", text);
}

std::string PatchBinary(const std::string& file, const std::string& from, const std::string& to) {
  return fmt::format(
      "# \"{1}\" in {0} replaced by \"{2}\"\n"
      "file=$(ls {0})\n"
      "place=$(strings -t d \"$file\" | sed -n 's/^ *\\([0-9]*\\) {1}.*/\\1/p' | head -n 1)\n"
      "test -n \"$place\"\n"
      "printf '%s' '{2}' | dd of=\"$file\" bs=1 seek=\"$place\" conv=notrunc\n",
      file, from, to);
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
