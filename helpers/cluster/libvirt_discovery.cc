#include "helpers/cluster/libvirt_discovery.h"

#include <fmt/format.h>

#include <map>
#include <optional>

#include "helpers/base/ipv4_subnet.h"
#include "helpers/base/text.h"
#include "helpers/base/wait.h"
#include "helpers/cluster/domain_binding.h"
#include "helpers/cluster/node_address.h"
#include "helpers/libvirt/dhcp_leases.h"
#include "helpers/libvirt/domain_xml_reader.h"

namespace passthrough {
namespace {

constexpr std::string_view kFromClusterFile = "cluster file";

bool IsOn(const std::string& state) { return state == "running" || state == "idle"; }

// One search of the hypervisor. What several nodes need is asked once.
class DomainSearch {
 public:
  DomainSearch(const Plan& plan, LibvirtConnection& connection) : plan_(plan), connection_(connection) {}

  Discovery Run() {
    std::vector<std::string> names;
    for (DomainStatus& status : connection_.Domains()) {
      names.push_back(status.name);
      statuses_[status.name] = std::move(status);
    }
    const DomainBinding binding = BindDomains(plan_, names);
    Discovery discovery;
    discovery.source = "libvirt";
    discovery.location = connection_.uri();
    discovery.unplanned = binding.unplanned;
    for (const PlannedNode& node : plan_.nodes) {
      const auto domain = binding.domain_of_node.find(node.name);
      const bool found = domain != binding.domain_of_node.end();
      discovery.nodes.push_back(found ? Describe(node, statuses_[domain->second]) : Missing(node));
    }
    FindSharedAddresses(discovery);
    return discovery;
  }

 private:
  DiscoveredNode Missing(const PlannedNode& node) const {
    DiscoveredNode found;
    found.node = node.name;
    found.problem = fmt::format("no domain is named {} at {}", Alternatives(node.domain_names), connection_.uri());
    return found;
  }

  DiscoveredNode Describe(const PlannedNode& node, const DomainStatus& status) {
    DiscoveredNode found;
    found.node = node.name;
    found.domain = status.name;
    found.uuid = status.uuid;
    found.state = status.state;
    found.reason = status.reason;
    const auto xml = connection_.DomainXml(status.name);
    if (!xml) return Missing(node);  // gone since it was listed
    const DomainDescription description = ReadDomainXml(*xml);
    for (const DomainInterface& interface : description.interfaces) {
      found.mac_addresses.push_back(interface.mac);
    }
    if (IsOn(status.state)) {
      FindAddress(node, description, *xml, found);
    } else if (node.auto_start || status.state != "shut off") {
      found.problem = fmt::format("domain {} is {}{}", status.name, status.state,
                                  status.reason.empty() ? "" : " (" + status.reason + ")");
    }
    return found;
  }

  void FindAddress(const PlannedNode& node, const DomainDescription& description, const std::string& xml,
                   DiscoveredNode& found) {
    auto addresses = LeasedAddresses(description);
    if (addresses.empty()) addresses = connection_.AddressesWithoutLeases(found.domain, xml);
    const auto subnet = SubnetOf(node);
    if (const auto address = ChooseAddress(subnet, addresses)) {
      found.address = address->ip;
      found.address_source = address->source;
    } else if (node.address) {
      found.address = *node.address;
      found.address_source = kFromClusterFile;
    } else {
      found.problem = fmt::format(
          "domain {} runs, but no DHCP lease, ARP entry or guest agent knows an address of {}{}", found.domain,
          found.mac_addresses.empty() ? "it, and it has no network interface" : JoinForHumans(found.mac_addresses),
          NotBelieved(subnet, addresses));
    }
  }

  // Why none of `addresses` will do; empty where there are none.
  static std::string NotBelieved(const std::optional<Ipv4Subnet>& subnet,
                                 const std::vector<LibvirtConnection::Address>& addresses) {
    std::vector<std::string> names;
    for (const auto& one : addresses) names.push_back(Printable(one.ip) + " (" + one.source + ")");
    if (names.empty()) return {};
    return fmt::format("; not believed: {}, which is not in the cluster's subnet{}", JoinForHumans(names),
                       subnet ? " " + subnet->ToString() : "");
  }

  std::vector<LibvirtConnection::Address> LeasedAddresses(const DomainDescription& description) {
    std::vector<LibvirtConnection::Address> addresses;
    for (const DomainInterface& interface : description.interfaces) {
      if (interface.network.empty()) continue;
      const DhcpLease* const lease = NewestLease(Leases(interface.network), interface.mac);
      if (lease != nullptr) addresses.push_back({interface.mac, lease->ip, "lease"});
    }
    return addresses;
  }

  const std::vector<DhcpLease>& Leases(const std::string& network) {
    const auto known = leases_.find(network);
    if (known != leases_.end()) return known->second;
    auto leases = connection_.NetworkLeases(network);
    return leases_[network] = leases ? *std::move(leases) : std::vector<DhcpLease>();
  }

  std::optional<Ipv4Subnet> SubnetOf(const PlannedNode& node) const {
    const PlannedCluster* const cluster = plan_.FindCluster(node.cluster);
    return cluster == nullptr ? std::nullopt : std::optional(cluster->subnet);
  }

  // Two nodes at one address: at least one of them would be mistaken for the other.
  static void FindSharedAddresses(Discovery& discovery) {
    std::map<std::string, std::string> owner;
    for (DiscoveredNode& node : discovery.nodes) {
      if (node.address.empty()) continue;
      const auto [first, is_new] = owner.emplace(node.address, node.node);
      if (is_new || !node.problem.empty()) continue;
      node.problem =
          fmt::format("its address {} ({}) is that of {} too", node.address, node.address_source, first->second);
    }
  }

  static std::string Alternatives(const std::vector<std::string>& names) {
    std::string text;
    for (const std::string& name : names) text += (text.empty() ? "" : " or ") + name;
    return text;
  }

  const Plan& plan_;
  LibvirtConnection& connection_;
  std::map<std::string, DomainStatus> statuses_;
  std::map<std::string, std::vector<DhcpLease>> leases_;
};

// For how long each node has been in the condition that it is in.
class Patience {
 public:
  explicit Patience(std::chrono::seconds patience) : patience_(patience) {}

  // Whether nothing better is to be expected of `node` by waiting on.
  bool IsSettled(const DiscoveredNode& node) {
    const bool is_ipv6 = IsIpv6Address(node.address);  // its IPv4 lease may come yet
    if (IsOn(node.state) && !node.address.empty() && node.address_source != kFromClusterFile && !is_ipv6) {
      return true;
    }
    const auto now = std::chrono::steady_clock::now();
    Condition& condition = conditions_[node.node];
    const std::string current = node.state + node.address;
    if (condition.text != current) condition = {current, now};
    const bool only_the_address_is_missing = IsOn(node.state) && node.address.empty();
    return !only_the_address_is_missing && now - condition.since >= patience_;
  }

 private:
  struct Condition {
    std::string text = "not known yet";
    std::chrono::steady_clock::time_point since;
  };
  std::chrono::seconds patience_;
  std::map<std::string, Condition> conditions_;
};

// Throws only if interrupted.
bool IsOver(const Deadline& deadline) {
  try {
    deadline.Check("looking for the cluster's nodes");
    return false;
  } catch (const TimeoutError&) {
    return true;
  }
}

}  // namespace

Discovery DiscoverDomainsOnce(const Plan& plan, LibvirtConnection& connection) {
  return DomainSearch(plan, connection).Run();
}

Discovery DiscoverDomains(const Plan& plan, LibvirtConnection& connection, const Deadline& deadline,
                          std::chrono::seconds patience) {
  return DiscoverDomains(
      plan, [&] { return DiscoverDomainsOnce(plan, connection); }, deadline, patience);
}

Discovery DiscoverDomains(const Plan& plan, const std::function<Discovery()>& look, const Deadline& deadline,
                          std::chrono::seconds patience) {
  Patience waiting(patience);
  BackOff back_off;
  while (true) {
    Discovery discovery = look();
    bool settled = true;
    for (const PlannedNode* const node : plan.RunningNodes()) {
      // Every node is asked, so that each one's time counts from its own change.
      settled &= waiting.IsSettled(*discovery.Find(node->name));
    }
    if (settled || IsOver(deadline)) return discovery;
    back_off.Sleep(deadline);
  }
}

}  // namespace passthrough
