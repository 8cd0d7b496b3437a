#include "helpers/run/pending_teardown.h"

#include <fmt/format.h>

#include "helpers/base/error.h"
#include "helpers/recovery/claim.h"
#include "helpers/recovery/guard.h"
#include "helpers/teardown_record/record_home.h"
#include "helpers/teardown_record/run_registry.h"

namespace passthrough {

void PendingTeardown::Update() {
  RequireRunDirectory();
  UpdateRecordOf(run_, record);
}

void PendingTeardown::RequireRunDirectory() const {
  if (StatFile(run_.RunJson()) != FileStatus::kGone) return;
  throw Error(fmt::format("{} was deleted while the run went on, which ends here: {}", run_.path().string(),
                          record.ClusterStays() ? "the cluster stays" : "what it made is taken down"));
}

ChildResult PendingTeardown::RunCommand(const std::vector<std::string>& argv, ChildOptions options,
                                        const Deadline& deadline) {
  options.on_start = [this](int pid) {
    record.command = IdentityOf(pid);
    Update();
  };
  const ChildResult result = RunChild(argv, options, deadline);
  record.command = {};
  Update();
  return result;
}

DetachedGpuLog PendingTeardown::NoteDetachedGpus() {
  const RunSettings& settings = state_.settings();
  const bool attached = settings.mode == RunMode::kAttach;
  if (!attached && !record.kept) return {};  // the domains go when the cluster is taken down
  if (attached) {
    record = MakeAttachedRecord(settings.plan, state_.profile(), run_.path());
    record.owner = IdentityOf(settings.watched);
    RegisterAttached(run_, record);
    StartGuard(run_, settings.watched);
  }
  const auto forget = [this](const DetachedGpu& gpu) {
    std::erase_if(record.unplugged, [&](const DetachedGpu& one) { return one.IsSameAs(gpu); });
  };
  return {.add =
              [this, forget](const DetachedGpu& gpu) {
                const std::lock_guard lock(mutex_);
                forget(gpu);
                record.unplugged.push_back(gpu);
                Update();
              },
          .drop =
              [this, forget](const DetachedGpu& gpu) {
                const std::lock_guard lock(mutex_);
                forget(gpu);
                Update();
              }};
}

void PendingTeardown::CloseIfAttached() {
  if (record.attached && record.unplugged.empty()) CloseTeardownRecord(run_);
}

}  // namespace passthrough
