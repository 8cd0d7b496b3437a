#include "helpers/evidence/remote_archive.h"

#include <archive.h>
#include <archive_entry.h>
#include <fmt/format.h>

#include <memory>
#include <random>
#include <string_view>

#include "helpers/base/error.h"
#include "helpers/base/files.h"
#include "helpers/base/text.h"
#include "helpers/evidence/probe_names.h"

namespace passthrough {
namespace {

using ArchiveWriter = std::unique_ptr<archive, decltype(&archive_write_free)>;
using ArchiveEntry = std::unique_ptr<archive_entry, decltype(&archive_entry_free)>;

la_ssize_t Append(archive*, void* to, const void* bytes, size_t size) {
  static_cast<std::string*>(to)->append(static_cast<const char*>(bytes), size);
  return static_cast<la_ssize_t>(size);
}

void Check(archive* writer, int result) {
  if (result != ARCHIVE_OK) {
    const char* why = archive_error_string(writer);
    throw EvidenceError(
        fmt::format("cannot pack the probes: {}", why != nullptr ? why : "unknown"));
  }
}

void AddEntry(archive* writer, const std::string& path, unsigned type, unsigned mode,
              std::string_view content) {
  ArchiveEntry entry(archive_entry_new(), archive_entry_free);
  archive_entry_set_pathname(entry.get(), path.c_str());
  archive_entry_set_filetype(entry.get(), type);
  archive_entry_set_perm(entry.get(), mode);
  archive_entry_set_size(entry.get(), static_cast<la_int64_t>(content.size()));
  Check(writer, archive_write_header(writer, entry.get()));
  if (archive_write_data(writer, content.data(), content.size()) !=
      static_cast<la_ssize_t>(content.size())) {
    Check(writer, ARCHIVE_FATAL);
  }
}

void CheckProbeName(const std::string& probe) {
  if (!IsProbeName(probe)) {
    throw EvidenceError(fmt::format("\"{}\" is no probe's name", Printable(probe)));
  }
}

}  // namespace

std::string BuildRemoteArchive(const std::filesystem::path& remote_directory,
                               const std::vector<std::string>& probes,
                               const std::filesystem::path& program_directory) {
  std::string result;
  ArchiveWriter writer(archive_write_new(), archive_write_free);
  Check(writer.get(), archive_write_set_format_ustar(writer.get()));
  // No padding to the 10 KiB of a tape's block.
  Check(writer.get(), archive_write_set_bytes_in_last_block(writer.get(), 1));
  Check(writer.get(), archive_write_open(writer.get(), &result, nullptr, Append, nullptr));
  AddEntry(writer.get(), "run-all.sh", AE_IFREG, 0700, ReadFile(remote_directory / "run-all.sh"));
  AddEntry(writer.get(), "probes", AE_IFDIR, 0700, {});
  for (const std::string& probe : probes) {
    CheckProbeName(probe);
    std::string name = "probes/" + probe + ".sh";
    AddEntry(writer.get(), name, AE_IFREG, 0700, ReadFile(remote_directory / name));
  }
  AddEntry(writer.get(), "programs", AE_IFDIR, 0700, {});
  for (const std::string& probe : probes) {
    const std::filesystem::path program = program_directory / probe;
    if (program_directory.empty() || !std::filesystem::is_regular_file(program)) continue;
    AddEntry(writer.get(), "programs/" + probe, AE_IFREG, 0700, ReadFile(program));
  }
  AddEntry(writer.get(), "work", AE_IFDIR, 0700, {});
  Check(writer.get(), archive_write_close(writer.get()));
  return result;
}

std::string RemoteCommand(const std::string& nonce, const std::vector<std::string>& probes) {
  if (nonce.size() < 16 || nonce.size() > 64 ||
      nonce.find_first_not_of("0123456789abcdef") != std::string::npos) {
    throw EvidenceError("a nonce is 16 to 64 hexadecimal digits");
  }
  // One single-quoted word for whatever shell the user has: no quote, no backslash (fish reads it
  // there), no exclamation mark and no line end (csh does) may stand in it. /dev/shm serves a node
  // whose disk is full or read-only.
  std::string command =
      "sh -c 'umask 077; "
      "d=$(mktemp -d \"${TMPDIR:-/tmp}/pcie-probes.XXXXXX\") || "
      "d=$(mktemp -d /dev/shm/pcie-probes.XXXXXX) || exit 71; "
      "clean() { rm -rf \"$d\"; }; trap clean 0; trap \"exit 129\" 1; trap \"exit 130\" 2; "
      "trap \"exit 141\" 13; trap \"exit 143\" 15; "
      "tar -xmf - -C \"$d\" || exit 72; "
      "sh \"$d/run-all.sh\" --work \"$d/work\" --frames " +
      nonce;
  for (const std::string& probe : probes) {
    CheckProbeName(probe);
    command += " " + probe;
  }
  return command + "'";
}

std::string MakeNonce() {
  std::random_device device;
  return fmt::format("{:08x}{:08x}{:08x}{:08x}", device(), device(), device(), device());
}

}  // namespace passthrough
