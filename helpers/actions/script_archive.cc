#include "helpers/actions/script_archive.h"

#include <archive.h>
#include <archive_entry.h>
#include <fmt/format.h>

#include "helpers/base/error.h"

namespace passthrough {
namespace {

using ArchiveWriter = std::unique_ptr<archive, decltype(&archive_write_free)>;
using ArchiveEntry = std::unique_ptr<archive_entry, decltype(&archive_entry_free)>;

la_ssize_t Append(archive*, void* to, const void* bytes, size_t size) {
  static_cast<std::string*>(to)->append(static_cast<const char*>(bytes), size);
  return static_cast<la_ssize_t>(size);
}

}  // namespace

struct ScriptArchive::Impl {
  std::string bytes;
  ArchiveWriter writer{archive_write_new(), archive_write_free};

  void Check(int result) const {
    if (result == ARCHIVE_OK) return;
    const char* why = archive_error_string(writer.get());
    throw EvidenceError(fmt::format("cannot pack scripts of remote/: {}", why != nullptr ? why : "unknown"));
  }

  void Add(const std::string& path, unsigned type, std::string_view content) const {
    ArchiveEntry entry(archive_entry_new(), archive_entry_free);
    archive_entry_set_pathname(entry.get(), path.c_str());
    archive_entry_set_filetype(entry.get(), type);
    archive_entry_set_perm(entry.get(), 0700);
    archive_entry_set_size(entry.get(), static_cast<la_int64_t>(content.size()));
    Check(archive_write_header(writer.get(), entry.get()));
    if (archive_write_data(writer.get(), content.data(), content.size()) != static_cast<la_ssize_t>(content.size())) {
      Check(ARCHIVE_FATAL);
    }
  }
};

ScriptArchive::ScriptArchive() : impl_(std::make_unique<Impl>()) {
  impl_->Check(archive_write_set_format_ustar(impl_->writer.get()));
  // No padding to the 10 KiB of a tape's block.
  impl_->Check(archive_write_set_bytes_in_last_block(impl_->writer.get(), 1));
  impl_->Check(archive_write_open(impl_->writer.get(), &impl_->bytes, nullptr, Append, nullptr));
}

ScriptArchive::~ScriptArchive() = default;

void ScriptArchive::AddDirectory(const std::string& path) { impl_->Add(path, AE_IFDIR, {}); }

void ScriptArchive::AddFile(const std::string& path, std::string_view content) { impl_->Add(path, AE_IFREG, content); }

std::string ScriptArchive::Take() {
  impl_->Check(archive_write_close(impl_->writer.get()));
  return std::move(impl_->bytes);
}

std::string UnpackAndRun(const std::string& command) {
  if (command.find_first_of("'\\!\n") != std::string::npos) {
    throw EvidenceError("a command for a node has a character that some shell reads in quotes");
  }
  // /dev/shm serves a node whose disk is full or read-only.
  return fmt::format(
      "sh -c 'umask 077; "
      "d=$(mktemp -d \"${{TMPDIR:-/tmp}}/pcie-probes.XXXXXX\") || "
      "d=$(mktemp -d /dev/shm/pcie-probes.XXXXXX) || exit {}; "
      "clean() {{ rm -rf \"$d\"; }}; trap clean 0; trap \"exit 129\" 1; trap \"exit 130\" 2; "
      "trap \"exit 141\" 13; trap \"exit 143\" 15; "
      "tar -xmf - -C \"$d\" || exit {}; {}'",
      kNoDirectory, kNotUnpacked, command);
}

}  // namespace passthrough
