#include "helpers/cluster/host_gpu_users.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <set>
#include <string_view>

#include "helpers/base/error.h"
#include "helpers/base/files.h"
#include "helpers/base/text.h"
#include "helpers/libvirt/iommu_group.h"

namespace passthrough {
namespace {

namespace fs = std::filesystem;

// Those whose remove function waits for users, or does not survive them.
constexpr std::array<std::string_view, 4> kHang = {"nvidia", "nouveau", "amdgpu", "radeon"};
// How the kernel calls the memory of the boot console in /proc/iomem (drivers/firmware/sysfb_simplefb.c,
// drivers/video/fbdev/efifb.c, arch/x86/kernel/resource.c).
constexpr std::array<std::string_view, 5> kBootConsoles = {"BOOTFB", "efifb", "simplefb", "simple-framebuffer",
                                                           "vesafb"};
constexpr size_t kHoldersNamed = 8;
constexpr size_t kMostOfProc = 1u << 20;

template <typename Names>
bool IsOneOf(std::string_view name, const Names& names) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// Empty where it cannot be read.
std::string ContentOf(const fs::path& file) {
  try {
    return std::string(Trim(ReadFile(file, kMostOfProc)));
  } catch (const Error&) {
    return {};
  }
}

std::vector<std::string> NamesIn(const fs::path& directory) {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator one(directory, error), end; !error && one != end; one.increment(error)) {
    names.push_back(one->path().filename().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

// Which programs have which device files open, looked at once.
class OpenFiles {
 public:
  explicit OpenFiles(const fs::path& root) {
    for (const std::string& pid : NamesIn(root / "proc")) {
      if (pid.find_first_not_of("0123456789") != std::string::npos) continue;
      const fs::path process = root / "proc" / pid;
      std::set<std::string> files;
      std::error_code error;
      for (fs::directory_iterator one(process / "fd", error), end; !error && one != end; one.increment(error)) {
        std::error_code gone;
        const std::string file = fs::read_symlink(one->path(), gone).string();
        if (!gone && file.starts_with("/dev/")) files.insert(file);
      }
      if (files.empty()) continue;
      const std::string who = fmt::format("{} (PID {})", Printable(ContentOf(process / "comm")), pid);
      for (const std::string& file : files) holders_[file].push_back(who);
    }
  }

  std::vector<std::string> HoldersOf(const std::vector<std::string>& files) const {
    std::vector<std::string> all;
    for (const std::string& file : files) {
      const auto held = holders_.find(file);
      if (held == holders_.end()) continue;
      for (const std::string& who : held->second) {
        if (std::count(all.begin(), all.end(), who) == 0) all.push_back(who);
      }
    }
    return all;
  }

 private:
  std::map<std::string, std::vector<std::string>> holders_;
};

class HostLook {
 public:
  HostLook(const Plan& plan, const Inventory& inventory, const HostView& view)
      : plan_(plan), inventory_(inventory), view_(view) {}

  HostUse Run() {
    for (const PlannedNode& node : plan_.nodes) {
      if (!node.auto_start) continue;
      for (const PlannedDevice& device : node.devices) {
        const HostPciDevice* const found = inventory_.FindPciDevice(device.host_address);
        if (found != nullptr && !HasRunningDomain(device.host_address)) Look(node, device, *found);
      }
    }
    return use_;
  }

 private:
  void Look(const PlannedNode& node, const PlannedDevice& device, const HostPciDevice& found) {
    const std::string what = fmt::format("{} {} of {} ({})", ToString(device.type), device.host_address.ToString(),
                                         node.name, device.where.ToString());
    const bool hangs = IsOneOf(found.driver, kHang);
    if (!view_.is_this_machine) {
      if (!hangs) return;
      use_.notes.push_back(fmt::format(
          "{}: it is bound to {} on the host, and whether a program or the console holds it there cannot be seen from "
          "here: libvirt's unbind would wait for them, with recent drivers for ever. On the host: fuser -v "
          "/dev/nvidia* "
          "/dev/dri/*, and cat /sys/class/graphics/fb*/name",
          what, found.driver));
      return;
    }
    LookAtBootConsole(what, found);
    LookAtHostsOwn(what, found);
    const std::vector<std::string> holders = HoldersOf(found);
    if (IsVfioDriver(found.driver) && !holders.empty()) {
      use_.problems.push_back(
          fmt::format("{}: {} it (/dev/vfio), and is no domain of this libvirt: a group is one user's, so the start "
                      "would fail. End it",
                      what, Have(holders)));
    } else if (hangs && !holders.empty()) {
      use_.problems.push_back(fmt::format(
          "{}: it is bound to {} on the host, and {} it: libvirt's unbind would wait for that, with recent drivers for "
          "ever. End that, or bind the device to vfio-pci at boot{}",
          what, found.driver, Have(holders),
          found.driver == "nvidia" ? "; nvidia-persistenced and a display server are ended by systemctl stop" : ""));
    } else if (hangs && !view_.sees_all_processes) {
      use_.notes.push_back(
          fmt::format("{}: it is bound to {} on the host, and whether a program of another user holds it cannot be "
                      "seen without root: "
                      "libvirt's unbind would wait for it. sudo fuser -v /dev/nvidia* /dev/dri/* shows it",
                      what, found.driver));
    } else if (!holders.empty()) {
      use_.notes.push_back(fmt::format("{}: it is bound to {} on the host, and {} it, which loses it to the VM", what,
                                       found.driver, Have(holders)));
    }
  }

  // What the host itself runs on is taken from it without a question: its disks, and its way to the network.
  void LookAtHostsOwn(const std::string& what, const HostPciDevice& found) {
    if (found.driver.empty() || IsVfioDriver(found.driver)) return;
    const auto report = [&](const std::string& use) {
      use_.problems.push_back(
          fmt::format("{}: it is bound to {} on the host, which runs on it: {}. libvirt would take it away all the "
                      "same: plan another "
                      "device, or compare pci_address in the cluster file with lspci -Dnn on the host",
                      what, found.driver, use));
    };
    for (const std::string& disk : OfClass("block", found)) {
      const std::string use = UseOfDisk(disk);
      if (!use.empty()) return report(use);
    }
    for (const std::string& interface : OfClass("net", found)) {
      // As a port of a bridge or a bond it has no route of its own.
      std::error_code error;
      const fs::path master = fs::read_symlink(view_.root / "sys/class/net" / interface / "master", error).filename();
      const bool is_route = HasDefaultRoute(interface) || (!error && HasDefaultRoute(master.string()));
      if (is_route) return report(fmt::format("its default route goes over {}", interface));
    }
  }

  // Names in /sys/class of what is on the function; each is a link to where it is in the tree of devices.
  std::vector<std::string> OfClass(const std::string& kind, const HostPciDevice& found) const {
    std::vector<std::string> names;
    for (const std::string& name : NamesIn(view_.root / "sys/class" / kind)) {
      std::error_code error;
      const std::string target = fs::read_symlink(view_.root / "sys/class" / kind / name, error).string();
      if (!error && target.find("/" + found.address.ToString() + "/") != std::string::npos) names.push_back(name);
    }
    return names;
  }

  // Partitions are block devices of their own.
  std::string UseOfDisk(const std::string& disk) const {
    const std::string device = "/dev/" + disk;
    for (const char* const file : {"proc/mounts", "proc/swaps"}) {
      const std::string text = ContentOf(view_.root / file);
      for (const std::string_view line : SplitLines(text)) {
        const auto words = SplitWords(line);
        if (words.size() < 2 || words[0] != device) continue;
        return std::string(file) == "proc/swaps" ? fmt::format("it swaps to {}", device)
                                                 : fmt::format("{} is mounted at {}", device, Printable(words[1]));
      }
    }
    const std::vector<std::string> holders = NamesIn(view_.root / "sys/class/block" / disk / "holders");
    return holders.empty() ? std::string() : fmt::format("{} has {} on it", device, JoinForHumans(holders));
  }

  // proc_pid_net(5): Iface Destination Gateway …, in hexadecimal.
  bool HasDefaultRoute(const std::string& interface) const {
    const std::string text = ContentOf(view_.root / "proc/net/route");
    for (const std::string_view line : SplitLines(text)) {
      const auto words = SplitWords(line);
      if (words.size() > 2 && words[0] == interface && words[1] == "00000000") return true;
    }
    return false;
  }

  static std::string Have(std::vector<std::string> holders) {
    const bool one = holders.size() == 1;
    if (holders.size() > kHoldersNamed) {
      const size_t more = holders.size() - kHoldersNamed;
      holders.resize(kHoldersNamed);
      holders.push_back(fmt::format("{} more", more));
    }
    return JoinForHumans(holders) + (one ? " holds" : " hold");
  }

  std::vector<std::string> HoldersOf(const HostPciDevice& found) {
    if (!open_files_) open_files_.emplace(view_.root);
    std::vector<std::string> holders = open_files_->HoldersOf(DeviceFilesOf(found));
    for (std::string& one : ConsolesOn(found)) holders.push_back(std::move(one));
    if (found.driver == "nvidia" && ContentOf(view_.root / "sys/module/nvidia_drm/parameters/modeset") == "Y" &&
        !holders.empty()) {
      holders.push_back("the kernel (nvidia_drm with modeset=1)");
    }
    return holders;
  }

  fs::path InSysfs(const HostPciDevice& found) const {
    return view_.root / "sys/bus/pci/devices" / found.address.ToString();
  }

  // The files by which programs use it.
  std::vector<std::string> DeviceFilesOf(const HostPciDevice& found) const {
    std::vector<std::string> files;
    for (const std::string& name : NamesIn(InSysfs(found) / "drm")) files.push_back("/dev/dri/" + name);
    for (const std::string& card : NamesIn(InSysfs(found) / "sound")) {
      if (!card.starts_with("card")) continue;
      for (const std::string& name : NamesIn(InSysfs(found) / "sound" / card)) files.push_back("/dev/snd/" + name);
    }
    for (const std::string& name : NamesIn(InSysfs(found) / "vfio-dev")) files.push_back("/dev/vfio/devices/" + name);
    if (IsVfioDriver(found.driver) && found.iommu_group) {
      files.push_back(fmt::format("/dev/vfio/{}", *found.iommu_group));
    }
    if (found.driver == "nvidia") {
      const std::string minor = NvidiaMinor(found.address);
      if (!minor.empty()) files.push_back("/dev/nvidia" + minor);
    }
    return files;
  }

  // "Device Minor: \t 0" of the driver's own page.
  std::string NvidiaMinor(const PciAddress& address) const {
    const std::string text = ContentOf(view_.root / "proc/driver/nvidia/gpus" / address.ToString() / "information");
    constexpr std::string_view kKey = "Device Minor:";
    const size_t at = text.find(kKey);
    if (at == std::string::npos) return {};
    const std::string_view rest = std::string_view(text).substr(at + kKey.size());
    const size_t begin = rest.find_first_of("0123456789");
    if (begin == std::string_view::npos) return {};
    return std::string(rest.substr(begin, rest.find_first_not_of("0123456789", begin) - begin));
  }

  // Framebuffers on it, where the kernel's console is on framebuffers (Documentation/fb/fbcon.rst).
  std::vector<std::string> ConsolesOn(const HostPciDevice& found) const {
    bool fbcon = false;
    for (const std::string& name : NamesIn(view_.root / "sys/class/vtconsole")) {
      const fs::path console = view_.root / "sys/class/vtconsole" / name;
      fbcon |=
          ContentOf(console / "bind") == "1" && ContentOf(console / "name").find("frame buffer") != std::string::npos;
    }
    std::vector<std::string> consoles;
    if (!fbcon) return consoles;
    for (const std::string& name : NamesIn(view_.root / "sys/class/graphics")) {
      std::error_code error;
      const fs::path device = fs::read_symlink(view_.root / "sys/class/graphics" / name / "device", error);
      if (error || device.filename() != found.address.ToString()) continue;
      consoles.push_back(fmt::format("the host's console ({})", name));
    }
    return consoles;
  }

  // Nested below the function's BAR in /proc/iomem; the names are there for everybody, the numbers for root alone.
  void LookAtBootConsole(const std::string& what, const HostPciDevice& found) {
    const bool has_driver = !found.driver.empty() && !IsVfioDriver(found.driver);
    if (has_driver) return;  // which took the memory over when it was bound
    const std::string text = ContentOf(view_.root / "proc/iomem");
    size_t depth = std::string::npos;  // of the function's BAR, where the lines are below one
    for (const std::string_view line : SplitLines(text)) {
      const size_t indent = line.find_first_not_of(' ');
      const size_t colon = line.find(" : ");
      if (indent == std::string_view::npos || colon == std::string_view::npos) continue;
      const std::string_view name = Trim(line.substr(colon + 3));
      if (depth != std::string::npos && indent <= depth) depth = std::string::npos;
      if (depth == std::string::npos && name == found.address.ToString()) {
        depth = indent;
      } else if (depth != std::string::npos && IsOneOf(name, kBootConsoles)) {
        use_.notes.push_back(
            fmt::format("{}: the host's boot console ({}) is in its memory, which vfio-pci before Linux 6.1 cannot "
                        "take over (\"BAR 1: "
                        "can't reserve\"), and the GPU does not work in the VM then. Boot the host with "
                        "initcall_blacklist=sysfb_init "
                        "(before 5.15: video=efifb:off), or let the firmware use another GPU",
                        what, name));
        return;
      }
    }
  }

  bool HasRunningDomain(const PciAddress& address) const {
    return std::any_of(inventory_.domains.begin(), inventory_.domains.end(), [&](const DomainInventory& domain) {
      if (domain.state == "shut off" || domain.state == "crashed") return false;
      return std::any_of(domain.hostdevs.begin(), domain.hostdevs.end(),
                         [&](const DomainHostdev& one) { return one.host_address == address; });
    });
  }

  const Plan& plan_;
  const Inventory& inventory_;
  const HostView& view_;
  std::optional<OpenFiles> open_files_;
  HostUse use_;
};

}  // namespace

HostUse UseOfPlannedDevices(const Plan& plan, const Inventory& inventory, const HostView& view) {
  return HostLook(plan, inventory, view).Run();
}

}  // namespace passthrough
