// GPUs taken out of a running domain, and the promise that they come back.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "helpers/base/deadline.h"
#include "helpers/base/pci_address.h"

namespace passthrough {

class LibvirtConnection;

// For libvirt to tell of a domain, and for it to detach or attach a device, which makes the kernel unbind and bind it
// and pin all of the guest's memory. Where the kernel waits in there for whoever holds the device, libvirtd waits with
// it, also with what it is asked of that domain.
inline constexpr std::chrono::seconds kLookLimit{30};
inline constexpr std::chrono::minutes kPlugLimit{5};

// A running domain, as far as plugging goes. Each throws Error; TimeoutError, InterruptedError as the deadline says:
// what was asked may happen later, then.
struct LiveDomain {
  std::string name;
  std::string uri;  // of its libvirt, for messages
  std::function<std::string(const Deadline&)> xml;
  // Of what it starts with the next time; nullopt: nothing, it is transient.
  std::function<std::optional<std::string>(const Deadline&)> definition;
  std::function<void(const std::string& hostdev_xml, const Deadline&)> detach;
  std::function<void(const std::string& hostdev_xml, const Deadline&)> attach;
};

LiveDomain LiveDomainOf(const LibvirtConnection& libvirt, const std::string& domain);

// A GPU that a domain is to have back: all that another process needs for that.
struct OwedGpu {
  std::string domain;
  std::string uuid;     // the domain's: another one of that name is owed nothing
  int domain_id = -1;   // one that was started anew has another, and what its definition has; -1: not known
  bool defined = false; // the definition had it: where it has not any more, somebody took it from the domain
  std::string gpu;      // "0000:01:00.0", on the host
  std::string hostdev;  // its XML, as the domain had it
  std::string file;     // the same, for a command that a person gives
  bool left = false;    // the domain was seen without it: where it has it again, somebody plugged it in
  bool operator==(const OwedGpu&) const = default;
  bool IsSameAs(const OwedGpu& other) const { return uuid == other.uuid && gpu == other.gpu; }
};

// The command that gives `owed` back, for a person.
std::string HowToGiveBack(const LiveDomain& domain, const OwedGpu& owed);

// Where it is noted, for whoever comes after a process that was killed. Either may be empty.
struct GpuDebts {
  std::function<void(const OwedGpu&)> add;  // in place of what is noted of that GPU, when it returns; throws Error
  std::function<void(const OwedGpu&)> drop;
};

// What is unplugged through this is plugged in again at the latest when it is destroyed, also after an interruption
// and where a guest lets a GPU go only after the wait for that was given up. One thread.
class UnpluggedGpus {
 public:
  // `directory` gets the XML of each GPU, hostdev-0000-01-00.0.xml, before it is unplugged, as `debts` does: who
  // kills this process finds there what to attach. `tell` gets progress, and what could not be given back.
  UnpluggedGpus(LiveDomain domain, std::filesystem::path directory, std::function<void(const std::string&)> tell,
                GpuDebts debts = {});
  ~UnpluggedGpus();  // as GiveBack()
  UnpluggedGpus(const UnpluggedGpus&) = delete;
  UnpluggedGpus& operator=(const UnpluggedGpus&) = delete;

  // Asks the guest to let `gpu` go and waits until it has. Throws Error where it cannot be unplugged, TimeoutError
  // where the guest does not by `deadline`: it may do so later.
  void Unplug(const PciAddress& gpu, const Deadline& deadline);
  // Plugs in what the domain lacks. Returns how many. Throws Error.
  size_t PlugIn();
  // The same for what Unplug() took and PlugIn() did not bring back, heeding no interruption, for `limit` in all and
  // what a call takes that is under way then; waits for a guest that was asked and has not let go yet, not for one
  // whose GPU libvirt refused to detach. Returns what is not as it was and what to do; empty: nothing.
  std::string GiveBack(Deadline::Clock::duration limit = std::chrono::seconds(30)) noexcept;

 private:
  struct Taken {
    PciAddress gpu;
    OwedGpu owed;
    bool back = false;
    bool refused = false;  // libvirt did not ask the guest, and said why
  };
  bool IsListed(const Taken& one, const Deadline& deadline) const;
  void Detach(Taken& one, const Deadline& deadline);
  void Attach(Taken& one, const Deadline& deadline);
  std::string GiveOneBack(Taken& one, const Deadline& deadline);
  void HasLeft(Taken& one);
  void Drop(const Taken& one);

  LiveDomain domain_;
  std::filesystem::path directory_;
  std::function<void(const std::string&)> tell_;
  GpuDebts debts_;
  std::vector<Taken> taken_;
};

}  // namespace passthrough
