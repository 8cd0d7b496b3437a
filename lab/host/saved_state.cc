#include "lab/host/saved_state.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>

#include "helpers/base/descriptor.h"
#include "helpers/base/wait.h"
#include "helpers/process/child_process.h"

namespace passthrough {
namespace {

using nlohmann::json;

// Opens `path` and gives it to QEMU as "state": QEMU 7.2 has no migration to a file by its name.
void GiveStateFile(QmpConnection& qmp, const std::filesystem::path& path, int flags, const Deadline& deadline) {
  const Descriptor file(open(path.c_str(), flags | O_CLOEXEC, 0600));
  if (!file) throw Error(fmt::format("cannot open {}: {}", path.string(), strerror(errno)));
  qmp.SendDescriptor("state", file.get(), deadline);
}

void WaitForMigration(QmpConnection& qmp, std::string_view what, const Deadline& deadline) {
  WaitFor(
      deadline, what,
      [&](std::string* last_cause) -> std::optional<bool> {
        const json answer = qmp.Execute("query-migrate", deadline);
        const std::string status = answer.value("status", "none");
        if (status == "completed") return true;
        if (status == "failed" || status == "cancelled") {
          throw QmpError(fmt::format("QEMU: {}: {}: {}", what, status, answer.value("error-desc", "no reason given")));
        }
        *last_cause = "it is " + status;
        return std::nullopt;
      },
      std::chrono::milliseconds(50));
}

}  // namespace

void SaveMachine(QmpConnection& qmp, const std::filesystem::path& state_file, const std::filesystem::path& new_layer,
                 const Deadline& deadline) {
  try {
    qmp.Execute("stop", deadline);  // interrupted, it may have been done
    qmp.Execute("blockdev-snapshot-sync",
                {{"device", "disk"}, {"snapshot-file", new_layer.string()}, {"format", "qcow2"}}, deadline);
    // The default of 128 MiB a second spares a network that is not there.
    qmp.Execute("migrate-set-parameters", {{"max-bandwidth", uint64_t{1} << 40}}, deadline);
    GiveStateFile(qmp, state_file, O_WRONLY | O_CREAT | O_TRUNC, deadline);
    qmp.Execute("migrate", {{"uri", "fd:state"}}, deadline);
    WaitForMigration(qmp, "saving the lab host", deadline);
    qmp.Execute("cont", deadline);
  } catch (...) {
    std::error_code ignored;
    std::filesystem::remove(state_file, ignored);
    const Deadline soon = Deadline::After(std::chrono::seconds(10)).Uninterruptible();
    try {
      qmp.Execute("migrate_cancel", soon);
      qmp.Execute("cont", soon);
    } catch (const Error&) {
      // The first error says more.
    }
    throw;
  }
}

void LoadMachine(QmpConnection& qmp, const std::filesystem::path& state_file, const Deadline& deadline) {
  GiveStateFile(qmp, state_file, O_RDONLY, deadline);
  qmp.Execute("migrate-incoming", {{"uri", "fd:state"}}, deadline);
  WaitForMigration(qmp, "loading the lab host's state", deadline);
  qmp.Execute("cont", deadline);  // it was saved while it stood still, and knows
}

void CreateLayer(const std::filesystem::path& layer, const std::filesystem::path& below,
                 const std::string& below_format) {
  const ChildResult result =
      RunChild({"qemu-img", "create", "-q", "-f", "qcow2", "-b", below.string(), "-F", below_format, layer.string()},
               {}, Deadline::After(std::chrono::seconds(60)));
  if (result.Succeeded()) return;
  throw ProcessError(fmt::format("qemu-img create {}: {}: {}", layer.string(), result.HowItEnded(), result.output));
}

void LinkOrCopy(const std::filesystem::path& from, const std::filesystem::path& to) {
  std::error_code error;
  std::filesystem::create_hard_link(from, to, error);
  if (error) std::filesystem::copy_file(from, to);
}

}  // namespace passthrough
