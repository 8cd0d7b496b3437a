// GPUs taken out of a running domain, and the promise that they come back.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "helpers/base/deadline.h"
#include "helpers/base/pci_address.h"

namespace passthrough {

// A running domain, as far as plugging goes. Each throws Error.
struct LiveDomain {
  std::string name;
  std::string uri;  // of its libvirt, for messages
  std::function<std::string()> xml;
  std::function<void(const std::string& hostdev_xml)> detach;
  std::function<void(const std::string& hostdev_xml)> attach;
};

// What is unplugged through this is plugged in again at the latest when it is destroyed, also after an interruption
// and where a guest lets a GPU go only after the wait for that was given up. One thread.
class UnpluggedGpus {
 public:
  // `directory` gets the XML of each GPU, hostdev-0000-01-00.0.xml, before it is unplugged: who kills this process
  // finds there what to attach. `tell` gets progress, and what could not be given back.
  UnpluggedGpus(LiveDomain domain, std::filesystem::path directory, std::function<void(const std::string&)> tell);
  ~UnpluggedGpus();  // as GiveBack()
  UnpluggedGpus(const UnpluggedGpus&) = delete;
  UnpluggedGpus& operator=(const UnpluggedGpus&) = delete;

  // Asks the guest to let `gpu` go and waits until it has. Throws Error where it cannot be unplugged, TimeoutError
  // where the guest does not by `deadline`: it may do so later.
  void Unplug(const PciAddress& gpu, const Deadline& deadline);
  // Plugs in what the domain lacks. Returns how many. Throws Error.
  size_t PlugIn();
  // The same for what Unplug() took and PlugIn() did not bring back, heeding no interruption, for `limit` in all;
  // waits for a guest that was asked and has not let go yet. Returns what is not as it was and what to do; empty:
  // nothing.
  std::string GiveBack(Deadline::Clock::duration limit = std::chrono::seconds(30)) noexcept;

 private:
  struct Taken {
    PciAddress gpu;
    std::string hostdev;
    std::filesystem::path file;
    bool left = false;  // the domain was seen without it
    bool back = false;
  };
  bool IsListed(const Taken& one) const;
  void Attach(Taken& one);
  std::string GiveOneBack(Taken& one, const Deadline& deadline);

  LiveDomain domain_;
  std::filesystem::path directory_;
  std::function<void(const std::string&)> tell_;
  std::vector<Taken> taken_;
};

}  // namespace passthrough
