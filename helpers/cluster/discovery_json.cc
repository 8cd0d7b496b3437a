// What was discovered, as JSON, the form in which a run keeps it.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "helpers/base/error.h"
#include "helpers/base/text.h"
#include "helpers/cluster/discovery.h"

namespace passthrough {

using nlohmann::json;

NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(DiscoveredNode, node, domain, uuid, state, reason, mac_addresses, address,
                                   address_source, problem)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Discovery, source, location, nodes, unplanned)

namespace {

constexpr size_t kLongestName = 200;  // bytes, in the name of a file

}  // namespace

std::string ToJson(const Discovery& discovery) {
  // Names come from another machine: bytes that are no UTF-8 must not stop the run.
  return json(discovery).dump(1, ' ', false, json::error_handler_t::replace) + "\n";
}

Discovery DiscoveryFromJson(std::string_view text) {
  try {
    auto discovery = json::parse(text).get<Discovery>();
    for (const DiscoveredNode& node : discovery.nodes) {
      // Of which files are named; libvirt has no such domain either. Source: virXMLCheckIllegalChars,
      // virDomainDefParse.
      if (node.domain.find_first_of("/\n") == std::string::npos && Printable(node.domain) == node.domain &&
          node.domain.size() <= kLongestName) {
        continue;
      }
      throw EvidenceError(fmt::format("a domain cannot be called \"{}\"", Printable(node.domain)));
    }
    return discovery;
  } catch (const json::exception& error) {
    throw EvidenceError(fmt::format("cannot read what was discovered: {}", error.what()));
  }
}

}  // namespace passthrough
