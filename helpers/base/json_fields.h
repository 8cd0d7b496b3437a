// JSON of what nlohmann::json does not know by itself. Whoever includes this links nlohmann_json.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "helpers/base/error.h"
#include "helpers/base/pci_address.h"
#include "helpers/base/process_identity.h"
#include "helpers/base/text.h"

namespace passthrough {

// A value that may be absent has no field then.
template <typename Value>
void PutOptional(nlohmann::json& json, const char* key, const std::optional<Value>& value) {
  if (value) json[key] = *value;
}

// nullopt where the field is not there. Throws nlohmann::json::exception where it has another type.
template <typename Value>
void GetOptional(const nlohmann::json& json, const char* key, std::optional<Value>& value) {
  value.reset();
  if (const auto found = json.find(key); found != json.end()) value = found->template get<Value>();
}

NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(ProcessIdentity, pid, start_time, boot_id, pid_namespace)

inline void to_json(nlohmann::json& json, const PciAddress& address) { json = address.ToString(); }

// Throws EvidenceError for a text that is no address.
inline void from_json(const nlohmann::json& json, PciAddress& address) {
  const auto text = json.get<std::string>();
  const auto parsed = PciAddress::Parse(text);
  if (!parsed) throw EvidenceError("\"" + Printable(text) + "\" is not a PCI address");
  address = *parsed;
}

}  // namespace passthrough
