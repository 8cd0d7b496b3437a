// What nvidia-smi says in numbers and stock phrases, in words.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace passthrough {

// What an exit status of nvidia-smi means: "14: the infoROM is corrupted". Source: man nvidia-smi,
// RETURN VALUE. Statuses that it does not list, and those that the shell makes (126, 127, above
// 128), are shown as such.
std::string NvidiaSmiExitStatusText(int exit_status);

// A phrase with which nvidia-smi or NVML reports that something is broken, and what it means.
struct NvidiaSmiErrorPhrase {
  std::string_view phrase;   // "GPU is lost"
  std::string_view meaning;  // "the GPU has fallen off the bus"
};

// Healthy GPUs say it, too, where MIG is on: then the figures of the whole GPU are for root alone.
inline constexpr std::string_view kInsufficientPermissions = "Insufficient Permissions";

// The first such phrase in `text`, whatever its case, or nullptr. "N/A", "[Not Supported]" and
// "Requested functionality has been deprecated" are no errors.
const NvidiaSmiErrorPhrase* FindNvidiaSmiError(std::string_view text);

// The same, and texts that are an error where they are all that stands in an element, with or without brackets:
// "Timeout", "[Not Found]". Source: nvmlErrorString() of nvml.h, which nvidia-smi prints for a value that it did not
// get.
const NvidiaSmiErrorPhrase* FindNvidiaSmiErrorValue(std::string_view text);

}  // namespace passthrough
