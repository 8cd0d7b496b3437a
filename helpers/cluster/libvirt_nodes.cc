#include "helpers/cluster/libvirt_nodes.h"

#include <memory>
#include <utility>

#include "helpers/cluster/libvirt_discovery.h"
#include "helpers/libvirt/answers.h"

namespace passthrough {
namespace {

constexpr std::chrono::seconds kConnectLimit{30};

}  // namespace

LibvirtConnection& LibvirtNodes::Connection() {
  if (!connection_ || !connection_->IsAlive()) {
    connection_.emplace(LibvirtConnection::Open(uri_, Deadline::After(kConnectLimit)));
  }
  return *connection_;
}

template <typename Question>
auto LibvirtNodes::Ask(const std::string& what, Question question) {
  const auto connection = std::make_shared<LibvirtConnection>(Connection().Share());
  return RunWhileAnswered(silence_, Deadline::Never(), what + " at " + uri_,
                          [connection, question = std::move(question)] { return question(*connection); });
}

Discovery LibvirtNodes::Discover(const Plan& plan, const Deadline& deadline) {
  const auto own_plan = std::make_shared<const Plan>(plan);
  const auto look = [&] {
    return Ask("looking for the cluster's domains",
               [own_plan](LibvirtConnection& libvirt) { return DiscoverDomainsOnce(*own_plan, libvirt); });
  };
  return DiscoverDomains(plan, look, deadline);
}

Discovery LibvirtNodes::Rediscover(const Plan& plan) {
  return Ask("looking for the cluster's domains",
             [plan](LibvirtConnection& libvirt) { return DiscoverDomainsOnce(plan, libvirt); });
}

std::optional<Inventory> LibvirtNodes::HostInventory() { return Connection().TakeInventory(silence_); }

std::optional<std::string> LibvirtNodes::DomainXml(const DiscoveredNode& node) {
  if (node.domain.empty()) return std::nullopt;
  return Ask("reading the XML of domain " + node.domain,
             [domain = node.domain](LibvirtConnection& libvirt) { return libvirt.DomainXml(domain); });
}

std::optional<std::string> LibvirtNodes::ConsoleLog(const DiscoveredNode& node, size_t most) {
  if (node.domain.empty()) return std::nullopt;
  return Ask("reading the console log of domain " + node.domain,
             [domain = node.domain, most](LibvirtConnection& libvirt) { return libvirt.ConsoleLog(domain, most); });
}

}  // namespace passthrough
