#include "helpers/run/disruption_scripts.h"

#include <fmt/format.h>


#include "helpers/base/text.h"

namespace passthrough {
namespace {

// The kernel does not return from the removal of a GPU that is in use: "Attempting to remove device … with non-zero
// usage count!" (nv_pci_remove() in nv-pci.c of open-gpu-kernel-modules). Three things use one: NVIDIA's daemon,
// the driver's own persistence mode, which no process holds open, and programs. The first two are ended and put back,
// the last are the reason in the message. One that only asks and goes, as monitors do, has some seconds for it.
std::string Functions(const std::string& proc) {
  return fmt::format(R"sh(smi() {{ timeout -s KILL 45 nvidia-smi "$@" 2>/dev/null; }}
holders() {{
  ls -l {0}/[0-9]*/fd 2>/dev/null | grep -e "^{0}/" -e " -> /dev/nvidia[0-9]" | while read -r line; do
    case "$line" in
    {0}/*) pid=${{line#{0}/}}; pid=${{pid%%/*}} ;;
    *) printf "%s (PID %s)\n" "$(cat {0}/"$pid"/comm 2>/dev/null)" "$pid" ;;
    esac
  done | sort -u
}}
was=
persistent=
release() {{
  was=$(systemctl is-active nvidia-persistenced 2>/dev/null)
  modes=$(smi --query-gpu=pci.bus_id,persistence_mode --format=csv,noheader)
  case "$modes" in
  *Enabled*Disabled* | *Disabled*Enabled*) persistent=$(echo "$modes" | sed -n "s/, *Enabled.*//p") ;;
  *Enabled*) persistent=all ;;
  esac
  if [ "$was" = active ]; then systemctl stop nvidia-persistenced 2>/dev/null; fi
  if [ -n "$persistent" ]; then smi -pm 0 >/dev/null; fi
  for again in 1 2 3 4 5; do
    held=$(holders)
    [ -n "$held" ] || return 0
    sleep 1
  done
  echo "$held" >&2
  return 1
}}
restore() {{
  if [ "$was" = active ]; then systemctl start nvidia-persistenced 2>/dev/null; fi
  if [ "$persistent" = all ]; then
    smi -pm 1
  else
    for gpu in $persistent; do smi -i "$gpu" -pm 1; done
  fi >/dev/null
}}
)sh",
                     proc);
}

}  // namespace

std::string RescanScript(const std::vector<PciAddress>& gpus, const NodePlaces& places) {
  std::string script = Functions(places.proc) + fmt::format(R"(finish() {{
  status=$?
  echo 1 >{}/bus/pci/rescan || [ "$status" != 0 ] || status=4
  restore
  exit "$status"
}}
trap finish EXIT
trap "exit 5" HUP INT TERM
release || exit {}
)",
                                                            places.sys, kGpusAreHeld);
  for (const PciAddress& gpu : gpus) {
    script += fmt::format("echo 1 >{0}/remove || exit 2\n! [ -e {0} ] || exit 3\n",
                          places.sys + "/bus/pci/devices/" + gpu.ToString());
  }
  return script + "exit 0";
}

std::string ReleaseScript(const NodePlaces& places) {
  return Functions(places.proc) + fmt::format(R"(trap "restore; exit 5" HUP INT TERM
release || {{ restore; exit {}; }}
echo "daemon: $was"
for gpu in $persistent; do echo "persistent: $gpu"; done
exit 0)",
                                              kGpusAreHeld);
}

ReleasedGpus ReadReleased(std::string_view printed, const std::vector<PciAddress>& gpus) {
  ReleasedGpus released;
  for (const std::string_view line : SplitLines(printed)) {
    const std::vector<std::string_view> words = SplitWords(line);
    if (words.size() != 2) continue;
    if (words[0] == "daemon:") released.daemon = words[1] == "active";
    if (words[0] != "persistent:") continue;
    if (words[1] == "all") released.all_persistent = true;
    for (const PciAddress& gpu : gpus) {
      if (PciAddress::Parse(words[1]) == gpu) released.persistent.push_back(gpu);
    }
  }
  return released;
}

std::string RestoreScript(const ReleasedGpus& released) {
  std::string persistent = released.all_persistent ? "all" : "";
  for (const PciAddress& gpu : released.persistent) persistent += (persistent.empty() ? "" : " ") + gpu.ToString();
  return Functions("/proc") + fmt::format("was={}\npersistent=\"{}\"\nrestore\nexit 0",
                                          released.daemon ? "active" : "inactive", persistent);
}

}  // namespace passthrough
