// GPUs, and the functions that go with them, taken out of a running domain, and the promise that they come back.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "helpers/base/deadline.h"
#include "helpers/base/pci_address.h"
#include "helpers/disruption/live_domain.h"
#include "helpers/disruption/pending_reattach.h"
#include "helpers/teardown_record/detached_gpu.h"

namespace passthrough {

// Where a detached GPU is recorded, for whoever comes after a process that was killed. Either may be empty.
struct DetachedGpuLog {
  std::function<void(const DetachedGpu&)>
      add;  // in place of what is recorded of that GPU, when it returns; throws Error
  std::function<void(const DetachedGpu&)> drop;
};

// What is unplugged through this is plugged in again at the latest when it is destroyed, also after an interruption
// and where a guest lets a GPU go only after the wait for that was given up. One thread.
class UnpluggedGpus {
 public:
  // `directory` gets the XML of each GPU, hostdev-0000-01-00.0.xml, before it is unplugged, and so does `log`: who
  // kills this process finds there what to attach. `report` gets progress, and what could not be reattached. `domain`
  // outlives this.
  UnpluggedGpus(LiveDomain& domain, std::filesystem::path directory, std::function<void(const std::string&)> report,
                DetachedGpuLog log = {});
  ~UnpluggedGpus();  // as Reattach()
  UnpluggedGpus(const UnpluggedGpus&) = delete;
  UnpluggedGpus& operator=(const UnpluggedGpus&) = delete;

  // Throws Error where one of `functions` could not be unplugged, for a reason that can be seen before: then nothing
  // should be.
  void RequireUnpluggable(const std::vector<PciAddress>& functions);
  // Asks the guest to let `gpu` go and waits until it has. Throws Error where it cannot be unplugged, TimeoutError
  // where the guest does not by `deadline`: it may do so later. `companion`: it is no GPU, and goes with one.
  void Unplug(const PciAddress& gpu, const Deadline& deadline, bool companion = false);
  // Plugs in what the domain lacks, what was unplugged last first: the functions of one IOMMU group come off the host's
  // drivers in the opposite order to that in which they went to them, and the group is viable at each step (see
  // unplug_order.h). Returns how many. Throws Error, also where the domain is not what it was.
  size_t PlugIn();
  // The same for what Unplug() took and PlugIn() did not bring back, not interruptible, for `limit` in all and what a
  // call takes that is under way then; waits for a guest that was asked and has not let go yet, not for one whose GPU
  // libvirt refused to detach. Returns what is not as it was and what to do; empty: nothing.
  std::string Reattach(Deadline::Clock::duration limit = std::chrono::seconds(30)) noexcept;

 private:
  struct Taken {
    PendingReattach pending;
    bool done = false;  // back, settled, or reported as missing: once
  };
  DetachedGpu Describe(const PciAddress& gpu, bool companion);
  void Detach(PendingReattach& one);
  void RecordThatItLeft(const DetachedGpu& gpu);
  void Drop(const DetachedGpu& gpu);
  std::string ReattachOne(Taken& one, const Deadline& deadline);

  LiveDomain& domain_;
  std::filesystem::path directory_;
  std::function<void(const std::string&)> report_;
  DetachedGpuLog log_;
  std::vector<Taken> taken_;
};

}  // namespace passthrough
