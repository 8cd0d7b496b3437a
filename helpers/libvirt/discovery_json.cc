// What was discovered, as JSON, the form in which a run keeps it.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "helpers/base/error.h"
#include "helpers/libvirt/discovery.h"

namespace passthrough {
namespace {

using nlohmann::json;

json ToJsonValue(const DiscoveredNode& node) {
  return {{"node", node.node},
          {"domain", node.domain},
          {"uuid", node.uuid},
          {"state", node.state},
          {"reason", node.reason},
          {"mac_addresses", node.mac_addresses},
          {"address", node.address},
          {"address_source", node.address_source},
          {"problem", node.problem}};
}

DiscoveredNode NodeFrom(const json& value) {
  DiscoveredNode node;
  value.at("node").get_to(node.node);
  value.at("domain").get_to(node.domain);
  value.at("uuid").get_to(node.uuid);
  value.at("state").get_to(node.state);
  node.reason = value.value("reason", "");  // earlier runs have none
  value.at("mac_addresses").get_to(node.mac_addresses);
  value.at("address").get_to(node.address);
  value.at("address_source").get_to(node.address_source);
  value.at("problem").get_to(node.problem);
  return node;
}

}  // namespace

std::string ToJson(const Discovery& discovery) {
  json nodes = json::array();
  for (const DiscoveredNode& node : discovery.nodes) nodes.push_back(ToJsonValue(node));
  const json value = {{"nodes", nodes}, {"unplanned", discovery.unplanned}};
  // Names come from another machine: bytes that are no UTF-8 must not stop the run.
  return value.dump(1, ' ', false, json::error_handler_t::replace) + "\n";
}

Discovery DiscoveryFromJson(std::string_view text) {
  try {
    const json value = json::parse(text);
    Discovery discovery;
    value.at("unplanned").get_to(discovery.unplanned);
    for (const json& node : value.at("nodes")) discovery.nodes.push_back(NodeFrom(node));
    return discovery;
  } catch (const json::exception& error) {
    throw EvidenceError(fmt::format("cannot read what was discovered: {}", error.what()));
  }
}

}  // namespace passthrough
