// A node that is known to be the domain: an address may be another machine's, and nothing is done to that one.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "helpers/base/ipv4_subnet.h"
#include "helpers/base/pci_address.h"
#include "helpers/disruption/disruption_limits.h"
#include "helpers/disruption/live_domain.h"
#include "helpers/disruption/node_access.h"

namespace passthrough {

// Why a machine must be left alone that reports this as its DMI product UUID, to which libvirt sets the domain's;
// empty: it is the domain.
std::string ProblemOfMachine(std::string_view product_uuid, const std::string& domain, const std::string& domain_uuid);

// One thread.
class VerifiedNode {
 public:
  // All outlive this.
  VerifiedNode(NodeAccess& access, LiveDomain& domain, const DisruptionLimits& limits)
      : access_(access), domain_(domain), limits_(limits) {}

  // Waits until the node answers. Throws as NodeAccess does, and Error where another machine answers.
  std::unique_ptr<NodeSession> Connect(const Deadline& deadline);
  std::unique_ptr<NodeSession> Connect() { return Connect(Deadline::After(limits_.ssh)); }
  std::string BootId();
  // One attempt: the boot id; empty where the node does not answer yet, with the reason. Another machine may have taken
  // its address meanwhile, and have its host key, where both come from one image: what has another boot id than
  // `before` is verified again. Throws InterruptedError.
  std::string TryBootId(const std::string& before, std::string* cause);
  // Where the domain has other addresses now than the one that the node had: takes up the new one, and returns it. A
  // node may come back from a reboot with another one.
  std::optional<std::string> FollowAddress(const std::optional<Ipv4Subnet>& subnet);
  // Gives the node time to find `gpus` and to bind their driver, which it does after the action that caused it
  // returned. False where it does not.
  bool WaitForDrivers(const std::vector<PciAddress>& gpus);

 private:
  struct Identity {
    std::string boot_id;
    std::string product_uuid;
  };
  Identity IdentityOf(NodeSession& session) const;
  void Verify(const Identity& identity) const;

  NodeAccess& access_;
  LiveDomain& domain_;
  const DisruptionLimits& limits_;
  std::string verified_host_;  // the address at which the machine is known to be the domain
};

// ADDRESS arguments of actions.
std::vector<std::string> AsArguments(const std::vector<PciAddress>& gpus);

// The last lines that an action wrote to standard error, to be quoted.
std::string LastErrorLines(const ExecResult& result);

}  // namespace passthrough
