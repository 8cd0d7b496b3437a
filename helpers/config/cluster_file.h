// A cluster file in ai-how's schema (version "1.0"), read whole and strictly.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "helpers/base/pci_address.h"
#include "helpers/config/config_error.h"

namespace passthrough {

enum class DeviceType { kGpu, kAudio, kNetwork, kStorage, kOther };

std::string_view ToString(DeviceType type);  // "gpu", "audio", …

// --- to be completed by the owner of helpers/config: ClusterFile and what it is made of ---
struct ClusterFile;

// Reads `path`. Throws ConfigError with every problem of the file: YAML errors, unknown and duplicate
// keys, wrong types, values out of range, and a PCI address that two nodes claim which would run
// together.
ClusterFile LoadClusterFile(const std::filesystem::path& path);

}  // namespace passthrough
