// What the probe "identity" printed: which machine this is.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "helpers/parsers/fact_file.h"

namespace passthrough {

struct IdentityEvidence : EvidenceFile {
  static constexpr char kProbe[] = "identity";

  std::string hostname;
  std::string kernel_release;
  std::string machine;  // "x86_64"; empty where the probe does not print it
  std::string boot_id;
  // DMI product UUID, lower case, which libvirt sets to the domain's; empty where it could not be
  // read.
  std::string product_uuid;
  int product_uuid_line = 0;
  std::string product_uuid_error;  // why it could not ("not privileged: …")
  std::string dmi_vendor;          // "QEMU"; may be empty
  std::string dmi_product;
  double uptime_seconds = 0;
  int uptime_line = 0;
  int64_t epoch_seconds = 0;  // the node's clock
  int epoch_line = 0;
  std::string os_id;       // ID of os-release: "debian"
  std::string os_version;  // VERSION_ID; may be empty
  std::string user_id;     // numeric
  std::optional<bool> root_read_only;
  int root_line = 0;
  std::optional<int64_t> root_free_kib;  // absent where / has no size of its own: an initramfs
  int root_free_line = 0;
  std::optional<int64_t> tmp_free_kib;
  int tmp_line = 0;
  int last_line = 0;

  // Throws EvidenceError with path and line.
  static IdentityEvidence Parse(std::string_view text, const std::filesystem::path& path);
};

}  // namespace passthrough
