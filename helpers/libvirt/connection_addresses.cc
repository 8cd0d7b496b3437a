// Which addresses a domain has: DHCP leases, the ARP table, the guest agent.
#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <chrono>

#include "helpers/base/ipv4_subnet.h"
#include "helpers/base/wait.h"
#include "helpers/libvirt/answers.h"
#include "helpers/libvirt/connection_impl.h"
#include "helpers/libvirt/dhcp_leases.h"
#include "helpers/libvirt/domain_xml_reader.h"

namespace passthrough {
namespace {

// How long a guest agent is waited for. libvirt waits for ever by default; what virDomainAgentSetResponseTimeout() sets
// instead holds for everybody who asks that domain's agent, until it stops, and cannot be read, so nobody could put it
// back: the wait is ended here.
constexpr std::chrono::seconds kAgentLimit{2};

// That a domain's agent is being asked: a question that was given up occupies libvirt's worker and the agent until it
// is answered, and a second one would wait behind it.
class AgentQuestion {
 public:
  AgentQuestion(std::shared_ptr<AgentQuestions> questions, std::string domain)
      : questions_(std::move(questions)), domain_(std::move(domain)) {
    const std::lock_guard lock(questions_->mutex);
    is_first_ = questions_->domains.insert(domain_).second;
  }
  ~AgentQuestion() {
    if (!is_first_) return;
    const std::lock_guard lock(questions_->mutex);
    questions_->domains.erase(domain_);
  }
  AgentQuestion(const AgentQuestion&) = delete;
  AgentQuestion& operator=(const AgentQuestion&) = delete;
  bool is_first() const { return is_first_; }

 private:
  std::shared_ptr<AgentQuestions> questions_;
  std::string domain_;
  bool is_first_ = false;
};

std::string LowerCase(const char* text) {
  std::string lower = text == nullptr ? "" : text;
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return lower;
}

bool HasMac(const DomainDescription& domain, const std::string& mac) {
  return std::any_of(domain.interfaces.begin(), domain.interfaces.end(),
                     [&](const DomainInterface& interface) { return interface.mac == mac; });
}

// libvirt hands on what a guest agent says without a look at it: any text may stand there.
bool IsIpv4(int type, const char* text) { return type == VIR_IP_ADDR_TYPE_IPV4 && text != nullptr && ParseIpv4(text); }

bool IsIpv6(int type, const char* text) {
  return type == VIR_IP_ADDR_TYPE_IPV6 && text != nullptr && IsIpv6Address(text);
}

// What one source knows; empty also where asking fails, as it does while the guest has no agent.
std::vector<LibvirtConnection::Address> Ask(virDomainPtr handle, const DomainDescription& domain, unsigned source,
                                            const char* source_name) {
  virDomainInterfacePtr* interfaces = nullptr;
  const int count = virDomainInterfaceAddresses(handle, &interfaces, source, 0);
  CountAnswer();
  if (count < 0) return {};
  std::vector<LibvirtConnection::Address> addresses;
  for (int i = 0; i < count; ++i) {
    const InterfaceAddressesHandle interface(interfaces[i]);
    const std::string mac = LowerCase(interface->hwaddr);
    if (!HasMac(domain, mac)) continue;
    for (unsigned j = 0; j < interface->naddrs; ++j) {
      const virDomainIPAddress& address = interface->addrs[j];
      if (!IsIpv4(address.type, address.addr)) continue;
      addresses.push_back({mac, address.addr, source_name});
    }
  }
  std::free(interfaces);
  return addresses;
}

}  // namespace

std::optional<std::vector<DhcpLease>> LibvirtConnection::NetworkLeases(const std::string& network) {
  const NetworkHandle handle = impl_->FindNetwork(network);
  if (!handle) return std::nullopt;
  virNetworkDHCPLeasePtr* leases = nullptr;
  const int count = virNetworkGetDHCPLeases(handle.get(), nullptr, &leases, 0);
  if (count < 0) {
    if (LastErrorCode() == VIR_ERR_NO_SUPPORT || LastErrorCode() == VIR_ERR_OPERATION_INVALID) {
      return std::nullopt;  // a hypervisor without leases, a network that is not active
    }
    ThrowLastError("read the DHCP leases of network " + network);
  }
  std::vector<DhcpLease> result;
  for (int i = 0; i < count; ++i) {
    const LeaseHandle lease(leases[i]);
    if (!IsIpv4(lease->type, lease->ipaddr) && !IsIpv6(lease->type, lease->ipaddr)) continue;
    result.push_back(
        {LowerCase(lease->mac), lease->ipaddr, lease->hostname == nullptr ? "" : lease->hostname, lease->expirytime});
  }
  std::free(leases);
  return result;
}

std::vector<LibvirtConnection::Address> LibvirtConnection::DomainAddresses(const std::string& domain) {
  const auto xml = DomainXml(domain);
  if (!xml) return {};
  std::vector<Address> addresses;
  for (const DomainInterface& interface : ReadDomainXml(*xml).interfaces) {
    if (interface.network.empty()) continue;
    const auto leases = NetworkLeases(interface.network);
    if (!leases) continue;
    if (const DhcpLease* const lease = NewestLease(*leases, interface.mac)) {
      addresses.push_back({interface.mac, lease->ip, "lease"});
    }
  }
  return addresses.empty() ? AddressesWithoutLeases(domain, *xml) : addresses;
}

std::vector<LibvirtConnection::Address> LibvirtConnection::AddressesWithoutLeases(const std::string& domain,
                                                                                  const std::string& domain_xml) {
  const DomainHandle handle = impl_->FindDomain(domain);
  if (!handle) return {};
  const DomainDescription description = ReadDomainXml(domain_xml);
  auto addresses = Ask(handle.get(), description, VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_ARP, "arp");
  if (!addresses.empty() || !description.agent_connected) return addresses;
  const auto question = std::make_shared<AgentQuestion>(impl_->agent_questions, domain);
  if (!question->is_first()) return {};
  try {
    return RunWithDeadline(Deadline::After(kAgentLimit), "asking the guest agent of domain " + domain,
                           [own = std::make_shared<LibvirtConnection>(Share()), question, domain, description] {
                             const DomainHandle asked = own->impl_->FindDomain(domain);
                             if (!asked) return std::vector<Address>();
                             return Ask(asked.get(), description, VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_AGENT, "agent");
                           });
  } catch (const TimeoutError&) {
    return {};
  }
}

}  // namespace passthrough
