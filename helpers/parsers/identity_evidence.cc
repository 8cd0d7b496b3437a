#include "helpers/parsers/identity_evidence.h"

#include <algorithm>
#include <charconv>

namespace passthrough {
namespace {

// Seconds with a fraction, "1234.56". from_chars, unlike strtod, depends on no locale.
double ToSeconds(const FactFile& file, const Fact& fact) {
  double value = 0;
  const char* end = fact.value.data() + fact.value.size();
  auto [rest, error] = std::from_chars(fact.value.data(), end, value, std::chars_format::fixed);
  if (error != std::errc() || rest != end || !(value >= 0 && value < 1e12)) {
    ThrowEvidenceError(file, fact.line, fact.key + ": expected seconds, found \"" + fact.value + "\"");
  }
  return value;
}

}  // namespace

IdentityEvidence IdentityEvidence::Parse(std::string_view text, const std::filesystem::path& path) {
  FactFile file = FactFile::Parse(text, path, "identity");
  const FactBlock& facts = file.head;
  IdentityEvidence evidence;
  evidence.path = file.path;
  evidence.last_line = file.last_line;
  evidence.hostname = facts.Value("hostname");
  evidence.kernel_release = file.Require(facts, "kernel_release").value;
  evidence.machine = facts.Value("machine");
  evidence.boot_id = file.Require(facts, "boot_id").value;
  if (const Fact* uuid = facts.Find("product_uuid")) {
    evidence.product_uuid = uuid->value;
    evidence.product_uuid_line = uuid->line;
    for (char& c : evidence.product_uuid) {
      if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    }
  } else {
    const Fact& error = file.Require(facts, "product_uuid_error");
    evidence.product_uuid_error = error.value;
    evidence.product_uuid_line = error.line;
  }
  evidence.dmi_vendor = facts.Value("dmi_vendor");
  evidence.dmi_product = facts.Value("dmi_product");
  const Fact& uptime = file.Require(facts, "uptime_seconds");
  evidence.uptime_seconds = ToSeconds(file, uptime);
  evidence.uptime_line = uptime.line;
  const Fact& epoch = file.Require(facts, "epoch_seconds");
  evidence.epoch_seconds = file.ToInteger(epoch, 0, INT64_MAX);
  evidence.epoch_line = epoch.line;
  evidence.os_id = facts.Value("os_id");
  evidence.os_version = facts.Value("os_version");
  evidence.user_id = facts.Value("user_id");
  if (const Fact* root = facts.Find("root_read_only")) {
    evidence.root_read_only = root->value == "yes";
    evidence.root_line = root->line;
  }
  if (const Fact* free = facts.Find("root_free_kib")) {
    evidence.root_free_kib = file.ToInteger(*free, 0, INT64_MAX);
    evidence.root_free_line = free->line;
  }
  if (const Fact* free = facts.Find("tmp_free_kib")) {
    evidence.tmp_free_kib = file.ToInteger(*free, 0, INT64_MAX);
    evidence.tmp_line = free->line;
  }
  return evidence;
}

}  // namespace passthrough
