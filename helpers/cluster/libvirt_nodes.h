// The nodes that are domains of one libvirt.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "helpers/cluster/node_source.h"
#include "helpers/libvirt/connection.h"

namespace passthrough {

class LibvirtNodes : public NodeSource {
 public:
  // Connects when first asked, and again where the connection was lost: every function throws LibvirtError, and
  // TimeoutError where libvirt gives no answer for `silence`, be it to one question of many.
  explicit LibvirtNodes(std::string uri, std::chrono::seconds silence = std::chrono::seconds(60))
      : uri_(std::move(uri)), silence_(silence) {}

  Discovery Discover(const Plan& plan, const Deadline& deadline) override;
  Discovery Rediscover(const Plan& plan) override;
  std::optional<Inventory> HostInventory() override;
  std::optional<std::string> DomainXml(const DiscoveredNode& node) override;
  std::optional<std::string> ConsoleLog(const DiscoveredNode& node, size_t most) override;

 private:
  LibvirtConnection& Connection();
  // `question`: of a connection of its own, to which it may hold on longer than this lives.
  template <typename Question>
  auto Ask(const std::string& what, Question question);

  const std::string uri_;
  const std::chrono::seconds silence_;
  std::optional<LibvirtConnection> connection_;
};

}  // namespace passthrough
