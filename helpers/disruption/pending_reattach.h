// A GPU that was detached from a domain that stays, until it is attached again or need not be.
#pragma once

#include <functional>
#include <string>

#include "helpers/base/deadline.h"
#include "helpers/base/pci_address.h"
#include "helpers/disruption/live_domain.h"
#include "helpers/libvirt/domain_xml_reader.h"
#include "helpers/teardown_record/detached_gpu.h"

namespace passthrough {

// The command that attaches `gpu` again, for a person.
std::string ReattachCommand(const LiveDomain& domain, const DetachedGpu& gpu);

// Used by the run that detached the GPU, and by whoever finds it in the teardown record of a run that was killed.
class PendingReattach {
 public:
  enum class State {
    kPending,  // not tried yet, or the last attempt failed
    kInGuest,  // the domain has it still: its guest was asked to let it go, and may do so yet
    kBack,     // the domain has it again
    kSettled,  // nothing is to be attached: libvirt refused to detach it, or the domain is not what it was
  };
  // Both may be empty.
  struct Hooks {
    std::function<void(const DetachedGpu&)> on_left;        // once: the domain was first seen without it
    std::function<void(const DetachedGpu&)> before_attach;  // may take minutes
  };
  // `domain` outlives this. Throws Error where `gpu` has no PCI address.
  PendingReattach(DetachedGpu gpu, LiveDomain& domain, Hooks hooks = {});

  const DetachedGpu& gpu() const { return gpu_; }
  State state() const { return state_; }
  bool IsOver() const { return state_ == State::kBack || state_ == State::kSettled; }
  bool AttachedHere() const { return attached_here_; }
  bool WasRefused() const { return refused_; }

  void MarkLeft();                          // the domain was seen without it
  void MarkRefused() { refused_ = true; }   // libvirt did not ask the guest to let it go
  bool IsListed(const Deadline& deadline);  // the domain has it now. Throws Error

  // Asks how the domain is, and makes one attempt to attach what it lacks. Throws Error; the state is kPending then.
  State Try(bool interruptible);
  // Tries until it is over: what cannot be attached until `busy`, and a guest that has not let go until `guest` (or
  // `busy`, if that is sooner). Returns why it is not over; empty: it is. Throws InterruptedError where `busy` does.
  std::string TryUntil(const Deadline& busy, const Deadline& guest, bool interruptible);

  // A sentence on what came of it, once it is over.
  std::string Outcome() const;
  // A sentence on a GPU that is not back, and what to do. `why`: as TryUntil() returned it.
  std::string Problem(const std::string& why) const;

 private:
  State Settle(const std::string& why);
  std::string WhySettled(const std::string& state, const DomainDescription& now, bool interruptible);

  DetachedGpu gpu_;
  LiveDomain& domain_;
  Hooks hooks_;
  PciAddress address_;
  State state_ = State::kPending;
  bool refused_ = false;
  bool attached_here_ = false;
  std::string settled_;  // why
};

}  // namespace passthrough
