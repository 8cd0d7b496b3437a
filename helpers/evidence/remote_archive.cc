#include "helpers/evidence/remote_archive.h"

#include <fmt/format.h>

#include <random>
#include <string_view>

#include "helpers/actions/script_archive.h"
#include "helpers/base/error.h"
#include "helpers/base/files.h"
#include "helpers/base/text.h"
#include "helpers/evidence/probe_files.h"
#include "helpers/evidence/probe_names.h"

namespace passthrough {
namespace {

void CheckProbeName(const std::string& probe) {
  if (!IsProbeName(probe)) {
    throw EvidenceError(fmt::format("\"{}\" is no probe's name", Printable(probe)));
  }
}

}  // namespace

std::string BuildRemoteArchive(const std::filesystem::path& remote_directory, const std::vector<std::string>& probes,
                               const std::filesystem::path& program_directory) {
  ScriptArchive archive;
  archive.AddFile("run-all.sh", ReadFile(remote_directory / "run-all.sh"));
  archive.AddDirectory("probes");
  const auto files = ProbeFiles(remote_directory);
  for (const std::string& probe : probes) {
    CheckProbeName(probe);
    const auto file = files.find(probe);
    if (file == files.end()) throw EvidenceError(fmt::format("there is no probe named {}", probe));
    archive.AddFile("probes/" + probe + ".sh", ReadFile(file->second));
  }
  archive.AddDirectory("programs");
  for (const std::string& probe : probes) {
    const std::filesystem::path program = program_directory / probe;
    if (program_directory.empty() || !std::filesystem::is_regular_file(program)) continue;
    archive.AddFile("programs/" + probe, ReadFile(program));
  }
  if (const auto script = remote_directory / "run-program.sh"; std::filesystem::exists(script)) {
    archive.AddFile("run-program.sh", ReadFile(script));
  }
  archive.AddDirectory("work");
  return archive.Take();
}

std::string RemoteCommand(const std::string& nonce, const std::vector<std::string>& probes,
                          const ProbeSettings& settings) {
  if (nonce.size() < 16 || nonce.size() > 64 || nonce.find_first_not_of("0123456789abcdef") != std::string::npos) {
    throw EvidenceError("a nonce is 16 to 64 hexadecimal digits");
  }
  std::string command = "sh \"$d/run-all.sh\" --work \"$d/work\" --frames " + nonce;
  if (settings.limit_scale != 1) command += " --limit-scale " + std::to_string(settings.limit_scale);
  if (settings.gpu_memory_percent != 0) command += " --gpu-memory " + std::to_string(settings.gpu_memory_percent);
  for (const std::string& place : settings.may_be_overwritten) {
    if (place.empty() || place.find_first_not_of("0123456789abcdef./") != std::string::npos) {
      throw EvidenceError(fmt::format("\"{}\" is no place on a PCI bus", Printable(place)));
    }
  }
  if (!settings.may_be_overwritten.empty()) {
    command += fmt::format(" --overwrite {}", fmt::join(settings.may_be_overwritten, ","));
  }
  for (const std::string& probe : probes) {
    CheckProbeName(probe);
    command += " " + probe;
  }
  return UnpackAndRun(command);
}

std::string MakeNonce() {
  std::random_device device;
  return fmt::format("{:08x}{:08x}{:08x}{:08x}", device(), device(), device(), device());
}

}  // namespace passthrough
